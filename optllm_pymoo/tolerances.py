"""Every tolerance by name, with its reason."""

from __future__ import annotations

from typing import Final

SAME_COST = 1e-12
"""Relative distance up to which two costs of a query are the same: prices times tokens, rounded in another order.

Rounding leaves some 1e-16 per operation; list prices that really differ do so by more than a thousandth.
"""

ULPS_ABOVE_ONE: Final = 4
"""A mean of shares that are all 1 may be rounded to so many units in the last place above 1; it is 1."""

BOUND_ROUNDING: Final = 1e-10
"""Mean accuracy, or relative US$, by which a bound may lie beyond a plan through the rounding of two sums alone."""

SUM_ROUNDING: Final = 1e-9
"""Mean accuracy by which sums of the same outcomes in another order may differ."""
