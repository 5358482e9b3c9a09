"""`predict`: the quality, on true outcomes, of plans made from a few labels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pandas as pd
from scipy.stats import t

from benchmarks.cells.cell import key_of
from benchmarks.cells.predictors import ORACLE
from benchmarks.cells.sources import Source, synthetic_texts
from benchmarks.cells.split import Setting, Split
from benchmarks.cells.table import ForecastCell, TableCell
from benchmarks.report.document import Column, Document, FigureBlock, Section, TableBlock, Text
from benchmarks.report.look import FONT, legend_below, look, panels, shown_name
from benchmarks.report.setup import whole_document
from benchmarks.report.text import escape, explained
from benchmarks.runner.plan import Plan
from benchmarks.runner.results import Results
from benchmarks.suites.base import Options, Suite, sources_of
from optllm_pymoo import UserError

SHARES = (0.02, 0.05, 0.2)
SPLITS = 5

KEYS = ["data", "drawn", "labels", "predictor"]
MEASURES = ["area", "saving", "highest_accuracy", "accuracy_at_best_cost", "brier", "n_labelled"]
SECONDS = ["feature_seconds", "fit_seconds", "predict_seconds"]

COLUMNS = (
    Column("data", "", "data", "data"),
    Column("drawn", "", "drawn"),
    Column("labels", ".0%", "labelled", "labels"),
    Column("predictor", "code", "predictor", "predictor"),
    Column("n_labelled", ",.0f", "labelled queries", "n"),
    Column("area", ".4f", "realised area ↑", "area"),
    Column("area_sd", ".4f", "± sd", "± sd"),
    Column("saving", ".1%", "saving ↑", "saving"),
    Column("highest_accuracy", ".4f", "highest accuracy ↑", "highest"),
    Column("accuracy_at_best_cost", ".4f", "accuracy at best LLM's cost ↑"),
    Column("brier", ".4f", "Brier score ↓", "Brier"),
    Column("feature_seconds", ".1f", "features, s"),
    Column("fit_seconds", ".1f", "fit, s", "fit s"),
    Column("predict_seconds", ".1f", "predict, s"),
    Column("runs", "d", "splits"),
)

PLACES = ("25%", "50%", "75%")
# Level of significance of a loss.
LEVEL = 0.05
# Largest standard error of a precise difference.
SURE = 0.001

_ROW = (
    Column("data", "", "data", "data"),
    Column("shown", "", "labels (queries)", "labels"),
    Column("predictor", "code", "predictor", "predictor"),
    Column("area", ".4f", "area", "area"),
)
_OUTSIDE = (
    Column("below_95", ".1%", "truth below", "below"),
    Column("above_95", ".1%", "above the interval", "above"),
)
DIFFERENCES = (
    *_ROW,
    Column("difference", "+.4f", "less that of constants", "less constants"),
    Column("error", ".4f", "± standard error", "± se"),
    Column("p", ".2f", "p of a loss", "p"),
    Column("saving", ".1%", "saving"),
    Column("saving_of_constants", ".1%", "of constants"),
    Column("too_much", "+.4f", "expected less true"),
    Column("corrected", "+.4f", "corrected", "corrected"),
    Column("corrected_error", ".4f", "± standard error", "± se"),
    *_OUTSIDE,
    Column("runs", "d", "splits", "splits"),
)
POOLED = (
    Column("predictor", "code", "predictor", "predictor"),
    Column("cells", "d", "rows", "rows"),
    Column("difference", "+.4f", "area less that of constants", "less constants"),
    Column("error", ".4f", "± standard error", "± se"),
    Column("lost", "d", f"rows that lose (p < {LEVEL:g})", "lose"),
    Column("sure_loss", "+.4f", "least where its error is ≤ .001", "least sure"),
    Column("lead", "+.4f", "the first predictor's less this", "first's less this"),
    Column("lead_error", ".4f", "± standard error", "± se"),
    Column("saving", ".1%", "saving", "saving"),
    Column("first_saving", ".1%", "of the first", "of first"),
    Column("saving_of_constants", ".1%", "of constants", "of constants"),
    Column("too_much", ".4f", "expected less true, absolute", "too much"),
    Column("corrected", ".4f", "corrected", "corrected"),
    *_OUTSIDE,
)

BESIDE = (
    *_ROW,
    Column("gain", "+.4f", "less that of the first predictor", "less the first's"),
    Column("lead_error", ".4f", "± standard error", "± se"),
    Column("runs", "d", "splits", "splits"),
)
FORECASTS = (
    Column("data", "", "data", "data"),
    Column("labels", ".0%", "labelled", "labels"),
    Column("what", "", "forecast", "forecast"),
    Column("factor", "g", "times the labels", "times"),
    Column("expected", ".4f", "expected", "expected"),
    Column("half", ".4f", "± half the 90 % interval", "± half"),
    Column("true", ".4f", "came true", "true"),
    Column("inside", ".0%", "inside the interval", "inside"),
    Column("runs", "d", "draws", "draws"),
)

# In place of the name of a data set.
ALL = "all"

METHOD, AGAINST = explained("predictors"), explained("against constants")


class Predict(Suite):
    """Which predictor leads to the best plans?"""

    name = "predict"
    what = "the quality, on true outcomes, of plans made from a few labels"
    uses = ("data", "splits", "shares", "predictors", "drawn", "forecasts")
    predictors: ClassVar[tuple[str, ...]] = ("ours", "published", "constants", ORACLE)

    def plan(self, options: Options, /) -> Plan:
        """List every predictor on every split.

        Raises:
            UserError: A data set has no texts, or can't be split as asked for.
        """
        sources = self.sources(options)
        if not options.forecasts:
            return Plan.of({"predict": self.tables(sources, options)}, sources)
        if options.predictors is not None:
            raise UserError("forecasts are made by the predictor that plans are made with; leave --predictors out")
        first = self.tables(sources, replace(options, predictors=self.predictors[:1]))
        return Plan.of({"forecasts": [ForecastCell(cell.setting) for cell in first]}, sources)

    @staticmethod
    def sources(options: Options, /) -> list[Source]:
        """Return the user's data sets, or else a synthetic batch."""
        return sources_of(options, lambda: [synthetic_texts(2_000, 6)])

    def tables(self, sources: Iterable[Source], options: Options, /) -> list[TableCell]:
        """List every predictor on every split of data sets."""
        shares, names = options.shares or SHARES, options.predictors or self.predictors
        drawn, found = options.drawn or Split.text.value, []
        for source in sources:
            if not source.has_texts:
                raise UserError(f"{source.name} has no query texts, so nothing can be predicted")
            dataset = source.read()
            for share in shares:
                Setting.of(source, names[0], share, drawn=drawn).labelled(dataset)
                found += [
                    TableCell(Setting.of(source, predictor, share, drawn=drawn, split=split))
                    for split in range(options.splits or SPLITS)
                    for predictor in names
                ]
        return found

    def report(self, results: Results, plan: Plan, /) -> Document:
        """Draw and tabulate area and saving over the labelled share."""
        frame = self.summary(results)
        if frame.empty:
            nothing = Section("Predictors", [Text("Nothing is measured.")])
            return whole_document("Predictors", [], results, plan, [nothing])
        table = TableBlock(frame, COLUMNS, "Realised quality, means over splits.", n_left=4)
        figures = [self.figure(frame, measure) for measure in ("area", "saving") if frame[measure].any()]
        summary = []
        for (data, share), of in frame[frame["predictor"] != ORACLE].groupby(["data", "labels"], sort=False):
            best = of.loc[of["area"].idxmax()]
            summary.append(
                f"{escape(data)}, {share:.0%} labelled: `{best['predictor']}` has the largest area, {best['area']:.4f}."
            )
        sections = [Section("At a glance", figures), Section("Realised quality", [Text(METHOD), table])]
        tables = [table]
        differences, pooled = against_constants(results.frame("table"))
        if len(differences):
            tables.append(TableBlock(differences, DIFFERENCES, "Against the averages, means over splits.", n_left=3))
            tables.append(TableBlock(pooled, POOLED, "The same, means over these rows."))
            sections.append(Section("Against the averages", [Text(AGAINST), *tables[1:]]))
        lines = pd.DataFrame(
            {**cell.description(), "what": row.what, "measured": row.measured}
            for cell in results.cells("forecast")
            for row in results.rows([cell])
        )
        more, said = beside(differences), forecasts(lines)
        for found, columns, title in (
            (more, BESIDE, "Beside the built-in view"),
            (said, FORECASTS, "Forecasts of more labels"),
        ):
            if len(found):
                tables.append(TableBlock(found, columns, f"{title}, means over splits.", n_left=3))
                sections.append(Section(title, [Text(explained(title.lower())), tables[-1]]))
        return whole_document("Predictors", summary, results, plan, sections, tables)

    @staticmethod
    def summary(results: Results, /) -> pd.DataFrame:
        """Average over splits: a row per data set, share and predictor."""
        frame = results.frame("table")
        if frame.empty:
            return frame
        features = results.frame("features")
        of = {key_of(cell): key_of(cell.needs[0]) for cell in results.cells("table") if cell.needs}
        seconds = features["feature_seconds"] if len(features) else pd.Series(dtype=float)
        known = {key: seconds.get(features_of) for key, features_of in of.items()}
        frame = frame.assign(saving=frame["saving"].fillna(0.0), feature_seconds=frame.index.map(known))
        groups = frame.groupby(KEYS, sort=False)
        summary = groups[[*MEASURES, *SECONDS]].mean()
        return summary.assign(area_sd=groups["area"].std(), runs=groups.size()).reset_index()

    @staticmethod
    def figure(frame: pd.DataFrame, measure: str, /) -> FigureBlock:
        """Draw a measure over the labelled share, a panel per data set."""
        shown = frame[frame["predictor"] != ORACLE]
        names = list(dict.fromkeys(frame["data"]))
        figure, grid = panels(len(names), height=3.2)
        for axes, data in zip(grid, names, strict=True):
            for k, (name, rows) in enumerate(shown[shown["data"] == data].groupby("predictor", sort=False)):
                colour, marker = look(k)
                axes.plot(100 * rows["labels"], rows[measure], color=colour, marker=marker, label=name)
            ticks = sorted(100 * frame["labels"].unique())
            axes.set_xscale("log")
            axes.set_xticks(ticks, [f"{tick:g} %" for tick in ticks])
            axes.minorticks_off()
            axes.set_title(shown_name(data), fontsize=FONT)
            axes.set(xlabel="labelled share", ylabel=measure)
        legend_below(figure, grid[0])
        if shown.empty:
            return FigureBlock(f"predict-{measure}", figure, f"{measure} over labels", "Only the oracle was measured.")
        best = shown.loc[shown[measure].idxmax()]
        sentence = f"The largest {measure} is {best[measure]:.4f}: {best['predictor']} on {best['data']}"
        title = f"Realised {measure} over the labelled share"
        return FigureBlock(f"predict-{measure}", figure, title, f"{sentence}, {best['labels']:.0%} labelled.")


