"""Which queries are labelled: chosen so that nothing of them leaks into the rest."""

from __future__ import annotations

from enum import Enum
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.cells.cell import Value
from benchmarks.cells.predictors import PREDICTORS
from benchmarks.cells.sources import Source
from optllm_pymoo.data import Dataset


class Split(str, Enum):
    """What is drawn: a share of distinct texts (with all their repetitions), of whole groups, or of rows."""

    text = "text"
    group = "group"
    random = "random"


def labelled_rows(dataset: Any, share: float, split: Split, seed: int) -> NDArray[np.bool_]:
    """Choose the labelled part of a data set.

    Args:
        dataset: With `texts`, `groups` and `query_ids`.
        share: Share of distinct texts, groups or rows to label, in (0, 1).
        split: What is drawn.
        seed: Seed of the draw.

    Returns:
        Mask of the labelled rows, (N,), with at least one row on either side.

    Raises:
        ValueError: If the share is out of range or there are fewer than two things to draw from.
    """
    if not 0 < share < 1:
        raise ValueError(f"share must lie between 0 and 1, got {share}")
    sources = {Split.text: dataset.texts, Split.group: dataset.groups, Split.random: dataset.query_ids}
    if sources[split] is None:
        raise ValueError(f"the data set has no {split.value}s to split by; choose another split")
    unit = pd.factorize(np.asarray(sources[split], dtype=object))[0]
    n_units = int(unit.max()) + 1
    if n_units < 2:
        raise ValueError(f"a split by {split.value} needs at least two of them, the data set has {n_units}")
    n_labelled = int(np.clip(round(share * n_units), 1, n_units - 1))
    chosen = np.zeros(n_units, dtype=bool)
    chosen[np.random.default_rng(seed).permutation(n_units)[:n_labelled]] = True
    return np.asarray(chosen[unit])


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
