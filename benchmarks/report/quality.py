"""What the numbers of a comparison say, one sentence each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from benchmarks.cells.algorithms import OURS, family_of
from benchmarks.report.document import COLUMNS, Block, Column, Details, Section, TableBlock, Text, bullets, ranked
from benchmarks.report.look import best_per_family
from benchmarks.report.measured import datasets_in, limits_in
from benchmarks.report.statistics import blocks_table

CLOSE = 0.01
"""Hypervolume ratios that differ by less than one per cent count as close."""

ROUNDING = 1e-9

TOLD = 5
"""More changes than this are summed up in one sentence."""


def findings(summary: pd.DataFrame, /, *, ours: str = OURS) -> list[str]:
    """Draw sentences from the table of one batch.

    Args:
        summary: The rows of `benchmarks.summary.averages` for one batch under one limit, indexed by algorithm. Their
            ``budget`` is NaN where evaluations are not limited.
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
        sentences += rivals(ratio, ours)
        sentences += _seconds(done, ours)
    sentences += _effects(ratio, ":warm", "Starting from the two extreme plans")
    sentences += _effects(ratio, ":published", "Using the published operators instead of categorical ones")
    sentences += _overshoots(done)
    return sentences


def rivals(values: pd.Series, ours: str, /) -> list[str]:
    """Say who beats OptLLM or comes within 1 %, and if nobody does, who is nearest.

    Args:
        values: By algorithm, best first; larger is better.
        ours: Variant of OptLLM that is compared with the other families.
    """
    own = values[ours]
    others = values[_is_baseline(values.index)]
    wins = others > own * (1 + ROUNDING)
    winners, close = others[wins], others[~wins & (others >= own * (1 - CLOSE))]
    sentences = [
        f"`{name}` beats `{ours}`: {_versus(value, own)}{_more(value, own)}." for name, value in winners.items()
    ]
    sentences += [f"`{name}` comes within 1 % of `{ours}`: {_versus(value, own)}." for name, value in close.items()]
    if len(others) and not sentences:
        sentences = [
            f"No baseline comes within 1 % of `{ours}` ({own:.4f}); the nearest is `{others.index[0]}`"
            f" with {others.iloc[0]:.4f}."
        ]
    return sentences


def _more(value: float, own: float) -> str:
    return f" ({100 * (value / own - 1):.2g} % more)" if own > 0 else ""


def _versus(value: float, ours: float) -> str:
    """Print two numbers with enough digits to tell them apart, within reason."""
    digits = 4 if f"{value:.4f}" != f"{ours:.4f}" else 7
    return f"{value:.{digits}f} against {ours:.{digits}f}"


def _seconds(done: pd.DataFrame, ours: str) -> list[str]:
    """How long OptLLM takes beside the baselines that evaluate as much, the budget at least."""
    own = done.loc[ours]
    as_many = done["evaluations"] >= np.minimum(own["evaluations"], done["budget"])
    others = done[_is_baseline(done.index) & as_many]
    if others.empty:
        return []
    seconds = others["seconds"]
    return [
        f"`{ours}` takes {own['seconds']:.3g} s for {own['evaluations']:,.0f} evaluations; the baselines"
        f" that evaluate as many or use up the budget take {seconds.min():.3g} s (`{seconds.idxmin()}`) to"
        f" {seconds.max():.3g} s (`{seconds.idxmax()}`)."
    ]


def _effects(ratio: pd.Series, variant: str, what: str) -> list[str]:
    """What a variant changes, wherever an algorithm was run both with and without it and it shows."""
    pairs = [(name.replace(variant, ""), name) for name in ratio.index if variant in name]
    changed = [
        (plain, ratio[plain], ratio[with_it])
        for plain, with_it in pairs
        if plain in ratio.index and f"{ratio[plain]:.4f}" != f"{ratio[with_it]:.4f}"
    ]
    if len(changed) > TOLD:
        return [_most_and_least(changed, what)]
    changes = [f"`{plain}` from {before:.4f} to {after:.4f}" for plain, before, after in changed]
    return [f"{what} takes {', '.join(changes)}."] if changes else []


def _most_and_least(changed: list[tuple[str, float, float]], what: str) -> str:
    """Sum up many changes: how many are for the better, and the two ends."""
    ranked = sorted(changed, key=lambda change: change[2] - change[1])
    n_better = sum(after > before for _, before, after in changed)
    least, most = (f"`{plain}` from {before:.4f} to {after:.4f}" for plain, before, after in (ranked[0], ranked[-1]))
    return f"{what} helps {n_better} of {len(changed)} algorithms; the most {most}, the least {least}."


