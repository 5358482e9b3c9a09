"""Diagrams of mean ranks."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest

from benchmarks.report.significance import ranks_figure
from benchmarks.report.statistics import critical_difference, rank_algorithms

SCORES = pd.DataFrame([[3, 2, 1, 0]] * 8, columns=["optllm", "{x}", "$y$", "z"], dtype=float)
"""Ranks 1, 2, 3, 4 in each of 8 blocks; the critical difference is 1.66."""


def draw(scores=SCORES):
    """Rank and draw."""
    return ranks_figure(rank_algorithms(scores, higher_is_better=True), name="ranks", title="Mean ranks")


def test_diagram():
    """Names with their ranks, a bar for each pair of neighbours, and the difference to scale."""
    pytest.importorskip("scikit_posthocs")
    block = draw()
    (axes,) = block.figure.axes
    texts = [text.get_text() for text in axes.texts]
    assert texts[:4] == ["optllm  1.00", "{x}  2.00", r"\$y\$  3.00", "z  4.00"]
    difference = critical_difference(4, 8)
    assert f"critical difference {difference:.2f}" in texts
    bars = sorted(tuple(sorted(line.get_xdata())) for line in axes.lines if line.get_linewidth() == 3)
    np.testing.assert_allclose(bars, [(1, 2), (1, 1 + difference), (2, 3), (3, 4)])
    assert block.sentence == (
        "optllm has the best mean rank over 8 blocks, 1.00, followed by {x} with 2.00; 2 of 3 rivals are further behind"
        f" than the critical difference of {difference:.2f}."
    )


def test_dots_without_the_library(monkeypatch):
    """A dot per algorithm, the difference shaded, the same sentence."""
    monkeypatch.setitem(sys.modules, "scikit_posthocs", None)
    block = draw()
    (axes,) = block.figure.axes
    np.testing.assert_allclose(axes.lines[0].get_xdata(), [1, 2, 3, 4])
    assert [label.get_text() for label in axes.get_yticklabels()][1:3] == ["{x}", r"\$y\$"]
    assert len(axes.patches) == 1
    assert "(shaded)" in block.sentence


def test_without_a_test():
    """Two algorithms have ranks and no test; without a block there is nothing."""
    assert draw(SCORES[["optllm", "z"]]).sentence == (
        "optllm has the best mean rank over 8 blocks, 1.00, followed by z with 2.00; no test was possible, so"
        " that may be chance."
    )
    assert "no ranks" in draw(SCORES[:0]).sentence


@pytest.mark.filterwarnings("error")
def test_many_algorithms():
    """Thirty have thirty labels, none over another."""
    scores = pd.DataFrame(np.random.default_rng(1).random((9, 30)), columns=[f"algorithm:{k}" for k in range(30)])
    figure = draw(scores).figure
    figure.canvas.draw()
    labels = [text for text in figure.axes[0].texts if "algorithm" in text.get_text()]
    boxes = [text.get_window_extent() for text in labels] or [
        label.get_window_extent() for label in figure.axes[0].get_yticklabels()
    ]
    assert len(boxes) == 30
    assert sum(a.overlaps(b) for k, a in enumerate(boxes) for b in boxes[:k]) == 0
