"""Savings, or any other share, per data set and algorithm, with intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from benchmarks.cells.algorithms import OURS
from benchmarks.report.document import Block, Column, Details, FigureBlock, Section, Text, bullets
from benchmarks.report.look import FONT, best_per_family, left_out, looks_of, panels, shown_name
from benchmarks.report.measured import REALISED, Measured, datasets_in, limits_in, numbers_of, with_sd
from benchmarks.report.quality import ranked_tables, rivals

ROW = 0.24
"""Inches per algorithm."""

MOST = 12


def savings_figure(
    savings: pd.DataFrame, /, *, name: str, title: str, measure: str = "saving against the best single LLM"
) -> FigureBlock:
    """Draw one dot with its interval per data set and algorithm; names are on the axis.

    Args:
        savings: Columns ``data``, ``algorithm``, ``value`` as a share (0.3 is 30 %; NaN where the accuracy is never
            reached), ``low`` and ``high`` of an interval, NaN where there is none. One row per pair. Where there
            are many algorithms, the best variants of the best families are drawn.
        name: Of the picture's file.
        title: What is drawn.
        measure: What the values are; larger is better.
    """
    means = savings.groupby("algorithm", sort=False)["value"].mean()
    shown = best_per_family(means, most=MOST)
    data = list(dict.fromkeys(savings["data"]))
    height = 0.75 + ROW * max(2, len(shown))
    figure, grid = panels(max(1, len(data)), height=height, sharex=True)
    drawn = savings[savings["algorithm"].isin(shown)]
    for axes, label in zip(grid, data, strict=False):
        _draw(axes, drawn[drawn["data"] == label], shown)
        axes.set_title(shown_name(str(label)), fontsize=FONT, loc="left")
    grid[-1].set_xlabel(measure, fontsize=FONT)
    return FigureBlock(name, figure, title, _sentence(savings, measure) + left_out(shown, list(means.index)))


def _draw(axes: Axes, rows: pd.DataFrame, algorithms: list[str]) -> None:
    looks = looks_of(algorithms)
    for y, algorithm in enumerate(algorithms):
        for _, row in rows[rows["algorithm"] == algorithm].iterrows():
            colour, marker = looks[algorithm]
            axes.plot([row["low"], row["high"]], [y, y], color=colour, linewidth=2.5, solid_capstyle="butt")
            style = {"markerfacecolor": colour, "markeredgecolor": "black", "markersize": 6.5, "markeredgewidth": 0.6}
            axes.plot(row["value"], y, marker, **style)
    axes.axvline(0, color="black", linewidth=0.8, zorder=1)
    axes.set_yticks(range(len(algorithms)), [shown_name(algorithm) for algorithm in algorithms])
    axes.set_ylim(max(1, len(algorithms)) - 0.5, -0.5)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.4g}%"))


def _sentence(savings: pd.DataFrame, measure: str) -> str:
    reached = savings.dropna(subset=["value"])
    if reached.empty:
        return f"There is no {measure} on any data set: no algorithm reaches the accuracy asked for."
    told = []
    for data, rows in reached.groupby("data", sort=False):
        best = rows.loc[rows["value"].idxmax()]
        interval = ""
        if np.isfinite(best["low"]):
            interval = f" (range {100 * best['low']:.1f} to {100 * best['high']:.1f} %)"
        told.append(f"{best['algorithm']} on {data} with {100 * best['value']:.1f} %{interval}")
    missing = len(savings) - len(reached)
    never = f" {missing} of {len(savings)} pairs of data set and algorithm have none." if missing else ""
    return f"Highest {measure}: {'; '.join(told)}.{never}"


METHOD = """\
What the plans that an algorithm returned are worth on the true outcomes of the planned queries. Here the predictor
counts as much as the search. **Area**: mean over budgets of the best true accuracy so far, as a share of what the front
of the true outcomes has; budgets below the cheapest plan returned count as 0. **Saving**: how much cheaper than the
best single LLM the first plan is that is truly as accurate, over the splits in which some plan is; "reached" says in
how many. **Highest accuracy**, and accuracy at the best single LLM's cost. Means ± standard deviations over splits. The
row *exact front* follows the exact front of the predictions, without any search."""

NOTHING = "All outcomes that were searched are known ones, so nothing is left to be realised."

EXACT = "exact front"

FORMS = {"area": ".4f", "saving": ".1%", "highest_accuracy": ".4f", "accuracy_at_best_cost": ".4f"}
TITLES = ("area ↑", "saving ↑", "highest accuracy ↑", "accuracy at best LLM's cost ↑")
REALISED_COLUMNS = (
    Column("algorithm", "code", "algorithm"),
    *(Column(name, "", title) for name, title in zip(FORMS, TITLES, strict=True)),
    Column("reached", "", "reached"),
)


def realised_section(found: Measured, ours: str = OURS, /) -> Section:
    """Tell realised quality, data set by data set; equal seconds are folded away."""
    frame = found.frame
    realised = frame[~frame["failed"] & frame["area"].notna()]
    if realised.empty:
        return Section("Realised quality", [Text(NOTHING)])
    inner = [
        Section(data, [Text(best_llm_sentence(realised[realised["data"] == data])), *_of_data(found, data, ours)])
        for data in datasets_in(realised)
    ]
    return Section("Realised quality", [Text(METHOD), *inner])


def realised_table(rows: pd.DataFrame, /) -> pd.DataFrame:
    """Summarise the runs of one data set under one limit.

    Args:
        rows: Columns ``algorithm``, `REALISED`; one row per run that was planned, NaN where it failed.

    Returns:
        Indexed by algorithm, largest mean area first: "mean ± sd" of each measure, ``reached`` as "k of n", and
        ``score``, the mean area.
    """
    table = {}
    for algorithm, runs in rows.groupby("algorithm", sort=False):
        numbers = {name: numbers_of(runs[name].astype(float)) for name in REALISED}
        done = numbers["area"].n
        texts = {name: with_sd(numbers[name], FORMS[name]) for name in REALISED}
        reached = f"{numbers['saving'].n} of {done}" if done else "failed"
        table[algorithm] = {**texts, "reached": reached, "score": numbers["area"].mean}
    return pd.DataFrame.from_dict(table, orient="index").sort_values("score", ascending=False, kind="stable")


def best_llm_sentence(rows: pd.DataFrame, /) -> str:
    """Say how accurate and how dear the best single LLM of the planned queries is, on average over splits."""
    one = rows.drop_duplicates("split")
    return (
        f"The best single LLM is right on {one['best_accuracy'].mean():.4f} of the planned queries, for"
        f" {one['best_cost_usd'].mean():.4g} US$ (means over {len(one)} split{'s' * (len(one) != 1)})."
    )


def _of_data(found: Measured, data: str, ours: str) -> list[Block]:
    blocks: list[Block] = []
    for limit in limits_in(found.frame):
        chosen = found.where((found.frame["data"] == data) & (found.frame["limit"] == limit))
        if chosen.frame["area"].notna().any():
            told = _at_limit(chosen, data, limit, ours)
            by_time = chosen.frame["max_evaluations"].isna().all()
            blocks += [Details(f"The same at {limit}", told)] if by_time else told
    return blocks


def _at_limit(chosen: Measured, data: str, limit: str, ours: str) -> list[Block]:
    tables = chosen.tables.drop_duplicates("table").assign(algorithm=EXACT)
    rows = pd.concat([chosen.frame, tables[["algorithm", *REALISED]]]) if len(tables) else chosen.frame
    table = realised_table(rows)
    caption = f"Realised quality on {data} at {limit}"
    shown = ranked_tables(table, REALISED_COLUMNS, caption, table["score"].drop(EXACT, errors="ignore"))
    return [bullets(area_findings(table["score"].drop(EXACT, errors="ignore"), ours)), *shown]


def area_findings(areas: pd.Series, ours: str, /) -> list[str]:
    """Say who realises most, and how the baselines stand beside OptLLM.

    Args:
        areas: Mean area by algorithm; NaN for what failed.
        ours: Variant of OptLLM.
    """
    ranked = areas.dropna().sort_values(ascending=False, kind="stable")
    if ranked.empty:
        return ["Every algorithm failed."]
    first = [f"`{ranked.index[0]}` has the largest mean area, {ranked.iloc[0]:.4f}."]
    if ours not in ranked.index:
        return first
    told = rivals(ranked, ours)
    # in realised quality much comes close, since all plans stand on the same predictions
    winners = [sentence for sentence in told if " beats " in sentence]
    close = [sentence for sentence in told if " comes within " in sentence]
    others = [sentence for sentence in told if sentence not in (*winners, *close)]
    return [*first, *winners, *_gathered(ranked, ours, close), *others]


def _gathered(ranked: pd.Series, ours: str, close: list[str]) -> list[str]:
    """Join many sentences on who comes close into one."""
    if len(close) <= 3:
        return close
    names = [sentence.split("`")[1] for sentence in close]
    values = ranked[names]
    return [
        f"{len(names)} baselines come within 1 % of `{ours}` ({ranked[ours]:.4f}):"
        f" {', '.join(f'`{name}` ({value:.4f})' for name, value in values.items())}."
    ]


def savings_frame(rows: pd.DataFrame, /) -> pd.DataFrame:
    """Return mean savings per data set and algorithm, with the range over splits, for the figure.

    Args:
        rows: Columns ``data``, ``algorithm``, ``saving``.
    """
    table = []
    for (data, algorithm), runs in rows.groupby(["data", "algorithm"], sort=False):
        good = runs["saving"].dropna().astype(float)
        ends = (good.min(), good.max()) if len(good) > 1 else (np.nan, np.nan)
        table.append((data, algorithm, good.mean() if len(good) else np.nan, *ends))
    return pd.DataFrame(table, columns=["data", "algorithm", "value", "low", "high"])
