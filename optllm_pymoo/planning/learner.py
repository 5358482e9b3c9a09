"""What turns a text into expected accuracies and costs: what a plan learnt, to be asked about other queries."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from optllm_pymoo.data import Dataset
from optllm_pymoo.data.columns import roles_of
from optllm_pymoo.data.folder import find_file
from optllm_pymoo.data.formats import open_source
from optllm_pymoo.prediction import QueryFeatures, SuccessPredictor
from optllm_pymoo.validation import FloatArray, UserError, listed


def read_columns(
    path: str | Path, names: Sequence[str], /, *, query_id: str | None = None
) -> dict[str, dict[str, str]]:
    """Read columns that say something of queries beside their texts.

    Args:
        path: The table of the queries, or a folder that has one; where a query has several rows, the first counts.
        names: Of the columns.
        query_id: The column of ids; one with a usual name if not given, else queries are numbered.

    Returns:
        By column: texts by id.

    Raises:
        FileNotFoundError: If there is no such table.
        UserError: If there is no column of a name.
    """
    path = Path(path)
    source = open_source(find_file(path, "queries") if path.is_dir() else path)
    source.require(names)
    key = roles_of(source, query_id=query_id).query_id
    found: dict[str, dict[str, str]] = {name: {} for name in names}
    for row, cells in enumerate(source.records(list(dict.fromkeys([*names, *([key] if key else [])])))):
        for name in names:
            found[name].setdefault(cells[key].strip() if key else str(row), cells[name].strip())
    return found


class Beside(NamedTuple):
    """What is known of queries beside their texts, as features: a column per category, or a number."""

    kinds: dict[str, list[str] | float]
    """By name: the categories, or what stands for a missing number."""

    @classmethod
    def of(cls, columns: Mapping[str, Sequence[str]], /) -> Beside:
        """Learn from all queries, without labels, which columns hold numbers, and the categories of the others.

        Args:
            columns: By name: a text per query, empty where nothing is known.
        """
        kinds: dict[str, list[str] | float] = {}
        for name, texts in columns.items():
            numbers = pd.to_numeric(pd.Series(texts).replace("", None), errors="coerce")
            if np.isfinite(numbers).sum() == sum(map(bool, texts)) > 0:
                kinds[name] = float(numbers.median())
            else:
                counts = pd.Series([text for text in texts if text], dtype=object).value_counts()
                ranked = sorted(counts.items(), key=lambda each: (-each[1], str(each[0])))
                kinds[name] = [str(category) for category, _ in ranked[:_CATEGORIES]]
        return cls(kinds)

    def table(self, columns: Mapping[str, Sequence[str]] | None, /) -> npt.NDArray[np.float32]:
        """Turn columns into numbers, (N, K).

        Args:
            columns: As in `of`; a category that wasn't there then is none.

        Raises:
            UserError: If a column is missing, or a number is none.
        """
        missing = [name for name in self.kinds if name not in (columns or {})]
        if columns is None or missing:
            raise UserError(f"the plan learnt from columns beside the text, and {listed(missing)} are not given")
        parts: list[Any] = []
        for name, kind in self.kinds.items():
            texts = pd.Series(list(columns[name]), dtype=object)
            if isinstance(kind, list):
                parts += [(texts == category).to_numpy(dtype=np.float32) for category in kind]
                continue
            numbers = pd.to_numeric(texts.replace("", None), errors="coerce").to_numpy(dtype=float)
            strange = np.flatnonzero(~np.isfinite(numbers) & texts.fillna("").astype(bool).to_numpy())
            if len(strange):
                raise UserError(f"column {name!r} holds numbers; that of query {strange[0]} is {texts[strange[0]]!r}")
            parts.append(np.where(np.isfinite(numbers), numbers, kind).astype(np.float32))
        return np.column_stack(parts)


_CATEGORIES: Final = 50


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
    beside: Beside | None = None
    """What else is asked of queries; None if their texts are all."""

    @classmethod
    def of(
        cls, features: QueryFeatures, predictor: SuccessPredictor, *batches: Dataset, beside: Beside | None = None
    ) -> Learner:
        """Join what was learnt with a straight line of costs over the lengths of texts, by least squares.

        Args:
            features: Fitted on texts.
            predictor: Fitted on them.
            *batches: With texts and costs.
            beside: What the predictor takes beside the features of the texts.
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
        return cls(features, predictor, np.arange(len(level)), lines, too_long, beside)

    def changed(self, columns: Sequence[int] | np.ndarray, factors: FloatArray, /) -> Learner:
        """Keep some LLMs, at other prices.

        Args:
            columns: Places of those to keep.
            factors: What their costs are multiplied by.
        """
        lines = self.lines[:, columns]
        lines = np.where(np.arange(len(lines))[:, None] == 2, lines, lines * factors)
        return self._replace(columns=self.columns[columns], lines=lines, too_long=self.too_long[columns])

    def accuracy(self, texts: Sequence[str], columns: Mapping[str, Sequence[str]] | None = None, /) -> FloatArray:
        """Expect accuracies, (N, M).

        Args:
            texts: N texts.
            columns: What is known beside them, by name, where the plan learnt from that.

        Raises:
            UserError: If a column is missing.
        """
        table = self.features.transform(list(texts))
        if self.beside is not None:
            table = np.hstack([table, self.beside.table(columns)])
        return np.asarray(self.predictor.predict(table)[:, self.columns])

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
        if self.beside is not None:
            arrays["beside"] = np.frombuffer(json.dumps(self.beside.kinds).encode(), dtype=np.uint8)
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
        columns, lines, too_long = (arrays[name] for name in ("columns", "lines", "too_long"))
        beside = Beside(json.loads(arrays["beside"].tobytes())) if "beside" in arrays else None
        made = QueryFeatures.from_state(features), SuccessPredictor.from_state(predictor)
        return cls(*made, columns, lines, too_long, beside)
