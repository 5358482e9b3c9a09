"""Leaving out what can be in no better plan: exact, and most of a multiple-choice knapsack."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from optllm_pymoo.tolerances import PROVEN


class Reduction(NamedTuple):
    """What plans at least as good as a known one look like."""

    upper: np.ndarray
    """(V,) 0.0 for choices that none of them makes, else 1.0."""
    lower: np.ndarray
    """(V,) 1.0 for choices that all of them make, else 0.0."""


def reduce_choices(
    query: np.ndarray, extra_cost: np.ndarray, extra_accuracy: np.ndarray, rate: float, tolerated: float, /
) -> Reduction:
    """Fix choices by their reduced costs (Dyer, Kayal, Walker 1984; Pisinger 1995).

    At the exchange rate λ of the linear relaxation each query has a best choice, and a plan that makes another one
    loses the difference in accuracy - λ·cost. The known plan is a point of the supported front at that rate, so it
    loses nothing. Any plan that keeps the bound and is at least as good can lose no more than what the known one
    leaves over of the bound, in units of accuracy.

    Args:
        query: (V,) query of each choice; each query's cheapest LLM is not among them.
        extra_cost: (V,) US$ beyond the cheapest.
        extra_accuracy: (V,) accuracy beyond the cheapest.
        rate: λ, accuracy per US$.
        tolerated: Accuracy that a plan at least as good as the known one may lose.

    Returns:
        Bounds on the choices. O(V).
    """
    score = extra_accuracy - rate * extra_cost
    best = np.zeros(int(query.max(initial=-1)) + 1)  # the cheapest LLM scores 0
    np.maximum.at(best, query, score)
    slack = tolerated + PROVEN * (1.0 + tolerated + extra_accuracy + rate * extra_cost)
    is_possible = best[query] - score <= slack
    n_possible = np.bincount(query[is_possible], minlength=len(best))
    is_certain = is_possible & (n_possible == 1)[query] & (best[query] > slack)
    return Reduction(is_possible.astype(float), is_certain.astype(float))
