"""Search quality: how much of the exact front of the searched table each algorithm found."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from benchmarks.cells.algorithms import OURS, family_of
from benchmarks.report.document import Block, Column, Details, Section, TableBlock, Text, bullets
from benchmarks.report.look import best_per_family
from benchmarks.report.measured import datasets_in, limits_in
from benchmarks.report.statistics import blocks_table
from benchmarks.report.text import escape, explained

# Hypervolume ratios that differ by less than one per cent count as close.
CLOSE = 0.01

ROUNDING = 1e-9

# More changes than this are summarised in one sentence.
TOLD = 5

# Tables with more algorithms show the best of each family, and all of them in a folded block.
ROWS = 14

METHOD = explained("search quality")

QUALITY_COLUMNS = (
    Column("algorithm", "code", "algorithm", "algorithm"),
    Column("hypervolume_ratio", ".4f", "HV ratio ↑", "HV\nratio"),
    Column("hypervolume_sd", ".4f", "± sd"),
    Column("additive_epsilon", ".4f", "ε+ ↓", "ε+"),
    Column("igd_plus", ".4f", "IGD+ ↓", "IGD+"),
    Column("spread", ".3f", "Δ ↓", "Δ"),
    Column("result_hypervolume_ratio", ".4f", "own HV ratio", "own\nHV"),
    Column("distinct_plans", ",.0f", "own plans", "own\nplans"),
    Column("evaluations", ",.0f", "evaluations", "evalu-\nations"),
    Column("seconds", ".3f", "seconds", "sec-\nonds"),
    Column("peak_rss_mib", ",.0f", "peak MiB", "peak\nMiB"),
    Column("n_seeds", ".0f", "runs"),
)

OVERVIEW_METHOD = explained("overview")

OVERVIEW_COLUMNS = (
    Column("algorithm", "code", "algorithm"),
    Column("at_evaluations", ".4f", "hypervolume ratio at equal evaluations ↑"),
    Column("at_seconds", ".4f", "hypervolume ratio at equal seconds ↑"),
    Column("seconds", ".3g", "seconds for those evaluations ↓"),
    Column("area", ".4f", "realised area ↑"),
)


def averages(runs: pd.DataFrame, /) -> pd.DataFrame:
    """Average the successful runs of each algorithm, best hypervolume ratio first, failed algorithms last.

    Args:
        runs: One row per run: ``algorithm``, the measures of a search, ``budget`` and ``failed``.

    Returns:
        Indexed by algorithm: means; ``peak_rss_mib`` the maximum; ``hypervolume_sd`` the standard deviation, NaN for a
        single run; ``n_seeds`` the number of successful runs. NaN where all failed.
    """
    failed = runs["failed"].astype(bool)
    counts = (~failed).groupby(runs["algorithm"], sort=False).sum().rename("n_seeds")
    good = runs[~failed].groupby("algorithm", sort=False)
    shown = {column.name for column in QUALITY_COLUMNS} & set(runs.columns) - {"algorithm"}
    means = good[sorted(shown | {"distinct_points", "budget"})].mean()
    means["hypervolume_sd"] = good["hypervolume_ratio"].std()
    means["peak_rss_mib"] = good["peak_rss_mib"].max()
    return counts.to_frame().join(means).sort_values("hypervolume_ratio", ascending=False, kind="stable")


def findings(summary: pd.DataFrame, /, *, ours: str = OURS) -> list[str]:
    """Return sentences on the table of one batch.

    Args:
        summary: From `averages`. Its ``budget`` is NaN where evaluations are not limited.
        ours: Variant of OptLLM that is compared with the others.

    Returns:
        Sentences in Markdown. Wherever another family of algorithms wins against OptLLM or comes within 1 %,
        a sentence says so.
    """
    done = summary[summary["n_seeds"] > 0]
    if done.empty:
        return ["Every algorithm failed."]
    ratio = done["hypervolume_ratio"].sort_values(ascending=False, kind="stable")
    sentences = [f"`{ratio.index[0]}` has the highest mean hypervolume ratio, {ratio.iloc[0]:.4f}."]
    if ours in ratio.index:
        sentences += [*rivals(ratio, ours), *_seconds(done, ours)]
    sentences += _effects(ratio, ":warm", "Starting from the two extreme plans")
    sentences += _effects(ratio, ":published", "Using the published operators instead of categorical ones")
    over = done[done["evaluations"] > done["budget"]]
    if len(over):
        names = ", ".join(f"`{name}` ({row['evaluations']:,.10g})" for name, row in over.iterrows())
        sentences.append(
            f"More than the budget was evaluated by {names}; the measures, save the one on the result set, leave"
            " out what came after it."
        )
    return sentences


def rivals(values: pd.Series, ours: str, /, *, most_close: int | None = None) -> list[str]:
    """Return sentences on algorithms better than OptLLM or within 1 % of it, or else on the nearest one.

    Args:
        values: By algorithm, best first; larger is better.
        ours: Variant of OptLLM that is compared with the other families.
        most_close: If more than so many come close, one sentence names them all.
    """
    own = values[ours]
    others = values[_is_baseline(values.index)]
    wins = others > own * (1 + ROUNDING)
    winners, close = others[wins], others[~wins & (others >= own * (1 - CLOSE))]

    def versus(value: float) -> str:
        # enough digits to show a difference, within reason
        digits = 4 if f"{value:.4f}" != f"{own:.4f}" else 7
        return f"{value:.{digits}f} against {own:.{digits}f}"

    more = {name: f" ({100 * (value / own - 1):.2g} % more)" if own > 0 else "" for name, value in winners.items()}
    sentences = [f"`{name}` beats `{ours}`: {versus(value)}{more[name]}." for name, value in winners.items()]
    if most_close is not None and len(close) > most_close:
        names = ", ".join(f"`{name}` ({value:.4f})" for name, value in close.items())
        sentences.append(f"{len(close)} baselines come within 1 % of `{ours}` ({own:.4f}): {names}.")
    else:
        sentences += [f"`{name}` comes within 1 % of `{ours}`: {versus(value)}." for name, value in close.items()]
    if len(others) and not sentences:
        nearest = f"the nearest is `{others.index[0]}` with {others.iloc[0]:.4f}"
        sentences = [f"No baseline comes within 1 % of `{ours}` ({own:.4f}); {nearest}."]
    return sentences


def _seconds(done: pd.DataFrame, ours: str) -> list[str]:
    """Compare OptLLM's seconds with those of baselines that evaluate as many plans or use up the budget."""
    own = done.loc[ours]
    as_many = done["evaluations"] >= np.minimum(own["evaluations"], done["budget"])
    seconds = done.loc[_is_baseline(done.index) & as_many, "seconds"]
    if seconds.empty:
        return []
    return [
        f"`{ours}` takes {own['seconds']:.3g} s for {own['evaluations']:,.0f} evaluations; the baselines"
        f" that evaluate as many or use up the budget take {seconds.min():.3g} s (`{seconds.idxmin()}`) to"
        f" {seconds.max():.3g} s (`{seconds.idxmax()}`)."
    ]


