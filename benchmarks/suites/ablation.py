"""`ablation`: the effect of each part and each setting of OptLLM; the paper's numbers are below ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from benchmarks.cells.algorithms import joining_operators
from benchmarks.cells.predictors import PREDICTORS, known_predictors
from benchmarks.cells.search import Limit, SearchCell
from benchmarks.cells.sources import Source
from benchmarks.report.document import Block, Column, Document, Section, TableBlock, Text
from benchmarks.report.measured import Measured, datasets_in, measured
from benchmarks.report.realised import dots_figure, with_ranges
from benchmarks.report.setup import whole_document
from benchmarks.report.text import escape
from benchmarks.runner.plan import Plan
from benchmarks.runner.results import Results
from benchmarks.suites import published
from benchmarks.suites.base import Options, Protocol, Suite, plan_of_searches, searches, sources_of, wanted
from benchmarks.suites.paper import printed

SPLITS = 3

N_GRIDS = (10, 50, 100, 200)
ALPHAS = (-1.0, 0.0, 1.0)
# The paper's 1, 5, 10 and 20 % for training, plus 1 % for validation.
LABELS = (0.02, 0.06, 0.11, 0.21)

# In addition to the published one.
COMPARED_PREDICTORS = ("ours", "unshrunk", "constants")

# OptLLM until it ends by itself, with parts removed or replaced, and the exact front alone.
WALKS = ("optllm:walks", "optllm:up", "optllm:down", "optllm:random-destruction", "exact")

ENDS_BY_ITSELF = Limit(evaluations=published.EVALUATIONS)

# Column of a table by the measure of a search.
MEASURES = {
    "realised_igd_raw": Column("igd", ".4g", "IGD, raw US$ ↓"),
    "realised_spread": Column("delta", ".3f", "Δ ↓"),
    "seconds": Column("seconds", ",.4g", "seconds"),
    "distinct_plans": Column("solutions", ",.0f", "solutions"),
    "hypervolume_ratio": Column("ratio", ".4f", "hypervolume ratio ↑"),
    "area": Column("area", ".4f", "realised area ↑"),
    "saving": Column("saving", ".1%", "saving ↑"),
    "brier": Column("brier", ".4f", "Brier score ↓"),
}

COLUMNS = {column.name: column for column in (*MEASURES.values(), Column("runs", ".0f", "runs"))}
RIGHT = Column("right", ".3f", "label vectors right ↑")


class Ablation(Suite):
    """What does each part and setting contribute?"""

    name = "ablation"
    what = "what each part and setting contributes"
    uses = ("data", "algorithms", "splits")

    def plan(self, options: Options, /) -> Plan:
        """List the searches, including those with operators of other packages."""
        sources = sources_of(options)
        chosen = wanted(options, (*WALKS, *joining_operators(), "single-llms", "random-search"))
        how = published.Published().protocol(options.splits or SPLITS)
        return plan_of_searches(self.cells(sources, chosen.algorithms, how), sources, chosen.notes)

    @staticmethod
    def cells(
        sources: Sequence[Source], algorithms: Sequence[str], how: Protocol, shares: Sequence[float] = LABELS, /
    ) -> dict[str, list[SearchCell]]:
        """Return all searches, by part of the report; those that need a prediction are left out without texts.

        Args:
            sources: Data sets.
            algorithms: OptLLM with parts removed or replaced; without the search, single LLMs remain.
            how: Predictor and splits.
            shares: Labelled shares, each including one hundredth of the queries for validation.
        """
        walks, alpha = ("optllm:walks",), published.ALPHA
        found: dict[str, list[SearchCell]] = {name: [] for name in ("n_grid", "parts", "alpha", "labels", "predictors")}
        for source in sources:
            settings = list(how.settings(source))
            for n_grid in N_GRIDS:
                found["n_grid"] += searches(settings, walks, ENDS_BY_ITSELF, n_grid=n_grid, alpha=alpha)
            found["parts"] += searches(settings, algorithms, ENDS_BY_ITSELF, alpha=alpha)
            if not source.has_texts:
                continue
            for a in ALPHAS:
                found["alpha"] += searches(settings, walks, ENDS_BY_ITSELF, alpha=a)
            for share in shares:
                predictor = how.predictor if share == published.LABELS else f"{how.predictor}:1/{round(100 * share)}"
                labelled = how._replace(labels=share, predictor=predictor).settings(source)
                found["labels"] += searches(labelled, walks, ENDS_BY_ITSELF, alpha=alpha)
            joining = sorted(known_predictors().keys() - PREDICTORS.keys())
            by_predictor = [
                setting
                for predictor in (how.predictor, *COMPARED_PREDICTORS, *joining)
                for setting in how._replace(predictor=predictor).settings(source)
            ]
            found["predictors"] += searches(by_predictor, ("exact",), ENDS_BY_ITSELF)
        return found

    def report(self, results: Results, plan: Plan, /) -> Document:
        """Report what each part and setting contributes."""
        return whole_document("Parts and settings", [], results, plan, self.sections(results, plan))

    def sections(self, results: Results, plan: Plan, /) -> list[Section]:
        """Compose the sections; each begins with its picture."""
        parts_of = {"n_grid": self.n_grid, "alpha": self.alpha, "labels": self.labels}
        parts_of |= {"parts": self.parts, "predictors": self.predictors}
        return [section(measured(results, plan, part)) for part, section in parts_of.items() if part in plan.parts]

    @staticmethod
    def n_grid(found: Measured, /) -> Section:
        """Report the effect of the number of gaps."""
        rows = means(found, "n_grid")
        theirs = [
            {"data": data, "n_grid": int(n), **numbers, "seconds": 60 * numbers["minutes"]}
            for (data, n), numbers in printed("n_grid").iterrows()
        ]
        names = ("igd", "delta", "seconds", "solutions", "ratio", "area", "runs")
        change = _change(rows, "n_grid", "ratio", "the hypervolume ratio")
        summary = f"{change} The paper's minutes are written as seconds."
        return _section(
            "Grid", rows, theirs, Column("n_grid", ".0f", "n_grid"), names, summary, _drawn(found, "n_grid")
        )

    @staticmethod
    def alpha(found: Measured, /) -> Section:
        """Report the effect of α on the share of label vectors predicted right, and on the search."""
        rows = means(found, "alpha", extra=[name for name in found.tables.columns if name.startswith("labels_right")])
        for row in rows:
            row["right"] = row.get(f"labels_right_{row['alpha']:+g}")
        igd = {"1": "whole", "0": "without robust prediction"}
        ablation = printed("ablation")["igd"]
        theirs = [
            {"data": data, "alpha": float(a), "right": right, "igd": ablation.get((data, igd.get(a, "")))}
            for (data, a), right in printed("alpha")["right"].items()
        ]
        summary = (
            "Robust accuracies are mean + α·σ; the downward walk of the search uses them. A query counts as right if"
            " the outcomes of all LLMs are. The paper calls α = 0 “without robust prediction”."
            f" {_change(rows, 'alpha', 'right', 'the share of label vectors that are right')}"
        )
        names = ("right", "igd", "ratio", "area", "saving", "runs")
        return _section("α", rows, theirs, Column("alpha", "g", "α"), names, summary, _drawn(found, "alpha"))

    @staticmethod
    def labels(found: Measured, /) -> Section:
        """Report the effect of more labels."""
        rows = means(found, "labels")
        theirs = [
            {"data": data, "labels": float(share) + 0.01, "igd": igd}
            for (data, share), igd in printed("training share")["igd"].items()
        ]
        summary = (
            "As in the paper, one hundredth of the queries is used for validation, and the predictor trains on the"
            f" other labelled ones. {_change(rows, 'labels', 'area', 'the realised area')}"
        )
        names, column = ("igd", "area", "saving", "brier", "runs"), Column("labels", ".0%", "labelled")
        return _section("Labelled share", rows, theirs, column, names, summary, _drawn(found, "labels"))

    @staticmethod
    def parts(found: Measured, /) -> Section:
        """Report the results with parts removed or replaced."""
        rows = means(found, "algorithm")
        theirs = [
            {"data": data, "algorithm": part, "igd": igd}
            for (data, part), igd in printed("ablation")["igd"].items()
            if part in ("whole", "without the allocation search")
        ]
        summary = (
            "`single-llms` is what remains without any search; `exact` is the exact front of the predictions, without"
            f" walks. {_best(rows, 'algorithm', 'area', 'realised area')}"
        )
        names = ("igd", "ratio", "area", "solutions", "seconds", "runs")
        column = Column("algorithm", "", "what is left")
        return _section("Parts", rows, theirs, column, names, summary, _drawn(found, "algorithm"))

    @staticmethod
    def predictors(found: Measured, /) -> Section:
        """Report the effect of the predictor, along the exact front of its predictions."""
        rows = means(found, "predictor")
        summary = (
            "The plans of each are the exact front of its own predictions, without a search: `unshrunk` is `ours`"
            " without its shrinkage, `constants` predicts the same for every query."
            f" {_best(rows, 'predictor', 'area', 'realised area')}"
        )
        names, column = ("igd", "area", "saving", "brier", "runs"), Column("predictor", "", "predictor")
        return _section("Predictors", rows, [], column, names, summary, _drawn(found, "predictor"))


SUITE = Ablation()


def means(found: Measured, setting: str, /, *, extra: Iterable[str] = ()) -> list[dict[str, object]]:
    """Average the searches that are done over splits.

    Args:
        found: The searches.
        setting: Column of the setting.
        extra: Further measures of the tables to average.

    Returns:
        One row per data set and value of the setting, unsorted.
    """
    extra = list(extra)
    frame = found.frame.assign(**{name: found.tables[name] for name in ("brier", *extra)})
    groups = frame[~frame["failed"]].groupby(["data", setting], sort=False)
    table = groups[[*MEASURES, *extra]].agg(lambda values: values.astype(float).mean())
    table = table.rename(columns={name: column.name for name, column in MEASURES.items()}).assign(runs=groups.size())
    return table.reset_index().to_dict("records")


def _drawn(found: Measured, setting: str) -> list[Block]:
    """Draw realised areas by a setting, or hypervolume ratios where nothing is realised."""
    frame = found.frame[~found.frame["failed"]]
    realised = frame["area"].notna().any()
    measure, name = ("area", "realised area") if realised else ("hypervolume_ratio", "hypervolume ratio")
    if frame.empty:
        return []
    values = with_ranges(frame, measure, setting)
    title = f"{name.capitalize()} by {setting.replace('_', ' ')}, means and ranges over splits"
    return [dots_figure(values, name=f"{setting}-{measure}", title=title, measure=name, form=".4f", what=setting)]


def _section(
    title: str,
    rows: list[dict[str, object]],
    theirs: list[Mapping[str, object]],
    setting: Column,
    names: Sequence[str],
    summary: str,
    drawn: Sequence[Block],
) -> Section:
    """Lay out our measurements, and the paper's numbers below."""
    if not rows:
        return Section(title, [Text("No search of this part is done.")])
    columns = [Column("data", "", "data"), setting, *(COLUMNS.get(name, RIGHT) for name in names)]
    tables = [TableBlock(pd.DataFrame(rows), columns, f"{title}: measured here, means over splits.", n_left=2)]
    if theirs:
        papers = pd.DataFrame(theirs)
        named = [column for column in columns if column.name in papers]
        tables.append(TableBlock(papers, named, f"{title}: the paper's numbers.", n_left=2))
    return Section(title, [*drawn, Text(summary), *tables])


