"""A batch of queries with what every LLM costs and achieves on each of them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from optllm_pymoo.data.checks import (
    FloatArray,
    check_length,
    check_tables,
    first_place,
    frozen_table,
)
from optllm_pymoo.validation import UserError, as_names, positions_of

if TYPE_CHECKING:
    import pandas as pd

    from optllm_pymoo.data.frames import Frames
    from optllm_pymoo.problems import AllocationProblem


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Dataset:
    """Outcomes and costs of M LLMs on N queries. It is never changed: every method returns a new one.

    Args:
        cost: (N, M), US$ per call, finite and ≥ 0.
        correct: (N, M), in [0, 1]: whether the LLM answered the query correctly, or how well. NaN where
            the LLM was not tried on the query.
        llms: M different names; "llm0", "llm1", … if not given.
        query_ids: N different ids, kept as text; "0", "1", … if not given.
        texts: N query texts, if known.
        groups: N group names (task, subject, system), if known.
        about: Anything to keep about source, licence and how the numbers came about; must fit into JSON
            to be saved in a folder.

    Raises:
        ValueError: Shapes disagree, a table is empty, or a value lies outside its domain; the message
            names the first offending place.

    Examples:
        >>> data = Dataset([[0.1, 2.0], [0.1, 3.0]], [[0, 1], [1, 1]], llms=["small", "large"])
        >>> data
        Dataset(2 queries x 2 LLMs: small, large)
        >>> data.with_llms(["large"]).select([1]).cost
        array([[3.]])
    """

    cost: FloatArray
    correct: FloatArray
    llms: tuple[str, ...]
    query_ids: tuple[str, ...]
    texts: list[str] | None
    groups: list[str] | None
    about: dict[str, Any]

    def __init__(
        self,
        cost: npt.ArrayLike,
        correct: npt.ArrayLike,
        *,
        llms: Iterable[str] | None = None,
        query_ids: Iterable[Hashable] | None = None,
        texts: Iterable[str] | None = None,
        groups: Iterable[str] | None = None,
        about: Mapping[str, Any] | None = None,
    ) -> None:
        cost, correct = frozen_table("cost", cost), frozen_table("correct", correct)
        check_tables(cost, correct)
        n_queries, n_llms = cost.shape
        ids = None if query_ids is None else list(query_ids)
        state = {
            "cost": cost,
            "correct": correct,
            "llms": as_names("llms", None if llms is None else list(llms), n_llms, default="llm"),
            "query_ids": as_names("query_ids", ids, n_queries, default=""),
            "texts": None if texts is None else list(texts),
            "groups": None if groups is None else list(groups),
            "about": dict(about or {}),
        }
        self.__dict__.update(state)
        self._check_names()

    def _check_names(self) -> None:
        for what, names in (("llms", self.llms), ("query_ids", self.query_ids)):
            nameless = [position for position, name in enumerate(names) if not name.strip()]
            if nameless:
                raise UserError(f"{what} must not be empty; {what}[{nameless[0]}] is")
        for what, values in (("texts", self.texts), ("groups", self.groups)):
            if values is not None:
                check_length(values, len(self), what, "row of cost")

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore from a pickle, where arrays forget that they are read-only."""
        self.__dict__.update(state)
        self.cost.setflags(write=False)
        self.correct.setflags(write=False)

    def __len__(self) -> int:
        """Number of queries, N."""
        return int(self.cost.shape[0])

    def __repr__(self) -> str:
        """Size, LLMs and what else is known."""
        also = [name for name in ("texts", "groups") if getattr(self, name) is not None]
        tail = f"; with {' and '.join(also)}" if also else ""
        return f"Dataset({len(self)} queries x {self.n_llms} LLMs: {', '.join(self.llms)}{tail})"

    @property
    def n_llms(self) -> int:
        """Number of LLMs, M."""
        return int(self.cost.shape[1])

    @property
    def tried(self) -> npt.NDArray[np.bool_]:
        """(N, M), True where the outcome of the LLM on the query is known."""
        return ~np.isnan(self.correct)

    def problem(self, accuracy: npt.ArrayLike | None = None, /, **options: Any) -> AllocationProblem:
        """The pymoo problem of splitting these queries over these LLMs.

        Args:
            accuracy: (N, M) probabilities in [0, 1] to optimise, such as predicted ones; the known
                outcomes if not given.
            **options: Passed on to `AllocationProblem`, for instance `allowed`.

        Raises:
            ValueError: No `accuracy` is given and some outcome is not known.
        """
        from optllm_pymoo.problems import AllocationProblem

        if accuracy is None:
            self._check_complete()
            accuracy = self.correct
        return AllocationProblem(self.cost, accuracy, llms=self.llms, query_ids=self.query_ids, **options)

    def _check_complete(self) -> None:
        place = first_place(np.isnan(self.correct))
        if place is not None:
            i, j = place
            raise UserError(
                f"{self.llms[j]!r} was not tried on query {self.query_ids[i]!r}: correct[{i}, {j}] is NaN. "
                "Pass predicted accuracies, problem(accuracy), or select the queries that are fully labelled"
            )

    def select(self, rows: npt.ArrayLike | slice, /) -> Dataset:
        """The data set of some of the queries, in the order given.

        Args:
            rows: Indices, a mask of length N, or a slice.

        Raises:
            IndexError: An index is outside the data set, or the mask has another length.
            ValueError: No query is selected, or one twice.
        """
        if isinstance(rows, slice):
            index = np.arange(len(self))[rows]
        else:
            chosen = np.asarray(rows)
            index = np.arange(len(self))[chosen if chosen.size else chosen.astype(np.intp)].ravel()

        def pick(values: Sequence[Any]) -> list[Any]:
            return [values[i] for i in index.tolist()]

        return Dataset(
            self.cost[index],
            self.correct[index],
            llms=self.llms,
            query_ids=pick(self.query_ids),
            texts=None if self.texts is None else pick(self.texts),
            groups=None if self.groups is None else pick(self.groups),
            about=self.about,
        )

    def with_llms(self, names: Sequence[str], /) -> Dataset:
        """The data set of some of the LLMs, in the order given.

        Raises:
            ValueError: A name is unknown (the message has the closest) or given twice, or there is none.
        """
        columns = positions_of(names, self.llms)
        return Dataset(
            self.cost[:, columns],
            self.correct[:, columns],
            llms=names,
            query_ids=self.query_ids,
            texts=self.texts,
            groups=self.groups,
            about=self.about,
        )

    def with_outcomes(self, correct: npt.ArrayLike, /) -> Dataset:
        """The same batch with other outcomes.

        Args:
            correct: (N, M) in [0, 1], NaN where an LLM was not tried.

        Raises:
            ValueError: The shape or a value is wrong.
        """
        return Dataset(
            self.cost,
            correct,
            llms=self.llms,
            query_ids=self.query_ids,
            texts=self.texts,
            groups=self.groups,
            about=self.about,
        )

    @classmethod
    def from_frames(
        cls,
        cost: pd.DataFrame,
        correct: pd.DataFrame,
        queries: pd.DataFrame | None = None,
        *,
        about: Mapping[str, Any] | None = None,
    ) -> Dataset:
        """A data set from pandas tables that share their index; see `frames.dataset_from_frames`."""
        from optllm_pymoo.data.frames import dataset_from_frames

        return dataset_from_frames(cost, correct, queries, about=about)

    def to_frames(self) -> Frames:
        """The tables `cost`, `correct` and `queries` as pandas frames indexed by query id."""
        from optllm_pymoo.data.frames import dataset_to_frames

        return dataset_to_frames(self)
