"""The mix of LLMs along the budget."""

from __future__ import annotations

import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optllm_pymoo import AllocationProblem, OptLLM, make_problem
from optllm_pymoo.decision import Knee
from optllm_pymoo.plotting.front import plot_front
from optllm_pymoo.plotting.mix import mix_along_front, mix_of_plans, plot_mix
from tests.strategies import EDGE_CASES, Tables, tables


@given(tables(), st.integers(2, 6))
def test_counts_of_steps_are_counts_of_plans(given: Tables, n_points: int) -> None:
    """Counting steps gives what decoding every plan gives, thinned or not."""
    front = given.front()
    for n in (n_points, 1000):
        cost, counts = mix_along_front(front, n)
        for chosen, usd, row in zip(front.thin(n), cost, counts, strict=True):
            plan = front.assignment(int(chosen))
            assert usd == front.F[chosen, 0]
            assert row.tolist() == np.bincount(plan, minlength=given.cost.shape[1]).tolist()


def test_given_plans_are_sorted_by_cost() -> None:
    """Plans of a search come in any order."""
    cost, counts = mix_of_plans([[2.0, -0.9], [1.0, -0.5]], [[1, 1], [0, 1]], 3)
    assert cost.tolist() == [1.0, 2.0]
    assert counts.tolist() == [[1, 1, 0], [0, 2, 0]]


def test_fast_on_long_fronts() -> None:
    """Some hundred thousand steps take a fraction of a second of the processor: nothing is decoded plan by plan."""
    front = make_problem(40_000, 8).supported_front
    start = time.process_time()
    _, counts = mix_along_front(front)
    assert time.process_time() - start < 1.0
    assert (counts.sum(axis=1) == 40_000).all()


def test_areas_fill_the_whole() -> None:
    """At every budget the stacked areas end at 100 %, and the plan is marked."""
    problem = make_problem(50, 4)
    plan = Knee().plan(problem)
    ax = plot_mix(problem, plan=plan)
    top = max(area.get_paths()[0].vertices[:, 1].max() for area in ax.collections)
    assert top == pytest.approx(1)
    assert ax.get_ylim() == (0, 1)
    assert any(np.allclose(line.get_xdata(), plan.cost_usd) for line in ax.lines)


def test_areas_differ_in_more_than_colour() -> None:
    """In print without colour the LLMs still differ: by their hatches."""
    ax = plot_mix(make_problem(200, 8))
    looks = [(area.get_hatch() or "") for area in ax.collections]
    assert len(set(looks)) == len(looks)


def test_result_of_a_search() -> None:
    """A pymoo result is drawn from its own plans."""
    from pymoo.optimize import minimize

    problem = make_problem(50, 4)
    res = minimize(problem, OptLLM(n_grid=5), seed=1)
    ax = plot_mix(problem, found=res)
    assert ax.get_xlim() == (res.F[:, 0].min(), res.F[:, 0].max())


def test_of_many_llms_the_largest_are_named() -> None:
    """Ten areas and one for the rest, which together fill the whole; areas that touch differ in colour."""
    problem = make_problem(2000, 49)
    ax = plot_mix(problem)
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names[0] == "39 others"
    largest = mix_along_front(problem.supported_front)[1].max(axis=0)
    assert {names.index(problem.llms[j]) for j in np.argsort(-largest)[:10]} == set(range(1, 11))
    colours = [tuple(area.get_facecolor()[0]) for area in ax.collections]
    assert all(one != other for one, other in pairwise(colours))
    assert max(area.get_paths()[0].vertices[:, 1].max() for area in ax.collections) == pytest.approx(1)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", EDGE_CASES)
def test_edge_cases_are_drawn_without_a_warning(name: str) -> None:
    """Also where one plan is best at every budget, or all are free."""
    ax = plot_mix(EDGE_CASES[name].problem())
    ax.figure.canvas.draw()
    assert ax.collections


def test_names_are_no_mathematics() -> None:
    """Dollar signs, backslashes and underscores in names are shown, and break nothing."""
    names = [r"$\frac$", "$x^{$", "_draft", "100%"]
    problem = make_problem(200, 4)
    named = AllocationProblem(problem.cost, problem.accuracy, llms=names)
    for ax in (plot_mix(named), plot_front(named)):
        ax.figure.canvas.draw()
    shown = [text.get_text().strip().replace(r"\$", "$") for text in plot_mix(named).get_legend().get_texts()]
    assert sorted(shown) == sorted(names)
