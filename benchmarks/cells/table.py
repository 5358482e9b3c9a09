"""The accuracy table of a split: predicted once, searched by every algorithm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, ClassVar

import numpy as np

from benchmarks.cells.cell import Cell, Outcome, Value, Workbench, seed_of
from benchmarks.cells.definition import Built
from benchmarks.cells.predictors import ORACLE, find_predictor, find_reader
from benchmarks.cells.rows import Row
from benchmarks.cells.split import Setting
from optllm_pymoo import SupportedFront, UserError
from optllm_pymoo.decision import accuracy_interval
from optllm_pymoo.measures import Path, pareto_distances, quality_of_points, realised_area
from optllm_pymoo.measures.realised import prefix_totals
from optllm_pymoo.planning.curve import FACTORS, AreaLine, LearningCurve
from optllm_pymoo.prediction import QueryFeatures
from optllm_pymoo.prediction.heldout import Optimism

# Values of α in robust accuracies, mean + α·σ, whose label vectors are compared with the truth, as in the paper.
ALPHAS = (-1.0, 0.0, 1.0)

THRESHOLD = 0.5

# Largest share of a data set for forecasts of more labels: with more, too few queries would be planned.
MOST_LABELLED = 0.85

# Number of plans stored for each predictor.
POINTS = 101


@dataclass(frozen=True)
class FeatureCell(Cell):
    """`QueryFeatures` of all texts of a data set, computed once for all splits and predictors; no label is read.

    Attributes:
        reader: Function that adds features of texts, see `find_reader`; empty for none.
    """

    kind: ClassVar[str] = "features"
    data: str
    fingerprint: str
    reader: str = ""

    @classmethod
    def of(cls, setting: Setting, /) -> FeatureCell:
        """Describe the features that the predictor of a split has."""
        return cls(setting.data, setting.fingerprint, setting.predictor.partition("+")[2])

    @property
    def subject(self) -> Any:
        """The features, and what reads texts beside them."""
        return (Built(QueryFeatures), find_reader(self.reader)) if self.reader else Built(QueryFeatures)

    def description(self) -> dict[str, Value]:
        """Return data set, fingerprint and reader, if there is one."""
        also = {"reader": self.reader} if self.reader else {}
        return {"data": self.data, "fingerprint": self.fingerprint, **also}

    def title(self) -> str:
        """Return one line for people."""
        return f"{self.data}: features of the texts{self.reader and f', with {self.reader}'}"

    def inputs(self, workbench: Workbench, /) -> tuple[Any, ...]:
        """Gather the texts.

        Raises:
            UserError: If the data set has none.
        """
        texts = workbench.dataset(self.data).texts
        if texts is None:
            raise UserError(f"{self.data} has no texts, so nothing can be predicted; search its known outcomes")
        return (texts,)

    def measure(self, texts: list[str], /) -> Outcome:
        """Compute the features, always with the same seed: they are a setting, not a sample.

        Returns:
            Array ``features`` (N, D).
        """
        start = perf_counter()
        reader = find_reader(self.reader) if self.reader else None
        features = QueryFeatures(reader, random_state=0).fit_transform(texts)
        timings = {"feature_seconds": perf_counter() - start}
        return Outcome({"n_features": features.shape[1]}, timings, {"features": features})


@dataclass(frozen=True)
class TableCell(Cell):
    """Predictions for the planned queries of a split, and the predictor's own quality."""

    kind: ClassVar[str] = "table"
    setting: Setting

    @property
    def needs(self) -> tuple[FeatureCell, ...]:
        """The features, unless the outcomes are known beforehand."""
        known = self.setting.predictor == ORACLE
        return () if known else (FeatureCell.of(self.setting),)

    @property
    def subject(self) -> Any:
        """The predictor."""
        recipe = find_predictor(self.setting.predictor)
        return recipe and (Built(recipe.build, (0,)), *recipe[1:])

    def description(self) -> dict[str, Value]:
        """Return the settings as plain values."""
        return self.setting.description()

    def title(self) -> str:
        """Return one line for people."""
        return f"{self.setting.title()}: accuracies"

    def inputs(self, workbench: Workbench, /) -> tuple[Any, ...]:
        """Gather features and outcomes of labelled queries, and features, costs and outcomes of the others."""
        dataset = workbench.dataset(self.setting.data)
        outcomes = [workbench.outcome(cell).arrays["features"] for cell in self.needs]
        features = outcomes[0] if outcomes else np.empty((len(dataset.cost), 0))
        labelled = self.setting.labelled(dataset)
        known = features[labelled], dataset.correct[labelled], dataset.cost[labelled]
        return *known, features[~labelled], dataset.cost[~labelled], dataset.correct[~labelled]

    def measure(
        self,
        features: np.ndarray,
        labels: np.ndarray,
        paid: np.ndarray,
        targets: np.ndarray,
        cost: np.ndarray,
        correct: np.ndarray,
        /,
    ) -> Outcome:
        """Fit, predict, and value the plans of the exact front of the predictions, or of a sweep, on the true outcomes.

        Returns:
            Arrays ``accuracy`` and ``sigma``, (N, M) each, and ``realised``, cost in US$ and true accuracy of at most
            `POINTS` plans, (P, 2). Measures: the Brier score; ``labels_right_α``, the shares of queries whose whole
            label vector is predicted right by mean + α·σ; realised quality of the plans; and of predictors for plans
            `kept_promises`.
        """
        accuracy, sigma, plans, timings, optimism = self._predicted(features, labels, paid, targets, cost, correct)
        oracle = realised_area(cost, correct, Path.along(SupportedFront(cost, correct)))
        start = perf_counter()
        if plans is None:
            path = Path.along(SupportedFront(cost, accuracy))
            spent, won = prefix_totals(cost, path), prefix_totals(correct, path) / len(cost)
        else:
            chosen = np.arange(len(cost)), plans
            spent, won = cost[chosen].sum(axis=1), correct[chosen].mean(axis=1)
            order = np.lexsort((won, spent))
            spent, won = spent[order], won[order]
        timings["front_seconds"] = perf_counter() - start
        right = {f"labels_right_{a:+g}": label_vectors_right(accuracy + a * sigma, correct) for a in ALPHAS}
        measures = {
            **{"n_labelled": len(labels), "n_planned": len(targets), "oracle_area": oracle},
            **{"brier": float(np.mean((accuracy - correct) ** 2))},
            **right,
            **quality_of_points(cost, correct, spent, won, oracle_area=oracle)._asdict(),
            **({} if optimism is None else kept_promises(cost, accuracy, sigma, correct, optimism, len(labels))),
        }
        # at evenly spread budgets, so that all predictors have points at the same budgets
        budgets = np.linspace(spent[0], spent[-1], POINTS)
        kept = np.unique(np.searchsorted(spent, budgets, side="right") - 1)
        realised = np.column_stack([spent, won])[kept]
        return Outcome(measures, timings, {"accuracy": accuracy, "sigma": sigma, "realised": realised})

    def _predicted(
        self,
        features: np.ndarray,
        labels: np.ndarray,
        paid: np.ndarray,
        targets: np.ndarray,
        cost: np.ndarray,
        correct: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, dict[str, float], Optimism | None]:
        """Fit the predictor with this cell's seed; return accuracies, sigma, plans, seconds and optimism."""
        recipe, nothing = find_predictor(self.setting.predictor), np.zeros(correct.shape)
        if recipe is None:
            return correct.astype(float), nothing, None, {"fit_seconds": 0.0, "predict_seconds": 0.0}, None
        start = perf_counter()
        given = {"cost": paid} if recipe.for_plans or recipe.is_sweep else {}
        if recipe.for_plans:
            given["planned"] = targets
        predictor = recipe.build(seed_of(self)).fit(features, labels, **given)
        fitted = perf_counter()
        accuracy, sigma = predictor.predict(targets, return_std=True)
        if recipe.is_robust:
            accuracy = np.asarray(predictor.predict_robust(targets))
        plans = predictor.plans(targets, cost) if recipe.is_sweep else None
        timings = {"fit_seconds": fitted - start, "predict_seconds": perf_counter() - fitted}
        return accuracy, sigma, plans, timings, predictor.optimism_ if recipe.for_plans else None


