"""Constraints by name, and plans within them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from optllm_pymoo.data import Dataset, make_dataset
from optllm_pymoo.decision import AtLeastAccuracy, Knee, WithinBudget
from optllm_pymoo.limits import Certified, Floor, LinearLimits, Quota, best_within, cheapest_reaching
from optllm_pymoo.planning import Constraints, front_frame, limit_costs, plan_front
from optllm_pymoo.planning.constraints import EVERYTHING
from optllm_pymoo.validation import UserError, rounded_down, rounded_up

RNG = np.random.default_rng(5)
TINY = Dataset(
    RNG.uniform(0.1, 2, (6, 3)), RNG.uniform(0, 1, (6, 3)), llms=["a", "b", "c"], groups=["g", "g", "g", "h", "h", "h"],
    about={"llms": [{"name": "b", "provider": "Big"}, {"name": "c", "provider": "Big"}]},
)  # fmt: skip
DATA = make_dataset(160, 3, random_state=3)
BIG = Constraints(quotas=[Quota("Big", calls=2)])
SMALL = Constraints(quotas=[Quota("Big", calls=1)])


def all_plans() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every plan of the tiny batch with its cost and accuracy."""
    X = np.array(list(itertools.product(range(3), repeat=6)))
    rows = np.arange(6)
    return X, TINY.cost[rows, X].sum(axis=1), TINY.correct[rows, X].mean(axis=1)


def test_best_plan_within_a_quota_against_all_plans() -> None:
    """Within a budget and at a target: kept, certified, and as good as the bound says of the true optimum."""
    X, cost, accuracy = all_plans()
    kept = (X != 0).sum(axis=1) <= 2
    front = plan_front(TINY, "all", constraints=BIG)
    budget = float(np.median(cost[kept]))
    plan = front.choose(WithinBudget(budget))
    best = accuracy[kept & (cost <= budget)].max()
    assert (plan.x != 0).sum() <= 2
    assert plan.cost_usd <= budget
    assert plan.accuracy - 1e-12 <= best <= plan.accuracy + plan.gap + 1e-9
    target = float(np.median(accuracy[kept]))
    plan = front.choose(AtLeastAccuracy(target))
    least = cost[kept & (accuracy >= target)].min()
    assert plan.accuracy >= target - 1e-12
    assert plan.cost_usd + 1e-12 >= least >= plan.cost_usd - plan.gap_usd - 1e-9


def test_floors_by_group_and_for_all() -> None:
    """One floor for every group, with another one for a group of its own."""
    front = plan_front(TINY, "all", constraints=Constraints(floors={None: 0.3, "h": 0.5}))
    plan = front.choose(WithinBudget(100.0))
    assert plan.chosen_accuracy[:3].mean() >= 0.3
    assert plan.chosen_accuracy[3:].mean() >= 0.5
    assert {"floor 0.3 of group 'g'", "floor 0.5 of group 'h'"} == set(front.problem.limits.names)
    ungrouped = Dataset(TINY.cost, TINY.correct)
    assert Constraints(floors={None: 0.3}).options(ungrouped)["limits"] == [Floor(EVERYTHING, 0.3)]


@pytest.mark.parametrize("nothing", [None, "", float("nan"), pd.NA])
def test_queries_of_no_group_have_no_floor(nothing: object) -> None:
    """An empty cell, None, NaN or NA is the name of no group: a floor for all groups is about the others."""
    partly = Dataset(TINY.cost, TINY.correct, llms=TINY.llms, groups=["g", nothing, "g", nothing, "h", "h"])
    constraints = Constraints(floors={None: 0.3, "h": 0.5})
    constraints.check(partly)
    assert constraints.options(partly)["limits"] == [Floor("g", 0.3), Floor("h", 0.5)]
    names = plan_front(partly, "all", constraints=constraints).problem.limits.names
    assert set(names) == {"floor 0.3 of group 'g'", "floor 0.5 of group 'h'"}


def test_groups_that_are_all_learnt_from_have_no_floor() -> None:
    """Known to the batch, but without a query to plan: nothing to hold it to."""
    constraints = Constraints(floors={"g": 0.3})
    constraints.check(TINY)
    assert constraints.options(TINY.select(slice(3, 6))) == {"groups": ["h"] * 3}


