"""Features of a data set's texts, computed once for all splits and predictors."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import Any, ClassVar

from benchmarks.experiment.cell import Outcome, Value, Workbench
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