@dataclass(frozen=True)
class DistanceCell(Cell):
    """Distances of the plans of several predictors on one split to the best plans of all of them.

    Attributes:
        setting: The split, with any of the predictors.
        predictors: All of them.
    """

    kind: ClassVar[str] = "distance"
    setting: Setting
    predictors: tuple[str, ...]

    @property
    def needs(self) -> tuple[TableCell, ...]:
        """The table of each predictor."""
        return tuple(TableCell(self.setting._replace(predictor=name)) for name in self.predictors)

    def description(self) -> dict[str, Value]:
        """Return the split, and the predictors in one text."""
        return {**self.setting.description(), "predictor": ",".join(self.predictors)}

    def title(self) -> str:
        """Return one line for people."""
        split = f"{self.setting.data}, {100 * self.setting.labels:g} % labels, split {self.setting.split}"
        return f"{split}: distances of {len(self.predictors)} predictors"

    def inputs(self, workbench: Workbench, /) -> tuple[np.ndarray, ...]:
        """Gather the realised plans."""
        return tuple(workbench.outcome(cell).arrays["realised"] for cell in self.needs)

    def measure(self, *realised: np.ndarray) -> Outcome:
        """Measure a row per predictor."""
        size = f"{max(map(len, realised))} plans"
        rows = [
            vars(Row(name, size, distance, "", "≤", None))
            for name, distance in zip(self.predictors, pareto_distances(realised), strict=True)
        ]
        return Outcome({}, rows=rows)


