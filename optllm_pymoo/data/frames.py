"""Data sets out of and into pandas frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from optllm_pymoo.data.checks import check_unique
from optllm_pymoo.data.dataset import Dataset
from optllm_pymoo.validation import UserError, positions_of


class Frames(NamedTuple):
    """The three tables of a data set, indexed by query id."""

    cost: pd.DataFrame
    correct: pd.DataFrame
    queries: pd.DataFrame


def dataset_from_frames(
    cost: pd.DataFrame,
    correct: pd.DataFrame,
    queries: pd.DataFrame | None = None,
    *,
    about: Mapping[str, Any] | None = None,
) -> Dataset:
    """A data set from tables that are matched by query id (the index) and LLM (the columns).

    Args:
        cost: (N, M), US$ per call. Its index and columns give the order of queries and LLMs.
        correct: Outcomes in [0, 1] with the same columns. Queries of `cost` that are absent here count as
            not tried.
        queries: Columns `text` and `group`, each optional, for all queries of `cost`.
        about: Kept with the data set.

    Raises:
        ValueError: An id or LLM occurs twice, is unknown to `cost`, or is missing.

    Examples:
        >>> cost = pd.DataFrame({"small": [0.1, 0.2], "large": [1.0, 2.0]}, index=["q1", "q2"])
        >>> correct = pd.DataFrame({"large": [1], "small": [0]}, index=["q2"])
        >>> dataset_from_frames(cost, correct).correct
        array([[nan, nan], [ 0.,  1.]])
    """
    for name, frame in (("cost", cost), ("correct", correct), ("queries", queries)):
        if frame is not None:
            check_unique(frame.index.tolist(), f"{name}.index")
            check_unique(frame.columns.tolist(), f"{name}.columns")
    llms = cost.columns.tolist()
    positions_of(correct.columns.tolist(), llms)
    positions_of(llms, correct.columns.tolist(), kind="column of correct")
    _check_ids(correct.index, cost.index, "correct has a query that cost lacks")
    if queries is not None:
        _check_ids(cost.index, queries.index, "queries lacks a query of cost")
        queries = queries.reindex(cost.index)
    return Dataset(
        cost.to_numpy(dtype="float64"),
        correct.reindex(index=cost.index, columns=llms).to_numpy(dtype="float64", na_value=float("nan")),
        llms=llms,
        query_ids=cost.index.tolist(),
        texts=_column(queries, "text"),
        groups=_column(queries, "group"),
        about=about,
    )


def dataset_to_frames(dataset: Dataset, /) -> Frames:
    """The tables of a data set; `queries` has the columns `text` and `group` as far as they are known."""
    index = pd.Index(dataset.query_ids, name="query_id")
    columns = list(dataset.llms)
    known = {"text": dataset.texts, "group": dataset.groups}
    queries = pd.DataFrame({name: values for name, values in known.items() if values is not None}, index=index)
    cost = pd.DataFrame(dataset.cost.copy(), index=index, columns=columns)
    return Frames(cost, pd.DataFrame(dataset.correct.copy(), index=index, columns=columns), queries)


def _check_ids(needed: pd.Index, known: pd.Index, problem: str) -> None:
    absent = ~needed.isin(known)
    if absent.any():
        raise UserError(f"{problem}: {needed[absent].tolist()[0]!r}")


def _column(frame: pd.DataFrame | None, name: str) -> list[str] | None:
    return None if frame is None or name not in frame.columns else [str(value) for value in frame[name]]
