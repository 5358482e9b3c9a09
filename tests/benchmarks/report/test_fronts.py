"""Fronts over the exact front."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.report.fronts import fronts_figure
from optllm_pymoo import AllocationProblem, make_problem
from optllm_pymoo.measures.search import hypervolume_ratio

PROBLEM = AllocationProblem([[1.0, 3.0], [1.0, 2.0]], [[0.2, 0.8], [0.4, 0.6]], llms=["cheap", "$mart"])
"""Front: (2, 0.3), (4, 0.6), (5, 0.7)."""


def test_lines_and_sentence():
    """The exact front in black, one line per algorithm that found something, crosses for the LLMs."""
    whole, ends = np.array([[5, -0.7], [2, -0.3], [4, -0.6]]), np.array([[2, -0.3], [5, -0.7]])
    block = fronts_figure(PROBLEM, {"nsga2": ends, "optllm": whole, "moead": np.empty((0, 2))}, name="f", title="F")
    (axes,) = block.figure.axes
    lines = {line.get_label(): line.get_xydata() for line in axes.lines}
    assert list(lines) == ["exact front", "nsga2", "optllm", "single LLMs"]
    np.testing.assert_allclose(lines["exact front"], [[2, 0.3], [4, 0.6], [5, 0.7]])
    np.testing.assert_allclose(lines["optllm"], [[2, 0.3], [4, 0.6], [5, 0.7]])
    np.testing.assert_allclose(lines["single LLMs"], [[2, 0.3], [5, 0.7]])
    share = hypervolume_ratio(ends, PROBLEM.supported_front)
    assert block.sentence == (
        "The exact front leads from 2 US$ at accuracy 0.3000 to 5 US$ at 0.7000; optllm comes closest to it with"
        f" 1.0000 of its hypervolume, nsga2 stays furthest away with {share:.4f}."
    )
    assert {text.get_text() for text in axes.texts} == {"cheap", r"\$mart"}


def test_one_algorithm_and_none():
    """The sentence compares nothing with nothing."""
    one = fronts_figure(PROBLEM, {"a": np.array([[2, -0.3]])}, name="f", title="F")
    assert "furthest" not in one.sentence
    assert fronts_figure(PROBLEM, {}, name="f", title="F").sentence.endswith("no algorithm found a plan.")


def test_many_algorithms_and_llms():
    """Thirty algorithms: seven are drawn and the sentence says so; forty LLMs have no names."""
    problem = make_problem(50, 40, random_state=1)
    F = problem.supported_front.F
    block = fronts_figure(problem, {f"a{k}": F[k::30] for k in range(30)}, name="f", title="F")
    assert len(block.figure.axes[0].lines) == 1 + 7 + 1
    assert block.sentence.endswith("Of 30 algorithms 7 are drawn: the best of their families.")
    assert not block.figure.axes[0].texts


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "problem", [AllocationProblem([[1.0]], [[0.5]]), AllocationProblem([[0.0, 0.0]], [[0.5, 0.5]])]
)
def test_degenerate_fronts(problem):
    """One point, and one that is free."""
    block = fronts_figure(problem, {"optllm": problem.supported_front.F}, name="f", title="F")
    block.figure.canvas.draw()
    assert len(block.figure.axes[0].lines) == 3
