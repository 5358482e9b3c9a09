"""Queries drawn from a data set, with their outcomes as they are or blurred."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from benchmarks.experiment.cell import Value
from benchmarks.experiment.sources import Source
from optllm_pymoo.data import Dataset


class Subset(NamedTuple):
    """Which queries of which data set, and what counts as their accuracies."""

    data: str
    fingerprint: str
    max_queries: int | None = None
    """At most so many are drawn; None, or more than there are, takes all in order."""
    is_blurred: bool = False
    """Whether outcomes are averaged with random numbers: without the ties of labels of 0 and 1."""

    @classmethod
    def of(cls, source: Source, max_queries: int | None = None, *, is_blurred: bool = False) -> Subset:
        """Describe queries of a data set."""
        return cls(source.name, source.fingerprint, max_queries, is_blurred)

    @property
    def name(self) -> str:
        """For tables."""
        return f"{self.data}, blurred" if self.is_blurred else self.data

    def title(self) -> str:
        """Return one line for people."""
        return self.name if self.max_queries is None else f"{self.name}, up to {self.max_queries:,} queries"

    def description(self) -> dict[str, Value]:
        """Return the fields as plain values."""
        return self._asdict()

    def draw(self, dataset: Dataset, /) -> Dataset:
        """Draw the queries, the same ones for the same subset."""
        rng = np.random.default_rng(self.max_queries)
        if self.max_queries is not None and self.max_queries < len(dataset):
            dataset = dataset.select(rng.permutation(len(dataset))[: self.max_queries])
        if not self.is_blurred:
            return dataset
        return dataset.with_outcomes((dataset.correct + rng.random(dataset.correct.shape)) / 2)
