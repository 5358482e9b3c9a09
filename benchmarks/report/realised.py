"""Realised quality: accuracy and cost of the plans on true outcomes, which no search used."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.ticker import FuncFormatter, MaxNLocator

from benchmarks.cells.algorithms import OURS
from benchmarks.report.document import Block, Column, Details, FigureBlock, Section, Text, bullets
from benchmarks.report.look import FONT, best_per_family, left_out, looks_of, panels, shown_name
from benchmarks.report.measured import REALISED, Measured, datasets_in, limits_in, numbers_of, with_sd
from benchmarks.report.quality import ranked_tables, rivals
from benchmarks.report.text import explained

# Inches per algorithm.
ROW = 0.24

MOST = 12


def dots_figure(
    values: pd.DataFrame, /, *, name: str, title: str, measure: str, form: str = ".1%", what: str = "algorithm"
) -> FigureBlock:
    """Draw one dot with its interval per data set and algorithm (or another compared item); names are on the axis.

    Args:
        values: Columns ``data``, ``algorithm``, ``value`` (NaN where there is none), ``low`` and ``high`` of an
            interval, NaN where there is none. One row per pair. Where there are many algorithms, the best variants of
            the best families are drawn.
        name: Name of the picture's file.
        title: Title of the picture.
        measure: Name of the values; larger is better.
        form: Format of a value.
        what: Kind of the compared items.
    """
    means = values.groupby("algorithm", sort=False)["value"].mean()
    shown = best_per_family(means, most=MOST)
    data = list(dict.fromkeys(values["data"]))
    figure, grid = panels(max(1, len(data)), height=0.75 + ROW * max(2, len(shown)), sharex=True)
    looks = looks_of(shown)
    for axes, label in zip(grid, data, strict=False):
        for _, row in values[(values["data"] == label) & values["algorithm"].isin(shown)].iterrows():
            (colour, marker), y = looks[row["algorithm"]], shown.index(row["algorithm"])
            axes.plot([row["low"], row["high"]], [y, y], color=colour, linewidth=2.5, solid_capstyle="butt")
            style = {"markerfacecolor": colour, "markeredgecolor": "black", "markersize": 6.5, "markeredgewidth": 0.6}
            axes.plot(row["value"], y, marker, **style)
        if form.endswith("%"):
            axes.axvline(0, color="black", linewidth=0.8, zorder=1)
            axes.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.4g}%"))
        axes.set_yticks(range(len(shown)), [shown_name(algorithm) for algorithm in shown])
        axes.set_ylim(max(1, len(shown)) - 0.5, -0.5)
        axes.xaxis.set_major_locator(MaxNLocator(6))
        axes.set_title(shown_name(str(label)), fontsize=FONT, loc="left")
    grid[-1].set_xlabel(measure, fontsize=FONT)
    sentence = _highest(values, measure, form, what)
    return FigureBlock(name, figure, title, sentence + left_out(shown, list(means.index)))


def _highest(values: pd.DataFrame, measure: str, form: str, what: str) -> str:
    """Return a sentence with the highest value on each data set."""
    reached = values.dropna(subset=["value"])
    if reached.empty:
        return f"There is no {measure} on any data set: no {what} reaches what is asked for."
    summary = []
    for data, rows in reached.groupby("data", sort=False):
        best = rows.loc[rows["value"].idxmax()]
        low, high = (format(best[end], form) for end in ("low", "high"))
        interval = f" (range {low} to {high})" if np.isfinite(best["low"]) else ""
        summary.append(f"{best['algorithm']} on {data} with {format(best['value'], form)}{interval}")
    missing = len(values) - len(reached)
    never = f" {missing} of {len(values)} pairs of data set and {what} have none." if missing else ""
    return f"Highest {measure}: {'; '.join(summary)}.{never}"


def with_ranges(rows: pd.DataFrame, measure: str, /, by: str = "algorithm") -> pd.DataFrame:
    """Return the means of a measure per data set and algorithm, with the range over splits, for `dots_figure`.

    Args:
        rows: Columns ``data``, ``by`` and the measure; a row per run.
        measure: Column that is averaged.
        by: Column with the compared items.
    """
    table = []
    for (data, label), runs in rows.groupby(["data", by], sort=False):
        good = runs[measure].dropna().astype(float)
        ends = (good.min(), good.max()) if len(good) > 1 else (np.nan, np.nan)
        table.append((data, str(label), good.mean() if len(good) else np.nan, *ends))
    return pd.DataFrame(table, columns=["data", "algorithm", "value", "low", "high"])


def savings_block(frame: pd.DataFrame, name: str, /) -> list[Block]:
    """Draw savings at equal evaluations, or return a text that there are none; nothing where nothing is realised.

    Args:
        frame: Of `benchmarks.report.measured.Measured`.
        name: Of the picture's file.
    """
    rows = frame[frame["max_evaluations"].notna() & frame["area"].notna()]
    if rows.empty:
        return []
    savings = with_ranges(rows, "saving")
    if savings["value"].isna().all():
        return [Text("No algorithm has a plan that reaches the best single LLM's true accuracy, so nothing is saved.")]
    title = "Saving at the best single LLM's accuracy, means and ranges over splits"
    return [dots_figure(savings, name=name, title=title, measure="saving against the best single LLM")]


METHOD = explained("realised quality")

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
    """Report realised quality, data set by data set; equal seconds are in a folded block."""
    frame = found.frame
    realised = frame[~frame["failed"] & frame["area"].notna()]
    if realised.empty:
        return Section("Realised quality", [Text(NOTHING)])
    inner = [Section(data, _of_data(found, data, ours)) for data in datasets_in(realised)]
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


def _of_data(found: Measured, data: str, ours: str) -> list[Block]:
    """Report one data set."""
    one = found.frame[(found.frame["data"] == data) & found.frame["area"].notna()].drop_duplicates("split")
    blocks: list[Block] = [
        Text(
            f"The best single LLM is right on {one['best_accuracy'].mean():.4f} of the planned queries, for"
            f" {one['best_cost_usd'].mean():.4g} US$ (means over {len(one)} split{'s' * (len(one) != 1)})."
        )
    ]
    for limit in limits_in(found.frame):
        chosen = found.where((found.frame["data"] == data) & (found.frame["limit"] == limit))
        if chosen.frame["area"].isna().all():
            continue
        tables = chosen.tables.drop_duplicates("table").assign(algorithm=EXACT)
        rows = pd.concat([chosen.frame, tables[["algorithm", *REALISED]]]) if len(tables) else chosen.frame
        table = realised_table(rows)
        areas = table["score"].drop(EXACT, errors="ignore")
        shown = ranked_tables(table, REALISED_COLUMNS, f"Realised quality on {data} at {limit}", areas)
        summary = [bullets(area_findings(areas, ours)), *shown]
        blocks += (
            [Details(f"The same at {limit}", summary)] if chosen.frame["max_evaluations"].isna().all() else summary
        )
    return blocks


def area_findings(areas: pd.Series, ours: str, /) -> list[str]:
    """Return sentences on the largest realised area, and on the baselines compared with OptLLM.

    Args:
        areas: Mean area by algorithm; NaN for what failed.
        ours: Variant of OptLLM.
    """
    ranked = areas.dropna().sort_values(ascending=False, kind="stable")
    if ranked.empty:
        return ["Every algorithm failed."]
    first = f"`{ranked.index[0]}` has the largest mean area, {ranked.iloc[0]:.4f}."
    # many algorithms have nearly the same realised quality, since all plans use the same predictions
    return [first, *(rivals(ranked, ours, most_close=3) if ours in ranked.index else [])]
