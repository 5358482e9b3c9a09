"""Quality along a search."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks.suites.anytime import anytime_figure, arrivals, curve_of, median_run

RECORDS = pd.DataFrame(
    [("fast", run, x, v) for run in range(3) for x, v in ((10, 0.5 + run / 10), (100, 0.995), (1000, 0.999))]
    + [("slow", run, x, v) for run in range(3) for x, v in ((10, 0.1), (100, 0.5), (1000, 0.992))]
    + [("never", 0, 10, 0.3), ("never", 0, 1000, 0.9)],
    columns=["algorithm", "run", "x", "value"],
)


def draw(records=RECORDS, **options):
    """Draw over evaluations."""
    return anytime_figure(records, **{"x": "evaluations", "name": "anytime", "title": "Anytime", **options})


def test_curve_by_hand():
    """Steps, not slopes: until 100 each run stays at its first value; quartiles of 0.5, 0.6, 0.7."""
    curve = curve_of(RECORDS[RECORDS["algorithm"] == "fast"])
    assert (curve.x[0], curve.x[-1]) == (10, 1000)
    before = curve.x < 100
    np.testing.assert_allclose(curve.quartiles[:, before], np.array([[0.55], [0.6], [0.65]]) * np.ones(before.sum()))
    np.testing.assert_allclose(curve.quartiles[:, -1], 0.999)


def test_the_median_run_arrives():
    """At its very record, not at the next place where curves are drawn; of two runs the later one counts."""
    fast = RECORDS[RECORDS["algorithm"] == "fast"]
    assert median_run(arrivals(fast, 0.99)) == 100
    assert median_run(arrivals(fast, 0.6)) == 10
    assert median_run(arrivals(fast[fast["run"] > 0], 0.65)) == 100
    assert median_run(arrivals(fast, 0.9999)) == np.inf
    assert arrivals(fast, 0.6).tolist() == [10, 10, 100]


def test_runs_of_different_length():
    """The curve begins where all have begun; who ended early keeps its value."""
    runs = pd.DataFrame({"run": [0, 1, 1], "x": [10.0, 20, 80], "value": [0.4, 0.2, 0.6]})
    curve = curve_of(runs)
    assert (curve.x[0], curve.x[-1]) == (20, 80)
    np.testing.assert_allclose(curve.quartiles[1, [0, -1]], [0.3, 0.5])
    np.testing.assert_allclose(curve_of(runs[:1]).quartiles, [[0.4]] * 3)


def test_sentence_and_lines():
    """One line and one band per algorithm, and who is first."""
    block = draw()
    (axes,) = block.figure.axes
    assert [line.get_label() for line in axes.lines] == ["fast", "slow", "never"]
    assert len(axes.collections) == 3
    assert axes.get_xscale() == "log"
    assert block.sentence == (
        "fast is the first whose median run reaches a hypervolume ratio of 0.99, after 100 evaluations,"
        " then slow after 1,000 evaluations; 1 of 3 end before they do."
    )


@pytest.mark.parametrize(
    ("names", "options", "end"),
    [
        (
            ["never"],
            {},
            "No algorithm's median run reaches a hypervolume ratio of 0.99; never ends highest with 0.9000.",
        ),
        (["slow", "never"], {"x": "seconds"}, "after 1,000 seconds; of the others never ends highest with 0.9000."),
        (["slow"], {"target": 0.4}, "evaluations; alone."),
        (["fast", "slow"], {}, "all 2 do in the end."),
        ([], {}, "No run left a record."),
    ],
)
def test_other_sentences(names, options, end):
    """Whoever arrives."""
    assert draw(RECORDS[RECORDS["algorithm"].isin(names)], **options).sentence.endswith(end)


def test_nothing_before_the_start():
    """Records at 0, which a logarithmic axis can't show, and failed ones are left out."""
    more = pd.concat(
        [RECORDS, pd.DataFrame({"algorithm": ["fast", "bad"], "run": 0, "x": [0, 5], "value": [0, np.nan]})]
    )
    assert draw(more).sentence == draw().sentence
