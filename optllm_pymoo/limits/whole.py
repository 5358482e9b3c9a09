"""Whole plans by branch and bound, for limits so tight that moving queries one by one finds none."""

from __future__ import annotations

import numpy as np
from scipy.optimize import Bounds, LinearConstraint
from scipy.sparse import coo_array

from optllm_pymoo.highs import solve_milp
from optllm_pymoo.limits.linear import LinearLimits

SECONDS = 20.0
"""Time for HiGHS to find a whole plan."""


def whole_plan(limits: LinearLimits, /, *, per_accuracy: float = 0.0, per_usd: float = 0.0) -> np.ndarray:
    """Let HiGHS find a whole plan within the limits.

    Args:
        limits: Tables and limits, which some fractional plan meets.
        per_accuracy: Weight of summed accuracy; 0 and 0 ask for any plan.
        per_usd: Weight of total US$.

    Returns:
        (N,) LLM per query.

    Raises:
        ValueError: If it is proven that there is none, or none was found in time; the message says which.
    """
    n_queries, n_llms = limits.cost.shape
    queries, llms = np.repeat(np.arange(n_queries), n_llms), np.tile(np.arange(n_llms), n_queries)
    if limits.allowed is not None:
        queries, llms = queries[limits.allowed.ravel()], llms[limits.allowed.ravel()]
    one_each = coo_array((np.ones(len(queries)), (queries, np.arange(len(queries)))), shape=(n_queries, len(queries)))
    unit = 1.0 / limits.typical[:, None]
    score = per_accuracy * limits.accuracy[queries, llms].astype(float) - per_usd * limits.cost[queries, llms]
    found = solve_milp(
        -score,
        constraints=[
            LinearConstraint(one_each.tocsr(), 1.0, 1.0),
            LinearConstraint(
                coo_array(limits.weights(queries, llms) * unit).tocsr(), -np.inf, limits.limit * unit[:, 0]
            ),
        ],
        bounds=Bounds(0.0, 1.0),
        integrality=np.ones(len(queries)),
        options={"time_limit": SECONDS},
    )
    if found.x is None:
        raise ValueError(_none_found(limits, proven=found.status == 2))
    x = np.empty(n_queries, dtype=np.int8 if n_llms <= 127 else np.int32)
    chosen = found.x > 0.5
    x[queries[chosen]] = llms[chosen]
    if not limits.are_met(x[None])[0]:
        raise ValueError(_none_found(limits, proven=False))
    return x


def _none_found(limits: LinearLimits, *, proven: bool) -> str:
    listed = " and ".join(limits.names)
    if proven:
        return f"no plan meets {listed}: fractions of queries would, whole queries can't. Loosen a limit slightly"
    return f"no plan was found that meets {listed}, though fractions of queries would. Loosen a limit slightly"
