"""The interval of realised accuracy, and promises."""

from __future__ import annotations

import numpy as np
import pytest
from pymoo.optimize import minimize

from optllm_pymoo import AtLeastAccuracy, OptLLM, Plan, WithinBudget, make_problem
from optllm_pymoo.decision import accuracy_deviation, accuracy_interval, promised_accuracy, promised_along
from optllm_pymoo.decision.confidence import CORRELATION, difference_interval, quantile, stability
from optllm_pymoo.decision.text import percent


def test_by_hand() -> None:
    """P = (0.5, 0.8), sigma = (0.1, 0.3): chance (0.25 + 0.16)/4, independent (0.01 + 0.09)/4, common 0.2 squared."""
    p, sigma = np.array([0.5, 0.8]), np.array([0.1, 0.3])
    assert accuracy_deviation(p) ** 2 == pytest.approx(0.41 / 4)
    assert accuracy_deviation(p, sigma, correlation=0) ** 2 == pytest.approx(0.41 / 4 + 0.1 / 4)
    assert accuracy_deviation(p, sigma, correlation=1) ** 2 == pytest.approx(0.41 / 4 + 0.04)
    assert accuracy_deviation(p, sigma, correlation=0.5) ** 2 == pytest.approx(0.41 / 4 + 0.05 / 4 + 0.02)


def test_few_labels_by_hand() -> None:
    """P = (0.5, 0.8), mean 0.65: ten labels add 0.65 · 0.35/10 to whatever else there is."""
    p, sigma = np.array([0.5, 0.8]), np.array([0.1, 0.3])
    assert accuracy_deviation(p, n_labelled=10) ** 2 == pytest.approx(0.41 / 4 + 0.02275)
    with_sigma = accuracy_deviation(p, sigma, correlation=1, n_labelled=10) ** 2
    assert with_sigma == pytest.approx(0.41 / 4 + 0.04 + 0.02275)
    widths = [np.diff(accuracy_interval(np.full(900, 0.5), n_labelled=n))[0] for n in (10, 30, 100, None)]
    assert widths == sorted(widths, reverse=True)
    # half widths 1.96 · sqrt(0.25/900 + 0.25/100)
    assert widths[2] / 2 == pytest.approx(1.959964 * np.sqrt(0.25 / 900 + 0.25 / 100))


@pytest.mark.parametrize("n_labelled", [0, -3])
def test_refuses_no_labels(n_labelled: int) -> None:
    """Learnt from nothing is refused; from one query is not."""
    with pytest.raises(ValueError, match=f"n_labelled must be at least 1 query; got {n_labelled}"):
        accuracy_interval(np.array([0.5]), n_labelled=n_labelled)
    assert accuracy_deviation(np.array([1.0]), n_labelled=1) == 0.0


@pytest.mark.parametrize("correlation", [0.0, 0.2])
def test_covers_as_often_as_it_says(correlation: float) -> None:
    """Where the model holds, 90 % intervals hold 90 % of simulated accuracies: 4,000 batches, four standard errors."""
    rng = np.random.default_rng(1)
    n, repeats = 60, 4000
    p, sigma = rng.uniform(0.4, 0.6, n), np.full(n, 0.08)
    common, own = rng.normal(size=(repeats, 1)), rng.normal(size=(repeats, n))
    true = p + sigma * (np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own)
    realised = (rng.random((repeats, n)) < true).mean(axis=1)
    low, high = accuracy_interval(p, sigma, level=0.9, correlation=correlation)
    # the chance part counts the spread of the own errors too, so the interval is a little wide
    covered = np.mean((realised >= low) & (realised <= high))
    assert 0.9 - 4 * np.sqrt(0.09 / repeats) <= covered <= 0.95


def test_independent_errors_average_out() -> None:
    """Four times the queries halve the independent part; the common part stays."""
    few, many = np.ones(25), np.ones(100)  # p = 1: no chance
    assert accuracy_deviation(many, 0.2 * many, correlation=0) == pytest.approx(0.02)
    assert accuracy_deviation(few, 0.2 * few, correlation=0) == pytest.approx(0.04)
    assert accuracy_deviation(many, 0.2 * many, correlation=1) == pytest.approx(0.2)


