"""One split of a data set: labelled queries, planned queries, and the predictor."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.cells.cell import Value
from benchmarks.cells.predictors import find_predictor
from benchmarks.cells.sources import Source
from optllm_pymoo import UserError
from optllm_pymoo.data import Dataset

# In place of a predictor: the known outcomes themselves are searched, and all queries are planned.
KNOWN = "known"


class Split(str, Enum):
    """The unit of the draw: distinct texts (with all their repetitions), whole groups, or rows."""

    text = "text"
    group = "group"
    random = "random"


class Setting(NamedTuple):
    """Everything that decides which accuracy table is searched.

    Attributes:
        data: Name of the data set.
        fingerprint: Of its content.
        predictor: One of `benchmarks.cells.predictors.known_predictors`, or `KNOWN`.
        labels: Share that is labelled, of what ``drawn`` says.
        drawn: What is drawn.
        split: Number of the split: splits of one number are the same for all predictors.
    """

    data: str
    fingerprint: str
    predictor: str = KNOWN
    labels: float = 0.0
    drawn: str = Split.random.value
    split: int = 0

    @classmethod
    def of(cls, source: Source, predictor: str = KNOWN, labels: float = 0.0, **others: int | str) -> Setting:
        """Describe a split of a data set.

        Raises:
            UserError: There is no such predictor.
        """
        if predictor != KNOWN:
            find_predictor(predictor)
        return cls(source.name, source.fingerprint, predictor, labels, **others)  # type: ignore[arg-type]

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

    def labelled(self, dataset: Dataset, /) -> NDArray[np.bool_]:
        """Return the mask of the labelled rows, (N,), with at least one row on either side; none for known outcomes.

        Whole texts or groups are drawn, so that no information on them leaks into the rest.

        Raises:
            UserError: If the share is out of range or there are fewer than two things to draw from.
        """
        if self.is_known:
            return np.zeros(len(dataset.cost), dtype=bool)
        if not 0 < self.labels < 1:
            raise UserError(f"the labelled share must lie between 0 and 1, got {self.labels}")
        sources = {"text": dataset.texts, "group": dataset.groups, "random": dataset.query_ids}
        if sources[self.drawn] is None:
            raise UserError(f"the data set has no {self.drawn}s to split by; choose another split")
        unit = pd.factorize(np.asarray(sources[self.drawn], dtype=object))[0]
        n_units = int(unit.max()) + 1
        if n_units < 2:
            raise UserError(f"a split by {self.drawn} needs at least two of them, the data set has {n_units}")
        n_labelled = int(np.clip(round(self.labels * n_units), 1, n_units - 1))
        chosen = np.zeros(n_units, dtype=bool)
        chosen[np.random.default_rng(self.split).permutation(n_units)[:n_labelled]] = True
        return np.asarray(chosen[unit])
