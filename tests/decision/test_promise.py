"""What is promised of a plan."""

from __future__ import annotations

import numpy as np
import pytest
from pymoo.optimize import minimize

from optllm_pymoo import AtLeastAccuracy, OptLLM, Plan, WithinBudget, make_problem
from optllm_pymoo.decision import accuracy_interval, promised_accuracy, promised_along
from optllm_pymoo.decision.promise import quantile


@pytest.fixture(scope="module")
def problem():
    """Return 60 queries on 4 LLMs."""
    return make_problem(60, 4)


@pytest.fixture(scope="module")
def sigma():
    """Return standard deviations between 0 and 0.3."""
    return np.random.default_rng(1).random((60, 4)) * 0.3


def test_by_hand():
    """100 queries, p = 0.5, σ = 0.2: chance 25, independent 4, common shift 20² in units of 1/100²."""
    p, sigma = np.full(100, 0.5), np.full(100, 0.2)
    z = 1.6448536269514722
    for correlation, variance in ((0.0, 29.0), (1.0, 425.0), (0.5, 25 + 2 + 200)):
        expected = 0.5 - z * np.sqrt(variance) / 100
        assert promised_accuracy(p, sigma, correlation=correlation) == pytest.approx(expected)
    labels = promised_accuracy(p, sigma, correlation=0.0, n_labelled=25)
    assert labels == pytest.approx(0.5 - z * np.sqrt(29 / 100**2 + 0.25 / 25))
    cantelli = promised_accuracy(p, sigma, correlation=0.0, distribution="any")
    assert cantelli == pytest.approx(0.5 - np.sqrt(19) * np.sqrt(29) / 100)


def test_is_the_lower_end_of_the_interval(problem, sigma):
    """One truth: the promise at 97.5 % is where the 95 % interval begins."""
    plan = Plan(problem, problem.extremes()[1], sigma=sigma, n_labelled=40)
    for correlation in (0.0, 0.05, 1.0):
        low, _ = accuracy_interval(
            plan.chosen_accuracy, plan.chosen_sigma, level=0.95, correlation=correlation, n_labelled=40
        )
        assert plan.promised_accuracy(0.975, correlation=correlation) == pytest.approx(low)


def test_one_half_is_expected_and_nothing_is_below_zero():
    """At 50 % the promise is the expectation; at worst it is 0."""
    assert promised_accuracy(np.full(9, 0.7), np.full(9, 0.1), probability=0.5) == pytest.approx(0.7)
    assert promised_accuracy(np.array([0.1]), np.array([0.3]), probability=0.99) == 0.0


@pytest.mark.parametrize(("correlation", "n_queries"), [(0.0, 400), (0.05, 400), (1.0, 400)])
def test_is_kept_as_often_as_promised(correlation, n_queries):
    """Monte Carlo of the model's errors: 95 % promises hold in 95 % of 4,000 batches, Cantelli's in more."""
    rng = np.random.default_rng(7)
    p, sigma, n_batches = np.full(n_queries, 0.6), np.full(n_queries, 0.1), 4000
    common, own = rng.normal(size=(n_batches, 1)), rng.normal(size=(n_batches, n_queries))
    truth = p + sigma * (np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own)
    # answers at mean p (1 - p) of chance: the errors' variance is part of it only when probabilities are drawn anew
    realised = (truth + rng.normal(size=truth.shape) * np.sqrt(p * (1 - p))).mean(axis=1)
    share = np.mean(realised >= promised_accuracy(p, sigma, correlation=correlation))
    assert 0.94 < share < 0.96
    assert np.mean(realised >= promised_accuracy(p, sigma, correlation=correlation, distribution="any")) > 0.999


