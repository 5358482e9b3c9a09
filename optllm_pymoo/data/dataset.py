"""A batch of queries with the cost and the outcome of every LLM on each query."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from optllm_pymoo.data.estimates import completed, sizes_of
from optllm_pymoo.data.prices import PriceTable
from optllm_pymoo.validation import (
    FloatArray,
    UserError,
    as_names,
    as_table,
    first_duplicate,
    positions_of,
    shown,
)


class Frames(NamedTuple):
    """The three tables of a data set, indexed by query id."""

    cost: pd.DataFrame
    correct: pd.DataFrame
    queries: pd.DataFrame


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Dataset:
    """Outcomes and costs of M LLMs on N queries. It is immutable: every method returns a new data set.

    Args:
        cost: (N, M), US$ per call, finite and ≥ 0.
        correct: (N, M), in [0, 1]: whether the LLM answered the query correctly, or how well. NaN where
            the LLM was not tried on the query.
        llms: M different names; "llm0", "llm1", … if not given.
        query_ids: N different ids, kept as text; "0", "1", … if not given.
        texts: N query texts, if known.
        groups: N group names (task, subject, system), if known.
        about: Notes on the source, the licence and how the numbers were measured; must be serialisable as JSON
            to be saved in a folder.

    Raises:
        UserError: Shapes disagree, a table is empty, or a value lies outside its domain; the message names the first
            offending place.

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
        cost = _frozen(as_table("cost", cost, lower=0.0))
        correct = _frozen(as_table("correct", correct, lower=0.0, upper=1.0, missing=True))
        if cost.shape != correct.shape:
            raise UserError(f"cost and correct must have the same shape (N, M); got {cost.shape} and {correct.shape}")
        n_queries, n_llms = cost.shape
        ids = None if query_ids is None else list(query_ids)
        state = {
            "cost": cost,
            "correct": correct,
            "llms": as_names(
                "llms",
                llms if llms is None or isinstance(llms, str) else [str(name).strip() for name in llms],
                n_llms,
                default="llm",
            ),
            "query_ids": as_names("query_ids", ids, n_queries, default=""),
            "texts": None if texts is None else _texts(texts),
            "groups": None if groups is None else _texts(groups),
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
            if values is not None and len(values) != len(self):
                raise UserError(f"{what} must have one entry per row of cost, {len(self)}; got {len(values)}")

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore from a pickle, and make the arrays read-only again: a pickle does not keep this flag."""
        self.__dict__.update(state)
        self.cost.setflags(write=False)
        self.correct.setflags(write=False)

    def __len__(self) -> int:
        """Number of queries, N."""
        return int(self.cost.shape[0])

    def __repr__(self) -> str:
        """Return the size, the names of the LLMs, and whether texts and groups are known."""
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

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all data that a predictor can learn from."""
        found = hashlib.sha256()
        for table in (self.cost, self.correct):
            found.update(np.ascontiguousarray(table, dtype="<f8").data)
        for names in (self.llms, self.query_ids, self.texts or ()):
            found.update("\0".join(names).encode("utf-8", "surrogatepass"))
        return found.hexdigest()

    def select(self, rows: npt.ArrayLike | slice, /) -> Dataset:
        """The data set of some of the queries, in the order given.

        Args:
            rows: Indices, a mask of length N, or a slice.

        Raises:
            UserError: An index is outside the data set, the mask does not have length N, no query is selected, or a
                query is selected twice.
        """
        if isinstance(rows, slice):
            index = np.arange(len(self))[rows]
        else:
            chosen = np.asarray(rows)
            index = np.arange(len(self))[chosen if chosen.size else chosen.astype(np.intp)].ravel()

        def pick(values: Sequence[Any]) -> list[Any]:
            return [values[i] for i in index.tolist()]

        return self._replaced(
            cost=self.cost[index],
            correct=self.correct[index],
            query_ids=pick(self.query_ids),
            texts=None if self.texts is None else pick(self.texts),
            groups=None if self.groups is None else pick(self.groups),
        )

    def with_llms(self, names: Sequence[str], /) -> Dataset:
        """The data set of some of the LLMs, in the order given.

        Raises:
            UserError: A name is unknown (the message shows the closest one) or given twice, or no name is given.
        """
        columns = positions_of(names, self.llms)
        return self._replaced(cost=self.cost[:, columns], correct=self.correct[:, columns], llms=names)

    def with_outcomes(self, correct: npt.ArrayLike, /) -> Dataset:
        """The same batch with other outcomes.

        Args:
            correct: (N, M) in [0, 1], NaN where an LLM was not tried.

        Raises:
            UserError: The shape or a value is wrong.
        """
        return self._replaced(correct=correct)

    def with_cost(self, cost: npt.ArrayLike, /) -> Dataset:
        """The same batch at other costs.

        Args:
            cost: (N, M), US$ per call.

        Raises:
            UserError: The shape or a value is wrong.
        """
        return self._replaced(cost=cost)

    def with_about(self, about: Mapping[str, Any], /) -> Dataset:
        """The same batch with entries added to `about`; an entry with the same name is replaced."""
        return self._replaced(about={**self.about, **about})

    def _replaced(self, **changes: Any) -> Dataset:
        """Return a copy of the data set with some arguments of its constructor replaced."""
        return Dataset(**{**self.__dict__, **changes})

    @classmethod
    def joined(cls, parts: Sequence[Dataset], /) -> Dataset:
        """The queries of several data sets of the same LLMs, one after another; `about` is that of the first.

        Args:
            parts: At least one data set. The result has texts and groups only if all parts have them.

        Raises:
            UserError: Two parts have a query in common.

        Examples:
            >>> one, two = Dataset([[1, 2]], [[0, 1]], query_ids=["a"]), Dataset([[3, 4]], [[1, 1]], query_ids=["b"])
            >>> Dataset.joined([one, two]).query_ids
            ('a', 'b')
        """
        texts, groups = (
            None
            if any(getattr(part, name) is None for part in parts)
            else [x for part in parts for x in getattr(part, name)]
            for name in ("texts", "groups")
        )
        return parts[0]._replaced(
            cost=np.vstack([part.cost for part in parts]),
            correct=np.vstack([part.correct for part in parts]),
            query_ids=[name for part in parts for name in part.query_ids],
            texts=texts,
            groups=groups,
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
        """A data set from tables that are matched by query id (the index) and LLM (the columns).

        Args:
            cost: (N, M), US$ per call. Its index and columns give the order of queries and LLMs.
            correct: Outcomes in [0, 1] with the same columns. Queries of `cost` that are missing here count as
                not tried.
            queries: Columns `text` and `group`, each optional, for all queries of `cost`.
            about: Stored in the data set as `about`.

        Raises:
            UserError: An id or LLM occurs twice, is unknown to `cost`, or is missing.

        Examples:
            >>> cost = pd.DataFrame({"small": [0.1, 0.2], "large": [1.0, 2.0]}, index=["q1", "q2"])
            >>> correct = pd.DataFrame({"large": [1], "small": [0]}, index=["q2"])
            >>> Dataset.from_frames(cost, correct).correct
            array([[nan, nan], [ 0.,  1.]])
        """
        for name, frame in (("cost", cost), ("correct", correct), ("queries", queries)):
            if frame is not None:
                _check_unique(frame.index.tolist(), f"{name}.index")
                _check_unique(frame.columns.tolist(), f"{name}.columns")
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
            texts=None if queries is None or "text" not in queries else queries["text"],
            groups=None if queries is None or "group" not in queries else queries["group"],
            about=about,
        )

    @classmethod
    def from_long(
        cls,
        frame: pd.DataFrame,
        /,
        *,
        prices: PriceTable | None = None,
        queries: pd.DataFrame | None = None,
        about: Mapping[str, Any] | None = None,
    ) -> Dataset:
        """A data set from a table with one row per query and LLM. Costs of calls that weren't made are estimated.

        Args:
            frame: Columns `query_id`, `llm`, and as far as known `score`, `cost_usd`, `input_tokens`, `output_tokens`.
            prices: Prices per token, for calls without a `cost_usd`; `PriceTable.key_of` finds the price of an LLM, and
                an LLM in the mode `@batch` has the batch price.
            queries: All queries, also those without any call: columns `query_id`, and where known `text` and `group`.
                If not given, the queries of `frame`.
            about: Stored in the data set as `about`, with two new entries by LLM: `estimated_costs`, the number of its
                estimated costs, and `cost_errors`, the possible relative error of its total cost that results from
                them (None if too few costs are known).

        Raises:
            UserError: A pair of query and LLM has two rows, a query is unknown, or no cost of an LLM is known.

        Examples:
            >>> calls = pd.DataFrame({"query_id": ["a", "b"], "llm": "yi", "score": [1, 0], "cost_usd": [0.1, 0.3]})
            >>> data = Dataset.from_long(calls, queries=pd.DataFrame({"query_id": ["a", "b", "c"]}))
            >>> data.cost.ravel().tolist(), data.about["estimated_costs"]
            ([0.1, 0.3, 0.2], {'yi': 1})
        """
        ids = pd.Index((frame if queries is None else queries)["query_id"].astype(str).drop_duplicates())
        llms = pd.Index(frame["llm"].astype(str).drop_duplicates())
        if frame.empty:
            raise UserError("no call is known, so nothing can be learnt; one LLM on one query is needed at least")
        rows, columns = (
            index.get_indexer(pd.Index(frame[name].astype(str))) for index, name in ((ids, "query_id"), (llms, "llm"))
        )
        if (rows < 0).any():
            raise UserError(f"queries lacks a query of the calls: {shown(frame['query_id'].iloc[int(rows.argmin())])}")
        twice = frame.duplicated(["query_id", "llm"])
        if twice.any():
            query, llm = frame.loc[twice, ["query_id", "llm"]].iloc[0]
            raise UserError(f"query {shown(query)} has two rows of {shown(llm)}; keep one, or put in their mean")

        def table(name: str) -> FloatArray:
            values = np.full((len(ids), len(llms)), np.nan)
            if name in frame:
                values[rows, columns] = pd.to_numeric(frame[name]).to_numpy(dtype=np.float64)
            return values

        known = None if queries is None else queries.drop_duplicates("query_id")
        texts, groups = (
            None if known is None or name not in known else _texts(known[name]) for name in ("text", "group")
        )
        codes = pd.factorize(pd.Series(groups))[0].astype(np.intp) if groups else None
        cost, tokens = table("cost_usd"), np.stack([table("input_tokens"), table("output_tokens")], axis=-1)
        sizes = sizes_of(texts, tokens[:, :, 0], codes)
        counts: dict[str, int] = {}
        errors: dict[str, float | None] = {}
        for j, llm in enumerate(llms):
            own = None if prices is None or np.isnan(tokens[:, j]).all() else prices.of_column(llm)
            price = None if own is None else own.prices[0]
            cost[:, j], gaps, error = completed(cost[:, j], tokens[:, j], price, sizes, codes)
            if gaps == len(ids):
                problem = f"no cost of {shown(llm)} is known, so none can be estimated"
                raise UserError(f"{problem}; give prices that have it, a few costs, or leave the LLM out")
            if gaps:
                counts[llm], errors[llm] = gaps, error if np.isfinite(error) else None
        estimates = {"estimated_costs": counts, "cost_errors": errors} if counts else {}
        return Dataset(
            cost,
            table("score"),
            llms=llms,
            query_ids=ids,
            texts=texts,
            groups=groups,
            about={**(about or {}), **estimates},
        )

    @property
    def providers(self) -> dict[str, tuple[str, ...]]:
        """Names of LLMs by provider, in the data set's order; LLMs without a known provider are left out.

        The providers are read from ``about["llms"]``, a list of objects with ``name`` and ``provider``, as in
        `about.json`; entries of another form are ignored. If an LLM is not in this list, the part of its name before
        the first slash is its provider: ``openai/gpt-4``.

        Examples:
            >>> about = {"llms": [{"name": "yi", "provider": "TogetherAI"}, {"name": "gone", "provider": "AI21"}]}
            >>> Dataset([[1, 2, 3]], [[0, 1, 1]], llms=["yi", "openai/gpt-4", "own"], about=about).providers
            {'TogetherAI': ('yi',), 'openai': ('openai/gpt-4',)}
        """
        listed = self.about.get("llms")
        entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
        pairs = [(entry.get("name"), entry.get("provider")) for entry in entries]
        named = {name: who.strip() for name, who in pairs if isinstance(name, str) and isinstance(who, str)}
        found: dict[str, tuple[str, ...]] = {}
        for llm in self.llms:
            prefix, slash, _ = llm.partition("/")
            provider = named.get(llm) or (prefix.strip() if slash else "")
            if provider:
                found[provider] = (*found.get(provider, ()), llm)
        return found

    def to_frames(self) -> Frames:
        """The tables `cost`, `correct` and `queries` as pandas frames indexed by query id."""
        index = pd.Index(self.query_ids, name="query_id")
        columns = list(self.llms)
        known = {"text": self.texts, "group": self.groups}
        queries = pd.DataFrame({name: values for name, values in known.items() if values is not None}, index=index)
        cost = pd.DataFrame(self.cost.copy(), index=index, columns=columns)
        return Frames(cost, pd.DataFrame(self.correct.copy(), index=index, columns=columns), queries)


def _frozen(table: FloatArray) -> FloatArray:
    """Return a read-only float64 copy; a read-only float64 array is returned as it is."""
    if table.dtype == np.float64 and (table.base is None or not table.base.flags.writeable):
        return table
    copy = np.array(table, dtype=np.float64)
    copy.setflags(write=False)
    return copy


def _texts(values: Iterable[Any]) -> list[str]:
    """Return texts or groups as strings; a missing value (None, NaN) becomes the empty string."""
    return ["" if value is None or value is pd.NA or value != value else str(value) for value in values]


def _check_ids(needed: pd.Index, known: pd.Index, problem: str) -> None:
    absent = ~needed.isin(known)
    if absent.any():
        raise UserError(f"{problem}: {shown(needed[absent].tolist()[0])}")


def _check_unique(names: Sequence[Hashable], what: str) -> None:
    """Refuse names that occur twice."""
    twice = first_duplicate(names)
    if twice is not None:
        earlier, later = twice
        raise UserError(f"{what} must be unique; {shown(names[later])} is both {what}[{earlier}] and {what}[{later}]")
