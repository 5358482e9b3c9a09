"""Empirical attainment."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.report.fronts import Attainment, attainment_figure
from optllm_pymoo import AllocationProblem

RUNS = [np.array([[1.0, -0.1 * k], [3, -0.2 * k]]) for k in (1, 2, 3, 4)]
"""Within 1 US$ four runs reach 0.1, 0.2, 0.3, 0.4; within 3 US$ twice as much."""


def test_surfaces_by_hand():
    """A quarter reaches 0.4, half 0.3, three quarters 0.2; nobody anything below 1 US$."""
    found = Attainment(RUNS)
    reached = [found.accuracy(level, np.array([0.5, 1, 2, 3, 9])) for level in (25, 50, 75)]
    np.testing.assert_allclose(
        reached, [[np.nan, 0.4, 0.4, 0.8, 0.8], [np.nan, 0.3, 0.3, 0.6, 0.6], [np.nan, 0.2, 0.2, 0.4, 0.4]]
    )


fronts = st.lists(
    st.lists(st.tuples(st.integers(0, 6), st.integers(-6, 0)), min_size=1, max_size=5), min_size=1, max_size=6
)


@given(fronts, st.integers(0, 7))
def test_a_level_is_a_share_of_the_runs(runs, cost):
    """Brute force: the level's accuracy is the largest that at least that share of the runs reaches."""
    best = [max([-y for x, y in run if x <= cost], default=-1) for run in runs]
    found = Attainment([np.array(run, dtype=float) for run in runs])
    for level in found.surfaces:
        reached = [value for value in best if value >= 0 and np.mean([b >= value for b in best]) >= level / 100]
        expected = max(reached) if reached else np.nan
        np.testing.assert_array_equal(found.accuracy(level, np.array([cost])), [expected])


def test_panels_and_sentence():
    """A panel per algorithm, four at the most; medians and quartiles half-way along the budget."""
    problem = AllocationProblem([[1.0, 3.0]], [[0.5, 1.0]])
    block = attainment_figure(problem, {"optllm": RUNS, "bad": [np.empty((0, 2))]}, name="a", title="A")
    (axes,) = block.figure.axes
    assert axes.get_title() == "optllm, 4 runs"
    assert len(axes.lines) == 2
    assert len(axes.collections) == 1
    assert block.sentence.startswith(
        "Within 2 US$, half-way along the budgets, the median run attains an accuracy of optllm 0.3000"
        " (quartiles 0.2000 to 0.4000); the median surface of optllm covers"
    )
    assert "drawn" not in block.sentence
    many = attainment_figure(problem, {f"a{k}": RUNS for k in range(9)}, name="a", title="A")
    assert len(many.figure.axes) == 4
    assert many.sentence.endswith("Of 9 algorithms 4 are drawn: the best of their families.")
    assert attainment_figure(problem, {}, name="a", title="A").sentence == "No run found a plan."