def _effects(ratio: pd.Series, variant: str, what: str) -> list[str]:
    """Return sentences on the effect of a variant, for algorithms run both with and without it."""
    changed = [
        (after - before, f"`{plain}` from {before:.4f} to {after:.4f}")
        for name, after in ratio.items()
        if variant in name and (plain := name.replace(variant, "")) in ratio.index
        if f"{(before := ratio[plain]):.4f}" != f"{after:.4f}"
    ]
    if len(changed) <= TOLD:
        return [f"{what} takes {', '.join(change for _, change in changed)}."] if changed else []
    ranked = [change for _, change in sorted(changed, key=lambda entry: entry[0])]
    n_better = sum(gain > 0 for gain, _ in changed)
    least, most = ranked[0], ranked[-1]
    return [f"{what} helps {n_better} of {len(changed)} algorithms; the most {most}, the least {least}."]


def _is_baseline(names: pd.Index) -> np.ndarray:
    return np.array([family_of(name) != OURS for name in names])


def quality_section(frame: pd.DataFrame, ours: str = OURS, /) -> Section:
    """Report search quality, data set by data set and limit by limit.

    Args:
        frame: Of `benchmarks.report.measured.Measured`.
        ours: Variant of OptLLM that is compared with the others.
    """
    inner = []
    for data in datasets_in(frame):
        blocks: list[Block] = []
        for limit in limits_in(frame):
            runs = frame[(frame["data"] == data) & (frame["limit"] == limit)]
            if len(runs):
                rows, caption = averages(runs), f"Search quality on {data} at {limit}"
                summary = bullets([*findings(rows, ours=ours), *unproved_sentences(runs)])
                tables = ranked_tables(rows, QUALITY_COLUMNS, caption, rows["hypervolume_ratio"])
                blocks += [Text(f"**At {limit}**"), summary, *tables]
        inner.append(Section(data, blocks))
    return Section("Search quality", [Text(METHOD), *inner])


