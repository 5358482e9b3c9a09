"""`routers`: which router is best, on which data, with how many labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from benchmarks.cells.batches import BatchesCell
from benchmarks.cells.rivals import RIVALS, SWEEPS
from benchmarks.cells.sources import PERMUTED, permuted
from benchmarks.cells.split import Split
from benchmarks.cells.table import DistanceCell
from benchmarks.report.document import Block, Column, Details, Document, FigureBlock, Section, TableBlock, Text, bullets
from benchmarks.report.look import panels, shown_name
from benchmarks.report.setup import whole_document
from benchmarks.report.text import escape, explained
from benchmarks.runner.plan import Plan
from benchmarks.runner.results import Results
from benchmarks.suites.base import Options
from benchmarks.suites.predict import KEYS, Predict

# Labelled share on permuted texts, and share of labelled groups where other groups are planned.
NULL_SHARE, SHIFT_SHARE = 0.05, 0.2

# Standard errors beyond which a difference counts as clear.
CLEAR = 2.0

FIGURES = ["area", "saving", "performance_gain", "aiq", "distance", "brier"]

_LEAD = (
    Column("lead", "+.4f", "first ahead by", "first's lead"),
    Column("lead_error", ".4f", "± standard error", "± se"),
)
_FIGURES = (
    Column("area", ".4f", "area ↑", "area"),
    Column("saving", ".1%", "saving (CostSave) ↑", "saving"),
    Column("performance_gain", "+.1%", "PerfGain ↑", "PerfGain"),
    Column("aiq", ".4f", "AIQ ↑", "AIQ"),
    Column("distance", ".4f", "ParetoDist ↓", "ParetoDist"),
    Column("brier", ".4f", "Brier score ↓"),
    *_LEAD,
)
POOLED = (
    Column("predictor", "code", "router", "router"),
    *_FIGURES,
    Column("better", "d", "rows clearly better", "better"),
    Column("worse", "d", "clearly worse", "worse"),
    Column("cells", "d", "rows", "rows"),
)
CELLS = (
    Column("data", "", "data"),
    Column("labels", ".0%", "labelled"),
    Column("predictor", "code", "router"),
    *_FIGURES,
    Column("runs", "d", "splits"),
)
ANSWERS = (
    Column("data", "", "data", "data"),
    Column("labels", ".0%", "labelled", "labels"),
    Column("n_labelled", ",.0f", "labelled queries", "n"),
    Column("first_area", ".4f", "area of the first", "first's area"),
    Column("predictor", "code", "best rival", "best rival"),
    Column("area", ".4f", "its area", "its area"),
    *_LEAD,
    Column("verdict", "", "clearly better", "clearly better"),
)

BATCHES = (
    Column("about", "", "batches, plans, accuracies"),
    Column("accuracy", ".4f", "true accuracy ↑"),
    Column("least", ".4f", "of the worst batch ↑"),
    Column("spent", ".1%", "of the budget spent"),
)

# The part of the plan, the heading, and the text that explains it.
PARTS = {
    "routers": ("Figures", "routers"),
    "shift": ("Unseen groups", "routers on unseen groups"),
    "null": ("Nothing to learn", "routers with nothing to learn"),
}


class Routers(Predict):
    """Which router is best, on which data, with how many labels?"""

    name = "routers"
    what = "rival routers by their own measures, also with unseen groups and with permuted texts"
    predictors = ("ours", "constants", *RIVALS, *SWEEPS)

    def plan(self, options: Options, /) -> Plan:
        """List every router on every split, on unseen groups, and with permuted texts.

        Raises:
            UserError: A data set has no texts, or can't be split as asked for.
        """
        sources = self.sources(options)
        shuffled = [permuted(source) for source in sources]
        grouped = [source for source in sources if len(set(source.read().groups or ())) > 1]
        parts = {
            "routers": self.tables(sources, options),
            "shift": self.tables(grouped, replace(options, shares=(SHIFT_SHARE,), drawn=Split.group.value)),
            "null": self.tables(shuffled, replace(options, shares=(NULL_SHARE,))),
        }
        names = options.predictors or self.predictors
        apart = [cell.setting for part in parts.values() for cell in part if cell.setting.predictor == names[0]]
        distances = [DistanceCell(setting, names) for setting in apart]
        first = [cell.setting for cell in parts["routers"] if cell.setting.predictor == names[0]]
        others = {"distances": distances, "batches": [BatchesCell(setting) for setting in first]}
        return Plan.of({**parts, **others}, [*sources, *shuffled])

    def report(self, results: Results, plan: Plan, /) -> Document:
        """Draw area over labels and distances, name the best router for each case, and tabulate all figures."""
        distances, batches = (
            pd.DataFrame(
                {**cell.description(), "what": row.what, "measured": row.measured}
                for cell in plan.parts[part]
                for row in results.rows([cell])
            )
            for part in ("distances", "batches")
        )
        cells = compared(results.frame("table"), distances)
        if cells.empty:
            nothing = Section("Routers", [Text("Nothing is measured.")])
            return whole_document("Routers", [], results, plan, [nothing])
        main, sections, printed = cells[cells["part"] == "routers"], [], []
        if len(main):
            answers = TableBlock(best_rivals(main), ANSWERS, "The best rival of the first router, by area.", n_left=2)
            glance = [self.figure(main, "area"), distance_figure(main)]
            sections = [Section("At a glance", glance), Section("Which router, where", [answers])]
            printed = [answers]
        for part, (title, text) in PARTS.items():
            of = cells[cells["part"] == part]
            if len(of):
                table = TableBlock(pooled(of), POOLED, f"{title}: means over data sets and shares.", bold=[0])
                every = TableBlock(of, CELLS, f"{title}: every data set and share, means over splits.", n_left=3)
                blocks: list[Block] = [Text(explained(text)), bullets(verdicts(of)), table]
                sections.append(Section(title, [*blocks, Details(every.caption, [every])]))
                printed.append(table)
        if len(batches):
            text, caption = (
                Text(explained("routers and adversarial batches")),
                "Means over data sets, shares and splits.",
            )
            sections.append(Section("Adversarial batches", [text, TableBlock(of_batches(batches), BATCHES, caption)]))
        sections.append(Section("Figures reported elsewhere", [Text(explained("routers elsewhere"))]))
        return whole_document("Routers", verdicts(main) if len(main) else [], results, plan, sections, printed)


def compared(tables: pd.DataFrame, distances: pd.DataFrame, /) -> pd.DataFrame:
    """Average the figures of every router over splits, and compare areas with the first router's on the same splits.

    Args:
        tables: A row per table: data set, share, split and predictor, with its measures.
        distances: A row per split and predictor: columns ``what`` and ``measured``, beside those of the split.

    Returns:
        A row per data set, share and router: `FIGURES`, ``lead`` of the first router and its ``lead_error``,
        ``runs``, and the ``part`` of the report that it belongs to; empty where nothing is measured.
    """
    if tables.empty:
        return tables
    split = ["data", "drawn", "labels", "split"]
    frame = tables.reindex(columns=[*KEYS, "split", "n_labelled", *FIGURES]).fillna({"saving": 0.0})
    if len(distances):
        of = distances.assign(predictor=distances["what"], distance=distances["measured"])
        frame = frame.drop(columns="distance").merge(
            of[[*split, "predictor", "distance"]], "left", [*split, "predictor"]
        )
    first = frame[frame["predictor"] == frame["predictor"].iloc[0]].set_index(split)["area"].rename("first_area")
    frame = frame.join(first, on=split)
    frame["lead"] = frame["first_area"] - frame["area"]
    groups = frame.groupby(KEYS, sort=False)
    cells = groups[[*FIGURES, "lead", "first_area", "n_labelled"]].mean()
    cells = cells.assign(lead_error=groups["lead"].sem(), runs=groups.size()).reset_index()
    cells["part"] = np.where(cells["drawn"] == Split.group.value, "shift", "routers")
    cells.loc[cells["data"].str.endswith(PERMUTED), "part"] = "null"
    return cells


def pooled(cells: pd.DataFrame, /) -> pd.DataFrame:
    """Average over data sets and shares with equal weights, and count where a router is clearly better or worse."""
    rows = []
    for name, of in cells.groupby("predictor", sort=False):
        error = float(np.sqrt((of["lead_error"] ** 2).sum()) / len(of))
        clear = CLEAR * of["lead_error"]
        counts = {"better": int((of["lead"] < -clear).sum()), "worse": int((of["lead"] > clear).sum())}
        means = of[[*FIGURES, "lead"]].mean()
        rows.append({"predictor": name, **means, "lead_error": error, **counts, "cells": len(of)})
    return pd.DataFrame(rows)


def best_rivals(cells: pd.DataFrame, /) -> pd.DataFrame:
    """Choose the rival with the largest area on each data set with each share."""
    rivals = cells[cells["predictor"] != cells["predictor"].iloc[0]]
    best = rivals.loc[rivals.groupby(["data", "labels"], sort=False)["area"].idxmax()]
    clear = CLEAR * best["lead_error"]
    return best.assign(
        verdict=np.select([best["lead"] > clear, best["lead"] < -clear], ["the first", "the rival"], "–")
    )


def verdicts(cells: pd.DataFrame, /) -> list[str]:
    """Name in Markdown the best router on the mean, and every row in which a rival is clearly better."""
    table, first = pooled(cells), cells["predictor"].iloc[0]
    largest, nearest = table.loc[table["area"].idxmax()], table.sort_values("distance").iloc[0]
    sentences = [f"`{largest['predictor']}` has the largest mean area, {largest['area']:.4f}."]
    if np.isfinite(nearest["distance"]):
        sentences.append(f"`{nearest['predictor']}` has the lowest mean ParetoDist, {nearest['distance']:.4f}.")
    better = table[table["lead"] < -CLEAR * table["lead_error"]]
    sentences += [
        f"On the mean `{row.predictor}` is better than `{first}` by {-row.lead:.4f} ± {row.lead_error:.4f}."
        for row in better.itertuples()
    ]
    if better.empty:
        sentences.append(f"On the mean no rival is better than `{first}` by {CLEAR:g} standard errors.")
    rows = cells[cells["lead"] < -CLEAR * cells["lead_error"]]
    sentences += [
        f"{escape(row.data)}, {row.labels:.0%} labelled: `{row.predictor}` is better by {-row.lead:.4f} ±"
        f" {row.lead_error:.4f}."
        for row in rows.itertuples()
    ]
    if rows.empty:
        sentences.append("Neither is one on any data set with any share.")
    return sentences


def of_batches(lines: pd.DataFrame, /) -> pd.DataFrame:
    """Average the results on adversarial batches: a row per order, plans and accuracies."""
    named = lines["what"].str.split(": ", expand=True).set_axis(["about", "figure"], axis=1)
    table = named.assign(measured=lines["measured"]).groupby(["about", "figure"], sort=False)["measured"].mean()
    return table.unstack("figure").reindex(named["about"].unique()).reset_index()


def distance_figure(cells: pd.DataFrame, /) -> FigureBlock:
    """Draw every router's distance to the best plans of all routers: the mean, and a dot per data set and share."""
    means = cells.groupby("predictor", sort=False)["distance"].mean().sort_values()
    figure, (axes,) = panels(height=1.2 + 0.27 * len(means))
    for y, (name, mean) in enumerate(means.items()):
        of = cells.loc[cells["predictor"] == name, "distance"]
        axes.plot(of, np.full(len(of), y), "o", color="#56B4E9", markersize=3.5)
        axes.plot(mean, y, "D", color="#0072B2", markersize=7)
    axes.set_yticks(range(len(means)), [shown_name(str(name)) for name in means.index])
    axes.invert_yaxis()
    axes.set_xlabel("mean distance of plans to the best plans of all")
    sentence = f"Nearest is {means.index[0]}, {means.iloc[0]:.4f}; farthest is {means.index[-1]}, {means.iloc[-1]:.4f}."
    return FigureBlock("routers-distance", figure, "ParetoDist: means, and every data set and share", sentence)


SUITE = Routers()
