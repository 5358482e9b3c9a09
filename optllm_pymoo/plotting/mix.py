"""Plots of the mix of LLMs along the front."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from optllm_pymoo.decision import Plan
from optllm_pymoo.exact import PartitionedFront, SupportedFront
from optllm_pymoo.plotting.style import BLACK, axes, dollars, looks_of, percent_axis, shown_names
from optllm_pymoo.problems import AllocationProblem

COLUMNS = 400
"""Number of plans along the front whose mix is drawn."""

NAMED = 10
"""Largest number of LLMs with their own area: those with the largest share in any plan; the rest is one area."""

SMALL = 0.004
"""An LLM whose share is never larger is part of the rest."""


def mix_along_front(
    front: SupportedFront | PartitionedFront, n_points: int = COLUMNS, /
) -> tuple[np.ndarray, np.ndarray]:
    """Count the queries of each LLM along the exact front.

    Args:
        front: The exact front.
        n_points: Largest number of plans, spread evenly along the curve; for a front in parts, those of `along`.

    Returns:
        Total US$ (n,) and number of queries per LLM (n, M) of each of these plans.

    Example:
        >>> front = SupportedFront([[1, 2, 5], [1, 3, 4]], [[0.2, 0.6, 0.7], [0.5, 0.4, 0.9]])
        >>> mix_along_front(front)[1].tolist()
        [[2, 0, 0], [1, 1, 0], [0, 1, 1], [0, 0, 2]]
    """
    if isinstance(front, PartitionedFront):
        return front.F[front.along.rows, 0], front.along.by_llm[..., 0].astype(np.int64)
    chosen = front.thin(max(2, n_points))
    return front.F[chosen, 0], sums_along_front(front, chosen).astype(np.int64)


def sums_along_front(
    front: SupportedFront, chosen: np.ndarray, values: Any = None, /, *, group: np.ndarray | None = None
) -> np.ndarray:
    """Sum up the cells that plans of the exact front choose, per LLM or per group of queries.

    Steps are summed, plans aren't decoded: O(N + S + n M) for S steps.

    Args:
        front: The exact front.
        chosen: (n,) rising points of it, the first and the last among them.
        values: (N, M) values to sum; None counts queries.
        group: (N,) number of each query's group; None sums per LLM.

    Returns:
        (n, M), or (n, G) with the groups 0 ... G - 1.
    """
    steps, x = front.steps, front.assignment(0)
    size = front.cost.shape[1] if group is None else int(group.max()) + 1

    def totals(point: Any, query: np.ndarray, llm: np.ndarray) -> np.ndarray:
        key = llm if group is None else group[query]
        weights = None if values is None else values[query, llm]
        return np.bincount(point * size + key.astype(np.int64), weights, minlength=len(chosen) * size)

    # step k leads to point k + 1, and counts from the first chosen point that is not before it
    point = np.searchsorted(chosen, np.arange(1, len(front)))
    change = totals(point, steps.query, steps.to_llm) - totals(point, steps.query, steps.from_llm)
    change = change + totals(0, np.arange(len(x)), x)
    return np.asarray(change.reshape(len(chosen), size).cumsum(axis=0))


def mix_of_plans(F: Any, X: Any, n_llms: int, /) -> tuple[np.ndarray, np.ndarray]:
    """Count the queries of each LLM in given plans, cheapest first.

    Args:
        F: (n, 2) objectives.
        X: (n, N) LLM per query.
        n_llms: M.

    Returns:
        As `mix_along_front`. O(n N).
    """
    F, X = np.atleast_2d(F), np.atleast_2d(X)
    order = np.argsort(F[:, 0], kind="stable")
    counts = [np.bincount(np.asarray(X[k]).astype(np.int64), minlength=n_llms) for k in order]
    return F[order, 0], np.array(counts)


def plot_mix(
    problem: AllocationProblem,
    /,
    *,
    found: Any = None,
    plan: Plan | None = None,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw which share of the queries each LLM gets, from the cheapest to the most accurate plan.

    Args:
        problem: The batch.
        found: pymoo's result to draw instead of the exact front.
        plan: The chosen plan, marked by a line.
        ax: Where to draw; None for a new figure.
        title: Title of the axes.

    Returns:
        The axes.
    """
    ax = axes(ax, size=(7.6, 4.6))
    if found is None or isinstance(found, SupportedFront):
        cost, counts = mix_along_front(problem.supported_front)
    else:
        cost, counts = mix_of_plans(found.F, found.X, problem.n_llms)
    if len(cost) == 1:  # one plan is best at every budget: a bar instead of an area without width
        cost, counts = np.array([cost[0] * 0.9, cost[0] * 1.1 + (cost[0] == 0)]), np.repeat(counts, 2, axis=0)
    shares = counts / problem.n_queries
    # stacked: at the bottom the LLM used at the lowest costs, at the top all LLMs with small shares
    largest = shares.max(axis=0)
    used = np.flatnonzero(largest > 0)
    named = used[np.argsort(-largest[used], kind="stable")]
    n_named = len(named) if len(named) <= 2 else max(1, min(NAMED, int((largest > SMALL).sum())))
    named, rest = named[:n_named], named[n_named:]
    centre = (shares * np.arange(len(cost))[:, None]).sum(axis=0)[named] / shares.sum(axis=0)[named]
    named = named[np.argsort(centre, kind="stable")]
    names, base = shown_names(problem.llms).texts, np.zeros(len(cost))
    looks = [(names[j], look.colour, look.hatch) for j, look in zip(named, looks_of(named.tolist()), strict=True)]
    areas = [shares[:, j] for j in named]
    if len(rest):
        looks.append((f"{len(rest)} other{'s' * (len(rest) > 1)}", "#F0F0F0", ""))
        areas.append(shares[:, rest].sum(axis=1))
    for (name, colour, hatch), area in zip(looks, areas, strict=True):
        top = base + area
        ax.fill_between(cost, base, top, facecolor=colour, hatch=hatch, edgecolor=BLACK, linewidth=0.4, label=name)
        base = top
    dollars(ax, cost)
    ax.set_xlim(cost[0], cost[-1])
    ax.set_ylim(0, 1)
    percent_axis(ax)
    ax.set_ylabel("Share of queries")
    if plan is not None:
        ax.axvline(plan.cost_usd, color="white", linewidth=4)
        ax.axvline(plan.cost_usd, color=BLACK, linewidth=1.5, linestyle="--", label="chosen plan")
    handles, names = ax.get_legend_handles_labels()
    font = {"family": shown_names(problem.llms).fonts, "size": 8}
    ax.legend(handles[::-1], names[::-1], loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, prop=font)
    if title:
        ax.set_title(title, fontsize=10)
    return ax