def unproved_sentences(runs: pd.DataFrame, /) -> list[str]:
    """Name the algorithms whose integer programmes ended at their time limit, so that another run may differ.

    Args:
        runs: A row per search; ``n_unproved`` counts such programmes, NaN for algorithms without any.
    """
    counts = runs.groupby("algorithm", sort=False)["n_unproved"].sum()
    return [
        f"{int(n):,} integer programmes of `{name}` ended at their time limit, unproved: another run may differ."
        for name, n in counts[counts > 0].items()
    ]


def ranked_tables(
    rows: pd.DataFrame, columns: Sequence[Column], caption: str, scores: pd.Series, /, *, ours: str = OURS
) -> list[Block]:
    """Show a table; if it is long, the best variant of each family, and the whole table in a folded block.

    Args:
        rows: Indexed by algorithm.
        columns: The columns shown; ``algorithm`` is the index.
        caption: Content of the table.
        scores: By algorithm: the best variant has the largest.
        ours: Rows of this family are in bold, and are never left out.
    """
    whole = rows.rename_axis("algorithm").reset_index()
    if len(whole) <= ROWS:
        return [_with_ours_bold(whole, columns, f"{caption}.")]
    n_families = len({family_of(str(name)) for name in rows.index})
    best = set(best_per_family(scores, most=n_families)) | {ours}
    short = whole[whole["algorithm"].isin(best)].reset_index(drop=True)
    everything = _with_ours_bold(whole, columns, f"{caption}: all {len(whole)} algorithms.")
    summary = f"{caption}: the best variant of each family."
    return [_with_ours_bold(short, columns, summary), Details(everything.caption, [everything])]


def _with_ours_bold(table: pd.DataFrame, columns: Sequence[Column], caption: str) -> TableBlock:
    bold = [k for k, name in enumerate(table["algorithm"]) if family_of(str(name)) == OURS]
    return TableBlock(table, columns, caption, bold)


def overview_table(frame: pd.DataFrame, /) -> pd.DataFrame:
    """Average each algorithm over data sets, all of which count the same, and their splits.

    Args:
        frame: A row per search: ``data``, ``split``, ``algorithm``, ``max_evaluations`` (NaN where seconds are equal),
            ``hypervolume_ratio``, ``seconds``, ``area``.

    Returns:
        Indexed by algorithm, best at equal evaluations first; an algorithm has no number where it lacks a split
        that another has.
    """

    def mean(searches: pd.DataFrame, name: str) -> pd.Series:
        if searches.empty:
            return pd.Series(dtype=float)
        splits = blocks_table(searches, name, block=["data", "split"], algorithm="algorithm").dropna(how="all")
        return splits.groupby(level="data", sort=False).mean().mean().where(splits.notna().all())

    limited, timed = (frame[frame["max_evaluations"].notna() == is_limited] for is_limited in (True, False))
    table = pd.DataFrame(
        {
            "at_evaluations": mean(limited, "hypervolume_ratio"),
            "at_seconds": mean(timed, "hypervolume_ratio"),
            "seconds": mean(limited, "seconds"),
            "area": mean(limited, "area"),
        }
    )
    table = table.reindex(dict.fromkeys(frame["algorithm"])).rename_axis("algorithm")
    return table.sort_values(["at_evaluations", "at_seconds"], ascending=False, kind="stable")


def overview_blocks(frame: pd.DataFrame, /) -> list[Block]:
    """Explain the overview and show it."""
    table = overview_table(frame)
    shown = ranked_tables(table, OVERVIEW_COLUMNS, "Means over data sets and splits", table["at_evaluations"])
    return [Text(OVERVIEW_METHOD), *shown]


def saving_sentences(frame: pd.DataFrame, ours: str, /) -> list[str]:
    """Return, per data set, OptLLM's saving against the best single LLM, and the algorithm that saves most.

    Args:
        frame: Of `benchmarks.report.measured.Measured`.
        ours: Variant of OptLLM.
    """
    rows = frame[frame["max_evaluations"].notna() & frame["area"].notna()]
    summary = []
    for data in datasets_in(rows):
        here = rows[rows["data"] == data]
        runs = here.loc[here["algorithm"] == ours, "saving"].astype(float)
        if runs.isna().all():
            none = f"On {escape(data)} no plan of `{ours}` reaches the best single LLM's true accuracy."
            summary += [none] if len(runs) else []
            continue
        means = here.groupby("algorithm", sort=False)["saving"].mean()
        most = "" if means.idxmax() == ours else f"; `{means.idxmax()}` saves most, {means.max():.1%}"
        summary.append(
            f"On {escape(data)} `{ours}` reaches the best single LLM's true accuracy for {runs.mean():.1%} less"
            f" ({runs.notna().sum()} of {len(runs)} splits){most}."
        )
    return summary
