"""The accuracy table of a split: predicted once, searched by every algorithm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from benchmarks.experiment.cell import Outcome, Value, Workbench, seed_of
from benchmarks.experiment.features import FeatureCell
from benchmarks.experiment.split import Setting
from benchmarks.predictors import predict_with_sigma
from optllm_pymoo import SupportedFront
from optllm_pymoo.measures import Path, realised_area, realised_quality

ALPHAS = (-1.0, 0.0, 1.0)
"""Values of α in robust accuracies, mean + α·σ, whose label vectors are compared with the truth, as in the paper."""

THRESHOLD = 0.5


@dataclass(frozen=True)
class TableCell:
    """What a predictor says about the queries of a split that are planned, and what it is worth by itself."""

    kind: ClassVar[str] = "table"
    setting: Setting
    is_exclusive: ClassVar[bool] = False
    is_reproducible: ClassVar[bool] = True

    @property
    def needs(self) -> tuple[FeatureCell, ...]:
        """The features."""
        return (FeatureCell(self.setting.data, self.setting.fingerprint),)

    def description(self) -> dict[str, Value]:
        """Return the settings as plain values."""
        return self.setting.description()

    def title(self) -> str:
        """Return one line for people."""
        return f"{self.setting.title()}: accuracies"

    def inputs(self, workbench: Workbench, /) -> tuple[Any, ...]:
        """Gather features and outcomes of labelled queries, and features, costs and outcomes of the others."""
        dataset = workbench.dataset(self.setting.data)
        features = workbench.outcome(self.needs[0]).arrays["features"]
        labelled = self.setting.labelled(dataset)
        known = features[labelled], dataset.correct[labelled]
        return *known, features[~labelled], dataset.cost[~labelled], dataset.correct[~labelled]

    def measure(
        self, features: np.ndarray, labels: np.ndarray, targets: np.ndarray, cost: np.ndarray, correct: np.ndarray, /
    ) -> Outcome:
        """Fit, predict, and follow the exact front of the predictions with the true outcomes.

        Returns:
            Arrays ``accuracy`` and ``sigma``, (N, M) each. Measures: the Brier score, the shares of queries whose
            whole label vector is predicted right (`label_vectors_right`), and realised quality of the exact front.
        """
        predicted = predict_with_sigma(self.setting.predictor, features, labels, targets, seed=seed_of(self))
        accuracy, sigma = predicted.accuracy, predicted.sigma
        oracle = realised_area(cost, correct, Path.along(SupportedFront(cost, correct)))
        found = realised_quality(cost, correct, Path.along(SupportedFront(cost, accuracy)), oracle_area=oracle)
        right = {f"labels_right_{a:+g}": label_vectors_right(accuracy + a * sigma, correct) for a in ALPHAS}
        measures = {
            **{"n_labelled": len(labels), "n_planned": len(targets), "oracle_area": oracle},
            **{"brier": float(np.mean((accuracy - correct) ** 2))},
            **right,
            **found._asdict(),
        }
        timings = {"fit_seconds": predicted.fit_seconds, "predict_seconds": predicted.predict_seconds}
        return Outcome(measures, timings, {"accuracy": accuracy, "sigma": sigma})


def label_vectors_right(accuracy: np.ndarray, correct: np.ndarray, /) -> float:
    """Return the share of queries for which all LLMs' labels are predicted right (paper, sensitivity to α).

    Args:
        accuracy: (N, M) probabilities, or robust accuracies; above one half means a right answer.
        correct: (N, M) true outcomes.
    """
    return float(np.mean(((accuracy > THRESHOLD) == (correct > THRESHOLD)).all(axis=1)))
