"""What calls that were never made would cost: estimated from those that were, by size of prompt and group."""

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
"""A group's own deviation counts half when so many of its calls are known."""
_ROUNDS = 3


def completed(
    cost: FloatArray,
    tokens: FloatArray,
    price: Price | None,
    sizes: FloatArray,
    groups: npt.NDArray[np.intp] | None,
    /,
) -> tuple[FloatArray, int, float]:
    """Costs of one LLM on N queries: those known, those its price makes of known tokens, and estimates of the others.

    Where all known costs are what the price makes of the tokens, tokens are estimated and paid at that price, which may
    have tiers; else, as when the bill was of other prices, the costs are.

    Args:
        cost: (N,), US$, NaN where nothing is known.
        tokens: (N, 2), of prompts and answers, likewise.
        price: What the LLM charges, if that is known.
        sizes: (N,), see `sizes_of`.
        groups: (N,), numbers of groups from 0, if there are any.

    Returns:
        (N,) US$; how many of them are estimated, N if no cost is known, and by how much, as a share, their sum may be
        off for that, see `estimated`.
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
    """Sizes of N prompts, in any unit: from tokens where an LLM has counted them, else from the length of the text.

    Args:
        texts: N texts, if they are known.
        tokens: (N, M), of the prompt, NaN where nothing is known.
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
    # LLMs count differently: each in tokens of the one that counted the most prompts
    sizes = np.full(len(tokens), np.nan)
    for j in np.argsort(-known.sum(axis=0), kind="stable"):
        both = known[:, j] & ~np.isnan(sizes)
        counted = float(tokens[both, j].sum())
        ratio = float(sizes[both].sum()) / counted if counted else 1.0
        sizes = np.where(np.isnan(sizes), tokens[:, j] * ratio, sizes)
    return estimated(sizes, lengths, groups)[0]


def _usd(price: Price, tokens: FloatArray) -> FloatArray:
    """US$ of calls (n,), from tokens of prompt and answer (n, 2); NaN where one isn't known."""
    return price.cost(tokens[:, 0], tokens[:, 1])


def estimated(
    values: FloatArray,
    sizes: FloatArray,
    groups: npt.NDArray[np.intp] | None = None,
    /,
    usd: Callable[[FloatArray], FloatArray] = lambda known: known[:, 0],
) -> tuple[FloatArray, float]:
    """Fill the gaps in one LLM's costs, or token counts, of N queries. O(N).

    A straight line over the size, and on it the mean deviation of each group, drawn toward 0 where little is known;
    nothing leaves the range of the known values by more than the mean of what this leaves over. With fewer than three
    known values, their mean.

    Args:
        values: (N,) or (N, K), ≥ 0, NaN where nothing is known; of some query all K are.
        sizes: (N,), of the prompts, in any unit.
        groups: (N,), numbers of groups from 0; one group if not given.
        usd: What K values, (n, K), cost, (n,): the first of them if not given.

    Returns:
        The values without gaps; and by how much, as a share, the sum of the costs may be off: half the width of a 95 %
        interval, from the errors on known values that were left out in turn; infinite if fewer than five are known. It
        is widened where their distribution has a long tail, by Cornish and Fisher's expansion and with as many degrees
        of freedom as its kurtosis leaves for the variance.

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
    # folds by rank, so that the order of the rows changes nothing
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
    # of the gaps themselves, and of what is estimated for all of them from a sample
    deviation = np.sqrt(mean_square * n_gaps * (1 + n_gaps / n_known))
    skewness = abs(float((errors**3).mean())) / mean_square**1.5
    kurtosis = float((errors**4).mean()) / mean_square**2
    t = float(stdtrit(2 * n_known / max(kurtosis - 1, 2), 0.975))
    return result, deviation * (t + skewness / np.sqrt(n_known) * (1 + 2 * t**2) / 6) / total


def _fitted(
    y: FloatArray, x: FloatArray, g: npt.NDArray[np.intp], at_x: FloatArray, at_g: npt.NDArray[np.intp]
) -> FloatArray:
    """Fit known values y of sizes x in groups g, and say what that makes elsewhere."""
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
    # drawn toward 0 and clipped they would be off in the sum
    fitted: FloatArray = np.maximum(there + (y - here).mean(), 0.0)
    return fitted