def against_constants(frame: pd.DataFrame, /) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compare predictors with `constants` on the same splits.

    Args:
        frame: A row per table: data set, share, split and predictor, with its measures.

    Returns:
        `DIFFERENCES`, a row per data set, share and predictor, and `POOLED`, their means by predictor; both empty where
        there are no constants, or no other predictor. ``p`` is the probability of a difference this low if a predictor
        were as good as constants (one-sided t test over splits), after Holm's correction for all its rows.
    """
    split = ["data", "drawn", "labels", "split"]
    frame = frame.assign(saving=frame["saving"].fillna(0.0))
    plain = frame[frame["predictor"] == "constants"].set_index(split)[["area", "saving"]]
    frame = frame[~frame["predictor"].isin(["constants", ORACLE])]
    if plain.empty or frame.empty:
        return pd.DataFrame(), pd.DataFrame()
    first = frame[frame["predictor"] == frame["predictor"].iloc[0]].set_index(split)[["area", "saving"]]
    frame = frame.join(plain.add_suffix("_of_constants"), on=split).join(first.add_prefix("first_"), on=split)
    columns = [f"{name}_{place}" for name in ("too_much", "corrected") for place in PLACES]
    frame = frame.reindex(columns=list(dict.fromkeys([*frame.columns, *columns, "below_95", "above_95"])))
    frame = frame.assign(
        difference=frame["area"] - frame["area_of_constants"],
        lead=frame["first_area"] - frame["area"],
        too_much=frame[columns[:3]].mean(axis=1),
        corrected=frame[columns[3:]].mean(axis=1),
    )
    groups = frame.groupby(KEYS, sort=False)
    means = ["area", "difference", "lead", "saving", "first_saving", "saving_of_constants", "too_much", "corrected"]
    cells = groups[[*means, "below_95", "above_95", "n_labelled"]].mean()
    errors = groups[["difference", "lead", "corrected"]].sem()
    cells = cells.assign(
        error=errors["difference"], lead_error=errors["lead"], corrected_error=errors["corrected"], runs=groups.size()
    ).reset_index()
    cells["shown"] = [f"{share:.0%} ({n:,.0f})" for share, n in zip(cells["labels"], cells["n_labelled"], strict=True)]
    chance = t.cdf(cells["difference"] / cells["error"].where(cells["error"] > 0), cells["runs"] - 1)
    cells["p"] = np.where(cells["error"] == 0, (cells["difference"] >= 0).astype(float), chance)
    cells["p"] = cells.groupby("predictor")["p"].transform(_holm)
    return cells, pd.DataFrame([_pooled(name, rows) for name, rows in cells.groupby("predictor", sort=False)])


def beside(cells: pd.DataFrame, /) -> pd.DataFrame:
    """Compare predictors with more features with the first one on the same splits, and average them.

    Args:
        cells: Of `against_constants`.

    Returns:
        A row per data set, share and predictor with a ``+`` in its name, then one of their means; empty without any.
    """
    if cells.empty:
        return cells
    found = cells[cells["predictor"].str.contains("+", regex=False)].assign(gain=lambda of: -of["lead"])
    rows = [found]
    for name, of in found.groupby("predictor", sort=False):
        error = float(np.sqrt((of["lead_error"] ** 2).sum()) / len(of))
        mean = {"data": "mean", "predictor": name, "lead_error": error, "runs": int(of["runs"].sum())}
        rows.append(pd.DataFrame([{**mean, "shown": "", **of[["area", "gain"]].mean()}]))
    return pd.concat(rows) if len(found) else found


def forecasts(lines: pd.DataFrame, /) -> pd.DataFrame:
    """Count the forecasts that hold.

    Args:
        lines: A row per split and number of a forecast: columns ``what`` and ``measured``, beside those of the split.

    Returns:
        A row per data set, share, what is forecast and factor; then means of all by what and factor, and by what. Empty
        if nothing is forecast.
    """
    if lines.empty:
        return lines
    lines = lines.copy()
    lines[["factor", "what", "number"]] = lines["what"].str.split(" ", expand=True)
    keys = ["data", "labels", "what", "factor"]
    table = lines.pivot(index=[*keys, "split"], columns="number", values="measured").reset_index()
    table = table.assign(
        half=(table["high"] - table["low"]) / 2,
        inside=table["true"].between(table["low"], table["high"]).astype(float),
        factor=table["factor"].astype(float),
    )
    means = ["expected", "half", "true", "inside"]
    rows = []
    for by in (keys, ["what", "factor"], ["what"]):
        groups = table.groupby(by)
        rows.append(groups[means].mean().assign(runs=groups.size()).reset_index())
    return pd.concat(rows).fillna({"data": ALL})


def _holm(p: pd.Series) -> pd.Series:
    """Correct p values for their number (Holm, 1979); missing ones don't count."""
    known = p.dropna().sort_values()
    return (known * np.arange(len(known), 0, -1)).cummax().clip(upper=1.0)


def _pooled(predictor: str, cells: pd.DataFrame) -> dict[str, float | str]:
    """Average over data sets and shares with equal weights; their splits are independent."""
    means = ["difference", "lead", "saving", "first_saving", "saving_of_constants", "below_95", "above_95"]
    errors = {name: float(np.sqrt((cells[name] ** 2).sum()) / len(cells)) for name in ("error", "lead_error")}
    return {
        **{"predictor": predictor, "cells": len(cells), "lost": int((cells["p"] < LEVEL).sum())},
        **cells[means].mean(),
        **cells[["too_much", "corrected"]].abs().mean(),
        **errors,
        "sure_loss": cells["difference"][cells["error"] <= SURE].min(),
    }


SUITE = Predict()
