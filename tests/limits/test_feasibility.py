"""What no plan can meet is said before a search: reason and nearest feasible value, checked by hand and brute force."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import example, given, settings

from optllm_pymoo import Additive, AllocationProblem, Ceiling, Floor, Quota
from optllm_pymoo.limits import best_within, cheapest_reaching, feasible_plan
from optllm_pymoo.solver import Solved, Status
from tests.limits.cases import Limited, limited_batches
from tests.strategies import Tables

COST = np.array([[1.0, 2.0], [1.0, 3.0], [2.0, 4.0], [1.0, 1.5]])
ACCURACY = np.array([[0.2, 0.6], [0.5, 0.9], [0.1, 0.4], [0.3, 0.5]])


def problem(**limits: object) -> AllocationProblem:
    """Four queries, a cheap and a good LLM."""
    return AllocationProblem(COST, ACCURACY, llms=["small", "large"], **limits)


IN_BALANCE = Limited(
    Tables(np.array([[1.41281503, 2.27417681]]), np.array([[0.14415961, 0.94864945]])),
    {"limits": [Quota("llm1", calls=0), Floor("left", 0.3)], "groups": ["left"], "tokens": np.array([[4.0, 5.0]])},
)
"""One query, whose two LLMs differ by nothing but rounding in the sum of both objectives, divided by their ranges."""


@settings(max_examples=150)
@given(limited_batches())
@example(IN_BALANCE)
def test_right_about_every_small_batch(case: Limited):
    """A plan is found just where trying all plans finds one, and it meets the limits."""
    X, limits = case.feasible_plans(), case.limits()
    if len(X):
        plan = feasible_plan(limits)
        assert limits.are_met(plan[None])[0]
        assert np.any(np.all(plan == X, axis=1))
    else:
        with pytest.raises(ValueError, match=r"quotas allow|reaches at most|need|no plan meets|that any plan has"):
            feasible_plan(limits)


def test_too_few_calls():
    """Quotas of 1 and 2 calls place 3 of 4 queries; one more call for either would do."""
    quotas = [Quota("small", calls=1), Quota("large", calls=2)]
    with pytest.raises(ValueError, match=r"quotas allow 3 of 4 queries\. 2 calls for small instead of 1 would do"):
        problem(limits=quotas)
    assert problem(limits=[Quota("small", calls=2), Quota("large", calls=2)]).n_ieq_constr == 2


def test_too_few_calls_where_masks_decide():
    """Three queries may only go to the small LLM, whose quota is 1: two are left over, whatever the large one takes."""
    allowed = np.array([[1, 0], [1, 0], [1, 0], [1, 1]], dtype=bool)
    with pytest.raises(ValueError, match=r"quotas allow 2 of 4 queries\. 3 calls for small instead of 1 would do"):
        problem(allowed=allowed, limits=[Quota("small", calls=1), Quota("large", calls=4)])


def test_many_patterns_of_the_mask_take_little_memory():
    """Some 2,100 patterns and 12 LLMs: their incidence as a dense table took 400 MB, all of it now takes a tenth."""
    rng = np.random.default_rng(0)
    allowed = rng.random((3000, 12)) < 0.5
    allowed[np.arange(3000), rng.integers(0, 12, 3000)] = True
    tables = rng.random((3000, 12)), rng.random((3000, 12))
    tracemalloc.start()
    try:
        AllocationProblem(*tables, allowed=allowed, limits=[Quota("llm0", calls=700)])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 40e6


def test_calls_that_would_do_if_nothing_else_stood_in_the_way():
    """A hint about calls says so where a limit of dollars comes on top."""
    quotas = [Quota("small", calls=1), Quota("large", calls=2), Quota("*", usd=1)]
    with pytest.raises(ValueError, match=r"instead of 1 would do, as far as calls go; other limits come on top"):
        problem(limits=quotas)


def test_overlapping_providers():
    """One query counts for both quotas: three LLMs in overlapping pairs of one call each take two queries, not 1.5."""
    names = ["a", "b", "c"]
    pairs = [Quota("-".join(pair), calls=1, llms=pair) for pair in (("a", "b"), ("b", "c"), ("a", "c"))]
    message = r"quotas allow 1 of 2 queries\. 2 calls for a-b instead of 1 would do"
    with pytest.raises(ValueError, match=message):
        AllocationProblem(np.ones((2, 3)), np.full((2, 3), 0.5), llms=names, limits=pairs)


def test_too_few_dollars():
    """All calls count: the cheapest LLMs cost 1 + 1 + 2 + 1 US$."""
    with pytest.raises(ValueError, match=r"4\.9 US\$ for all LLMs: every plan needs at least 5 US\$"):
        problem(limits=[Quota("*", usd=4.9)])
    assert problem(limits=[Quota("*", usd=5)]).any_feasible.tolist() == [0, 0, 0, 0]


def test_too_few_tokens():
    """Ten tokens per call, everywhere: 40 are needed."""
    with pytest.raises(ValueError, match=r"39 tokens for all LLMs: every plan needs at least 40 tokens"):
        problem(limits=[Quota("*", tokens=39)], tokens=np.full((4, 2), 10))
    assert problem(limits=[Quota("*", tokens=40)], tokens=np.full((4, 2), 10)).n_ieq_constr == 1


def test_floor_above_the_best():
    """Group x reaches (0.6 + 0.9) / 2 at most."""
    groups = ["x", "x", "y", "y"]
    with pytest.raises(ValueError, match=r"group 'x' reaches at most 0\.75, floor 0\.8"):
        problem(limits=[Floor("x", 0.8)], groups=groups)
    assert problem(limits=[Floor("x", 0.75)], groups=groups).any_feasible[:2].tolist() == [1, 1]


def test_limits_that_exclude_each_other():
    """One large call: group x then reaches (0.6 + 0.5) / 2 = 0.55, for a floor of 0.7; the other quota isn't named."""
    limits = [Quota("large", calls=1), Quota("small", usd=100), Floor("x", 0.7)]
    with pytest.raises(
        ValueError,
        match=r"no plan meets 1 call for large and floor 0\.7 of group 'x' together;"
        r" with the others, group 'x' reaches at most 0\.55",
    ):
        problem(limits=limits, groups=["x", "x", "y", "y"])


