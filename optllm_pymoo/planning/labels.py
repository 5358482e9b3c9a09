"""Splits a batch into labelled and planned queries, learns from the former and predicts the latter."""

from __future__ import annotations

import hashlib
import json
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import clone

from optllm_pymoo.data import Dataset, read_outcomes
from optllm_pymoo.data.columns import roles_of
from optllm_pymoo.data.folder import find_file
from optllm_pymoo.data.formats import open_source
from optllm_pymoo.decision.text import count
from optllm_pymoo.prediction import QueryFeatures, SuccessPredictor
from optllm_pymoo.prediction.heldout import Optimism, Shift, Skill
from optllm_pymoo.validation import FloatArray, Notice, UserError, in_full, listed


def read_columns(
    path: str | Path, names: Sequence[str], /, *, query_id: str | None = None
) -> dict[str, dict[str, str]]:
    """Read further columns about queries, in addition to their texts.

    Args:
        path: The table of the queries, or a folder with one; if a query has several rows, the first counts.
        names: Names of the columns.
        query_id: The column of ids; if not given, one with a usual name; without one, queries are numbered.

    Returns:
        By column: the text of each cell by id.

    Raises:
        FileNotFoundError: If there is no such table.
        UserError: If a column does not exist.
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
    """Features from further columns about queries: one feature per category, or a number."""

    kinds: dict[str, list[str] | float]
    """By column: the categories, or the value that replaces a missing number."""

    @classmethod
    def of(cls, columns: Mapping[str, Sequence[str]], /) -> Beside:
        """Find out from all queries, without labels, which columns have numbers, and the categories of the others.

        Args:
            columns: By name: a text per query, empty if unknown.
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
        """Convert columns to features, (N, K).

        Args:
            columns: As in `of`; a category that `of` did not find has 0 in all features.

        Raises:
            UserError: If a column is missing, or a value in a column of numbers is not a number.
        """
        missing = [name for name in self.kinds if name not in (columns or {})]
        if columns is None or missing:
            raise UserError(f"the predictions need columns besides the text, and {listed(missing)} are not given")
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
    """Features, a predictor that uses them, and costs of calls as a function of the text length."""

    features: QueryFeatures
    predictor: SuccessPredictor
    columns: np.ndarray
    """(M,) indices of the predictor's LLMs that are used."""
    lines: FloatArray
    """(5, M) by LLM: US$ at the mean length, US$ per character, the mean length, smallest and largest US$ of a call."""
    too_long: FloatArray
    """(M,) characters from which a text is too long for an LLM; infinite if no text was."""
    beside: Beside | None = None
    """The features of further columns; None if only texts are used."""

    @classmethod
    def of(
        cls, features: QueryFeatures, predictor: SuccessPredictor, *batches: Dataset, beside: Beside | None = None
    ) -> Learner:
        """Make a learner, and fit a straight line of costs over the lengths of texts by least squares.

        Args:
            features: Features fitted on texts.
            predictor: Predictor fitted on these features.
            *batches: Data sets with texts and costs.
            beside: Further columns that the predictor uses, in addition to the texts.
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
        """Return a learner of some of the LLMs, at other prices.

        Args:
            columns: Indices of the LLMs to keep.
            factors: Factors of their costs.
        """
        lines = self.lines[:, columns]
        lines = np.where(np.arange(len(lines))[:, None] == 2, lines, lines * factors)
        return self._replace(columns=self.columns[columns], lines=lines, too_long=self.too_long[columns])

    def accuracy(self, texts: Sequence[str], columns: Mapping[str, Sequence[str]] | None = None, /) -> FloatArray:
        """Predict accuracies, (N, M).

        Args:
            texts: N texts.
            columns: Further columns by name, if the learner uses some.

        Raises:
            UserError: If a column is missing.
        """
        table = self.features.transform(list(texts))
        if self.beside is not None:
            table = np.hstack([table, self.beside.table(columns)])
        return np.asarray(self.predictor.predict(table)[:, self.columns])

    def cost(self, texts: Sequence[str], /) -> FloatArray:
        """Estimate costs from the lengths of texts, clipped to the range of known costs, (N, M) US$.

        Args:
            texts: N texts.
        """
        level, slope, mean, least, most = self.lines
        length = np.array([float(len(text)) for text in texts])[:, None]
        return np.asarray(np.clip(level + slope * (length - mean), least, most))

    def state(self) -> dict[str, np.ndarray]:
        """Return the whole state as plain arrays by name, for `from_state`."""
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
        """Make a learner from the arrays that `state` returned.

        Args:
            arrays: The arrays by name.
        """
        features, predictor = (
            {name.removeprefix(f"{part}."): array for name, array in arrays.items() if name.startswith(f"{part}.")}
            for part in ("features", "predictor")
        )
        columns, lines, too_long = (arrays[name] for name in ("columns", "lines", "too_long"))
        beside = Beside(json.loads(arrays["beside"].tobytes())) if "beside" in arrays else None
        made = QueryFeatures.from_state(features), SuccessPredictor.from_state(predictor)
        return cls(*made, columns, lines, too_long, beside)


DEFAULT_SHARE: Final = 0.05
"""Share of queries to learn from if all outcomes are known and no share is given."""


NO_LABELS: Final = (
    "no query has a label; label some (`label-next` draws them at random), or pass a file of them (--labels)"
)
"""The error of a batch without labels."""


class Split(NamedTuple):
    """A batch in two parts."""

    labelled: Dataset
    """Queries to learn from: each has at least one known outcome."""
    planned: Dataset
    """Queries to be planned. Their outcomes are removed: all are NaN."""


def split_by_known(dataset: Dataset, /) -> Split:
    """Split a batch: learn from the queries with any known outcome, plan the others.

    Args:
        dataset: The batch, with NaN where an LLM was not tried on a query.

    Raises:
        UserError: If either part would be empty.
    """
    tried = dataset.tried.any(axis=1)
    if not tried.any():
        raise UserError(NO_LABELS)
    if tried.all():
        raise UserError(
            f"all {len(dataset):,} queries have labels already, so there is nothing to plan;"
            " say which share of them to learn from, for example 0.05"
        )
    return Split(dataset.select(tried), _without_outcomes(dataset.select(~tried)))


def split_by_share(dataset: Dataset, share: float, /, *, random_state: int | np.random.Generator = 0) -> Split:
    """Split a batch: learn from a random share of the queries, plan the others as if their outcomes were unknown.

    Args:
        dataset: The batch; outcomes may be missing.
        share: In (0, 1), of the queries with any known outcome; rounded up to whole queries.
        random_state: Seed or generator of the draw, which depends on ids and texts, but not on the order of the rows.

    Raises:
        UserError: If the share is outside (0, 1), or one part would be empty.

    Example:
        >>> split = split_by_share(Dataset(np.ones((10, 2)), np.ones((10, 2))), 0.25)
        >>> len(split.labelled), len(split.planned), split.planned.tried.any()
        (3, 7, np.False_)
    """
    if not 0 < share < 1:
        raise UserError(f"the labelled share must lie in (0, 1); got {in_full(share)}. For 5 % write 0.05")
    tried = np.flatnonzero(dataset.tried.any(axis=1))
    n_labelled = math.ceil(share * len(tried) - 1e-9)
    if n_labelled == 0 or n_labelled == len(dataset):
        raise UserError(
            f"a labelled share of {in_full(share)} leaves {n_labelled} of {len(dataset)} queries to learn from"
            f" and {len(dataset) - n_labelled} to plan; both parts need one at least"
        )
    mask = np.zeros(len(dataset), dtype=bool)
    mask[tried[np.argsort(draws(dataset, random_state)[tried], kind="stable")[:n_labelled]]] = True
    return Split(dataset.select(mask), _without_outcomes(dataset.select(~mask)))


def split_by(dataset: Dataset, labels: float | str | Path | None, /, *, random_state: int = 0) -> Split:
    """Split a batch by a share, a file of labels, or its known outcomes.

    Args:
        dataset: The batch.
        labels: A share of the labelled queries, a file of labels, or None: the known outcomes of the batch, or, if no
            outcome is missing, a share of `DEFAULT_SHARE`.
        random_state: Seed of the draw of a share.

    Raises:
        FileNotFoundError: If there is no file of labels.
        UserError: As `split_by_known`, `split_by_share` and `with_labels_from`.

    Example:
        >>> [len(part) for part in split_by(Dataset(np.ones((4, 1)), [[1], [0], [np.nan], [np.nan]]), None)]
        [2, 2]
    """
    if isinstance(labels, (str, Path)):
        given = with_labels_from(dataset, labels)
        unused = int((dataset.tried.any(axis=1) & ~given.tried.any(axis=1)).sum())
        if unused and not dataset.tried.all():
            said = (
                f"{count(unused, 'query has', 'queries have')} outcomes in the batch and none in {labels}; nothing is"
            )
            warnings.warn(
                f"{said} learnt from them. Enter the new labels in the batch to use all", Notice, stacklevel=2
            )
        return split_by_known(given)
    if labels is None and not dataset.tried.all():
        return split_by_known(dataset)
    return split_by_share(dataset, DEFAULT_SHARE if labels is None else labels, random_state=random_state)


def draws(dataset: Dataset, random_state: int | np.random.Generator, /) -> np.ndarray:
    """Draw a number per query by a hash of the seed, its id and its text: independent of the order of the rows.

    Args:
        dataset: N queries.
        random_state: Seed or generator.

    Returns:
        (N,) uint64.
    """
    if isinstance(random_state, np.random.Generator):
        random_state = int(random_state.integers(2**63))
    texts = [""] * len(dataset) if dataset.texts is None else dataset.texts
    keys = (f"{random_state}\0{name}\0{text}" for name, text in zip(dataset.query_ids, texts, strict=True))
    digests = (hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest() for key in keys)
    return np.frombuffer(b"".join(digests), dtype=np.uint64)


def _without_outcomes(dataset: Dataset, /) -> Dataset:
    """Return the batch without outcomes, so that later steps can't use them.

    Args:
        dataset: The batch.
    """
    return dataset.with_outcomes(np.full(dataset.correct.shape, np.nan))


def with_labels_from(dataset: Dataset, path: str | Path, /) -> Dataset:
    """Replace all outcomes by those in a file.

    Args:
        dataset: The batch; its own outcomes are dropped.
        path: A table of outcomes, see `read_outcomes`; queries and LLMs may be missing.

    Returns:
        The batch with NaN where the file has no outcome.

    Raises:
        FileNotFoundError: If there is no such file.
        DataFileError: A UserError with file, line and column, as `read_outcomes`.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no file of labels {path}")
    return dataset.with_outcomes(read_outcomes(path, dataset))