@dataclass(frozen=True)
class ForecastCell(Cell):
    """Forecasts for more labels from the labels of a split, compared with their true effect.

    Attributes:
        setting: The split, with a predictor for plans; splits of one number have the same labels and more.
    """

    kind: ClassVar[str] = "forecast"
    setting: Setting
    subject = (LearningCurve, AreaLine)

    @property
    def needs(self) -> tuple[Cell, ...]:
        """The features, and the table with the labels at hand and with each multiple of them that leaves some over."""
        shares = [factor * self.setting.labels for factor in (1.0, *FACTORS)]
        tables = [TableCell(self.setting._replace(labels=share)) for share in shares if share <= MOST_LABELLED]
        return FeatureCell.of(self.setting), *tables

    def description(self) -> dict[str, Value]:
        """Return the settings as plain values."""
        return self.setting.description()

    def title(self) -> str:
        """Return one line for people."""
        return f"{self.setting.title()}: what more labels would bring"

    def inputs(self, workbench: Workbench, /) -> tuple[Any, ...]:
        """Collect the labelled queries, the others, and the outcomes with more labels."""
        dataset, (features, *tables) = workbench.dataset(self.setting.data), map(workbench.outcome, self.needs)
        table, labelled = features.arrays["features"], self.setting.labelled(dataset)
        known = table[labelled], dataset.correct[labelled], dataset.cost[labelled]
        reached = [(each.measures["area"], each.measures["width_50%"]) for each in tables]
        return known, (table[~labelled], dataset.cost[~labelled]), reached

    def measure(self, labelled: Any, planned: Any, reached: Sequence[tuple[float, float]], /) -> Outcome:
        """Measure a row for every number of a forecast, and for the true value."""
        found = LearningCurve.measure(labelled, planned, random_state=seed_of(self))
        n, rows = len(labelled[0]), []
        for factor, (area, width) in zip(FACTORS, reached[1:], strict=False):
            forecast = None if found is None else found.forecast(factor)
            true = {"width": width, "area": area, "gain": area - reached[0][0]}
            for name in true if forecast is not None else ():
                numbers = {**getattr(forecast, name)._asdict(), "true": true[name]}
                rows += [Row(f"{factor:g} {name} {of}", f"{n}", value, "", "≥", None) for of, value in numbers.items()]
        return Outcome({"n_labelled": n}, rows=[vars(row) for row in rows])


def kept_promises(
    cost: np.ndarray,
    accuracy: np.ndarray,
    sigma: np.ndarray,
    correct: np.ndarray,
    optimism: Optimism,
    n_labelled: int,
    /,
) -> dict[str, float]:
    """Compare expected and true accuracy of three plans.

    Args:
        cost: (N, M) US$ per call.
        accuracy: (N, M) predicted.
        sigma: (N, M) how far predictions may be off.
        correct: (N, M) true outcomes.
        optimism: Excess of expected over true accuracy, as measured on the labelled queries.
        n_labelled: Number of labelled queries.

    Returns:
        For plans at 25, 50 and 75 % of the way from the cheapest plan to the dearest LLM expected less true accuracy,
        ``too_much_...``, and the same after the correction, ``corrected_...``; the shares of the three 95 % intervals
        that the true accuracy lies ``below_95`` and ``above_95``, and their widths, ``width_...``.
    """
    front = SupportedFront(cost, accuracy)
    low, high = float(front.F[0, 0]), float(cost.sum(axis=0).max())
    rows, found, outside = np.arange(len(cost)), {}, []
    for share in (0.25, 0.5, 0.75):
        x = front.assignment(front.within_budget(low + share * (high - low)))
        expected, true, excess = accuracy[rows, x], float(correct[rows, x].mean()), optimism.at(share)
        found[f"too_much_{share:.0%}"] = float(expected.mean()) - true
        found[f"corrected_{share:.0%}"] = float(expected.mean()) - excess[0] - true
        ends = accuracy_interval(expected, sigma[rows, x], n_labelled=n_labelled, excess=excess)
        found[f"width_{share:.0%}"] = ends[1] - ends[0]
        outside.append((true < ends[0], true > ends[1]))
    below, above = np.mean(outside, axis=0).tolist()
    return {**found, "below_95": below, "above_95": above}


def label_vectors_right(accuracy: np.ndarray, correct: np.ndarray, /) -> float:
    """Return the share of queries for which all LLMs' labels are predicted right (paper, sensitivity to α).

    Args:
        accuracy: (N, M) probabilities, or robust accuracies; above one half means a right answer.
        correct: (N, M) true outcomes.
    """
    return float(np.mean(((accuracy > THRESHOLD) == (correct > THRESHOLD)).all(axis=1)))
