"""Features of a data set's texts, computed once for all splits and predictors."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import Any, ClassVar

import numpy as np

from benchmarks.cells.cell import Outcome, Value, Workbench, seed_of
from benchmarks.cells.predictors import predict_with_sigma
from benchmarks.cells.split import Setting
from optllm_pymoo import SupportedFront
from optllm_pymoo.measures import Path, realised_area, realised_quality
from optllm_pymoo.prediction import QueryFeatures


@dataclass(frozen=True)
class FeatureCell:
    """`QueryFeatures` of all texts of a data set; no label is read."""

    kind: ClassVar[str] = "features"
    data: str
    fingerprint: str
    is_exclusive: ClassVar[bool] = False
    is_reproducible: ClassVar[bool] = True
    needs: ClassVar[tuple[Any, ...]] = ()

    def description(self) -> dict[str, Value]:
        """Return data set and fingerprint."""
        return {"data": self.data, "fingerprint": self.fingerprint}

    def title(self) -> str:
        """Return one line for people."""
        return f"{self.data}: features of the texts"

    def inputs(self, workbench: Workbench, /) -> tuple[Any, ...]:
        """Gather the texts.

        Raises:
            ValueError: If the data set has none.
        """
        texts = workbench.dataset(self.data).texts
        if texts is None:
            raise ValueError(f"{self.data} has no texts, so nothing can be predicted; search its known outcomes")
        return (texts,)

    def measure(self, texts: list[str], /) -> Outcome:
        """Compute the features, always with the same seed: they are a setting, not a sample.

        Returns:
            Array ``features`` (N, D).
        """
        start = perf_counter()
        features = QueryFeatures(random_state=0).fit_transform(texts)
        timings = {"feature_seconds": perf_counter() - start}
        return Outcome({"n_features": features.shape[1]}, timings, {"features": features})


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
