"""Budgets, targets and bounds of the exact front, against a solver and at every boundary."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optllm_pymoo import SupportedFront, UserError
from tests import brute_force
from tests.strategies import EDGE_CASES, tables


def check_certificates(drawn, share):
    """Hold bound and plan at one budget against HiGHS."""
    front = drawn.front()
    (low, _), (high, _) = front.F[0], front.F[-1]
    budget = low + share * (high - low)
    relaxed = brute_force.best_accuracy(drawn, budget, integer=False)
    best = brute_force.best_accuracy(drawn, budget, integer=True)
    assert front.bound(budget) == pytest.approx(relaxed, abs=1e-6)
    k = front.within_budget(budget)
    ours = -front.F[k, 1]
    assert ours - 1e-6 <= best <= front.bound(budget) + 1e-6
    if k == len(front) - 1:
        assert best == pytest.approx(ours, abs=1e-6)
    else:
        assert best < ours + front.steps.delta_accuracy[k] / len(drawn.cost) + 1e-6


@settings(max_examples=60)
@given(tables(max_queries=8, max_llms=5), st.floats(0.0, 1.2))
def test_against_linear_and_integer_programmes(drawn, share):
    """The bound is the linear relaxation's value; the best whole plan is less than one step better than ours."""
    check_certificates(drawn, share)


@pytest.mark.parametrize("name", [name for name in EDGE_CASES if name not in ("tiny costs", "huge costs")])
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_edge_cases_against_programmes(name, share):
    """The same on every named case, also exactly at both ends."""
    check_certificates(EDGE_CASES[name], share)


@given(tables(max_queries=8, max_llms=6))
def test_at_and_around_every_point(drawn):
    """At a point's own cost and accuracy that point is found; just below, its neighbour."""
    front = drawn.front()
    for k, (cost, loss) in enumerate(front.F):
        assert front.within_budget(cost) == k
        assert front.at_least_accuracy(-loss) == k
        assert front.bound(cost) == pytest.approx(-loss, abs=1e-12)
        if k:
            assert front.within_budget(0.5 * (cost + front.F[k - 1, 0])) == k - 1
            assert front.at_least_accuracy(-0.5 * (loss + front.F[k - 1, 1])) == k


@pytest.mark.parametrize("name", EDGE_CASES)
def test_totals_summed_in_another_order_still_fit(name):
    """A budget that was summed up by the caller, and so differs by rounding, pays for the plan it was summed for."""
    front = EDGE_CASES[name].front()
    for k, (cost, loss) in enumerate(front.F):
        for nudge in (1 - 4e-16, 1 + 4e-16):
            assert front.within_budget(cost * nudge) == k
            assert front.at_least_accuracy(-loss * nudge) == k
            front.bound(cost * nudge)


def test_by_hand():
    """Points at 2, 3 and 5 US$: 4 US$ buy the middle one and bound half the way to the last."""
    front = SupportedFront([[1, 2], [1, 3]], [[0.2, 0.6], [0.5, 0.9]])
    np.testing.assert_allclose(front.F, [[2, -0.35], [3, -0.55], [5, -0.75]])
    assert (front.within_budget(4), front.at_least_accuracy(0.6)) == (1, 2)
    np.testing.assert_allclose(front.bound([2, 2.5, 4, 5, 99]), [0.35, 0.45, 0.65, 0.75, 0.75])
    assert front.bound(4).shape == ()
    assert front.bound([[2.0], [4.0]]).shape == (2, 1)


@pytest.mark.parametrize("budget", [1.99, 0.0, -1.0, -np.inf])
def test_budget_below_the_cheapest_plan(budget):
    """It is refused, and told what the cheapest costs; that very sum is enough."""
    front = SupportedFront([[1, 2], [1, 3]], [[0.2, 0.6], [0.5, 0.9]])
    with pytest.raises(ValueError, match=rf"budget {budget:g} US\$ is below the cheapest plan, 2 US\$"):
        front.within_budget(budget)
    with pytest.raises(ValueError, match=rf"no plan costs {budget:g} US\$ or less; the cheapest costs 2 US\$"):
        front.bound([3.0, budget])
    assert front.within_budget(2.0) == 0
    assert front.within_budget(np.inf) == 2
    assert front.bound(2.0) == pytest.approx(0.35)


@pytest.mark.parametrize("target", [0.7501, 1.0, np.inf])
def test_accuracy_above_the_best_plan(target):
    """It is refused, and told what the best reaches; that very accuracy is within reach."""
    front = SupportedFront([[1, 2], [1, 3]], [[0.2, 0.6], [0.5, 0.9]])
    with pytest.raises(ValueError, match=rf"accuracy {target:g} is above the most accurate plan, 0.75"):
        front.at_least_accuracy(target)
    assert front.at_least_accuracy(0.75) == 2
    assert front.at_least_accuracy(0.0) == front.at_least_accuracy(-np.inf) == 0


def test_nan_is_no_budget_and_no_target():
    """It is refused as what it is, not compared with the front's ends."""
    front = SupportedFront([[1, 2], [1, 3]], [[0.2, 0.6], [0.5, 0.9]])
    with pytest.raises(UserError, match=r"a budget must be a number of US\$; got nan"):
        front.within_budget(np.nan)
    with pytest.raises(UserError, match=r"a bound needs a number of US\$; got \[3\.0, nan\]"):
        front.bound([3.0, np.nan])
    with pytest.raises(UserError, match=r"a target must be a mean accuracy in \[0, 1\]; got nan"):
        front.at_least_accuracy(np.nan)


def test_free_plans():
    """Where the cheapest plan costs nothing, a budget of nothing is enough and a negative one is not."""
    front = EDGE_CASES["one LLM free"].front()
    assert front.F[0, 0] == 0.0
    assert front.within_budget(0.0) == 0
    with pytest.raises(ValueError, match=r"below the cheapest plan, 0 US\$"):
        front.within_budget(-1e-9)


@given(tables(max_queries=10, max_llms=6, kinds="tied labels"))
def test_bound_is_concave_and_never_falls(drawn):
    """More money never hurts, and each further dollar buys no more than the one before it."""
    front = drawn.front()
    values = front.bound(np.linspace(front.F[0, 0], front.F[-1, 0] + 1, 50))
    assert np.all(np.diff(values) >= -1e-12)
    assert np.all(np.diff(values, 2) <= 1e-12)


def test_refused_numbers_are_written_in_full():
    """What a message names as possible is accepted when it is typed back, and differs from what was refused."""
    front = SupportedFront([[1 / 3, 1]], [[1 / 7, 2 / 3]])
    with pytest.raises(ValueError, match=r"budget 0\.333333 US") as low:
        front.within_budget(0.333333)
    assert front.within_budget(float(str(low.value).split()[-2])) == 0
    with pytest.raises(ValueError, match=r"accuracy 0\.666667 is above") as high:
        front.at_least_accuracy(0.666667)
    assert front.at_least_accuracy(float(str(high.value).split()[-1])) == 1
