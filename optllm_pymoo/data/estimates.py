"""Costs of calls that were not made, estimated from those that were made, by size of prompt and group."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from optllm_pymoo.data.prices import Price
from optllm_pymoo.tolerances import SAME_PRICE
from optllm_pymoo.validation import FloatArray

_FOLDS = 5
_PRIOR = 2.0
"""Number of known calls at which the mean deviation of a group is shrunk to half."""
_ROUNDS = 3


def completed(
    cost: FloatArray,
    tokens: FloatArray,
    price: Price | None,
    sizes: FloatArray,
    groups: npt.NDArray[np.intp] | None,
    /,
) -> tuple[FloatArray, int, float]:
    """Return the costs of one LLM on N queries: known ones, those computed from known tokens, and estimates.

    If all known costs equal the price of the known tokens, missing tokens are estimated, and the price, which may have
    tiers, is applied to them; else (for example, if the bill had other prices) the costs are estimated directly.

    Args:
        cost: (N,), US$, NaN where unknown.
        tokens: (N, 2), tokens of prompts and answers, likewise.
        price: The price of the LLM, if it is known.
        sizes: (N,), see `sizes_of`.
        groups: (N,), numbers of groups from 0, if there are any.

    Returns:
        (N,) US$; the number of estimated ones, N if no cost is known; and the possible relative error of their sum, see
        `estimated`.
    """
    priced = np.full(len(cost), np.nan)
    if price is not None:
        priced = _usd(price, tokens)
        cost = np.where(np.isnan(cost), priced, cost)
    gaps = np.isnan(cost)
    if gaps.all():
        return cost, len(cost), np.inf
    if price is None or not np.allclose(priced, cost, rtol=SAME_PRICE, atol=0.0, equal_nan=True):
        filled, error = estimated(cost, sizes, groups)
        return filled, int(gaps.sum()), error
    filled, error = estimated(tokens, sizes, groups, usd=partial(_usd, price))
    return np.where(gaps, _usd(price, filled), cost), int(gaps.sum()), error


def sizes_of(texts: Sequence[str] | None, tokens: FloatArray, groups: npt.NDArray[np.intp] | None, /) -> FloatArray:
    """Return the sizes of N prompts, in any unit: from known token counts, else from the length of the text.

    Args:
        texts: N texts, if they are known.
        tokens: (N, M), tokens of the prompt, NaN where unknown.
        groups: (N,), numbers of groups from 0, if there are any.

    Examples:
        >>> tokens = np.array([[10.0, np.nan], [20.0, 40.0], [30.0, np.nan], [np.nan, np.nan]])
        >>> sizes_of(["?", "??", "???", "??"], tokens, None)
        array([10., 20., 30., 20.])
    """
    lengths = np.array([float(len(text)) for text in texts]) if texts else np.zeros(len(tokens))
    known = ~np.isnan(tokens)
    if not known.any():
        return lengths
    # tokenizers differ: convert all counts to the tokens of the LLM with the most known prompts
    sizes = np.full(len(tokens), np.nan)
    for j in np.argsort(-known.sum(axis=0), kind="stable"):
        both = known[:, j] & ~np.isnan(sizes)
        counted = float(tokens[both, j].sum())
        ratio = float(sizes[both].sum()) / counted if counted else 1.0
        sizes = np.where(np.isnan(sizes), tokens[:, j] * ratio, sizes)
    return estimated(sizes, lengths, groups)[0]


def _usd(price: Price, tokens: FloatArray) -> FloatArray:
    """Return US$ of calls (n,), from tokens of prompt and answer (n, 2); NaN where a count is unknown."""
    return price.cost(tokens[:, 0], tokens[:, 1])


def estimated(
    values: FloatArray,
    sizes: FloatArray,
    groups: npt.NDArray[np.intp] | None = None,
    /,
    usd: Callable[[FloatArray], FloatArray] = lambda known: known[:, 0],
) -> tuple[FloatArray, float]:
    """Fill the gaps in one LLM's costs, or token counts, of N queries. O(N).

    The estimate is a straight line over the size plus the mean deviation of each group, which is shrunk toward 0 where
    few values are known. It is clipped to the range of the known values; then the mean residual is added. With fewer
    than three known values, no line is fitted: their mean and the deviations of the groups are used.

    Args:
        values: (N,) or (N, K), ≥ 0, NaN where unknown; all K are known for at least one query.
        sizes: (N,), sizes of the prompts, in any unit.
        groups: (N,), numbers of groups from 0; one group if not given.
        usd: Function from K values, (n, K), to US$, (n,); the first value if not given.

    Returns:
        The values without gaps; and the possible relative error of the sum of the costs: half the width of a 95 %
        interval, from cross-validation on the known values; infinite if fewer than five are known. For errors with a
        long tail, the interval is widened by the Cornish-Fisher expansion, with degrees of freedom from the kurtosis.

    Examples:
        >>> filled, error = estimated(np.array([2.0, 4.0, 6.0, 8.0, np.nan]), np.array([1.0, 2.0, 3.0, 4.0, 1.5]))
        >>> filled.round(6).tolist(), error
        ([2.0, 4.0, 6.0, 8.0, 3.0], inf)
    """
    table = values.reshape(len(values), -1)
    codes = np.zeros(len(values), dtype=np.intp) if groups is None else groups
    is_whole = ~np.isnan(table).any(axis=1)
    filled = table.copy()
    for column in filled.T:
        known = ~np.isnan(column)
        column[~known] = _fitted(column[known], sizes[known], codes[known], sizes[~known], codes[~known])
    n_known, n_gaps, total = int(is_whole.sum()), int((~is_whole).sum()), float(usd(filled).sum())
    result = filled.reshape(values.shape)
    if not n_gaps or total == 0:
        return result, 0.0
    if n_known < _FOLDS:
        return result, np.inf
    y, x, g = table[is_whole], sizes[is_whole], codes[is_whole]
    # folds by rank, so that the result does not depend on the order of the rows
    fold = np.empty(n_known, dtype=np.intp)
    fold[np.lexsort((usd(y), x))] = np.arange(n_known) % _FOLDS
    errors = np.empty(n_known)
    for k in range(_FOLDS):
        out = fold == k
        left = [_fitted(column[~out], x[~out], g[~out], x[out], g[out]) for column in y.T]
        errors[out] = usd(np.column_stack(left)) - usd(y[out])
    mean_square = float((errors**2).mean())
    if mean_square == 0:
        return result, 0.0
    # variance of the sum of the gaps: their own, plus that of the estimates, which come from a sample
    deviation = np.sqrt(mean_square * n_gaps * (1 + n_gaps / n_known))
    skewness = abs(float((errors**3).mean())) / mean_square**1.5
    kurtosis = float((errors**4).mean()) / mean_square**2
    t = float(stdtrit(2 * n_known / max(kurtosis - 1, 2), 0.975))
    return result, deviation * (t + skewness / np.sqrt(n_known) * (1 + 2 * t**2) / 6) / total


def _fitted(
    y: FloatArray, x: FloatArray, g: npt.NDArray[np.intp], at_x: FloatArray, at_g: npt.NDArray[np.intp]
) -> FloatArray:
    """Fit known values y on sizes x and groups g; return the estimates at other sizes and groups."""
    if not len(at_x):
        return np.empty(0)
    n = int(max(g.max(), at_g.max())) + 1
    weight = 1 / (np.bincount(g, minlength=n) + _PRIOR)
    off, slope, level, middle = np.zeros(n), 0.0, 0.0, float(x.mean())
    is_flat = len(y) < 3 or np.ptp(x) == 0
    for _ in range(_ROUNDS):
        rest = y - off[g]
        slope, level = (0.0, float(rest.mean())) if is_flat else np.polyfit(x - middle, rest, 1)
        off = np.bincount(g, rest + off[g] - level - slope * (x - middle), n) * weight
    here, there = (
        np.clip(level + slope * (sizes - middle) + off[groups], y.min(), y.max())
        for sizes, groups in ((x, g), (at_x, at_g))
    )
    # shrinking and clipping bias the sum: add the mean residual
    fitted: FloatArray = np.maximum(there + (y - here).mean(), 0.0)
    return fitted
