"""Pictures of three objectives."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from optllm_pymoo import WithinBudget, make_problem
from optllm_pymoo.plotting import plot_front, plot_third
from tests.exact.test_surface import with_latency
from tests.strategies import EDGE_CASES


def test_draws_surface_bound_and_plan() -> None:
    """Points are the surface, colours its latencies, the curve the front of any latency, the star the plan."""
    problem = make_problem(40, 4, with_latency=True)
    plan = WithinBudget(1e9).plan(problem)
    ax = plot_third(problem, plan=plan, title="A batch")
    (points,) = ax.collections
    F = problem.supported_surface.F
    order = np.argsort(-F[:, 2], kind="stable")
    np.testing.assert_allclose(points.get_offsets(), F[order][:, :2] * (1, -1))
    np.testing.assert_allclose(points.get_array(), F[order, 2])
    np.testing.assert_allclose(ax.lines[0].get_xydata(), problem.supported_front.F * (1, -1))
    assert ax.lines[-1].get_xydata().tolist() == [[plan.cost_usd, plan.accuracy]]
    assert ax.get_title() == "A batch"


def test_plans_found_on_the_axes_given() -> None:
    """Given axes are drawn on; so are plans of a search."""
    left, right = Figure().subplots(1, 2)
    problem = make_problem(10, 3, with_latency=True)
    assert plot_third(problem, F=[[1.0, -0.5, 2.0], [2.0, -0.6, 3.0]], ax=right) is right
    assert not left.collections
    assert right.collections[0].get_offsets().tolist() == [[2.0, 0.6], [1.0, 0.5]]


def test_what_has_no_latency_is_refused() -> None:
    """The problem and the plans need one."""
    with pytest.raises(ValueError, match="this problem has no third objective; plot_front shows cost and accuracy"):
        plot_third(make_problem(5, 2))
    with pytest.raises(ValueError, match=r"F must have shape \(n, 3\).*got \(1, 2\)"):
        plot_third(make_problem(5, 2, with_latency=True), F=[[1.0, -0.5]])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", EDGE_CASES)
def test_edge_cases_are_drawn_without_a_warning(name: str) -> None:
    """One point, free LLMs, masks; and the picture of cost and accuracy takes plans of three objectives."""
    problem = with_latency(EDGE_CASES[name])
    ax = plot_third(problem)
    ax.figure.canvas.draw()
    assert ax.collections
    plot_front(problem, F=problem.supported_surface.F).figure.canvas.draw()
