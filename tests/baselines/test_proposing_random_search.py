"""Random search: fresh draws every time."""

from __future__ import annotations

import numpy as np
from pymoo.optimize import minimize

from optllm_pymoo import make_problem
from optllm_pymoo.baselines import random_search


def test_batches_are_fresh_and_the_start_warms_only_the_first(masked):
    """The extremes are in the first batch alone; no batch repeats another."""
    batches = []
    minimize(
        masked,
        random_search(pop_size=10, start="warm", callback=lambda a: batches.append(a.pop.get("X"))),
        ("n_gen", 3),
        seed=1,
    )
    has_extremes = [all((plan == X).all(axis=1).any() for plan in masked.extremes()) for X in batches]
    assert has_extremes == [True, False, False]
    assert not np.array_equal(batches[1], batches[2])


def test_two_hundred_draws_find_the_whole_of_a_small_front():
    """Of 9 plans for two queries on three LLMs, 200 draws miss one with probability below 1e-9."""
    problem = make_problem(2, 3)
    every = problem.evaluate(np.stack(np.meshgrid(range(3), range(3)), -1).reshape(-1, 2))
    res = minimize(problem, random_search(pop_size=50), ("n_eval", 200), seed=1)
    dominated = [any((F <= G).all() and (F < G).any() for F in every) for G in every]
    np.testing.assert_allclose(np.sort(res.F, axis=0), np.sort(every[~np.array(dominated)], axis=0))
