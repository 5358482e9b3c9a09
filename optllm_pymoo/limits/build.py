"""From quotas and floors, as people write them, to linear limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from optllm_pymoo.kernels.rules import CALLS, FLOOR, TOKENS, USD
from optllm_pymoo.limits.linear import LinearLimits
from optllm_pymoo.limits.quota import Quota
from optllm_pymoo.validation import UserError, read_only, unknown_name

KINDS = {"calls": CALLS, "usd": USD, "tokens": TOKENS}


def build_limits(
    cost: np.ndarray,
    accuracy: np.ndarray,
    allowed: np.ndarray | None,
    llms: Sequence[str],
    /,
    *,
    quotas: Sequence[Quota] = (),
    floors: Any = None,
    groups: Any = None,
    tokens: np.ndarray | None = None,
) -> LinearLimits:
    """Build the limits of a problem.

    Where there are limits, cells that the mask forbids are given the least values that it allows their query: what
    stands for "not offered" there, a price of a million perhaps, is not to be what excesses and gaps are measured by.

    Args:
        cost: (N, M) checked US$ per call.
        accuracy: (N, M) checked.
        allowed: (N, M) checked mask, or None.
        llms: M names.
        quotas: `Quota` objects.
        floors: Mean accuracy that every group has to reach, or a mapping from group to that.
        groups: (N,) group of each query: any labels, compared as text; None or NaN for queries of no group.
        tokens: (N, M) checked tokens per call, for quotas of tokens.

    Raises:
        TypeError: If a quota is something else, or a floor is no number.
        ValueError: If names or groups are unknown, a floor lies outside [0, 1], or a table is missing.
    """
    quotas = _checked_quotas(quotas, tokens)
    labels, group, wanted = _checked_floors(floors, groups, len(cost))
    floor_groups = [labels.index(name) for name in wanted]
    sizes = np.bincount(group, minlength=len(labels) + 1)[floor_groups].astype(float)
    targets = np.array(list(wanted.values()), dtype=float)
    everyone = np.ones((len(wanted), len(llms)), dtype=bool)
    members = [quota.members(llms) for quota in quotas]
    tokens = tokens if any(quota.unit == "tokens" for quota in quotas) else None
    limits = LinearLimits(
        cost,
        accuracy,
        allowed,
        tokens,
        group,
        len(labels),
        np.array([KINDS[quota.unit] for quota in quotas] + [FLOOR] * len(wanted), dtype=np.int64),
        np.concatenate([np.array(members, dtype=bool).reshape(-1, len(llms)), everyone]),
        np.array([-1] * len(quotas) + floor_groups, dtype=np.int64),
        np.concatenate([np.array([quota.limit for quota in quotas]), -sizes * targets]),
        (*(quota.describe(llms) for quota in quotas), *(f"floor {f:g} of group {g!r}" for g, f in wanted.items())),
        (*(quota.whom(llms) for quota in quotas), *wanted),
    )
    return least_where_forbidden(limits)


def least_where_forbidden(limits: LinearLimits, /) -> LinearLimits:
    """Give cells that the mask forbids the least values that it allows their query; nothing to do without limits."""
    allowed = limits.allowed
    if allowed is None or not len(limits):
        return limits

    def levelled(table: np.ndarray) -> np.ndarray:
        least = table.min(axis=1, keepdims=True, where=allowed, initial=np.inf)
        return read_only(np.where(allowed, table, least.astype(table.dtype)))

    tokens = None if limits.tokens is None else levelled(limits.tokens)
    return replace(limits, cost=levelled(limits.cost), accuracy=levelled(limits.accuracy), tokens=tokens)


def _checked_quotas(quotas: Any, tokens: np.ndarray | None) -> list[Quota]:
    if isinstance(quotas, Quota):
        quotas = [quotas]
    checked = [] if quotas is None else list(quotas)
    for k, quota in enumerate(checked):
        if not isinstance(quota, Quota):
            raise UserError(
                f"quotas must be Quota objects; quotas[{k}] is {quota!r:.60}. Write Quota('llm', calls=100)"
            )
        if quota.unit == "tokens" and tokens is None:
            raise UserError(f"quotas[{k}] limits tokens; pass tokens=, a table (N, M) of tokens per call, with it")
    return checked


def _checked_floors(floors: Any, groups: Any, n_queries: int) -> tuple[list[str], np.ndarray, dict[str, float]]:
    """Names of the groups with floors or without, (N,) group numbers, and floors by name."""
    if groups is None:
        if floors is not None:
            raise UserError(
                "floors need groups=, the group of each query; for all queries together give them one group"
            )
        return [], np.zeros(n_queries, dtype=np.int32), {}
    raw = np.asarray(groups, dtype=object).reshape(-1)
    if len(raw) != n_queries:
        raise UserError(f"groups must name the group of each of the {n_queries} queries; got {len(raw)}")
    is_known = ~np.asarray(pd.isna(raw))
    names, group_of_known = np.unique(raw[is_known].astype(str), return_inverse=True)
    labels = [str(name) for name in names]
    group = np.full(n_queries, len(labels), dtype=np.int32)
    group[is_known] = group_of_known
    if floors is None:
        return labels, group, {}
    wanted = floors if isinstance(floors, Mapping) else dict.fromkeys(labels, floors)
    checked = {}
    for name, floor in wanted.items():
        if str(name) not in labels:
            raise UserError(unknown_name(str(name), labels, kind="group"))
        if not isinstance(floor, Real) or isinstance(floor, bool):
            raise UserError(f"the floor of group {name!r} must be a mean accuracy; got {floor!r}")
        if not 0 <= float(floor) <= 1:
            raise UserError(f"the floor of group {str(name)!r} must lie in [0, 1]; got {floor}")
        checked[str(name)] = float(floor)
    return labels, group, checked
