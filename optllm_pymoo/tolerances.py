"""Every tolerance by name, with its reason.

Relative ones are shares of the number beside them; others say their unit.
"""

from __future__ import annotations

from typing import Final

import numpy as np

# --- sums in floating point -------------------------------------------------------------------------------------------

SAME_TOTAL: Final = 1e-12
"""Relative distance up to which two totals are the same: the same cells, summed in another order; absolute for means.

Budgets, targets and limits are met by what lies so little beyond them."""

SAME_COST: Final = 1e-12
"""Relative distance up to which two costs of a query are the same: prices times tokens, rounded in another order.

Rounding leaves some 1e-16 per operation; list prices that really differ do so by more than a thousandth.
"""

CLEARLY_BETTER: Final = 1000 * SAME_COST
"""Lead of an LLM, relative to the sizes of what is compared, above which no rounding and no `SAME_COST` takes it away.

Costs that are the same in a row of 127 LLMs may differ by 126 times as much."""

SAME_PRICE: Final = 1e-9
"""Relative: a call costs what a price makes of its tokens; prices are written with 15 digits, and a bill has fewer."""

SUM_ROUNDING: Final = 1e-9
"""Mean accuracy, or relative US$, by which sums of a million terms in another order may differ; less is nothing."""

BOUND_ROUNDING: Final = 1e-10
"""Mean accuracy, or relative US$, by which a bound may lie beyond a plan through the rounding of two sums alone."""

QUERY_ROUNDING: Final = 1e-15
"""Accuracy per query by which sums may be off."""

WHOLE: Final = 1e-6
"""Sums of multiples of 1/q may be so far off a multiple by rounding, in units of 1/q."""

LINE_ROUNDING: Final = 8 * float(np.finfo(float).eps)
"""Relative rounding error of a line's height."""

TIED_SUMS: Final = 16 * float(np.finfo(float).eps)
"""Weighted sums that differ by less, relative to the sum of their terms' sizes, tie: rates, products and sums round."""

ULPS_ABOVE_ONE: Final = 4
"""A mean of shares that are all 1 may be rounded to so many units in the last place above 1; it is 1."""

SINGULAR: Final = 1e-6
"""Singular values below this share of the largest carry rounding noise only (float32)."""

# --- numbers too small or too near an end to reckon with --------------------------------------------------------------

LEAST_AMOUNT: Final = 1e-12
"""Smallest amount but 0 that can be asked for: US$ and seconds below it are lost in the rounding of any sum."""

SMALLEST_RANGE: Final = float(np.finfo(float).tiny)
"""Ranges of an objective below it count as none: their reciprocals would be infinite."""

FREE: Final = 1e-290
"""Stands for a Δ of nothing in a ratio: far below any price, far above what would overflow."""

TIE_BREAKER: Final = 1e-7
"""Weight of an objective that only breaks ties beside one of weight 1, both on scaled objectives."""

SMALLEST_WEIGHT: Final = 1e-4
"""In place of a weight of 0: of two plans with equal cost the more accurate one is preferred, and vice versa."""

LARGEST_WEIGHT: Final = 1.0 - 1e-12
"""The largest weight of cost in a sweep: at 1 itself LLMs of equal cost would tie, whatever their accuracy."""

TIED_SCORES: Final = 1e-7
"""Expected correct answers by which two LLMs must differ at a plan's prices for these to decide: duals leave less."""

# --- when a search or a proof is done ---------------------------------------------------------------------------------

OPTIMAL: Final = 1e-11
"""Gap up to which a plan counts as optimal: of mean accuracy, or relative to the US$."""

CERTIFIED: Final = 1e-11
"""Gap at which a linear relaxation counts as solved, relative to what N queries' scores range over."""

PROVEN: Final = 1e-9
"""Relative distance from a bound that counts as one: HiGHS' duals and long sums leave less."""

FLAT: Final = 1e-9
"""On scaled objectives: a range in which points count as level, a distance from a bound that leaves nothing to find."""

COVERED: Final = 1e-9
"""Slack, on the scaled objectives, within which a plan counts as no worse than another."""

LEAST_GAIN: Final = 1e-12
"""Rise of a move's score that is more than rounding."""

HIGHS_LEAST_GAIN: Final = 1e-6
"""Gains, relative to the range of scores, below which they aren't scaled up to 1 for HiGHS: where all are rounding, as
with two objectives in balance, penalties would become what HiGHS takes for infinity."""

HIGHS_LINEAR: Final = 1e-10
"""Feasibility that HiGHS is asked for in linear programmes, the least it takes; 1e-7 by default."""

HIGHS_WHOLE: Final = 2e-6
"""Twice what HiGHS takes for nothing in an integer programme: by so much a bound is tightened that it missed."""

TOO_WIDE: Final = 1.0 + 1e-9
"""Grid cells beyond which a gap is to be split: one of exactly one cell may come out a rounding error wider."""