class Prediction(NamedTuple):
    """Expected accuracies of the planned queries."""

    accuracy: np.ndarray
    """(N, M) probability that an LLM answers a query correctly."""
    sigma: np.ndarray
    """(N, M) standard deviation of this probability."""
    optimism: Optimism | None
    """The amount by which plans made from the prediction expect too much accuracy."""
    shift: Shift | None
    """The difference between labelled and planned queries."""
    skill: Skill | None = None
    """How well texts predict which LLM is best for a query."""
    learner: Learner | None = None
    """The learner, for predictions of other queries; None if it isn't kept."""


def silent(message: str, /) -> None:
    """Ignore a report; the default of all functions that report their stages."""


def predict_accuracy(
    split: Split,
    /,
    *,
    features: QueryFeatures | None = None,
    random_state: int = 0,
    n_jobs: int | None = None,
    report: Callable[[str], None] = silent,
) -> Prediction:
    """Learn from the labelled part of a batch and predict the planned part.

    Features are fitted on the texts of both parts, which needs no outcomes; the predictor uses only the labelled
    part.

    Args:
        split: The two parts of the batch, with texts; ``beside`` in `about` has further columns (`read_table`).
        features: Features of texts, such as ``QueryFeatures(model)``; a clone is fitted. None: the built-in ones.
        random_state: Seed; the same seed gives the same prediction for any ``n_jobs``.
        n_jobs: Number of ensemble members fitted at a time, as in joblib.
        report: Function called with the name of each stage when it begins.

    Raises:
        UserError: If there are no texts, or an LLM has no label at all.
    """
    labelled, planned = split
    report(f"Features of {len(labelled) + len(planned):,} texts")
    fitted, beside, table = features_of(split, features, random_state=random_state)
    report(f"Learning from {count(len(labelled), 'labelled query', 'labelled queries')}")
    predictor = SuccessPredictor(random_state=random_state, n_jobs=n_jobs)
    known, asked = table[: len(labelled)], table[len(labelled) :]
    predictor.fit(known, labels_of(labelled), cost=labelled.cost, planned=asked)
    report(f"Predicting {len(planned):,} queries on {planned.n_llms} LLMs")
    accuracy, sigma = predictor.predict(asked, return_std=True)
    learner = Learner.of(fitted, predictor, labelled, planned, beside=beside)
    return Prediction(accuracy, sigma, predictor.optimism_, predictor.shift_, predictor.skill_, learner)


