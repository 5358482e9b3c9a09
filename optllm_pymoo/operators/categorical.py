"""Operators for categories that pymoo lacks: sampling, mutation, repair and elimination of duplicates."""

from __future__ import annotations

from typing import Any

import numpy as np
from pymoo.core.duplicate import DuplicateElimination
from pymoo.core.mutation import Mutation
from pymoo.core.population import Population
from pymoo.core.repair import Repair
from pymoo.core.sampling import Sampling
from pymoo.operators.sampling.lhs import sampling_lhs_unit

from optllm_pymoo.problems import AllocationProblem, allocation_of
from optllm_pymoo.validation import UserError


class CategoricalSampling(Sampling):
    """Draw allocations uniformly: each query gets one of its allowed LLMs with equal probability.

    Args:
        extremes: Put `AllocationProblem.extremes` (the cheapest and the most accurate plan, with latency the fastest)
            into the first rows: a warm start. The other rows are those of the cold start with the same seed.
        stratified: Latin hypercube sampling on categories: over the n samples, each of the k LLMs allowed for
            a query appears n/k times, give or take less than two.

    Example:
        >>> from optllm_pymoo import AllocationProblem
        >>> problem = AllocationProblem([[1, 2], [1, 3]], [[0.2, 0.6], [0.5, 0.9]])
        >>> CategoricalSampling(extremes=True)(problem, 3, random_state=np.random.default_rng(1)).get("X")[:2]
        array([[0, 0],
               [1, 1]], dtype=int8)
    """

    def __init__(self, *, extremes: bool = False, stratified: bool = False) -> None:
        super().__init__()
        self.extremes = extremes
        self.stratified = stratified

    def _do(
        self, problem: AllocationProblem, n_samples: int, *args: Any, random_state: np.random.Generator, **kwargs: Any
    ) -> np.ndarray:
        """Return (n_samples, N) allocations."""
        problem = allocation_of(problem, self.name)
        counts, lists = np.array([problem.n_llms]), None
        if problem.allowed is not None:
            counts, lists = allowed_lists(problem.allowed)
        shape = n_samples, problem.n_queries
        places: np.ndarray
        if self.stratified:
            # the unit sample lies in (0, 1], with the 1 included
            unit = sampling_lhs_unit(*shape, random_state=random_state)
            places = np.minimum((unit * counts).astype(np.int32), counts - 1)
        else:
            dtype = np.int8 if counts.max() <= np.iinfo(np.int8).max else np.int32
            # one bound for all cells is drawn several times faster than an array of bounds
            places = random_state.integers(0, counts if len(counts) > 1 else counts[0], size=shape, dtype=dtype)
        plans = places if lists is None else lists[np.arange(problem.n_queries), places]
        plans = plans.astype(problem.assignment_dtype, copy=False)
        if self.extremes:
            extremes = problem.extremes()[:n_samples]
            plans[: len(extremes)] = extremes
        return plans