def _overshoots(done: pd.DataFrame) -> list[str]:
    over = done[done["evaluations"] > done["budget"]]
    if over.empty:
        return []
    names = ", ".join(f"`{name}` ({row['evaluations']:,.10g})" for name, row in over.iterrows())
    return [
        f"More than the budget was evaluated by {names}; the measures, save the one on the result set, leave"
        " out what came after it."
    ]


def _is_baseline(names: pd.Index) -> np.ndarray:
    return np.array([family_of(name) != OURS for name in names])


MEASURES = ("hypervolume_ratio", "additive_epsilon", "igd_plus", "spread", "result_hypervolume_ratio")
COUNTS = ("distinct_plans", "distinct_points", "evaluations", "budget")


def averages(frame: pd.DataFrame, keys: Sequence[str], /) -> pd.DataFrame:
    """Average the runs that succeeded.

    Args:
        frame: One row per run: the columns ``keys``, `MEASURES`, `COUNTS`, ``seconds``, ``peak_rss_mib`` and
            ``failed``.
        keys: What tells apart runs that are not averaged; the last is the algorithm.

    Returns:
        As `summarise`, but the standard deviation of a single run is NaN.
    """
    frame = frame.assign(failed=frame["failed"].astype(bool), succeeded=~frame["failed"].astype(bool))
    keys = list(keys)
    counts = frame.groupby(keys, sort=False).agg(n_seeds=("succeeded", "sum"), n_failed=("failed", "sum"))
    good = frame[frame["succeeded"]].groupby(keys, sort=False)
    means = good[[*MEASURES, *COUNTS, "seconds"]].mean()
    means["hypervolume_sd"] = good["hypervolume_ratio"].std()
    means["peak_rss_mib"] = good["peak_rss_mib"].max()
    return counts.join(means)


ROWS = 14
"""Tables with more algorithms show the best of each family, and all of them folded away."""

METHOD = """\
How much was found of the exact front of the searched table; nothing here looks at true outcomes. Judged is the
non-dominated set of everything evaluated within the limit, and in the "own" columns what the algorithm returned.
Objectives are scaled to the range of the exact front. **HV ratio**: hypervolume as a share of the exact front's,
reference point (1, 1). **ε+**: additive epsilon to the exact front. **IGD+**: mean shortfall from it. **Δ**: Deb's
spread along it. Means over splits, ± sd their standard deviation (– with a single split). Peak: the highest resident
memory of the process during any of the searches, libraries included."""

LEFT_OUT = ("distinct_points",)

_TITLES = {
    **{"hypervolume_ratio": "HV ratio ↑", "n_seeds": "runs"},
    **{"result_hypervolume_ratio": "own HV ratio", "distinct_plans": "own plans", "peak_rss_mib": "peak MiB"},
}
QUALITY_COLUMNS = (
    Column("algorithm", "code", "algorithm"),
    *(
        column._replace(title=_TITLES.get(column.name, column.title))
        for column in COLUMNS
        if column.name not in LEFT_OUT
    ),
)


def quality_section(frame: pd.DataFrame, ours: str = OURS, /) -> Section:
    """Tell search quality, data set by data set and limit by limit.

    Args:
        frame: Of `benchmarks.report.measured.Measured`.
        ours: Variant of OptLLM that is compared with the others.
    """
    inner = [
        Section(data, [b for limit in limits_in(frame) for b in _at_limit(frame, data, limit, ours)])
        for data in datasets_in(frame)
    ]
    return Section("Search quality", [Text(METHOD), *inner])


def _at_limit(frame: pd.DataFrame, data: str, limit: str, ours: str) -> list[Block]:
    runs = frame[(frame["data"] == data) & (frame["limit"] == limit)]
    if runs.empty:
        return []
    rows = ranked(averages(runs, ["algorithm"]))
    caption = f"Search quality on {data} at {limit}"
    return [
        Text(f"**At {limit}**"),
        bullets([*findings(rows, ours=ours), *unproved_sentences(runs)]),
        *ranked_tables(rows, QUALITY_COLUMNS, caption, rows["hypervolume_ratio"]),
    ]


