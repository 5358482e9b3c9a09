"""CARROT's sweep: per query, a weighted sum of cost and error, over evenly spaced weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from pymoo.core.termination import NoTermination

from optllm_pymoo.baselines._build import build
from optllm_pymoo.baselines._lambda_sweep import LambdaSweep
from optllm_pymoo.problems import AllocationProblem

ALMOST_ONE = 1.0 - 1e-12
"""The largest weight of cost that is tried: at 1 itself accuracy wouldn't tell LLMs of equal cost apart."""


class WeightSweep(LambdaSweep):
    """A `LambdaSweep` over the rates of evenly spaced weights instead of the front's own; see `carrot`."""

    def _rates(self, problem: AllocationProblem) -> np.ndarray:
        cost = problem.cost if problem.allowed is None else problem.cost[problem.allowed]
        return weight_rates(self.n_weights, float(cost.max()))


def weight_rates(n_weights: int, dearest_usd: float, /) -> np.ndarray:
    """Turn evenly spaced weights of cost into exchange rates.

    Minimising μ·cost/dearest + (1 - μ)·(1 - accuracy) is maximising accuracy - λ·cost with
    λ = μ / (1 - μ) / dearest.

    Args:
        n_weights: Number of weights μ, from 0 to `ALMOST_ONE`, at least 2.
        dearest_usd: Cost per call that counts as 1, in US$; if it is 0, so are all rates.

    Returns:
        (n_weights,) rising λ, accuracy of one query per US$.

    Example:
        >>> weight_rates(3, 2.0)[:2].tolist()
        [0.0, 0.5]
    """
    weights = np.minimum(np.linspace(0.0, 1.0, n_weights), ALMOST_ONE)
    odds = weights / (1.0 - weights)
    # a price can be small beyond measure, but a rate must be finite
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        rates = np.minimum(odds / dearest_usd, np.finfo(float).max / 4)
    return np.asarray(np.where(odds > 0.0, rates, 0.0) if dearest_usd > 0.0 else np.zeros(n_weights))


def carrot(*, n_weights: int = 100, batch_size: int = 100, **options: Any) -> WeightSweep:
    """Build a sweep over μ in argmin(μ·normalised cost + (1 - μ)·(1 - accuracy)) per query, as CARROT routes.

    Costs are divided by the dearest call of the batch. Every plan is a supported efficient one, as in
    `lambda_sweep`, but evenly spaced weights don't know where the front bends: many of them may give the same
    plan. Ends by itself; a budget that ends it earlier leaves evenly spaced weights.

    Args:
        n_weights: Number of μ in [0, 1], the two ends among them.
        batch_size: Plans evaluated per iteration.
        **options: pymoo's own, for example ``termination`` or ``callback``.

    Returns:
        The algorithm, ready for `minimize`.

    Raises:
        TypeError: If pymoo has no such option.
        ValueError: If there are fewer than two weights, or a batch is empty; in ``minimize``, if the problem
            has quotas or floors.

    References:
        Somerstep et al. (2025), CARROT: A Cost Aware Rate Optimal Router, arXiv 2502.03261.

    Example:
        >>> from pymoo.optimize import minimize
        >>> from optllm_pymoo import make_problem
        >>> minimize(make_problem(500, 4), carrot(n_weights=10)).algorithm.evaluator.n_eval
        10
    """
    defaults = {"n_weights": n_weights, "batch_size": batch_size}
    return build(WeightSweep, defaults, options, factory="carrot", termination=NoTermination)