def _change(rows: list[dict[str, object]], setting: str, measure: str, what: str) -> str:
    """Return a sentence on how a measure changes from the first to the last value of a setting, per data set."""
    frame = pd.DataFrame(rows)
    if frame.empty or measure not in frame or frame[measure].isna().all():
        return ""
    summary = []
    for data in datasets_in(frame):
        ranked = frame[(frame["data"] == data) & frame[measure].notna()].sort_values(setting, kind="stable")
        if len(ranked) > 1:
            first, last = ranked.iloc[0], ranked.iloc[-1]
            summary.append(f"from {first[measure]:.4f} to {last[measure]:.4f} on {escape(data)}")
    if not summary:
        return ""
    ends = frame[setting]
    return f"From {ends.min():g} to {ends.max():g}, {what} goes {'; '.join(summary)}."


def _best(rows: list[dict[str, object]], setting: str, measure: str, what: str) -> str:
    """Return a sentence with the best value of a setting, per data set."""
    frame = pd.DataFrame(rows)
    if frame.empty or frame[measure].isna().all():
        return ""
    summary = []
    for data, of in frame[frame[measure].notna()].groupby("data", sort=False):
        best, worst = of.loc[of[measure].idxmax()], of.loc[of[measure].idxmin()]
        ends = f"`{best[setting]}` ({best[measure]:.4f}), least `{worst[setting]}` ({worst[measure]:.4f})"
        summary.append(f"{escape(data)}: {ends}")
    return f"Largest {what} on {'; on '.join(summary)}."
