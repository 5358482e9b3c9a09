"""Small tables to try things on: a named dict of edge cases, and hypothesis strategies."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from optllm_pymoo import AllocationProblem, SupportedFront


class Tables(NamedTuple):
    """Costs, accuracies and mask of a batch, as the constructors take them."""

    cost: np.ndarray
    accuracy: np.ndarray
    allowed: np.ndarray | None = None

    def front(self) -> SupportedFront:
        """Build the exact front."""
        return SupportedFront(self.cost, self.accuracy, self.allowed)

    def problem(self, **options: Any) -> AllocationProblem:
        """Build the problem."""
        return AllocationProblem(self.cost, self.accuracy, allowed=self.allowed, **options)


def _random(seed: int, n_queries: int, n_llms: int) -> Tables:
    rng = np.random.default_rng(seed)
    return Tables(rng.lognormal(size=(n_queries, n_llms)), rng.random((n_queries, n_llms)))


def _edge_cases() -> dict[str, Tables]:
    plain = _random(1, 5, 4)
    labels = (_random(2, 5, 4).accuracy > 0.5).astype(float)
    best_everywhere = Tables(plain.cost.copy(), plain.accuracy.copy())
    best_everywhere.cost[:, 2], best_everywhere.accuracy[:, 2] = 0.01, 1.0
    collinear = Tables(np.array([[1.0, 2.0, 3.0], [4.0, 6.0, 8.0]]), np.array([[0.0, 0.25, 0.5], [0.0, 0.5, 1.0]]))
    bent = Tables(np.array([[0.0, 1.0, 2.0, 4.0, 2.0]] * 2), np.array([[0.0, 0.25, 0.5, 0.625, 0.375]] * 2))
    allowed = np.array([[0, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1], [1, 1, 1, 1], [0, 1, 0, 1]], dtype=bool)
    return {
        "random": plain,
        "one query": _random(3, 1, 4),
        "one LLM": _random(4, 5, 1),
        "one query, one LLM": _random(5, 1, 1),
        "labels of 0 and 1": Tables(plain.cost, labels),
        "nothing is ever right": Tables(plain.cost, np.zeros((5, 4))),
        "everything is always right": Tables(plain.cost, np.ones((5, 4))),
        "equal costs": Tables(np.full((5, 4), 2.0), plain.accuracy),
        "all costs zero": Tables(np.zeros((5, 4)), plain.accuracy),
        "one LLM free": Tables(plain.cost * [0.0, 1.0, 1.0, 1.0], plain.accuracy),
        "all equal": Tables(np.ones((5, 4)), np.full((5, 4), 0.5)),
        "duplicated LLMs": Tables(np.repeat(plain.cost, 2, axis=1), np.repeat(plain.accuracy, 2, axis=1)),
        "duplicated queries": Tables(np.repeat(plain.cost, 2, axis=0)[:6], np.repeat(plain.accuracy, 2, axis=0)[:6]),
        "one best everywhere": best_everywhere,
        "dearer is worse": Tables(np.array([[1.0, 2.0, 3.0]] * 3), np.array([[0.9, 0.5, 0.1]] * 3)),
        "collinear": collinear,
        "collinear, then flatter": bent,
        "masked on the hull": Tables(
            bent.cost, bent.accuracy, np.array([[1, 1, 0, 1, 1], [1, 0, 1, 1, 0]], dtype=bool)
        ),
        "float32": Tables(plain.cost.astype(np.float32), plain.accuracy.astype(np.float32)),
        "masked": Tables(plain.cost, plain.accuracy, allowed),
        "masked to one plan": Tables(plain.cost, plain.accuracy, np.eye(5, 4, k=-1, dtype=bool) | (np.arange(4) == 0)),
        "tiny costs": Tables(plain.cost * 1e-12, plain.accuracy),
        "huge costs": Tables(plain.cost * 1e12, plain.accuracy),
        "tiny gains": Tables(plain.cost, 0.5 + 1e-6 * plain.accuracy),
    }


EDGE_CASES = _edge_cases()
"""Named cases of at most 6 queries and 8 LLMs."""


@st.composite
def tables(
    draw: st.DrawFn, *, max_queries: int = 5, max_llms: int = 4, masks: bool = True, kinds: str = "random tied labels"
) -> Tables:
    """Draw tables.

    ``random``: continuous, no ties. ``tied``: whole dollars, accuracies in eighths, so that all sums are exact in
    float64 and equal efficiencies are equal bit for bit. ``labels``: the same with accuracies of 0 and 1.
    """
    shape = draw(st.integers(1, max_queries)), draw(st.integers(1, max_llms))
    kind = draw(st.sampled_from(kinds.split()))
    if kind == "random":
        cost, accuracy, _ = _random(draw(st.integers(0, 10**6)), *shape)
    else:
        cost = draw(arrays(np.int64, shape, elements=st.integers(0, 6))).astype(float)
        steps = 8 if kind == "tied" else 1
        accuracy = draw(arrays(np.int64, shape, elements=st.integers(0, steps))) / steps
    if draw(st.booleans()):
        cost, accuracy = cost.astype(np.float32), accuracy.astype(np.float32)
    allowed = None
    if masks and draw(st.booleans()):
        allowed = draw(arrays(np.bool_, shape))
        allowed[np.arange(shape[0]), draw(arrays(np.int64, shape[0], elements=st.integers(0, shape[1] - 1)))] = True
    return Tables(cost, accuracy, allowed)


def allocations(given: Tables, n: int, seed: int) -> np.ndarray:
    """Draw n allocations (n, N), int8, uniform among the LLMs that are allowed."""
    score = np.random.default_rng(seed).random((n, *given.cost.shape))
    if given.allowed is not None:
        score[:, ~given.allowed] = -1.0
    return score.argmax(axis=2).astype(np.int8)
