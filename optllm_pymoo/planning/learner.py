"""What turns a text into expected accuracies and costs: what a plan learnt, to be asked about other queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from optllm_pymoo.data import Dataset
from optllm_pymoo.prediction import QueryFeatures, SuccessPredictor
from optllm_pymoo.validation import FloatArray


class Learner(NamedTuple):
    """Features, a predictor of them, and what calls cost by the length of the text."""

    features: QueryFeatures
    predictor: SuccessPredictor
    columns: np.ndarray
    """(M,) which of the predictor's LLMs are asked about."""
    lines: FloatArray
    """(5, M) by LLM: US$ at the mean length, US$ per character, that length, and the least and most US$ of a call."""
    too_long: FloatArray
    """(M,) characters from which on a text is too long for an LLM; infinite where none was."""

    @classmethod
    def of(cls, features: QueryFeatures, predictor: SuccessPredictor, *batches: Dataset) -> Learner:
        """Join what was learnt with a straight line of costs over the lengths of texts, by least squares.

        Args:
            features: Fitted on texts.
            predictor: Fitted on them.
            *batches: With texts and costs.
        """
        cost = np.vstack([batch.cost for batch in batches])
        length = np.array([float(len(text)) for batch in batches for text in batch.texts or ()])
        away, level = length - length.mean(), cost.mean(axis=0)
        slope = away @ (cost - level) / (float(away @ away) or 1.0)
        lines = np.stack([level, slope, np.full(len(level), length.mean()), cost.min(axis=0), cost.max(axis=0)])
        too_long = np.full(len(level), np.inf)
        ids = [query_id for batch in batches for query_id in batch.query_ids]
        for llm, refused in batches[0].about.get("too_long", {}).items():
            if llm in batches[0].llms and (rows := np.isin(ids, refused)).any():
                too_long[batches[0].llms.index(llm)] = length[rows].min()
        return cls(features, predictor, np.arange(len(level)), lines, too_long)

    def changed(self, columns: Sequence[int] | np.ndarray, factors: FloatArray, /) -> Learner:
        """Keep some LLMs, at other prices.

        Args:
            columns: Places of those to keep.
            factors: What their costs are multiplied by.
        """
        lines = self.lines[:, columns]
        lines = np.where(np.arange(len(lines))[:, None] == 2, lines, lines * factors)
        return self._replace(columns=self.columns[columns], lines=lines, too_long=self.too_long[columns])

    def accuracy(self, texts: Sequence[str], /) -> FloatArray:
        """Expect accuracies, (N, M).

        Args:
            texts: N texts.
        """
        found = self.predictor.predict(self.features.transform(list(texts)))[:, self.columns]
        return np.asarray(found)

    def cost(self, texts: Sequence[str], /) -> FloatArray:
        """Expect costs by the lengths of texts, never beyond those known, (N, M) US$.

        Args:
            texts: N texts.
        """
        level, slope, mean, least, most = self.lines
        length = np.array([float(len(text)) for text in texts])[:, None]
        return np.asarray(np.clip(level + slope * (length - mean), least, most))

    def state(self) -> dict[str, np.ndarray]:
        """Everything as plain arrays by name, for `from_state`."""
        parts: dict[str, Mapping[str, np.ndarray]] = {
            "features": self.features.state(),
            "predictor": self.predictor.state(),
        }
        arrays = {f"{part}.{name}": array for part, of in parts.items() for name, array in of.items()}
        return {**arrays, "columns": self.columns, "lines": self.lines, "too_long": self.too_long}

    @classmethod
    def from_state(cls, arrays: Mapping[str, np.ndarray], /) -> Learner:
        """Put together what `state` took apart.

        Args:
            arrays: By name.
        """
        features, predictor = (
            {name.removeprefix(f"{part}."): array for name, array in arrays.items() if name.startswith(f"{part}.")}
            for part in ("features", "predictor")
        )
        own = (arrays[name] for name in ("columns", "lines", "too_long"))
        return cls(QueryFeatures.from_state(features), SuccessPredictor.from_state(predictor), *own)