def test_only_fractions_would_do():
    """Half of each query would keep 3 US$ per LLM; of whole ones one of 2 US$ fits into a, so two have to go to b."""
    quotas = [Quota("a", usd=3), Quota("b", usd=3)]
    tables, llms = (np.full((3, 2), 2.0), np.full((3, 2), 0.5)), ["a", "b"]
    message = r"fractions of queries would, whole queries can't; with the others, b would need at least 4 US\$"
    with pytest.raises(ValueError, match=message):
        AllocationProblem(*tables, llms=llms, limits=quotas)
    assert AllocationProblem(*tables, llms=llms, limits=[quotas[0], Quota("b", usd=4)]).n_ieq_constr == 2


def test_no_whole_plan_in_time(monkeypatch: pytest.MonkeyPatch):
    """Where HiGHS gives up nothing is proven, and the message doesn't say so."""
    in_vain = Solved(Status.OUT_OF_TIME, None, np.nan, np.zeros(2), np.zeros(2))
    monkeypatch.setattr("optllm_pymoo.limits.feasibility.solve_multiple_choice", lambda *a, **k: in_vain)
    quotas = [Quota("a", usd=3), Quota("b", usd=3)]
    with pytest.raises(
        ValueError, match=r"no plan was found that meets .*, though fractions .* Loosen a limit slightly"
    ):
        AllocationProblem(np.full((3, 2), 2.0), np.full((3, 2), 0.5), llms=["a", "b"], limits=quotas)


