"""Plans within limits of a batch in parts: feasible, and near to the bound of the whole batch."""

from __future__ import annotations

import numpy as np
import pytest

from optllm_pymoo import Floor, Quota, UserError, make_problem
from optllm_pymoo.limits import LinearLimits, best_within, cheapest_reaching, plans
from optllm_pymoo.limits.plans import Asked, plan_in_parts

PROBLEM = make_problem(4000, 5, random_state=1)
LLMS = tuple("abcde")
GROUP = np.where(np.arange(4000) % 5 == 0, 2, np.arange(4000) % 2)
LIMITS = (Quota("d", calls=300), Quota("ce", usd=1.0, llms=("c", "e")), Floor("odd", 0.72))
ROWS = [slice(0, 0), slice(0, 900), slice(900, 4000)]
PARTS = [(PROBLEM.cost[r], PROBLEM.accuracy[r], None, GROUP[r]) for r in ROWS]


def asked(limits=LIMITS, **options):
    """What is asked for; the third group has no name."""
    sizes = tuple(int((g == GROUP).sum()) for g in range(2))
    return Asked(llms=LLMS, limits=limits, groups=("even", "odd"), sizes=sizes, n_queries=4000, **options)


def check(found, wanted):
    """Put the plan together, check that it meets its limits, and return its plan and the bound."""
    X = [found.assign(part, number) for number, part in enumerate(PARTS)]
    used = np.sum([wanted.uses(part, x) for part, x in zip(PARTS, X, strict=True)], axis=0)
    assert (used <= wanted.bounds + 1e-9 * np.maximum(1, np.abs(wanted.bounds))).all()
    return np.concatenate(X), found.bound(sum(found.dual(part) for part in PARTS))


def test_a_core_of_some_queries(monkeypatch):
    """With a core of 300 of 4,000 queries the plan meets all limits, and is near to a bound that is true."""
    monkeypatch.setattr(plans, "N_SAMPLED", 1000)
    monkeypatch.setattr(plans, "N_OPEN", 300)
    names = np.array(["even", "odd", None], dtype=object)[GROUP]
    linear = LinearLimits.of(PROBLEM.cost, PROBLEM.accuracy, None, LLMS, limits=LIMITS, groups=names)
    budget = 3.0
    wanted = asked(budget_usd=budget)
    x, bound = check(plan_in_parts(PARTS, wanted), wanted)
    whole = best_within(linear, budget)
    accuracy = PROBLEM.accuracy[np.arange(4000), x].mean()
    assert PROBLEM.cost[np.arange(4000), x].sum() <= budget * (1 + 1e-9)
    assert bound >= whole.value - 1e-12
    assert accuracy == pytest.approx(bound, abs=3e-4)
    assert accuracy == pytest.approx(whole.value, abs=3e-4)
    wanted = asked(target=0.7)
    x, bound = check(plan_in_parts(PARTS, wanted), wanted)
    cheapest = cheapest_reaching(linear, 0.7)
    assert PROBLEM.accuracy[np.arange(4000), x].mean() >= 0.7 - 1e-9
    assert bound <= cheapest.value + 1e-9
    assert PROBLEM.cost[np.arange(4000), x].sum() == pytest.approx(cheapest.value, rel=5e-3)


def test_what_fits_into_the_core_is_planned_as_in_memory():
    """A batch no larger than the core gets the plan that it gets in memory."""
    names = np.array(["even", "odd", None], dtype=object)[GROUP]
    linear = LinearLimits.of(PROBLEM.cost, PROBLEM.accuracy, None, LLMS, limits=LIMITS, groups=names)
    wanted = asked(budget_usd=3.0)
    x, _ = check(plan_in_parts(PARTS, wanted), wanted)
    np.testing.assert_array_equal(x, best_within(linear, 3.0).x)


def test_no_plan_meets_the_limits():
    """Limits that can't be met together are said to be so."""
    wanted = asked((Quota("all", calls=3999, llms=LLMS),), budget_usd=3.0)
    with pytest.raises(UserError, match=r"no plan was found that meets all limits within 3 US\$; loosen one of them"):
        plan_in_parts(PARTS, wanted)
