"""Quotas and floors as people write them, and what is refused."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest

from optllm_pymoo import AllocationProblem, Quota, allowed_by_limits
from optllm_pymoo.validation import UserError

LLMS = ["gpt-4", "mixtral", "yi"]
TABLES = np.ones((4, 3)), np.full((4, 3), 0.5)


def test_names_sets_and_functions():
    """One name, several, or a function of names say which LLMs count."""
    assert Quota("yi", calls=1).members(LLMS).tolist() == [False, False, True]
    assert Quota(["mixtral", "yi"], calls=1).members(LLMS).tolist() == [False, True, True]
    assert Quota(lambda name: "i" in name, calls=1).members(LLMS).tolist() == [False, True, True]
    assert hash(Quota(["mixtral"], calls=1)) == hash(Quota(("mixtral",), calls=1))
    assert Quota(LLMS, tokens=1000).describe(LLMS) == "1,000 tokens for all LLMs"


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
        ({"quotas": [Quota("gpt4", calls=9)]}, ValueError, "unknown LLM 'gpt4'; did you mean 'gpt-4'"),
        ({"quotas": [("yi", 9)]}, ValueError, r"quotas must be Quota objects; quotas\[0\] is \('yi', 9\)"),
        ({"quotas": [Quota("yi", tokens=9)]}, ValueError, r"quotas\[0\] limits tokens; pass tokens="),
        ({"quotas": [Quota(lambda name: False, calls=9)]}, ValueError, "picks none of the LLMs"),
        ({"floors": 0.4}, ValueError, "floors need groups="),
        ({"floors": 0.4, "groups": ["a"]}, ValueError, "group of each of the 4 queries; got 1"),
        ({"floors": {"c": 0.4}, "groups": list("aabb")}, ValueError, "unknown group 'c'"),
        ({"floors": 40, "groups": list("aabb")}, ValueError, r"floor of group 'a' must lie in \[0, 1\]; got 40"),
        ({"floors": "high", "groups": list("aabb")}, ValueError, "must be a mean accuracy; got 'high'"),
        ({"floors": 0.1, "groups": list("aabb"), "robust_accuracy": TABLES[1]}, ValueError, "pass one of the two"),
        ({"tokens": np.ones((4, 2))}, ValueError, r"tokens has shape \(4, 2\)"),
    ],
)
def test_bad_limits_are_refused(options: dict, error: type, message: str):
    """The message names the offender."""
    with pytest.raises(error, match=message):
        AllocationProblem(*TABLES, llms=LLMS, **options)


def test_what_is_no_name_is_refused():
    """A number is no LLM's name; None for no quotas at all is none."""
    with pytest.raises(UserError, match="an LLM's name, several names or a function of the name; got 1"):
        Quota(1, calls=1)
    assert AllocationProblem(*TABLES, quotas=None).n_ieq_constr == 0


def test_constraints_by_hand():
    """G is the excess relative to the quota, to one call where the quota is 0, and the accuracy that a group lacks."""
    accuracy = np.array([[0.5, 0.9, 0.1]] * 4)
    quotas = [Quota("gpt-4", calls=2), Quota("yi", calls=0), Quota(("mixtral", "yi"), usd=4)]
    problem = AllocationProblem(
        TABLES[0] * 2, accuracy, llms=LLMS, quotas=quotas, floors={"a": 0.6}, groups=list("aabb")
    )
    out = problem.evaluate(np.array([[0, 0, 0, 2], [1, 1, 0, 0]]), return_as_dictionary=True)
    # 3 of 2 calls, 1 of 0 calls, 2 of 4 US$, group a at 0.5; then 2 of 2, 0 of 0, 4 of 4 US$, group a at 0.9
    np.testing.assert_allclose(out["G"], [[0.5, 1.0, -0.5, 0.1], [0.0, 0.0, 0.0, -0.3]], atol=1e-12)
    assert problem.n_ieq_constr == 4
    assert problem.exceeded_limits([0, 0, 0, 2]) == [
        "2 calls for 'gpt-4'", "0 calls for 'yi'", "floor 0.6 of group 'a'",
    ]  # fmt: skip


def test_what_stays_and_what_is_unknown():
    """Where limits bind there is no exact front to claim; a pickled problem keeps its limits."""
    problem = AllocationProblem(*TABLES, llms=LLMS, quotas=[Quota(LLMS[0], calls=1)])
    assert problem.pareto_front() is None
    assert problem.pareto_set() is None
    again = pickle.loads(pickle.dumps(problem))
    assert again.limits.names == (f"1 calls for {LLMS[0]!r}",)
    assert again.bound_front().F.tolist() == problem.bound_front().F.tolist()
    assert AllocationProblem(*TABLES).n_ieq_constr == 0


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
    """None and NaN are no labels: a floor for all groups is about the two labelled queries."""
    accuracy = [[0.1, 0.9], [0.1, 0.5], [0.1, 0.9], [0.1, 0.9]]
    groups = pd.Series(["a", "b", None, pd.NA], dtype="string")
    assert AllocationProblem(np.ones((4, 2)), np.ones((4, 2)), floors=0.4, groups=groups).n_ieq_constr == 2
    groups = ["a", "b", None, float("nan")]
    problem = AllocationProblem([[1, 2]] * 4, accuracy, floors=0.5, groups=groups)
    assert problem.limits.whom == ("a", "b")
    assert problem.extremes()[0].tolist() == [1, 1, 0, 0]
    with pytest.raises(ValueError, match=r"group 'b' reaches at most 0\.5, floor 0\.6"):
        AllocationProblem([[1, 2]] * 4, accuracy, floors=0.6, groups=groups)
