"""Categorical sampling: uniform, within the mask, reproducible, with the extremes first."""

from __future__ import annotations

import numpy as np
import pytest

from optllm_pymoo import AllocationProblem, make_problem
from optllm_pymoo.operators.categorical import CategoricalSampling


def masked(n_queries, n_llms, seed=3):
    """Build a problem whose mask allows about half of the LLMs, and one only for query 0."""
    base = make_problem(n_queries, n_llms)
    allowed = np.random.default_rng(seed).random((n_queries, n_llms)) < 0.5
    allowed[:, -1] |= ~allowed.any(axis=1)
    allowed[0] = np.arange(n_llms) == 1
    return AllocationProblem(base.cost, base.accuracy, allowed=allowed)


def draw(problem, n, seed=1, **options):
    """Draw n allocations."""
    return CategoricalSampling(**options)(problem, n, random_state=np.random.default_rng(seed)).get("X")


@pytest.mark.parametrize("stratified", [False, True])
def test_every_llm_is_equally_likely(stratified):
    """The share of each of 5 LLMs, the last too, is 1/5 within five standard errors."""
    X = draw(make_problem(200, 5), 100, stratified=stratified)
    shares = np.bincount(X.ravel(), minlength=5) / X.size
    assert np.abs(shares - 0.2).max() < 5 * np.sqrt(0.2 * 0.8 / X.size)


@pytest.mark.parametrize("stratified", [False, True])
def test_only_allowed_llms_are_drawn_and_uniformly(stratified):
    """Within a mask every allowed LLM of a query is drawn equally often, all others never."""
    problem = masked(20, 6)
    X = draw(problem, 3000, stratified=stratified)
    for i, row in enumerate(problem.allowed):
        shares = np.bincount(X[:, i], minlength=6) / len(X)
        assert not shares[~row].any()
        assert np.abs(shares[row] - 1 / row.sum()).max() < 5 * np.sqrt(0.25 / len(X))


def test_stratified_draws_are_balanced():
    """Of 20 Latin hypercube samples over 4 LLMs, each LLM gets exactly 5 of every query's."""
    X = draw(make_problem(50, 4), 20, stratified=True)
    counts = np.stack([(j == X).sum(axis=0) for j in range(4)])
    assert (counts == 5).all()


@pytest.mark.parametrize(("n_llms", "dtype"), [(1, np.int8), (127, np.int8), (128, np.int32), (300, np.int32)])
def test_type_is_the_problems_own(n_llms, dtype):
    """Plans come in the type in which the problem keeps them, and the last LLM doesn't overflow."""
    problem = make_problem(400, n_llms)
    X = draw(problem, 20)
    assert X.dtype == problem.assignment_dtype == dtype
    assert X.min() == 0
    assert X.max() == n_llms - 1


def test_warm_start_is_the_cold_start_with_the_extremes_first():
    """Rows 0 and 1 are the cheapest and the most accurate plan; the other rows don't change."""
    problem = masked(30, 5)
    cold, warm = draw(problem, 6), draw(problem, 6, extremes=True)
    assert (warm[:2] == problem.extremes()).all()
    assert (warm[2:] == cold[2:]).all()


@pytest.mark.parametrize("n", [0, 1, 2])
def test_fewer_samples_than_extremes(n):
    """A warm start of n < 2 plans holds the first n extremes."""
    problem = make_problem(8, 3)
    X = np.reshape(draw(problem, n, extremes=True), (n, 8))
    assert (problem.extremes()[:n] == X).all()


def test_seeds_decide():
    """The same seed draws the same plans, another seed others."""
    problem = make_problem(30, 5)
    assert (draw(problem, 4, seed=1) == draw(problem, 4, seed=1)).all()
    assert (draw(problem, 4, seed=1) != draw(problem, 4, seed=2)).any()
