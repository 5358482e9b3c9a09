"""Limits that concern one query at a time: they stay separable, as a mask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from optllm_pymoo.validation import UserError, as_mask, as_names, as_table, check_frame_labels, check_shape, in_full


def allowed_by_limits(
    cost: Any,
    accuracy: Any,
    /,
    *,
    min_accuracy: Any = None,
    max_cost_usd: Any = None,
    latency: Any = None,
    max_latency: Any = None,
    allowed: Any = None,
    query_ids: Sequence[Any] | None = None,
) -> np.ndarray:
    """Turn floors and ceilings that hold for each query by itself into a mask.

    Such limits only take cells from the tables: pass the outcome as ``allowed=`` and the supported front of what is
    left is exact.

    Args:
        cost: (N, M) US$ per call.
        accuracy: (N, M) in [0, 1].
        min_accuracy: Floor on the accuracy of a query's LLM: a number, or (N,) of them.
        max_cost_usd: Ceiling on the cost of a call, US$: a number, or (N,).
        latency: (N, M) seconds per call, >= 0; needed for ``max_latency``.
        max_latency: Ceiling on a call's seconds: a number, or (N,).
        allowed: (N, M) mask to narrow further.
        query_ids: N names for messages; by default the row numbers.

    Returns:
        (N, M) bool with a True in every row.

    Raises:
        TypeError: If a table does not hold numbers.
        ValueError: If tables disagree in shape, or a query has no LLM that meets its limits; the message names the
            first one and the nearest limit that would do.

    Example:
        >>> allowed_by_limits([[1, 2], [1, 3]], [[0.2, 0.6], [0.5, 0.9]], min_accuracy=0.4).tolist()
        [[False, True], [True, True]]
        >>> allowed_by_limits([[1, 2], [1, 3]], [[0.2, 0.6], [0.5, 0.9]], min_accuracy=0.7)
        Traceback (most recent call last):
        ...
        optllm_pymoo.UserError: no LLM reaches the floor of query '0': accuracy 0.7 is asked for, the best reaches 0.6
        (1 such query)
    """
    check_frame_labels(cost=cost, accuracy=accuracy, latency=latency, allowed=allowed)
    prices = as_table("cost", cost, lower=0.0)
    quality = as_table("accuracy", accuracy, lower=0.0, upper=1.0)
    check_shape("accuracy", quality, prices.shape)
    mask = np.ones(prices.shape, bool) if allowed is None else np.array(as_mask("allowed", allowed, prices.shape))
    ids = as_names("query_ids", query_ids, len(prices), default="")
    if max_latency is not None:
        if latency is None:
            raise UserError("max_latency needs latency=, a table (N, M) of seconds per call")
        seconds = as_table("latency", latency, lower=0.0)
        check_shape("latency", seconds, prices.shape)
        mask = _narrowed(mask, seconds, _per_query("max_latency", max_latency, len(prices)), 1, ids, "latency", " s")
    if max_cost_usd is not None:
        ceiling = _per_query("max_cost_usd", max_cost_usd, len(prices))
        mask = _narrowed(mask, prices, ceiling, 1, ids, "cost", " US$")
    if min_accuracy is not None:
        floor = _per_query("min_accuracy", min_accuracy, len(prices))
        mask = _narrowed(mask, quality, floor, -1, ids, "accuracy", "")
    return mask


def _per_query(name: str, limit: Any, n_queries: int) -> np.ndarray:
    limits = np.asarray(limit, dtype=float)
    if limits.shape not in ((), (n_queries,)):
        raise UserError(f"{name} must be a number or {n_queries} of them; got shape {limits.shape}")
    if np.isnan(limits).any():
        raise UserError(f"{name} must not be NaN")
    return np.broadcast_to(limits, n_queries)


def _narrowed(
    mask: np.ndarray, table: np.ndarray, limit: np.ndarray, sign: int, ids: Sequence[str], what: str, unit: str
) -> np.ndarray:
    """Keep the cells with sign·table <= sign·limit, or raise at the first query that keeps none."""
    narrowed = mask & (sign * table <= sign * limit[:, None])
    empty = np.flatnonzero(~narrowed.any(axis=1))
    if not len(empty):
        return np.asarray(narrowed)
    i, queries = int(empty[0]), "query" if len(empty) == 1 else "queries"
    nearest = sign * float(np.min(sign * table[i, mask[i]]))
    verb, best = ("keeps to the ceiling", "the lowest is") if sign > 0 else ("reaches the floor", "the best reaches")
    raise UserError(
        f"no LLM {verb} of query {ids[i]!r}: {what} {in_full(float(limit[i]))}{unit} is asked for,"
        f" {best} {in_full(nearest)}{unit} ({len(empty)} such {queries})"
    )
