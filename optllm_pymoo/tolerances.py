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

SAME_TOTAL = 1e-12
"""Relative distance up to which two totals are the same: the same cells, summed in another order; absolute for means.

Budgets, targets and limits are met by what lies so little beyond them."""

PROVEN = 1e-9
"""Relative distance from a bound that counts as one: HiGHS' duals and long sums leave less."""

CERTIFIED = 1e-11
"""Gap at which a linear relaxation counts as solved, relative to what N queries' scores range over."""

HIGHS_LINEAR = 1e-10
"""Feasibility that HiGHS is asked for in linear programmes, the least it takes; 1e-7 by default."""

HIGHS_WHOLE = 2e-6
"""Twice what HiGHS takes for nothing in an integer programme: by so much a bound is tightened that it missed."""

HIGHS_LEAST_GAIN = 1e-6
"""Gains, relative to the range of scores, below which they aren't scaled up to 1 for HiGHS: where all are rounding, as
with two objectives in balance, penalties would become what HiGHS takes for infinity."""

TIE_BREAKER = 1e-7
"""Weight of an objective that only breaks ties beside one of weight 1, both on scaled objectives."""