@pytest.mark.parametrize(
    ("constraints", "message"),
    [
        (Constraints(quotas=[Quota("Bigg", calls=1)]), "unknown provider or LLM 'Bigg'; did you mean 'Big'"),
        (Constraints(quotas=[Quota("a", tokens=1)]), "the data have no tokens per call"),
        (Constraints(providers={"P": ["a", "bb"]}), "unknown LLM 'bb'; did you mean 'b'"),
        (Constraints(quotas=[Quota("a", calls=1)], providers={"a": ["b"]}), "'a' is an LLM and a provider of others"),
        (Constraints(floors={"k": 0.5}), "unknown group 'k'.*Known: 'g', 'h'"),
        (Constraints(floors={"g": 1.0}), r"group 'g' reaches at most 0\.\d+, floor 1"),
        (
            Constraints(quotas=[Quota("a", calls=3), Quota("Big", calls=2)]),
            "quotas allow 5 of 6 queries. 4 calls for a instead of 3 would do",
        ),
    ],
)
def test_refused_with_the_nearest_value(constraints: Constraints, message: str) -> None:
    """Unknown names have the closest, limits that nothing meets the nearest value that would do."""
    with pytest.raises(UserError, match=message):
        plan_front(TINY, "all", constraints=constraints)


def test_quotas_are_refused_before_learning(monkeypatch: pytest.MonkeyPatch) -> None:
    """No prediction could make them fit."""
    monkeypatch.setattr("optllm_pymoo.planning.front.predict_accuracy", lambda *a, **k: pytest.fail("learnt"))
    none = Constraints(quotas=[Quota(llm, calls=10) for llm in DATA.llms])
    with pytest.raises(UserError, match="quotas allow 30 of 120 queries"):
        plan_front(DATA, 0.25, constraints=none)


@pytest.mark.parametrize(("quotas", "words"), [([], ", which"), ([60], " within 60 calls for")])
def test_budgets_below_the_cheapest_plan_are_refused_before_learning(
    monkeypatch: pytest.MonkeyPatch, quotas: list[int], words: str
) -> None:
    """With quotas or without, since costs are known; a budget that pays for the cheapest plan goes on to learn."""
    monkeypatch.setattr("optllm_pymoo.planning.front.predict_accuracy", lambda *a, **k: 1 / 0)
    some = Constraints(quotas=[Quota(DATA.llms[0], calls=calls) for calls in quotas])
    with pytest.raises(ValueError, match=rf"a budget of 0\.000001 US\$ is below the cheapest plan{words}"):
        plan_front(DATA, 0.25, constraints=some, budget_usd=1e-6)
    with pytest.raises(ZeroDivisionError):
        plan_front(DATA, 0.25, constraints=some, budget_usd=float(DATA.cost.max(axis=1).sum()))


def test_budget_below_the_limits_tells_what_would_do() -> None:
    """The budget it names works, and so does the quota it names."""
    least = TINY.cost.min(axis=1).sum()
    counts = np.bincount(TINY.cost.argmin(axis=1), minlength=3)
    llm = TINY.llms[counts.argmax()]
    front = plan_front(TINY, "all", constraints=Constraints(quotas=[Quota(llm, calls=counts.max() - 1)]))
    with pytest.raises(UserError, match=rf"is below the cheapest plan within \d calls for {llm}, which") as caught:
        front.choose(WithinBudget(least * 1.0001))
    words = str(caught.value).split()
    budget, calls = words[words.index("costs") + 1], words[-2]
    assert front.choose(WithinBudget(float(budget))).cost_usd <= float(budget)
    enough = plan_front(TINY, "all", constraints=Constraints(quotas=[Quota(llm, calls=float(calls))]))
    assert enough.choose(WithinBudget(least * 1.0001)).cost_usd <= least * 1.0001
    with pytest.raises(UserError, match=r"above the most accurate plan within .* reaches 0\.\d+; without that 0"):
        plan_front(TINY, "all", constraints=SMALL).choose(AtLeastAccuracy(1.0))


