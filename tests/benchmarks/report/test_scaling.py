"""Growth on logarithmic axes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks.suites.scaling import growth_by_stage, scaling_figure

SIZES = np.array([1e3, 1e4, 1e5])
MEASUREMENTS = pd.DataFrame(
    [("pure sort", n, 1e-8 * n) for n in SIZES]
    + [("front", n, v) for n in SIZES for v in (1e-9 * n**1.5, 1e-9 * n**1.5, 99)],
    columns=["stage", "size", "value"],
)  # fmt: skip
"""The third measurement of each front is far off: medians pass it by."""


def draw(measurements=MEASUREMENTS, reference="pure sort"):
    """Seconds over queries."""
    options = {"size": "queries N", "measure": "seconds", "name": "scaling", "title": "Scaling"}
    return scaling_figure(measurements, **options, reference=reference)


def test_exponents_and_ratio_by_hand():
    """Exponents 1 and 1.5; at 100,000 the front takes 10^-9+7.5 / 10^-8+5 = 31.6 times as long."""
    fits = growth_by_stage(MEASUREMENTS)
    assert {stage: round(fit.exponent, 6) for stage, fit in fits.items()} == {"pure sort": 1, "front": 1.5}
    block = draw()
    assert block.sentence == (
        "With queries N the seconds grow by the power (± standard error) front 1.50 ± 0.00; pure sort by 1.00 ± 0.00."
        " At 100,000, front takes 31.6 × as much as pure sort."
    )
    (axes,) = block.figure.axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    fitted = axes.lines[3].get_xydata()
    np.testing.assert_allclose(fitted, [[1e3, 1e-9 * 1e3**1.5], [1e5, 1e-9 * 1e5**1.5]])


@pytest.mark.filterwarnings("error")
def test_without_reference_or_sizes():
    """No reference, no ratio; one size, no exponent; nothing positive, nothing drawn but no fault."""
    alone = draw(reference=None).sentence
    assert "takes" not in alone
    assert "pure sort 1.00" in alone
    assert "too few sizes" in draw(MEASUREMENTS[:1]).sentence
    empty = draw(MEASUREMENTS.assign(value=np.nan))
    assert "too few sizes" in empty.sentence
    assert not empty.figure.axes[0].lines
