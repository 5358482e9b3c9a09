"""One way to split a data set: what is labelled, what is planned, and who predicts it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from benchmarks.experiment.cell import Value
from benchmarks.experiment.sources import Source
from benchmarks.predictors import PREDICTORS
from benchmarks.splits import Split, labelled_rows
from optllm_pymoo.data import Dataset

KNOWN = "known"
"""The predictor of a split that holds nothing back: the outcomes themselves are searched, all queries are planned."""


class Setting(NamedTuple):
    """Everything that decides which accuracy table is searched."""

    data: str
    fingerprint: str
    predictor: str = KNOWN
    """A key of `benchmarks.predictors.PREDICTORS`, or `KNOWN`."""
    labels: float = 0.0
    """Share that is labelled, of what ``drawn`` says."""
    drawn: str = Split.random.value
    split: int = 0
    """Number of the split: splits of one number are the same for all predictors."""

    @classmethod
    def of(cls, source: Source, predictor: str = KNOWN, labels: float = 0.0, **others: int | str) -> Setting:
        """Describe a split of a data set.

        Raises:
            ValueError: There is no such predictor.
        """
        if predictor not in (KNOWN, *PREDICTORS):
            raise ValueError(f"unknown predictor {predictor!r}; known: {KNOWN}, {', '.join(PREDICTORS)}")
        return cls(source.name, source.fingerprint, predictor, labels, **others)

    @property
    def is_known(self) -> bool:
        """Whether nothing is predicted."""
        return self.predictor == KNOWN

    def description(self) -> dict[str, Value]:
        """Return the settings as plain values."""
        return self._asdict()

    def title(self) -> str:
        """Return one line for people."""
        if self.is_known:
            return f"{self.data}, known outcomes"
        return f"{self.data}, {100 * self.labels:g} % labels, split {self.split}, predicted by {self.predictor}"

    def labelled(self, dataset: Dataset, /) -> np.ndarray:
        """Return the mask of the labelled rows, (N,); none for known outcomes."""
        if self.is_known:
            return np.zeros(len(dataset.cost), dtype=bool)
        return labelled_rows(dataset, self.labels, Split(self.drawn), self.split)
