"""Seeded synthetic instances: realistic price ladders, correlated difficulty, and difficult cases."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit

from optllm_pymoo.limits.limit import Additive
from optllm_pymoo.problems.allocation import AllocationProblem
from optllm_pymoo.validation import UserError, as_whole

FAMILIES = ("continuous", "tied", "binary", "dominated")


def make_problem(
    n_queries: int = 1000,
    n_llms: int = 8,
    /,
    *,
    family: str = "continuous",
    random_state: int | np.random.Generator = 0,
    dtype: Any = np.float64,
    with_latency: bool = False,
) -> AllocationProblem:
    """Draw a synthetic batch.

    Prices form a geometric ladder over two orders of magnitude, as list prices of LLMs do; a call costs the
    price times the query's tokens, which are log-normal. LLM j answers query i correctly with probability
    expit(skill_j - difficulty_i + taste_ij), where dearer LLMs tend to be more skilled, difficulty is shared by
    all LLMs and tastes are independent.

    Args:
        n_queries: N >= 1.
        n_llms: M >= 1.
        family: One of

            * ``"continuous"``: accuracies are those probabilities; no ties.
            * ``"tied"``: accuracies in steps of 0.1, three price levels, tokens in steps of 100: ties everywhere.
            * ``"binary"``: accuracies are 0 or 1, drawn with those probabilities: true labels.
            * ``"dominated"``: the first LLM is cheapest and best on nine queries of ten, elsewhere cheapest.
        random_state: Seed or Generator.
        dtype: np.float64 or np.float32.
        with_latency: Add a third objective: mean seconds per call, which rise with the cost of the call (its 0.3th
            power, as longer answers of larger LLMs take longer) times a factor per LLM (its provider's hardware) and
            noise. Costs and accuracies don't depend on this option.

    Returns:
        The problem; LLMs are numbered by rising price.

    Raises:
        UserError: If the family is unknown or a size is below 1.

    Example:
        >>> make_problem(100, 4, family="binary", random_state=1)
        AllocationProblem(100 queries, 4 LLMs)
    """
    as_whole("n_queries", n_queries, lower=1)
    as_whole("n_llms", n_llms, lower=1)
    if family not in FAMILIES:
        raise UserError(f"unknown family {family!r}; expected one of {', '.join(FAMILIES)}")
    rng = np.random.default_rng(random_state)
    tokens = rng.lognormal(np.log(400.0), 0.8, (n_queries, 1))
    verbosity = rng.lognormal(0.0, 0.25, (n_queries, n_llms))
    # a price ladder from 0.1 to 10 US$ per million tokens
    cost: np.ndarray = tokens * verbosity * np.geomspace(1e-7, 1e-5, n_llms)
    skill = np.linspace(-0.5, 1.5, n_llms) + rng.normal(0.0, 0.4, n_llms)
    difficulty = rng.normal(0.0, 1.2, (n_queries, 1))
    taste = rng.normal(0.0, 0.8, (n_queries, n_llms))
    accuracy: np.ndarray = expit(skill - difficulty + taste)
    if family == "tied":
        levels = np.array([0.1, 0.2, 0.9]) * 1e-6
        cost = 100.0 * rng.integers(1, 10, (n_queries, 1)) * np.sort(levels[np.arange(n_llms) % 3])
        accuracy = np.round(accuracy, 1)
    elif family == "binary":
        accuracy = (rng.random(accuracy.shape) < accuracy).astype(np.float64)
    elif family == "dominated":
        cost[:, 0] = cost.min(axis=1)
        best_first = rng.random(n_queries) < 0.9
        accuracy[best_first, 0] = accuracy[best_first].max(axis=1)
    objectives = []
    if with_latency:
        # about 2 seconds per call at a cost of 0.0004 US$
        hardware, noise = rng.lognormal(0.0, 0.6, n_llms), rng.lognormal(0.0, 0.3, cost.shape)
        latency = 0.2 + 1.8 * (cost / 4e-4) ** 0.3 * hardware * noise
        objectives.append(Additive("latency", latency.astype(dtype, copy=False), unit="s", mean=True))
    tables = cost.astype(dtype, copy=False), accuracy.astype(dtype, copy=False)
    return AllocationProblem(*tables, objectives=objectives)