def test_limits_that_make_no_difference_are_not_blamed() -> None:
    """A quota that all plans of the front keep anyway isn't said to be the reason: they are refused as without it."""
    front = plan_front(TINY, "all", constraints=Constraints(quotas=[Quota("a", calls=6)]))
    with pytest.raises(UserError, match=r"is below the cheapest plan, which costs [\d.]+ US\$; give at least as much$"):
        front.choose(WithinBudget(1e-6))
    with pytest.raises(UserError, match=r"above the most accurate plan, which reaches [\d.]+$"):
        front.choose(AtLeastAccuracy(1.0))


def test_what_was_not_found_is_not_said_to_be_impossible(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the bounds leave room but no plan was found: both are told, and no quota that would do."""
    front = plan_front(TINY, "all", constraints=BIG)
    best, least = best_within(front.problem.limits), cheapest_reaching(front.problem.limits)

    def finding_none(search: Callable[[LinearLimits], Certified]) -> Callable[..., Certified]:
        def find(limits: LinearLimits, wanted: float | None = None) -> Certified:
            if wanted is not None:
                raise UserError("none found")
            return search(limits)

        return find

    for search in (best_within, cheapest_reaching):
        monkeypatch.setattr(f"optllm_pymoo.planning.choose.{search.__name__}", finding_none(search))
    message = rf"no plan within 2 calls for Big was found that reaches .*reaches {rounded_down(best.value)}, and none"
    with pytest.raises(UserError, match=message + r" reaches more than [\d.]+$"):
        front.choose(AtLeastAccuracy(best.value - 0.01))
    message = (
        rf"was found for .* US\$: the cheapest that was found costs {rounded_up(least.value)} US\$, and none costs"
    )
    with pytest.raises(UserError, match=message + r" less than [\d.]+ US\$$"):
        front.choose(WithinBudget(least.value * 1.01))


def test_costs_of_a_quota_by_hand() -> None:
    """One call of the good LLM: four queries would gain 0.5 each there, three can't; all calls cost 1 US$."""
    data = Dataset(np.ones((4, 2)), [[0.25, 0.75]] * 4, llms=["a", "b"])
    constraints = Constraints(quotas=[Quota("b", calls=1), Quota("a", calls=4)])
    front = plan_front(data, "all", constraints=constraints)
    plan = front.choose(WithinBudget(4.0))
    costs = limit_costs(front.problem.limits, plan)
    first, second = costs.limits
    assert (first.use, first.limit, first.unit, first.binds) == (1, 1, "calls", True)
    assert first.correct_per_unit == pytest.approx(0.5)
    assert first.accuracy_lost == pytest.approx(0.375) == costs.accuracy_lost
    assert first.usd_lost == pytest.approx(0, abs=1e-9)
    assert (second.use, second.binds) == (3, False)


def test_a_quota_costs_dollars_at_the_same_accuracy() -> None:
    """Both LLMs are as good, the cheap one may take one of four queries: three times 2 - 1 US$ are lost."""
    data = Dataset([[1.0, 2.0]] * 4, np.full((4, 2), 0.5), llms=["a", "b"])
    front = plan_front(data, "all", constraints=Constraints(quotas=[Quota("a", calls=1)]))
    plan = front.choose(AtLeastAccuracy(0.5))
    assert plan.cost_usd == 7
    assert limit_costs(front.problem.limits, plan).usd_lost == pytest.approx(3)


def test_front_of_a_limited_batch_holds_the_chosen_plan() -> None:
    """front.csv and the pictures show it among the plans of the search, none of which beats the bound."""
    front = plan_front(DATA, 0.25, constraints=Constraints(quotas=[Quota(DATA.llms[2], calls=20)]))
    assert (front.algorithm, front.asked_for, front.is_exact) == ("optllm", "exact", False)
    plan = front.choose(WithinBudget(float(front.found.F[:, 0].mean())))
    frame = front_frame(front.problem, front.including(plan).found)
    assert np.isclose(frame["cost_usd"], plan.cost_usd, rtol=1e-12).any()
    assert frame["accuracy"].is_monotonic_increasing
    assert (frame["gap"] >= 0).all()
    assert front.choose(Knee()).accuracy in -front.found.F[:, 1]


def test_ample_budgets_are_not_spent_on_nothing() -> None:
    """The most accurate plan of the search costs less than the one that prices lead to, for the same outcomes."""
    data = make_dataset(200, 4, random_state=3)
    front = plan_front(data, "all", constraints=Constraints(quotas=[Quota("model-1", calls=5)]))
    priced, plan = best_within(front.problem.limits, 1e6).x, front.choose(WithinBudget(1e6))
    assert plan.accuracy == pytest.approx(front.problem.accuracy[np.arange(200), priced].mean(), abs=1e-12)
    assert plan.cost_usd < front.problem.cost[np.arange(200), priced].sum() * (1 - 1e-4)
    assert plan.cost_usd == pytest.approx(front.found.F[:, 0].max(), rel=1e-12)


@pytest.mark.parametrize("limited", [False, True])
def test_promises(limited: bool) -> None:
    """Within a budget no less is promised than by the plan for expected accuracy; a promised target is reached."""
    constraints = Constraints(quotas=[Quota(DATA.llms[2], calls=40)] if limited else ())
    front = plan_front(DATA, 0.25, constraints=constraints)
    budget = float(front.found.F[:, 0].mean())
    plain, careful = front.choose(WithinBudget(budget)), front.choose(WithinBudget(budget, promise=0.95))
    assert careful.cost_usd <= budget * (1 + 1e-12)
    assert careful.promised_accuracy(0.95) >= plain.promised_accuracy(0.95) - (0 if limited else 1e-3)
    target = plain.promised_accuracy(0.95) - 0.02
    cheap = front.choose(AtLeastAccuracy(target, promise=0.95))
    assert cheap.promised_accuracy(0.95) >= target
    assert cheap.cost_usd < plain.cost_usd
    assert not front.problem.exceeded_limits(cheap.x)
    with pytest.raises(ValueError, match=r"promised accuracy|above the most accurate"):
        front.choose(AtLeastAccuracy(0.999, promise=0.95))


def test_largest_latency(tmp_path: Path) -> None:
    """Kept together with the budget, certified against all plans; what is too fast is refused with the fastest."""
    seconds = np.array([[1.0, 2.0, 3.0]] * 6)
    file = tmp_path / "latency.csv"
    pd.DataFrame(seconds, columns=list(TINY.llms)).assign(query_id=list(TINY.query_ids)).to_csv(file, index=False)
    front = plan_front(TINY, "all", constraints=Constraints(latency=file, max_latency=1.5))
    X, cost, accuracy = all_plans()
    fast = seconds[np.arange(6), X].mean(axis=1) <= 1.5
    choice = WithinBudget(float(np.median(cost[fast])))
    plan = front.choose(choice)
    costs = limit_costs(front.limits, plan)
    assert seconds[np.arange(6), plan.x].mean() <= 1.5
    assert plan.cost_usd <= choice.budget_usd
    best = accuracy[fast & (cost <= choice.budget_usd)].max()
    assert plan.accuracy - 1e-12 <= best <= costs.accuracy_bound + 1e-9
    (priced,) = costs.limits
    assert (priced.subject, priced.unit, priced.limit) == ("mean latency", "s", pytest.approx(1.5))
    assert priced.use == pytest.approx(seconds[np.arange(6), plan.x].mean())
    with pytest.raises(UserError, match=r"a mean latency of at most 0\.5 s: the least that any plan has is 1 s"):
        plan_front(TINY, "all", constraints=Constraints(latency=file, max_latency=0.5))
    tight = plan_front(TINY, "all", constraints=Constraints(latency=file, max_latency=1.01))
    with pytest.raises(UserError, match=r"mean latency would have to be [\d.]+ s"):
        tight.choose(AtLeastAccuracy(float(accuracy.max())))


def test_latency_is_an_objective_beside_quotas(tmp_path: Path) -> None:
    """Without a largest latency it is the third objective; a quota beside it is kept by all plans, the knee too."""
    file = tmp_path / "latency.csv"
    seconds = np.array([[1.0, 2.0, 3.0]] * 6)
    pd.DataFrame(seconds, columns=list(TINY.llms)).assign(query_id=list(TINY.query_ids)).to_csv(file, index=False)
    front = plan_front(TINY, "all", constraints=Constraints(quotas=[Quota("Big", calls=2)], latency=file))
    assert front.found.F.shape[1] == 3
    assert front.problem.limits.are_met(np.atleast_2d(front.found.X)).all()
    assert "latency_s" in front_frame(front.problem, front.found)
    assert front.choose(Knee()).third is not None


MASKED = Dataset(
    TINY.cost, TINY.correct, llms=["a", "b:1", "b:1@batch"], groups=TINY.groups,
    about={"llms": [{"name": "b:1", "provider": "Big"}, {"name": "b:1@batch", "provider": "Big"}]},
)  # fmt: skip


@pytest.mark.parametrize(
    ("constraints", "expected"),
    [
        (Constraints(forbidden={"h": ["a"]}), [[1, 1, 1]] * 3 + [[0, 1, 1]] * 3),
        (Constraints(forbidden=["a:h"]), [[1, 1, 1]] * 3 + [[0, 1, 1]] * 3),
        (Constraints(forbidden={"g": ["Big"]}), [[1, 0, 0]] * 3 + [[1, 1, 1]] * 3),
        (Constraints(forbidden=["b:1"]), [[1, 0, 0]] * 6),
        (Constraints(forbidden=["b:1:g"]), [[1, 0, 0]] * 3 + [[1, 1, 1]] * 3),
        (Constraints(allowed={None: ["b:1@batch"]}), [[0, 0, 1]] * 6),
        (Constraints(allowed=["a:g", "*@batch:g"]), [[1, 0, 1]] * 3 + [[1, 1, 1]] * 3),
        (Constraints(allowed=["b:1"], forbidden=["b:1@batch:h"]), [[0, 1, 1]] * 3 + [[0, 1, 0]] * 3),
    ],
)
def test_masks_by_rule(constraints: Constraints, expected: list[list[int]]) -> None:
    """An LLM with its modes, a provider, a pattern; for all or for a group; names may hold a colon themselves."""
    mask = constraints.mask(MASKED)
    assert mask is not None
    assert mask.astype(int).tolist() == expected
    assert not constraints


def test_what_a_query_is_too_long_for_is_masked() -> None:
    """A batch knows which; without rules and such queries there is no mask."""
    data = MASKED.with_about({"too_long": {"a": ["1"], "gone": ["2"]}})
    mask = Constraints().mask(data)
    assert mask is not None
    assert np.argwhere(~mask).tolist() == [[1, 0]]
    assert Constraints().mask(MASKED) is None


def test_masked_plans_are_exact_and_told_by_group() -> None:
    """Best within a budget over all plans that keep to the rule; groups add up to the plan."""
    X, cost, accuracy = all_plans()
    kept = (X[:, 3:] != 0).all(axis=1)
    front = plan_front(TINY, "all", constraints=Constraints(forbidden=["a:h"]))
    assert front.is_exact
    F = np.unique(front.found.F, axis=0)
    for usd, negated in F:
        assert -negated == pytest.approx(accuracy[kept & (cost <= usd + 1e-12)].max())
    plan = front.choose(Knee())
    totals = front.by_group(plan)
    assert [(each.group, each.n_queries) for each in totals] == [("g", 3), ("h", 3)]
    assert sum(each.cost_usd for each in totals) == pytest.approx(plan.cost_usd)
    assert np.mean([each.expected_accuracy for each in totals]) == pytest.approx(plan.accuracy)
    assert all(each.interval_95[0] <= each.expected_accuracy <= each.interval_95[1] for each in totals)


@pytest.mark.parametrize(
    ("constraints", "message"),
    [
        (Constraints(forbidden=["x"]), "unknown provider or LLM 'x'"),
        (Constraints(forbidden=["a:i"]), "unknown group 'i'"),
        (Constraints(forbidden=["*"]), r"no LLM is allowed for query '0' of group 'g' \(6 such queries\): forbid less"),
    ],
)
def test_masks_that_cannot_be(constraints: Constraints, message: str) -> None:
    """Unknown names, and queries for which nothing is left, are refused before any work."""
    with pytest.raises(UserError, match=message):
        constraints.check(TINY)