def test_several_quotas_have_to_be_raised():
    """Two queries may only go to the small LLM and two to the large one, of one call each."""
    allowed = np.array([[1, 0], [1, 0], [0, 1], [0, 1]], dtype=bool)
    message = (
        r"quotas allow 2 of 4 queries\. No single quota can make up for that;"
        r" 2 calls for small instead of 1 and 2 calls for large instead of 1 would do"
    )
    with pytest.raises(ValueError, match=message):
        problem(allowed=allowed, limits=[Quota("small", calls=1), Quota("large", calls=1)])
    assert problem(allowed=allowed, limits=[Quota("small", calls=2), Quota("large", calls=2)]).n_ieq_constr == 2


def test_nearest_value_is_that_beside_all_limits():
    """Dollars and floor exclude each other, for which 9 US$ would do; the quota of calls asks for 2 US$ more."""
    floor, groups = Floor("x", 0.9), ["x", "y", "y"]
    tables = [[1.0, 9.0], [1.0, 2.0], [1.0, 2.0]], [[0.1, 0.9], [0.5, 0.5], [0.5, 0.5]]
    quotas = [Quota("llm0", calls=1), Quota("Big", usd=1, llms=("llm1",))]
    message = r"1 US\$ for Big and floor 0\.9 of group 'x' together; with the others, Big would need at least 11 US\$$"
    with pytest.raises(ValueError, match=message):
        AllocationProblem(*tables, limits=[*quotas, floor], groups=groups)
    enough = [quotas[0], Quota("llm1", usd=11), floor]
    assert AllocationProblem(*tables, limits=enough, groups=groups).any_feasible[0] == 1


def test_a_budget_and_a_target_are_called_so():
    """Beside quotas they are limits like others, and yet no quotas and no groups."""
    limits = problem(limits=[Quota("large", calls=1)]).limits
    with pytest.raises(ValueError, match=r"^a budget of 4 US\$: every plan needs at least 5 US\$\. Raise it to that"):
        best_within(limits, 4.0)
    with pytest.raises(ValueError, match=r"^all queries together reach at most 0\.6, floor 0\.9\. Lower the floor"):
        cheapest_reaching(limits, 0.9)
    with pytest.raises(
        ValueError, match=r"of 0\.5 together; with the others, all queries together reach at most 0\.375$"
    ):
        cheapest_reaching(limits, 0.5)


def test_no_calls_at_all():
    """A quota of 0 calls takes an LLM out; for the only LLM that leaves nothing."""
    plan = problem(limits=[Quota("large", calls=0)]).any_feasible
    assert plan.tolist() == [0, 0, 0, 0]
    with pytest.raises(ValueError, match=r"quotas allow 0 of 1 queries\. 1 call for llm0 instead of 0 would do"):
        AllocationProblem([[1.0]], [[0.5]], limits=[Quota("llm0", calls=0)])
    assert AllocationProblem([[1.0]], [[0.5]], limits=[Quota("llm0", calls=1)]).any_feasible.tolist() == [0]


def test_a_ceiling_and_a_floor_of_an_additive_table():
    """By hand: 1 + 2 + 3 g at the least and 9 + 9 + 9 g at the most; the mean is a third, and the unit is the given."""
    grams = np.array([[1.0, 9.0], [2.0, 9.0], [3.0, 9.0]])
    tables = np.ones((3, 2)), np.full((3, 2), 0.5)
    total, mean = Additive("CO2", grams, unit="g"), Additive("CO2", grams, unit="g", mean=True)
    with pytest.raises(ValueError, match=r"^a total CO2 of at most 5 g: the least that any plan has is 6 g$"):
        AllocationProblem(*tables, limits=[Ceiling(total, 5)])
    with pytest.raises(ValueError, match=r"^a mean CO2 of at least 9\.5 g: the most that any plan has is 9 g$"):
        AllocationProblem(*tables, limits=[Floor(mean, 9.5)])
    assert AllocationProblem(*tables, limits=[Ceiling(total, 6)]).any_feasible.tolist() == [0, 0, 0]
    assert AllocationProblem(*tables, limits=[Floor(mean, 9)]).any_feasible.tolist() == [1, 1, 1]
    with pytest.raises(ValueError, match=r"together; with the others, total CO2 would have to be 12 g$"):
        AllocationProblem(*tables, limits=[Quota("llm0", calls=2), Ceiling(total, 11)])
