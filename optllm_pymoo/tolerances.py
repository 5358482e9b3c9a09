"""Every tolerance by name, with its reason.

Relative tolerances are shares of the value compared; others have their unit in the text.
"""

from __future__ import annotations

from typing import Final

import numpy as np

# --- sums in floating point -------------------------------------------------------------------------------------------

SAME_TOTAL: Final = 1e-12
"""Relative distance up to which two totals are the same: the same cells, summed in another order; absolute for means.

A total that is beyond a budget, target or limit by no more than this still meets it."""

SAME_COST: Final = 1e-12
"""Relative distance up to which two costs of a query are the same: prices times tokens, rounded in another order.

Rounding errors are about 1e-16 per operation; different list prices differ by more than a thousandth.
"""

CLEARLY_BETTER: Final = 1000 * SAME_COST
"""Lead of an LLM, relative to the values compared, above which neither rounding nor `SAME_COST` can reverse it.

In a chain of 127 LLMs, each with the same cost as the next, the first and last may differ by 126 times `SAME_COST`."""

SAME_PRICE: Final = 1e-9
"""Relative distance up to which a cost equals price times tokens; prices have 15 digits, and bills have fewer."""

SUM_ROUNDING: Final = 1e-9
"""Mean accuracy, or relative US$, up to which sums of a million terms, added in any order, count as equal."""

BOUND_ROUNDING: Final = 1e-10
"""Mean accuracy, or relative US$, by which a bound may differ from a plan only because two sums are rounded."""

QUERY_ROUNDING: Final = 1e-15
"""Rounding error of sums of accuracies, per query."""

WHOLE: Final = 1e-6
"""Distance of a sum of multiples of 1/q from the nearest multiple that rounding may cause, in units of 1/q."""

LINE_ROUNDING: Final = 8 * float(np.finfo(float).eps)
"""Relative rounding error of a line's height."""

TIED_SUMS: Final = 16 * float(np.finfo(float).eps)
"""Weighted sums tie if they differ by less, relative to the sum of their absolute terms: each operation rounds."""

ULPS_ABOVE_ONE: Final = 4
"""Units in the last place by which rounding may lift a mean of ones above 1; such a mean counts as 1."""

SINGULAR: Final = 1e-6
"""Singular values below this share of the largest are only rounding noise (float32)."""

# --- numbers too small or too near a limit to compute with ------------------------------------------------------------

LEAST_AMOUNT: Final = 1e-12
"""Smallest amount above 0 that a user can give: smaller US$ and seconds are lost in the rounding of sums."""

SMALLEST_RANGE: Final = float(np.finfo(float).tiny)
"""Smaller ranges of an objective count as 0: their reciprocals would be infinite."""

FREE: Final = 1e-290
"""Replaces a difference of 0 in a ratio: far below any price, but too large to cause an overflow."""

TIE_BREAKER: Final = 1e-7
"""Weight of an objective that only breaks ties; the other has weight 1, both on scaled objectives."""

SMALLEST_WEIGHT: Final = 1e-4
"""Replaces a weight of 0: the more accurate of two plans with equal cost is preferred, and vice versa."""

LARGEST_WEIGHT: Final = 1.0 - 1e-12
"""Largest weight of cost in a sweep: at 1, LLMs of equal cost would tie even if their accuracies differ."""

TIED_SCORES: Final = 1e-7
"""Expected correct answers by which two LLMs must differ at a plan's prices not to tie; errors of duals are less."""

# --- when a search or a proof is done ---------------------------------------------------------------------------------

OPTIMAL: Final = 1e-11
"""Gap up to which a plan counts as optimal: of mean accuracy, or relative to the US$."""

CERTIFIED: Final = 1e-11
"""Gap at which a linear relaxation counts as solved, relative to the range of the scores of N queries."""

PROVEN: Final = 1e-9
"""Relative distance up to which a value counts as equal to a bound; errors of HiGHS' duals and sums are less."""

FLAT: Final = 1e-9
"""On scaled objectives: range in which points count as equal; distance to a bound at which a search stops."""

COVERED: Final = 1e-9
"""Slack, on the scaled objectives, within which a plan counts as no worse than another."""

LEAST_GAIN: Final = 1e-12
"""Smallest increase of a move's score that is not only rounding."""

HIGHS_LEAST_GAIN: Final = 1e-6
"""Smallest gains, relative to the range of scores, that are scaled up to 1 for HiGHS: if all gains are only rounding,
as with two balanced objectives, scaled penalties would be so large that HiGHS reads them as infinity."""

HIGHS_LINEAR: Final = 1e-10
"""Feasibility tolerance of HiGHS in linear programmes, the smallest that it accepts; its default is 1e-7."""

HIGHS_WHOLE: Final = 2e-6
"""Twice the tolerance of HiGHS in integer programmes: a limit that its solution exceeds is tightened by this."""

TOO_WIDE: Final = 1.0 + 1e-9
"""Width in grid cells above which a gap is split: rounding may make a gap of one cell slightly wider."""