def features_of(
    split: Split, features: QueryFeatures | None = None, /, *, random_state: int = 0
) -> tuple[QueryFeatures, Beside | None, np.ndarray]:
    """Compute the features of the queries of both parts, without labels.

    Args:
        split: The two parts, with texts; ``beside`` in `about` has further columns.
        features: As in `predict_accuracy`.
        random_state: Seed of the built-in features.

    Returns:
        The fitted features of texts, those of further columns, and the table of both, first for the labelled and then
        for the planned queries, (n + N, D).

    Raises:
        UserError: If there are no texts.
    """
    labelled, planned = split
    if labelled.texts is None or planned.texts is None:
        raise UserError(
            "the batch has no texts, so nothing can be predicted; give queries a column 'text' (folder)"
            " or 'query', 'text' or 'prompt' (wide file)"
        )
    fitted, beside = QueryFeatures(random_state=random_state) if features is None else clone(features), None
    table = fitted.fit_transform(labelled.texts + planned.texts)
    if by_name := labelled.about.get("beside"):
        ids = [*labelled.query_ids, *planned.query_ids]
        columns = {name: [of.get(query_id, "") for query_id in ids] for name, of in by_name.items()}
        beside = Beside.of(columns)
        table = np.hstack([table, beside.table(columns)])
    return fitted, beside, table


def labels_of(labelled: Dataset, /) -> np.ndarray:
    """Return the outcomes to learn from, (n, M), NaN where an LLM wasn't tried.

    Args:
        labelled: The queries to learn from.

    Raises:
        UserError: If an LLM has no label at all.
    """
    unlabelled = np.flatnonzero(~labelled.tried.any(axis=0))
    if len(unlabelled):
        names = ", ".join(repr(labelled.llms[j]) for j in unlabelled)
        raise UserError(f"no labelled query has an outcome of {names}; label some, or leave the LLM out")
    return labelled.correct
