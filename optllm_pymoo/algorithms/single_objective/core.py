"""The core: the alternatives that a better plan could use, as a small knapsack problem of its own."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from optllm_pymoo.kernels.cores import find_alternatives
from optllm_pymoo.problems import AllocationProblem
from optllm_pymoo.problems.relaxation import Relaxation


class Core(NamedTuple):
    """Alternatives to a supported plan; those of one query stand together, and queries come by their least loss."""

    first: np.ndarray
    """(C + 1,) int64; the alternatives of the c-th query are ``first[c] ... first[c + 1] - 1``."""
    query: np.ndarray
    """(K,) query."""
    llm: np.ndarray
    """(K,) LLM it could move to."""
    used: np.ndarray
    """(K,) slack that the move uses, accuracy of one query; negative if it gives some back."""
    loss: np.ndarray
    """(K,) what the move falls short of the query's maximum of accuracy - λ cost, >= 0; rising within a query."""


def core_of(
    allocation: AllocationProblem, x: np.ndarray, relaxation: Relaxation, query: np.ndarray, llm: np.ndarray, gap: float
) -> Core:
    """Collect the moves of some alternatives that lose less than a gap.

    Args:
        allocation: The batch.
        x: (N,) plan of ``relaxation.inside``.
        relaxation: What the losses and the slack are measured by.
        query: (K,) queries, grouped.
        llm: (K,) LLMs they could move to.
        gap: Gap of a plan in hand: moves that lose as much are in no better plan (Dembo and Hammer 1980).

    Returns:
        The core. O(K log K).
    """
    paid, gained = (
        table[query, llm].astype(float) - table[query, x[query]] for table in (allocation.cost, allocation.accuracy)
    )
    loss = np.maximum(0.0, relaxation.rate * paid - gained)
    used = relaxation.rate * paid if relaxation.by_cost else -gained
    kept = loss < gap
    query, llm, used, loss = (part[kept] for part in (query, llm, used, loss))
    starts = np.flatnonzero(np.diff(query, prepend=-1))
    sizes = np.diff(starts, append=len(query))
    least = np.minimum.reduceat(loss, starts) if len(starts) else np.empty(0)
    order = np.lexsort((llm, loss, query, np.repeat(least, sizes)))
    query, llm, used, loss = (part[order] for part in (query, llm, used, loss))
    first = np.append(np.flatnonzero(np.diff(query, prepend=-1)), len(query)).astype(np.int64)
    return Core(first, query, llm, used, loss)


def alternatives_of(allocation: AllocationProblem, x: np.ndarray, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """List all allowed moves of some queries away from a plan.

    Args:
        allocation: The batch.
        x: (N,) plan.
        queries: Distinct queries.

    Returns:
        Query and LLM of each move.
    """
    is_other = np.arange(allocation.n_llms) != x[queries][:, None]
    if allocation.allowed is not None:
        is_other &= allocation.allowed[queries]
    places, llm = np.nonzero(is_other)
    return queries[places], llm


def whole_core(
    allocation: AllocationProblem, x: np.ndarray, relaxation: Relaxation, gap: float, n_items: int | None
) -> tuple[Core, float]:
    """Collect the moves that lose less than a gap among all queries.

    Args:
        allocation: The batch.
        x: (N,) plan of ``relaxation.inside``.
        relaxation: What the losses are measured by.
        gap: Gap of the plan in hand.
        n_items: Keep only about so many, those that lose least; None keeps all.

    Returns:
        The core, and a gap below which no plan gets that uses a move which was left out. O(N M).
    """
    query, llm = find_alternatives(allocation.cost, allocation.accuracy, allocation.allowed, x, relaxation.rate, gap)
    core = core_of(allocation, x, relaxation, query, llm, gap)
    if n_items is None or len(core.query) <= n_items:
        return core, gap
    # every move of a query that is left out loses at least as much as the first one of the first such query
    n_queries = int(np.searchsorted(core.first, n_items, side="right")) - 1
    end = int(core.first[n_queries])
    kept = Core(core.first[: n_queries + 1], *(part[:end] for part in core[1:]))
    return kept, float(core.loss[end])
