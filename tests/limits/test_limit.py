"""Quotas and floors as people write them, and what is refused."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest

from optllm_pymoo import Additive, AllocationProblem, Ceiling, Floor, Quota, allowed_by_limits
from optllm_pymoo.validation import UserError

LLMS = ["gpt-4", "mixtral", "yi"]
TABLES = np.ones((4, 3)), np.full((4, 3), 0.5)


def test_names_modes_patterns_and_providers():
    """An LLM with its modes, a shell pattern, or any name with the LLMs it stands for."""
    modes = ["gpt", "gpt@batch", "gpt-mini", "yi"]
    assert Quota("gpt", calls=1).members(modes).tolist() == [True, True, False, False]
    assert Quota("gpt@batch", calls=1).members(modes).tolist() == [False, True, False, False]
    assert Quota("gpt*", calls=1).members(modes).tolist() == [True, True, True, False]
    together = Quota("TogetherAI", calls=1, llms=["yi", "gpt-mini"])
    assert together.members(modes).tolist() == [False, False, True, True]
    assert [quota.subject(modes) for quota in (together, Quota("yi", usd=1), Quota("*", usd=1))] == [
        "TogetherAI", "yi", "all LLMs",
    ]  # fmt: skip
    assert hash(Quota("a", calls=1, llms=["yi"])) == hash(Quota("a", calls=1, llms=("yi",)))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({}, ValueError, "exactly one of calls, usd and tokens; got none"),
        ({"calls": 1, "usd": 1}, ValueError, "got calls, usd"),
        ({"calls": -1}, ValueError, "calls must be a finite number, at least 0; got -1"),
        ({"usd": float("inf")}, ValueError, "usd must be a finite number"),
        ({"tokens": "many"}, ValueError, "tokens must be a number; got 'many'"),
    ],
)
def test_bad_quotas_are_refused(options: dict, error: type, message: str):
    """Exactly one finite limit, not negative."""
    with pytest.raises(error, match=message):
        Quota("yi", **options)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"limits": [Quota("gpt4", calls=9)]}, ValueError, "unknown LLM 'gpt4'; did you mean 'gpt-4'"),
        ({"limits": [("yi", 9)]}, ValueError, r"limits must be Quota, Floor or Ceiling objects; limits\[0\] is \('yi'"),
        ({"limits": [Quota("yi", tokens=9)]}, ValueError, r"limits\[0\] limits tokens; pass tokens="),
        ({"limits": [Quota("claude*", calls=9)]}, ValueError, r"unknown LLM 'claude\*'"),
        ({"limits": [Floor("a", 0.4)]}, ValueError, "floors need groups="),
        ({"limits": [Floor("a", 0.4)], "groups": ["a"]}, ValueError, "group of each of the 4 queries; got 1"),
        ({"limits": [Floor("c", 0.4)], "groups": list("aabb")}, ValueError, "unknown group 'c'"),
        (
            {"limits": Floor("a", 0.1), "groups": list("aabb"), "robust_accuracy": TABLES[1]},
            ValueError,
            "pass only one of them",
        ),
        ({"tokens": np.ones((4, 2))}, ValueError, r"tokens has shape \(4, 2\)"),
    ],
)
def test_bad_limits_are_refused(options: dict, error: type, message: str):
    """The message names the offender."""
    with pytest.raises(error, match=message):
        AllocationProblem(*TABLES, llms=LLMS, **options)


def test_what_is_no_name_is_refused():
    """A number is no LLM's name, and no bound is a text; None for no limits at all is none."""
    with pytest.raises(UserError, match=r"a quota is for a name: an LLM, a pattern, .*; got 1"):
        Quota(1, calls=1)
    with pytest.raises(UserError, match=r"floor of group 'a' must lie in \[0, 1\]; got 40"):
        Floor("a", 40)
    with pytest.raises(UserError, match="the floor of group 'a' must be a number; got 'high'"):
        Floor("a", "high")
    with pytest.raises(UserError, match="a ceiling is one of an Additive; got 'cost'"):
        Ceiling("cost", 1)
    with pytest.raises(UserError, match="the ceiling of total CO2 must be a finite number; got inf"):
        Ceiling(Additive("CO2", [[1.0]], unit="g"), float("inf"))
    assert AllocationProblem(*TABLES, limits=None).n_ieq_constr == 0