def unproved_sentences(runs: pd.DataFrame, /) -> list[str]:
    """Name the algorithms whose integer programmes ended at their time limit, so that another run may differ.

    Args:
        runs: A row per search; ``n_unproved`` counts such programmes, NaN for algorithms without any.
    """
    if "n_unproved" not in runs:
        return []
    counts = runs.groupby("algorithm", sort=False)["n_unproved"].sum()
    return [
        f"{int(n):,} integer programmes of {name} ended at their time limit, unproved: another run may differ."
        for name, n in counts[counts > 0].items()
    ]


def ranked_tables(
    rows: pd.DataFrame, columns: Sequence[Column], caption: str, scores: pd.Series, /, *, ours: str = OURS
) -> list[Block]:
    """Show a table; where it is long, the best variant of each family, and all of it folded away.

    Args:
        rows: Indexed by algorithm.
        columns: What is shown; ``algorithm`` is the index.
        caption: What the table shows.
        scores: By algorithm: what says which variant is the best, larger is better.
        ours: Rows of this family stand out, and are never left out.
    """
    whole = rows.rename_axis("algorithm").reset_index()
    bold = _bold(whole["algorithm"])
    if len(whole) <= ROWS:
        return [TableBlock(whole, columns, f"{caption}.", bold)]
    n_families = len({family_of(str(name)) for name in rows.index})
    best = set(best_per_family(scores, most=n_families)) | {ours}
    short = whole[whole["algorithm"].isin(best)].reset_index(drop=True)
    told = f"{caption}: the best variant of each family."
    everything = TableBlock(whole, columns, f"{caption}: all {len(whole)} algorithms.", bold)
    return [TableBlock(short, columns, told, _bold(short["algorithm"])), Details(everything.caption, [everything])]


def _bold(algorithms: pd.Series) -> list[int]:
    return [k for k, name in enumerate(algorithms) if name == OURS or str(name).startswith(f"{OURS}:")]


EXPLAINED = """\
**Hypervolume ratio**: how much of what the best possible plans for the searched table cover was found, 1 is all.
**Realised area**: what the plans returned are worth on true outcomes, averaged over all budgets, as a share of what the
best plans in hindsight have. ↑ says that larger is better, ↓ that smaller is. Algorithms that end by themselves may
have used fewer evaluations than they were given; the tables below tell how many. All means in a column are over the
same splits: an algorithm has none (–) where it lacks a split that another one has."""

OVERVIEW = (
    Column("algorithm", "code", "algorithm"),
    Column("at_evaluations", ".4f", "hypervolume ratio at equal evaluations ↑"),
    Column("at_seconds", ".4f", "hypervolume ratio at equal seconds ↑"),
    Column("seconds", ".3g", "seconds for those evaluations ↓"),
    Column("area", ".4f", "realised area ↑"),
)


def overview_table(frame: pd.DataFrame, /) -> pd.DataFrame:
    """Average each algorithm over data sets, all of which count the same, and their splits.

    Args:
        frame: A row per search: ``data``, ``split``, ``algorithm``, ``max_evaluations`` (NaN where seconds are equal),
            ``hypervolume_ratio``, ``seconds``, ``area``.

    Returns:
        Indexed by algorithm, best at equal evaluations first; an algorithm has no number where it lacks a split
        that another has.
    """
    by_evaluations = frame["max_evaluations"].notna()
    table = pd.DataFrame(
        {
            "at_evaluations": _mean(frame[by_evaluations], "hypervolume_ratio"),
            "at_seconds": _mean(frame[~by_evaluations], "hypervolume_ratio"),
            "seconds": _mean(frame[by_evaluations], "seconds"),
            "area": _mean(frame[by_evaluations], "area"),
        }
    )
    table = table.reindex(dict.fromkeys(frame["algorithm"])).rename_axis("algorithm")
    return table.sort_values(["at_evaluations", "at_seconds"], ascending=False, kind="stable")


def overview_blocks(frame: pd.DataFrame, /) -> list[Block]:
    """Explain the table and show it."""
    table = overview_table(frame)
    shown = ranked_tables(table, OVERVIEW, "Means over data sets and splits", table["at_evaluations"])
    return [Text(EXPLAINED), *shown]


def _mean(frame: pd.DataFrame, name: str) -> pd.Series:
    if frame.empty:
        return pd.Series(dtype=float)
    splits = blocks_table(frame, name, block=["data", "split"], algorithm="algorithm").dropna(how="all")
    means = splits.groupby(level="data", sort=False).mean().mean()
    return means.where(splits.notna().all())