def test_stays_in_unit_interval() -> None:
    """Known outcomes have no width; ends never leave [0, 1]."""
    assert accuracy_interval(np.array([1.0, 0.0])) == (0.5, 0.5)
    low, high = accuracy_interval(np.array([0.9]), np.array([0.5]), correlation=1)
    assert (low, high) == (0.0, 1.0)


@pytest.mark.parametrize("correlation", [-0.01, 1.01, float("nan")])
def test_refuses_correlation(correlation: float) -> None:
    """ρ outside [0, 1] is refused; 0 and 1 are not."""
    with pytest.raises(ValueError, match=r"correlation must lie in \[0, 1\]; got"):
        accuracy_deviation(np.array([0.5]), correlation=correlation)
    assert accuracy_deviation(np.array([0.5]), correlation=0) == accuracy_deviation(np.array([0.5]), correlation=1)


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_refuses_level(level: float) -> None:
    """A level outside (0, 1) is refused; 0.999 is not."""
    with pytest.raises(ValueError, match=r"level must lie in \(0, 1\); got .* For 95 % write 0.95"):
        accuracy_interval(np.array([0.5]), level=level)
    assert accuracy_interval(np.full(9, 0.5), level=0.999)[0] < 0.5


@pytest.fixture(scope="module")
def problem():
    """Return 60 queries on 4 LLMs."""
    return make_problem(60, 4)


@pytest.fixture(scope="module")
def sigma():
    """Return standard deviations between 0 and 0.3."""
    return np.random.default_rng(1).random((60, 4)) * 0.3


def test_promise_by_hand():
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
    # answers at mean p (1 - p) of chance: the errors' variance is part of it only when probabilities are drawn again
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
        ValueError, match=r"a promised accuracy of 0\.99 is out of reach.* at most 0\.\d+ with 95 % probability"
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
    text = " ".join(Plan(problem, x, sigma=sigma).summary().split())
    promised = Plan(problem, x, sigma=sigma).promised_accuracy()
    assert f"Promised accuracy {percent(promised)} with 95 % probability, errors correlated by 0.05" in text
    alone, together = (Plan(problem, x, sigma=sigma).promised_accuracy(correlation=rho) for rho in (0.0, 1.0))
    assert f"{percent(alone)} if errors are independent, {percent(together)} if one shift is common to all" in text
    assert "with 90 % probability, by chance alone" in Plan(problem, x, promise=0.9).summary()


def test_excess_moves_and_widens_the_interval() -> None:
    """An excess of 0.05 with a standard error of 0.03 at a deviation of 0.04: 0.45 and sqrt(0.04^2 + 0.03^2) = 0.05."""
    p = np.full(156, 0.5)
    low, high = accuracy_interval(p, excess=(0.05, 0.03))
    assert (low + high) / 2 == pytest.approx(0.45)
    assert (high - low) / 2 == pytest.approx(1.96 * 0.05, rel=0.01)


def test_a_measured_error_takes_the_place_of_assumed_ones() -> None:
    """Chance .25/100 and .03 squared, whatever sigma and labels; with a correlation asked for all of them add up."""
    p, sigma = np.full(100, 0.5), np.full(100, 0.2)
    given = {"n_labelled": 10, "excess_error": 0.03}
    assert accuracy_deviation(p, sigma, **given) ** 2 == pytest.approx(0.0025 + 0.0009)
    assert accuracy_deviation(p, sigma, correlation=1, **given) ** 2 == pytest.approx(0.0025 + 0.0009 + 0.04 + 0.025)
    assert accuracy_deviation(p, sigma) == accuracy_deviation(p, sigma, correlation=CORRELATION)


def test_difference_by_hand() -> None:
    """One of four queries differs, 0.9 against 0.5: chance .34/16; with ten labels (0.5/4 - 0.01)/10 joins."""
    p, q = np.array([0.9, 0.7, 0.7, 0.7]), np.array([0.5, 0.7, 0.7, 0.7])
    found = difference_interval((p, q), differs=p != q)
    assert found.expected == pytest.approx(0.1)
    assert found.high - found.expected == pytest.approx(1.96 * np.sqrt(0.34 / 16), rel=1e-3)
    labelled = difference_interval((p, q), differs=p != q, n_labelled=10)
    assert labelled.high - labelled.expected == pytest.approx(1.96 * np.sqrt(0.34 / 16 + 0.115 / 10), rel=1e-3)


