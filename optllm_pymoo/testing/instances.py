"""Small batches with every awkwardness that operators have to live with."""

from __future__ import annotations

import numpy as np

from optllm_pymoo.problems import AllocationProblem, make_problem


def edge_cases() -> dict[str, AllocationProblem]:
    """Build named small problems: every family of `make_problem` and the degenerate cases.

    Returns:
        Problems by name, new ones at each call.

    Example:
        >>> sorted(edge_cases())[:3]
        ['binary', 'continuous', 'dominated']
    """
    rng = np.random.default_rng(7)
    cost, accuracy = rng.random((12, 3)), rng.random((12, 3))
    allowed = rng.random((12, 3)) < 0.6
    allowed[np.arange(12), rng.integers(0, 3, 12)] = True
    return {
        **{family: make_problem(30, 5, family=family) for family in ("continuous", "tied", "binary", "dominated")},
        "one query": AllocationProblem(cost[:1], accuracy[:1]),
        "one LLM": AllocationProblem(cost[:, :1], accuracy[:, :1]),
        "one best and cheapest": AllocationProblem([[1, 2], [1, 3]], [[0.9, 0.8], [0.7, 0.2]]),
        "equal LLMs": AllocationProblem(np.ones((6, 3)), np.full((6, 3), 0.5)),
        "free LLM": AllocationProblem(cost * [0, 1, 1], accuracy),
        "many LLMs": make_problem(8, 130),
        "masked": AllocationProblem(cost, accuracy, allowed=allowed),
        "float32": AllocationProblem(cost.astype(np.float32), accuracy.astype(np.float32)),
    }


def random_plans(problem: AllocationProblem, n: int, /, *, seed: int) -> np.ndarray:
    """Draw (n, N) allowed allocations."""
    keys = np.random.default_rng(seed).random((n, problem.n_queries, problem.n_llms))
    if problem.allowed is not None:
        keys[:, ~problem.allowed] = -1.0
    return problem.as_allocations(keys.argmax(axis=2))
