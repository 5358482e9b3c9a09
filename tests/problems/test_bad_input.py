"""Bad input is refused at the door, with the first offending place; the nearest good input is not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from optllm_pymoo import AllocationProblem
from optllm_pymoo.validation import UserError

COST = np.array([[1.0, 2.0, 4.0], [1.0, 3.0, 9.0]])
ACCURACY = np.array([[0.25, 0.5, 1.0], [0.5, 1.0, 0.0]])


def with_cell(table, value, i=1, j=2):
    """Copy a table with one other cell."""
    changed = table.copy()
    changed[i, j] = value
    return changed


@pytest.mark.parametrize(
    ("value", "shown"), [(np.nan, "nan"), (np.inf, "inf"), (-np.inf, "-inf"), (-0.5, "-0.5"), (-1e-300, "-1E-300")]
)
def test_costs_out_of_range(value, shown):
    """NaN, infinities and negative costs; nothing at all is a cost."""
    with pytest.raises(ValueError, match=rf"^cost must be finite and at least 0; cost\[1, 2\] = {shown}$"):
        AllocationProblem(with_cell(COST, value), ACCURACY)
    assert AllocationProblem(with_cell(COST, 0.0), ACCURACY).cost[1, 2] == 0.0


@pytest.mark.parametrize(
    ("value", "shown"),
    [(np.nan, "nan"), (np.inf, "inf"), (-np.inf, "-inf"), (1.2, "1.2"), (1 + 1e-9, "1.000000001"), (-0.1, "-0.1")],
)
def test_accuracies_out_of_range(value, shown):
    """NaN, infinities and what is no probability; 0 and 1 are."""
    with pytest.raises(ValueError, match=rf"^accuracy must lie in \[0, 1\]; accuracy\[1, 2\] = {shown}$"):
        AllocationProblem(COST, with_cell(ACCURACY, value))
    for bound in (0.0, 1.0):
        assert AllocationProblem(COST, with_cell(ACCURACY, bound)).accuracy[1, 2] == bound


def test_first_of_many_is_named():
    """The first bad cell in reading order is shown, the others are counted."""
    bad = with_cell(with_cell(ACCURACY, 7.0), 2.0, 0, 1)
    with pytest.raises(ValueError, match=r"accuracy\[0, 1\] = 2 \(2 such values\)"):
        AllocationProblem(COST, bad)
    assert AllocationProblem(COST, np.clip(bad, 0, 1)).n_queries == 2


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_robust_accuracies_must_be_finite(value):
    """Any finite number may steer."""
    with pytest.raises(ValueError, match=r"^robust_accuracy must be finite; robust_accuracy\[1, 2\] = "):
        AllocationProblem(COST, ACCURACY, robust_accuracy=with_cell(ACCURACY, value))
    assert AllocationProblem(COST, ACCURACY, robust_accuracy=with_cell(ACCURACY, -9.5)).robust_accuracy[1, 2] == -9.5


def test_robust_accuracies_beyond_float32():
    """Beside float32 tables they become float32, where 1e39 would be infinite; beside float64 it is a number."""
    robust = with_cell(ACCURACY, 1e39)
    with pytest.raises(ValueError, match=r"^robust_accuracy must lie in \[.*\]; robust_accuracy\[1, 2\] = 1E\+39$"):
        AllocationProblem(COST.astype(np.float32), ACCURACY.astype(np.float32), robust_accuracy=robust)
    assert AllocationProblem(COST, ACCURACY, robust_accuracy=robust).robust_accuracy[1, 2] == 1e39


@pytest.mark.parametrize("name", ["accuracy", "robust_accuracy", "allowed"])
def test_shapes_that_disagree(name):
    """Every table must have the shape of the costs."""
    given = {"accuracy": ACCURACY, "robust_accuracy": ACCURACY, "allowed": np.ones((2, 3), bool)}
    wrong = {**given, name: given[name][:, :2]}
    with pytest.raises(ValueError, match=rf"^{name} has shape \(2, 2\); expected \(2, 3\), the shape of cost$"):
        AllocationProblem(COST, wrong.pop("accuracy"), **wrong)
    assert AllocationProblem(COST, given.pop("accuracy"), **given).n_llms == 3


@pytest.mark.parametrize("cost", [np.empty((0, 3)), np.empty((3, 0))])
def test_empty_tables(cost):
    """A batch has at least one query and one LLM."""
    with pytest.raises(ValueError, match=r"cost must hold at least one query and one LLM; got shape \([03], [03]\)"):
        AllocationProblem(cost, cost)
    assert AllocationProblem([[1.0]], [[1.0]]).n_var == 1


@pytest.mark.parametrize("cost", [1.0, [1.0, 2.0], np.ones((1, 1, 1))])
def test_tables_with_other_dimensions(cost):
    """A table has rows and columns."""
    with pytest.raises(ValueError, match=r"cost must be a table with one row per query and one column per LLM; got sh"):
        AllocationProblem(cost, [[1.0]])
    assert AllocationProblem([[1]], [[True]]).accuracy.dtype == np.float64


@pytest.mark.parametrize("values", [[["1"]], [[1j]], [[None]], [[object()]]])
def test_tables_of_other_things(values):
    """Text, complex numbers and objects are no numbers."""
    for name, args in (("cost", (values, [[1.0]])), ("accuracy", ([[1.0]], values))):
        with pytest.raises(UserError, match=f"^{name} must hold real numbers; got values of type "):
            AllocationProblem(*args)


def test_query_without_an_allowed_llm():
    """The first such query is named; one allowed LLM is enough."""
    allowed = np.array([[0, 1, 0], [0, 0, 0]])
    with pytest.raises(ValueError, match=r"every query needs at least one allowed LLM; allowed\[1\] allows none \(1 s"):
        AllocationProblem(COST, ACCURACY, allowed=allowed)
    assert AllocationProblem(COST, ACCURACY, allowed=with_cell(allowed, 1)).allowed.sum() == 2


@pytest.mark.parametrize("value", [2, -1, 0.5, np.nan])
def test_masks_of_other_values(value):
    """A mask says yes or no."""
    with pytest.raises(ValueError, match=rf"allowed must hold True or False; allowed\[1, 2\] = {value}"):
        AllocationProblem(COST, ACCURACY, allowed=with_cell(np.ones((2, 3)), value))
    assert AllocationProblem(COST, ACCURACY, allowed=np.ones((2, 3))).allowed.dtype == np.bool_


def test_masks_of_text():
    """Text that looks like a mask is refused as such."""
    with pytest.raises((TypeError, ValueError), match="allowed must hold True or False"):
        AllocationProblem(COST, ACCURACY, allowed=[["yes", "no", "no"]] * 2)


@pytest.mark.parametrize(("option", "wrong", "good"), [("llms", "abab", "abc"), ("query_ids", "xyz", "xy")])
def test_number_of_names(option, wrong, good):
    """Every LLM and every query has one name."""
    n = len(good)
    with pytest.raises(ValueError, match=rf"^{option} must name all {n}; got {len(wrong)} names$"):
        AllocationProblem(COST, ACCURACY, **{option: list(wrong)})
    assert getattr(AllocationProblem(COST, ACCURACY, **{option: list(good)}), option) == tuple(good)


@pytest.mark.parametrize(("option", "names"), [("llms", ["a", "b", "a"]), ("query_ids", [1, "1"])])
def test_names_twice(option, names):
    """Both places of a repeated name are shown; as text 1 and "1" are the same."""
    with pytest.raises(ValueError, match=rf"^{option} must be distinct; '[a1]' is at positions 0 and {len(names) - 1}"):
        AllocationProblem(COST, ACCURACY, **{option: names})


@pytest.mark.parametrize("other", ["accuracy", "robust_accuracy", "allowed"])
@pytest.mark.parametrize("axis", ["columns", "index"])
def test_frames_that_disagree(other, axis):
    """A frame with rows or columns in another order is refused, never matched by position."""
    labels = {"columns": ["a", "b", "c"], "index": ["x", "y"]}
    frames = {name: pd.DataFrame(ACCURACY, **labels) for name in ("accuracy", "robust_accuracy")}
    frames["allowed"] = pd.DataFrame(np.ones((2, 3), bool), **labels)
    cost = pd.DataFrame(COST, **labels)
    turned = {**frames, other: frames[other].set_axis(labels[axis][::-1], axis=axis)}
    with pytest.raises(ValueError, match=rf"cost and {other} must have the same {axis}; got .*; reorder one of them"):
        AllocationProblem(cost, turned.pop("accuracy"), **turned)
    assert AllocationProblem(cost, frames.pop("accuracy"), **frames).llms == ("a", "b", "c")


def test_frames_that_disagree_beside_plain_costs():
    """Labels are compared also where the costs have none."""
    accuracy = pd.DataFrame(ACCURACY, columns=["a", "b", "c"])
    with pytest.raises(ValueError, match="accuracy and robust_accuracy must have the same columns"):
        AllocationProblem(COST, accuracy, robust_accuracy=accuracy.set_axis(["c", "b", "a"], axis="columns"))
    assert AllocationProblem(COST, accuracy, robust_accuracy=accuracy).n_llms == 3


@pytest.mark.parametrize(
    ("X", "place"),
    [
        ([0, 3], r"X\[0, 1\] = 3"),
        ([[0, 1], [-1, 0]], r"X\[1, 0\] = -1"),
        ([0.0, np.nan], r"X\[0, 1\] = nan"),
        ([np.inf, 0.0], r"X\[0, 0\] = inf"),
        (np.array([0, 200], np.uint8), r"X\[0, 1\] = 200"),
        (np.array([0, -128], np.int8), r"X\[0, 1\] = -128"),
        (np.array([0, 2**63], np.uint64), r"X\[0, 1\] = 9223372036854775808"),
        (np.array([0, 256]), r"X\[0, 1\] = 256"),
    ],
)
def test_plans_out_of_range(X, place):
    """The kernels have no bounds checks, so nothing outside 0 ... M-1 may come through; both ends may."""
    with pytest.raises(ValueError, match=rf"^an allocation holds LLM numbers 0 to 2; {place}$"):
        AllocationProblem(COST, ACCURACY).evaluate(X)
    assert AllocationProblem(COST, ACCURACY).evaluate(np.array([0, 2])).tolist() == [10.0, -0.125]


@pytest.mark.parametrize("value", [0.5, 1.0000001, 1e-9])
def test_plans_that_are_not_integral(value):
    """Fractions are refused, never truncated; 1.0 is an integer."""
    with pytest.raises(ValueError, match=r"an allocation holds integers; X\[0, 1\] = .*; round or repair it first"):
        AllocationProblem(COST, ACCURACY).evaluate(np.array([0, value]))
    assert AllocationProblem(COST, ACCURACY).evaluate(np.array([0.0, 1.0])).tolist() == [4.0, -0.625]


@pytest.mark.parametrize(
    "X", [np.array(["0", "1"]), np.array([0, 1], object), np.array([0j, 1]), np.array([False, True])]
)
def test_plans_of_other_types(X):
    """Text, objects, complex numbers and truth values are no LLM numbers."""
    with pytest.raises(UserError, match=r"an allocation holds LLM numbers 0 to 2; got values of type "):
        AllocationProblem(COST, ACCURACY).evaluate(X)


@pytest.mark.parametrize("X", [[0], [0, 1, 2], [[[0, 1]]], 0, [], np.empty((3, 0), int)])
def test_plans_of_other_shapes(X):
    """One LLM per query: both shapes that would do are named."""
    with pytest.raises(ValueError, match=r"one LLM per query; expected shape \(n, 2\) or \(2,\), got \("):
        AllocationProblem(COST, ACCURACY).evaluate(X)


def test_unknown_llm():
    """An unknown name is answered with the closest one and all there are; numbers are checked too."""
    problem = AllocationProblem(COST, ACCURACY, llms=["gpt-4", "mixtral", "yi"])
    with pytest.raises(ValueError, match=r"unknown LLM 'gpt4'; did you mean 'gpt-4'\? Known: 'gpt-4', 'mixtral', 'yi"):
        problem.single_llm("gpt4")
    with pytest.raises(ValueError, match=r"unknown LLM 'zzz'\. Known: 'gpt-4'"):
        problem.single_llm("zzz")
    for number in (3, -1):
        with pytest.raises(ValueError, match=rf"LLM numbers 0 to 2; X\[0, 0\] = {number}"):
            problem.single_llm(number)
    assert problem.single_llm("yi").tolist() == problem.single_llm(2).tolist() == [2, 2]


def test_single_llm_that_is_not_allowed():
    """A plan that leaves the mask is refused by names; an LLM that is allowed everywhere is not."""
    allowed = np.array([[1, 1, 0], [1, 1, 1]])
    problem = AllocationProblem(COST, ACCURACY, allowed=allowed)
    with pytest.raises(ValueError, match=r"LLM 'llm2' is not allowed for query '0'"):
        problem.single_llm("llm2")
    assert problem.single_llm("llm1").tolist() == [1, 1]
