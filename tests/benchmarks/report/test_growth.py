"""Exponents of growth."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.report.statistics import fit_growth


def test_a_power_law_is_found():
    """3 x^1.5 exactly."""
    x = np.array([1e3, 1e4, 1e6])
    fit = fit_growth(x, 3 * x**1.5)
    assert fit.exponent == pytest.approx(1.5)
    assert fit.factor == pytest.approx(3)
    assert fit.standard_error == pytest.approx(0, abs=1e-6)


def test_standard_error_by_hand():
    """Logs 0, 1, 2 and 0, 2, 1: slope 1/2, residual sum of squares 3/2, standard error √(3/2 / 1 / 2)."""
    fit = fit_growth(np.exp([0, 1, 2]), np.exp([0, 2, 1]))
    assert fit.exponent == pytest.approx(0.5)
    assert fit.standard_error == pytest.approx(np.sqrt(0.75))
    assert str(fit) == "0.50 ± 0.87"


@pytest.mark.filterwarnings("error")
def test_too_little_to_fit():
    """Two sizes give an exponent without error; one, or none that is positive, gives none."""
    assert str(fit_growth([1, 10], [1, 100])) == "2.00"
    assert str(fit_growth([1, 1], [1, 2])) == "unknown"
    assert np.isnan(fit_growth([1, 10, 100], [np.nan, 0, 5]).exponent)