class RandomResetMutation(Mutation):
    """Send some queries to another allowed LLM, drawn uniformly.

    The current LLM of a query is never drawn, unless it is the only one. Values keep their type.

    Args:
        prob: Probability that an individual is mutated, as in pymoo.
        prob_var: Probability that a query of a mutated individual moves; by default 1/N, at most 1/2.
        **kwargs: pymoo's own: ``name``, ``vtype``, ``repair``.

    Example:
        >>> from pymoo.core.population import Population
        >>> from optllm_pymoo import AllocationProblem
        >>> problem = AllocationProblem([[1, 2], [1, 3]], [[0.2, 0.6], [0.5, 0.9]])
        >>> pop = Population.new(X=np.array([[0, 1]]))
        >>> RandomResetMutation(prob_var=1.0)(problem, pop, random_state=np.random.default_rng(1)).get("X")
        array([[1, 0]])
    """

    def __init__(self, *, prob: float = 1.0, prob_var: float | None = None, **kwargs: Any) -> None:
        super().__init__(prob=prob, prob_var=prob_var, **kwargs)

    def _do(
        self, problem: AllocationProblem, X: np.ndarray, *args: Any, random_state: np.random.Generator, **kwargs: Any
    ) -> np.ndarray:
        """Return (n, N) mutated allocations."""
        prob_var = self.get_prob_var(problem, size=len(X))
        plans, queries = self.choose_cells(X.shape, prob_var, random_state)
        mutated = X.copy()
        mutated[plans, queries] = draw_other(problem.n_llms, problem.allowed, queries, X[plans, queries], random_state)
        return mutated

    @staticmethod
    def choose_cells(
        shape: tuple[int, ...], prob: np.ndarray, random_state: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Choose each cell of row p independently with probability ``prob[p]``.

        A binomial draw gives the number of chosen cells of a row, and a draw without replacement the cells. The
        distribution is that of one comparison per cell; memory, and mostly time, are proportional to the chosen cells.

        Args:
            shape: (n, N).
            prob: (n,) probabilities.
            random_state: Source of the draws.

        Returns:
            Row and column numbers of the chosen cells.
        """
        n_rows, n_columns = shape
        counts = random_state.binomial(n_columns, prob)
        columns = [random_state.choice(n_columns, count, replace=False, shuffle=False) for count in counts]
        return np.repeat(np.arange(n_rows), counts), np.concatenate([np.empty(0, dtype=np.intp), *columns])


class AllowedRepair(Repair):
    """Round and clip to LLM numbers 0 ... M-1; replace LLMs that are not allowed by a random allowed one.

    Numeric operators (SBX, polynomial mutation, particle swarms) should work on floats (``vtype=float``) and
    leave rounding to this repair: on integer arrays they truncate, and LLM numbers drift downward. Pass it to the
    algorithm (``repair=AllowedRepair()``), which passes its random state on; with a repair of an operator, pymoo
    doesn't.

    Raises:
        UserError: If a value is NaN, or an LLM has to be drawn and there is no ``random_state``.

    Example:
        >>> from pymoo.core.population import Population
        >>> from optllm_pymoo import AllocationProblem
        >>> problem = AllocationProblem([[1, 2], [1, 3]], [[0.2, 0.6], [0.5, 0.9]], allowed=[[1, 1], [1, 0]])
        >>> pop = Population.new(X=np.array([[0.7, 1.0]]))
        >>> AllowedRepair()(problem, pop, random_state=np.random.default_rng(1)).get("X")
        array([[1, 0]], dtype=int8)
    """

    def __init__(self) -> None:
        super().__init__()

    def _do(
        self,
        problem: AllocationProblem,
        X: np.ndarray,
        *args: Any,
        random_state: np.random.Generator | None = None,
        **kwargs: Any,
    ) -> np.ndarray:
        """Return (n, N) allocations of the problem's ``assignment_dtype``."""
        if len(X) == 0:
            return X
        if X.dtype.kind == "f":
            if np.isnan(X.min()):
                p, i = np.argwhere(np.isnan(X))[0].tolist()
                raise UserError(f"an allocation holds numbers that can be rounded; X[{p}, {i}] = nan")
            X = np.rint(X)
        plans: np.ndarray = np.clip(X, 0, problem.n_llms - 1).astype(problem.assignment_dtype)
        if problem.allowed is None:
            return plans
        rows, queries = np.nonzero(~problem.allowed[np.arange(problem.n_queries), plans])
        if len(rows):
            if random_state is None:
                raise UserError(
                    f"X[{rows[0]}, {queries[0]}] = {plans[rows[0], queries[0]]} is not allowed, and"
                    " AllowedRepair got no random_state to draw another LLM; pass AllowedRepair to the algorithm,"
                    " not to an operator"
                )
            distinct, place = np.unique(queries, return_inverse=True)
            counts, lists = allowed_lists(problem.allowed[distinct])
            plans[rows, queries] = lists[place, random_state.integers(0, counts[place])]
        return plans


class RowDuplicateElimination(DuplicateElimination):
    """Find equal allocations by a set of their bytes, O(n N) instead of pymoo's O(n² N) distances.

    Decides like pymoo's `DefaultDuplicateElimination` on integers of any type: of equal allocations the first stays,
    and one that equals a member of another population is removed.

    Example:
        >>> pop = Population.new(X=np.array([[0, 1], [2, 0], [0, 1]]))
        >>> RowDuplicateElimination().do(pop).get("X").tolist()
        [[0, 1], [2, 0]]
    """

    def _do(self, pop: Population, other: Population | None, is_duplicate: np.ndarray) -> np.ndarray:
        """Mark in ``is_duplicate`` (n,) the members that equal an earlier member of ``pop``, or any of ``other``."""
        X = self.func(pop)
        rows = X if other is None else self.func(other)
        dtype = np.result_type(X, rows)
        seen = set() if other is None else set(_row_bytes(rows, dtype))
        for k, row in enumerate(_row_bytes(X, dtype)):
            is_duplicate[k] |= row in seen
            if other is None:
                seen.add(row)
        return is_duplicate


def _row_bytes(X: np.ndarray, dtype: np.dtype[Any]) -> list[bytes]:
    """Return the bytes of each row; they are equal if and only if the rows are equal."""
    # adding zero turns -0.0, a possible result of rounding, into 0.0
    rows = X.astype(dtype, copy=False) + dtype.type(0)
    return [row.tobytes() for row in rows]


def allowed_lists(allowed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turn a mask into lists.

    Args:
        allowed: (k, M) bool, at least one True per row.

    Returns:
        (k,) number of allowed LLMs, and (k, M) their rising numbers, followed by the others.
    """
    return np.count_nonzero(allowed, axis=1), np.argsort(~allowed, axis=1, kind="stable")


def draw_other(
    n_llms: int, allowed: np.ndarray | None, queries: np.ndarray, current: np.ndarray, random_state: np.random.Generator
) -> np.ndarray:
    """Draw, for each of some queries, an allowed LLM other than the current one.

    Args:
        n_llms: M.
        allowed: (N, M) bool; None allows all.
        queries: (k,) query numbers, repeats allowed.
        current: (k,) LLM numbers, any integer type; they may be forbidden.
        random_state: Source of the draws.

    Returns:
        (k,) LLM numbers; the current one if there is no other.
    """
    current = current.astype(np.intp)
    if allowed is None:
        if n_llms == 1:
            return current
        drawn = random_state.integers(0, n_llms - 1, size=len(current))
        # numbers from the current one on are raised by one: every other LLM is equally likely
        return np.asarray(drawn + (drawn >= current))
    rows, place = np.unique(queries, return_inverse=True)
    counts, lists = allowed_lists(allowed[rows])
    is_allowed = allowed[queries, current]
    rank = np.cumsum(allowed[rows], axis=1)[place, current] - 1
    others = counts[place] - is_allowed
    drawn = random_state.integers(0, np.maximum(others, 1))
    drawn += is_allowed & (drawn >= rank)
    return np.where(others > 0, lists[place, np.minimum(drawn, n_llms - 1)], current)