def test_difference_of_sigmas_by_hand() -> None:
    """Sigma 0.3 and 0.4 on the query that differs: 0.25/4 if errors are independent, 0.5 squared over 4 if common."""
    p, q = np.array([0.9, 0.5]), np.array([0.5, 0.5])
    sigmas = np.array([0.3, 9.0]), np.array([0.4, 9.0])
    widths = [difference_interval((p, q), sigmas, differs=p != q, correlation=rho).high for rho in (0.0, 1.0)]
    assert widths == pytest.approx([min(1.0, 0.2 + 1.96 * np.sqrt(0.34 / 4 + 0.25 / 4))] * 2, rel=1e-3)


def test_a_plan_does_not_differ_from_itself() -> None:
    """No query differs: the difference is 0 for sure."""
    p = np.full(5, 0.4)
    assert difference_interval((p, p), differs=np.zeros(5, dtype=bool), n_labelled=3) == (0, 0, 0)


def test_difference_holds_as_often_as_it_says() -> None:
    """Outcomes drawn a thousand times from what is expected: about 95 % of the differences lie inside."""
    random = np.random.default_rng(0)
    p, q = random.random((2, 60))
    differs = random.random(60) < 0.5
    q = np.where(differs, q, p)
    found = difference_interval((p, q), differs=differs)
    ours, theirs = (random.random((1000, 60)) < table for table in (p, q))
    true = np.where(differs, ours.astype(float) - theirs, 0.0).mean(axis=1)
    assert ((true >= found.low) & (true <= found.high)).mean() == pytest.approx(0.95, abs=0.025)


def test_difference_refuses_what_is_out_of_range() -> None:
    """As the interval of one plan does."""
    p, differs = np.full(2, 0.5), np.ones(2, dtype=bool)
    with pytest.raises(ValueError, match="correlation must lie"):
        difference_interval((p, p), differs=differs, correlation=2.0)
    with pytest.raises(ValueError, match="level must lie"):
        difference_interval((p, p), differs=differs, level=95)


def test_stability_by_hand() -> None:
    """Two equal LLMs: half of the draws change the LLM. One far ahead: none does. US$ are those of the rest."""
    cost = np.ones((1000, 2))
    accuracy = np.repeat([[0.5, 0.5], [0.9, 0.1]], 500, axis=0)
    found = stability(cost, accuracy, np.full((1000, 2), 0.01), np.zeros(1000, dtype=int), price=1.0, correlation=0.0)
    assert found.share == pytest.approx(0.75, abs=0.01)
    assert found.usd == pytest.approx(250, abs=10)


def test_stability_of_many_queries_looks_at_some() -> None:
    """Ten thousand queries, of which a tenth is undecided: the same share and US$ from two thousand per draw."""
    cost = np.full((10_000, 2), 2.0)
    accuracy = np.repeat([[0.5, 0.5], [0.9, 0.1]], [1000, 9000], axis=0)
    found = stability(
        cost, accuracy, np.full(cost.shape, 0.01), np.zeros(10_000, dtype=int), price=1.0, correlation=0.0
    )
    assert found.share == pytest.approx(0.95, abs=0.01)
    assert found.usd == pytest.approx(1000, rel=0.1)


def test_stability_where_predictions_count_for_nothing() -> None:
    """At a price of nothing the cheapest LLM is chosen whatever is drawn; what is forbidden never is."""
    cost, accuracy = np.array([[1.0, 2.0, 0.5]] * 9), np.full((9, 3), 0.5)
    allowed = np.array([[True, True, False]] * 9)
    given = {"price": 0.0, "allowed": allowed}
    assert stability(cost, accuracy, np.full((9, 3), 0.3), np.zeros(9, dtype=int), **given) == (1.0, 0.0)
