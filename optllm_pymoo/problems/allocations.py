"""Checks of allocations: whatever an operator left behind becomes what the kernels take, or is refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from optllm_pymoo.kernels.evaluation import first_disallowed
from optllm_pymoo.validation import UserError


def as_allocations(X: Any, n_queries: int, n_llms: int, dtype: np.dtype[Any], /) -> np.ndarray:
    """Check shape, integrality and range of allocations once, and cast them once.

    Args:
        X: (n, N) or (N,) LLM per query.
        n_queries: N.
        n_llms: M.
        dtype: int8 or int32, the type wanted.

    Returns:
        (n, N) C-contiguous; the array itself if nothing had to be changed.

    Raises:
        TypeError: If the values are not numbers; truth values aren't either.
        ValueError: If the shape is wrong, or an entry is not an integer in 0 ... M-1.
    """
    raw = np.asarray(X)
    if raw.ndim == 1:
        raw = raw[None]
    if raw.ndim != 2 or raw.shape[1] != n_queries:
        raise UserError(
            f"an allocation has one LLM per query; expected shape (n, {n_queries}) or ({n_queries},), got {np.shape(X)}"
        )
    if raw.dtype.kind not in "iuf":
        raise UserError(f"an allocation holds LLM numbers 0 to {n_llms - 1}; got values of type {raw.dtype}")
    if raw.dtype == np.int8 and raw.size:
        # seen as unsigned, negative numbers are large ones: one reduction checks both ends
        in_range = int(raw.view(np.uint8).max()) < n_llms
    else:
        in_range = raw.size == 0 or (raw.min() >= 0 and raw.max() < n_llms)
    if not in_range:
        bad = ~((raw >= 0) & (raw < n_llms))
        p, i = np.argwhere(bad)[0].tolist()
        raise UserError(f"an allocation holds LLM numbers 0 to {n_llms - 1}; X[{p}, {i}] = {raw[p, i]}")
    if raw.dtype == dtype and raw.flags.c_contiguous:
        return raw
    plans = np.ascontiguousarray(raw, dtype=dtype)
    if raw.dtype.kind == "f" and not np.array_equal(plans, raw):
        p, i = np.argwhere(plans != raw)[0].tolist()
        raise UserError(f"an allocation holds integers; X[{p}, {i}] = {raw[p, i]}; round or repair it first")
    return plans


def check_allowed(plans: np.ndarray, allowed: np.ndarray, llms: Sequence[str], query_ids: Sequence[str], /) -> None:
    """Raise ValueError at the first query whose LLM is not allowed for it.

    Args:
        plans: (n, N) checked allocations.
        allowed: (N, M) bool.
        llms: Names of the LLMs.
        query_ids: Names of the queries.
    """
    p, i = first_disallowed(allowed, plans)
    if p >= 0:
        llm = plans[p, i]
        raise UserError(
            f"LLM {llms[llm]!r} is not allowed for query {query_ids[i]!r}; X[{p}, {i}] = {llm}."
            " Operators for masked problems keep to the mask, or end with AllowedRepair"
        )