def test_constraints_by_hand():
    """G is the excess relative to the quota, to one call where the quota is 0, and the accuracy that a group lacks."""
    accuracy = np.array([[0.5, 0.9, 0.1]] * 4)
    quotas = [
        Quota("gpt-4", calls=2),
        Quota("yi", calls=0),
        Quota("two", usd=4, llms=("mixtral", "yi")),
        Floor("a", 0.6),
    ]
    problem = AllocationProblem(TABLES[0] * 2, accuracy, llms=LLMS, limits=quotas, groups=list("aabb"))
    out = problem.evaluate(np.array([[0, 0, 0, 2], [1, 1, 0, 0]]), return_as_dictionary=True)
    # 3 of 2 calls, 1 of 0 calls, 2 of 4 US$, group a at 0.5; then 2 of 2, 0 of 0, 4 of 4 US$, group a at 0.9
    np.testing.assert_allclose(out["G"], [[0.5, 1.0, -0.5, 0.1], [0.0, 0.0, 0.0, -0.3]], atol=1e-12)
    assert problem.n_ieq_constr == 4
    assert problem.exceeded_limits([0, 0, 0, 2]) == [
        "2 calls for gpt-4", "0 calls for yi", "floor 0.6 of group 'a'",
    ]  # fmt: skip


def test_what_stays_and_what_is_unknown():
    """Where limits bind there is no exact front to claim; a pickled problem keeps its limits."""
    problem = AllocationProblem(*TABLES, llms=LLMS, limits=[Quota(LLMS[0], calls=1)])
    assert problem.pareto_front() is None
    assert problem.pareto_set() is None
    again = pickle.loads(pickle.dumps(problem))
    assert again.limits.names == (f"1 call for {LLMS[0]}",)
    assert again.bound_front().F.tolist() == problem.bound_front().F.tolist()
    assert AllocationProblem(*TABLES).n_ieq_constr == 0


def test_float32_at_a_limit_keeps_to_it():
    """0.1 and 0.7 in float32 lie above and below the decimal numbers: a ceiling and a floor of these hold."""
    cost, accuracy = np.array([[0.1, 0.2]], dtype=np.float32), np.array([[0.7, 0.9]], dtype=np.float32)
    assert allowed_by_limits(cost, accuracy, max_cost_usd=0.1).tolist() == [[True, False]]
    assert allowed_by_limits(cost, accuracy, min_accuracy=0.7).tolist() == [[True, True]]
    assert allowed_by_limits(cost, accuracy, max_cost_usd=1e308).all()


def test_limits_per_query_become_a_mask():
    """Floor, ceiling on cost and ceiling on latency each take their cells."""
    cost, accuracy = [[1, 2], [1, 3]], [[0.2, 0.6], [0.5, 0.9]]
    latency = [[1.0, 5.0], [1.0, 1.0]]
    assert allowed_by_limits(cost, accuracy, min_accuracy=[0.1, 0.6]).tolist() == [[True, True], [False, True]]
    assert allowed_by_limits(cost, accuracy, max_cost_usd=2).tolist() == [[True, True], [True, False]]
    mask = allowed_by_limits(cost, accuracy, latency=latency, max_latency=2, allowed=[[1, 1], [0, 1]])
    assert mask.tolist() == [[True, False], [False, True]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"min_accuracy": 0.7},
            r"floor of query 'q0': accuracy 0\.7 is asked for, the best reaches 0\.6 \(1 such query\)",
        ),
        ({"max_cost_usd": 0.5}, r"ceiling of query 'q0': cost 0\.5 US\$ is asked for, the lowest is 1 US\$ \(2 such"),
        ({"max_latency": 1}, "max_latency needs latency="),
        ({"max_latency": 1, "latency": [[2, 3], [1, 1]]}, r"'q0': latency 1 s is asked for, the lowest is 2 s"),
        ({"min_accuracy": [0.1, 0.1, 0.1]}, r"min_accuracy must be a number or 2 of them; got shape \(3,\)"),
        ({"min_accuracy": float("nan")}, "must not be NaN"),
    ],
)
def test_a_query_without_llm_is_named(options: dict, message: str):
    """The first query that nothing satisfies, with the nearest limit that would do."""
    with pytest.raises(ValueError, match=message):
        allowed_by_limits([[1, 2], [1, 3]], [[0.2, 0.6], [0.5, 0.9]], query_ids=["q0", "q1"], **options)


def test_queries_without_a_group_have_no_floor():
    """None and NaN are no labels: floors of the groups are about the two labelled queries."""
    accuracy = [[0.1, 0.9], [0.1, 0.5], [0.1, 0.9], [0.1, 0.9]]
    groups = pd.Series(["a", "b", None, pd.NA], dtype="string")
    two = [Floor("a", 0.4), Floor("b", 0.4)]
    assert AllocationProblem(np.ones((4, 2)), np.ones((4, 2)), limits=two, groups=groups).n_ieq_constr == 2
    groups = ["a", "b", None, float("nan")]
    half = [Floor("a", 0.5), Floor("b", 0.5)]
    problem = AllocationProblem([[1, 2]] * 4, accuracy, limits=half, groups=groups)
    assert [row.subject for row in problem.limits.rows] == ["a", "b"]
    assert problem.extremes()[0].tolist() == [1, 1, 0, 0]
    with pytest.raises(ValueError, match=r"group 'b' reaches at most 0\.5, floor 0\.6"):
        AllocationProblem([[1, 2]] * 4, accuracy, limits=[Floor("b", 0.6)], groups=groups)
