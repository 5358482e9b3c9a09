"""How time or memory grows with the size."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import stats


class Growth(NamedTuple):
    """A power law, value = factor · size^exponent."""

    exponent: float
    standard_error: float
    """Of the exponent; NaN for two sizes, which any power law fits."""
    factor: float

    def __str__(self) -> str:
        """Write the exponent with its standard error."""
        if np.isnan(self.exponent):
            return "unknown"
        error = "" if np.isnan(self.standard_error) else f" ± {self.standard_error:.2f}"
        return f"{self.exponent:.2f}{error}"


def fit_growth(size: np.ndarray, value: np.ndarray, /) -> Growth:
    """Fit a power law by least squares on logarithms.

    Args:
        size: (n,) sizes > 0.
        value: (n,) measurements; those that are not positive and finite are left out.

    Returns:
        NaN throughout with fewer than two different sizes.

    Example:
        >>> print(fit_growth([10, 100, 1000], [3.0, 300.0, 30000.0]))
        2.00 ± 0.00
    """
    size, value = np.asarray(size, dtype=float), np.asarray(value, dtype=float)
    good = np.isfinite(value) & (value > 0) & (size > 0)
    x, y = np.log(size[good]), np.log(value[good])
    if len(np.unique(x)) < 2:
        return Growth(np.nan, np.nan, np.nan)
    line = stats.linregress(x, y)
    error = float(line.stderr) if len(x) > 2 else np.nan
    return Growth(float(line.slope), error, float(np.exp(line.intercept)))
