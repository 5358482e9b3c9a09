"""Savings with intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.report.realised import dots_figure

SAVINGS = pd.DataFrame(
    [("a", "optllm", 0.5, 0.4, 0.6), ("a", "nsga2", 0.2, np.nan, np.nan), ("b", "optllm", -0.1, -0.2, 0.0),
     ("b", "nsga2", np.nan, np.nan, np.nan)],
    columns=["data", "algorithm", "value", "low", "high"],
)  # fmt: skip


def _drawn(savings):
    """The figure of savings."""
    return dots_figure(savings, name="savings", title="Savings", measure="saving against the best single LLM")


def test_dots_intervals_and_sentence():
    """A panel per data set, a dot and an interval per pair, zero marked; the best of each is told."""
    block = _drawn(SAVINGS)
    first, second = block.figure.axes
    assert [first.get_title(loc="left"), second.get_title(loc="left")] == ["a", "b"]
    dots = [tuple(line.get_xydata()[0]) for line in first.lines if line.get_marker() != "None"]
    assert dots == [(0.5, 0), (0.2, 1)]
    assert first.lines[0].get_xdata().tolist() == [0.4, 0.6]
    assert [label.get_text() for label in second.get_yticklabels()] == ["optllm", "nsga2"]
    assert block.sentence == (
        "Highest saving against the best single LLM: optllm on a with 50.0% (range 40.0% to 60.0%);"
        " optllm on b with -10.0% (range -20.0% to 0.0%). 1 of 4 pairs of data set and algorithm have none."
    )


def test_nobody_saves():
    """No value at all still gives a figure with a sentence."""
    block = _drawn(SAVINGS.assign(value=np.nan))
    assert "no algorithm reaches" in block.sentence
    assert _drawn(SAVINGS[:0]).figure.axes


def test_many_algorithms():
    """Thirty variants: the best of each family, twelve at the most."""
    rows = [("a", f"f{k // 2}:{k}", k / 100, np.nan, np.nan) for k in range(30)]
    block = _drawn(pd.DataFrame(rows, columns=SAVINGS.columns))
    names = [label.get_text() for label in block.figure.axes[0].get_yticklabels()]
    assert names == [f"f{k // 2}:{k}" for k in range(7, 30, 2)]
    assert block.sentence.endswith("Of 30 algorithms 12 are drawn: the best of their families.")