def test_along_a_front_and_a_result(problem, sigma):
    """Step by step, plan by plan and one by one: the same promises."""
    front = problem.supported_front
    one_by_one = [
        promised_accuracy(problem.accuracy[np.arange(60), x], sigma[np.arange(60), x], n_labelled=30)
        for x in (front.assignment(k) for k in range(len(front)))
    ]
    along = promised_along(problem, front, sigma, probability=0.95, n_labelled=30)
    np.testing.assert_allclose(along, one_by_one)
    res = minimize(problem, OptLLM(10), seed=1)
    of_result = promised_along(problem, res, sigma, probability=0.95)
    np.testing.assert_allclose(of_result, [Plan(problem, x, sigma=sigma).promised_accuracy() for x in res.X])


@pytest.mark.parametrize("kind", ["problem", "front", "result"])
def test_choices_look_at_what_is_promised(problem, sigma, kind):
    """The cheapest plan whose promise reaches the target; the largest promise within a budget."""
    source = {
        "problem": problem,
        "front": problem.supported_front,
        "result": minimize(problem, OptLLM(20), seed=1),
    }[kind]
    F = problem.supported_front.F if kind == "problem" else source.F
    promised = promised_along(problem, problem.supported_front if kind == "problem" else source, sigma, probability=0.9)
    target, budget = float(np.median(promised)), float(np.median(F[:, 0]))
    plan = AtLeastAccuracy(target, promise=0.9).plan(source, sigma=sigma)
    assert plan.cost_usd == pytest.approx(F[promised >= target - 1e-9, 0].min())
    assert plan.promise == 0.9
    assert plan.promised_accuracy(0.9) >= target - 1e-9
    best = WithinBudget(budget, promise=0.9).plan(source, sigma=sigma)
    assert best.promised_accuracy(0.9) == pytest.approx(promised[F[:, 0] <= budget].max())


def test_promise_out_of_reach_says_what_is_in_reach(problem, sigma):
    """The largest promise on the front, rounded down: asked for it, it is met."""
    with pytest.raises(
        ValueError, match=r"a promised accuracy of 0\.99 is out of reach.* at most 0\.\d+ at 95 %"
    ) as told:
        AtLeastAccuracy(0.99, promise=0.95).plan(problem, sigma=sigma)
    nearest = float(str(told.value).split("at most ")[1].split()[0])
    assert AtLeastAccuracy(nearest, promise=0.95).plan(problem, sigma=sigma).promised_accuracy() >= nearest


def test_a_promise_needs_plans(problem):
    """Objectives alone hold no sigma."""
    with pytest.raises(ValueError, match=r"use plan\(source, sigma=\.\.\.\)"):
        AtLeastAccuracy(0.5, promise=0.95).do(problem.supported_front.F)


@pytest.mark.parametrize("probability", [0.4, 1.0, float("nan")])
def test_probabilities_out_of_range_are_refused(problem, probability):
    """Everywhere with the same words."""
    for ask in (
        lambda: quantile(probability),
        lambda: AtLeastAccuracy(0.5, promise=probability),
        lambda: WithinBudget(0.5, promise=probability),
        lambda: Plan(problem, problem.extremes()[0], promise=probability),
    ):
        with pytest.raises(ValueError, match=r"a promise needs a probability in \[0\.5, 1\)"):
            ask()


def test_unknown_distribution_is_refused():
    """The message names the choices."""
    with pytest.raises(ValueError, match="distribution must be one of 'normal', 'any'; got 't'"):
        quantile(0.9, "t")


def test_summary_sets_expected_against_promised(problem, sigma):
    """With sigma at 95 %, with a promise at that, without either not at all."""
    x = problem.extremes()[1]
    assert "Promised" not in Plan(problem, x).summary()
    text = Plan(problem, x, sigma=sigma).summary()
    promised = Plan(problem, x, sigma=sigma).promised_accuracy()
    assert f"Promised accuracy  {promised:.2%} with 0.95 probability, errors correlated by 0.05" in text
    alone, together = (Plan(problem, x, sigma=sigma).promised_accuracy(correlation=rho) for rho in (0.0, 1.0))
    assert f"{alone:.2%} if errors are independent, {together:.2%} if one shift is common to all" in text
    assert "with 0.9 probability, chance alone" in Plan(problem, x, promise=0.9).summary()
