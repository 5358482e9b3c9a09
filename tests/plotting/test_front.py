"""Pictures of fronts."""

from __future__ import annotations

import time
from itertools import combinations

import numpy as np
import pytest
from matplotlib.figure import Figure

from optllm_pymoo import AllocationProblem, make_problem
from optllm_pymoo.decision import Knee, WithinBudget
from optllm_pymoo.plotting import plot_front, plot_mix
from tests.strategies import EDGE_CASES


def test_draws_curve_llms_and_plan() -> None:
    """The curve is the front, every LLM has its name, the star stands at the plan."""
    problem = make_problem(40, 4)
    plan = Knee().plan(problem)
    ax = plot_front(problem, plan=plan, title="A batch")
    np.testing.assert_allclose(ax.lines[0].get_xydata(), problem.supported_front.F * (1, -1))
    assert {text.get_text() for text in ax.texts} >= set(problem.llms)
    stars = [line for line in ax.lines if line.get_marker() == "*"]
    assert stars[0].get_xydata().tolist() == [[plan.cost_usd, plan.accuracy]]
    assert ax.get_title() == "A batch"


def test_uses_the_axes_given() -> None:
    """Given axes are drawn on and returned, and no others."""
    left, right = Figure().subplots(1, 2)
    assert plot_front(make_problem(10, 3), ax=right) is right
    assert not left.lines
    assert right.lines


def test_plans_found_are_drawn() -> None:
    """Plans of a search appear as points beside the bound."""
    ax = plot_front(make_problem(10, 3), F=[[1.0, -0.5], [2.0, -0.6]])
    found = next(line for line in ax.lines if line.get_label() == "plans found")
    assert found.get_xydata().tolist() == [[1.0, 0.5], [2.0, 0.6]]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", EDGE_CASES)
def test_edge_cases_are_drawn_without_a_warning(name: str) -> None:
    """Fronts of one point, free LLMs, masks, known outcomes, tiny and huge amounts."""
    problem = EDGE_CASES[name].problem()
    ax = plot_front(problem, plan=WithinBudget(1e15).plan(problem))
    ax.figure.canvas.draw()
    assert ax.lines


@pytest.mark.parametrize(("dearest", "scale"), [(10.0, "linear"), (1000.0, "log")])
def test_scale_follows_the_range_of_costs(dearest: float, scale: str) -> None:
    """Over orders of magnitude the cost axis is logarithmic."""
    assert plot_front(AllocationProblem([[1.0, dearest]], [[0.1, 0.9]])).get_xscale() == scale


def test_free_llm_keeps_the_axis_linear() -> None:
    """There is no logarithm of 0 US$."""
    assert plot_front(AllocationProblem([[0.0, 1000.0]], [[0.1, 0.9]])).get_xscale() == "linear"


@pytest.mark.parametrize("n_llms", [13, 49, 150])
def test_many_llms(n_llms: int) -> None:
    """The most accurate LLM and the plan's largest have names, no name covers another, the others are grey dots."""
    problem = make_problem(300, n_llms)
    plan = Knee().plan(problem)
    ax = plot_front(problem, plan=plan)
    ax.figure.draw_without_rendering()
    written = [text for text in ax.texts if text.get_text()]
    largest = np.bincount(plan.x).argmax()
    best = problem.accuracy.mean(axis=0).argmax()
    assert {problem.llms[best], problem.llms[largest]} <= {text.get_text() for text in written}
    assert 6 <= len(written) <= 12
    boxes = [text.get_window_extent() for text in written]
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    dots = next(line for line in ax.lines if line.get_label() == "other LLMs")
    assert len(dots.get_xydata()) == n_llms


def test_a_thousand_llms_take_a_second_of_the_processor() -> None:
    """Names are looked for a place for as many LLMs as have one, not for all."""
    problem = make_problem(50, 1000)
    plan = Knee().plan(problem)
    start = time.process_time()
    plot_front(problem, plan=plan).figure.draw_without_rendering()
    plot_mix(problem, plan=plan).figure.draw_without_rendering()
    assert time.process_time() - start < 3.0
