"""`plan.html`: one file, without library, network or server, in which one slides along the front."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import zlib
from collections import Counter
from collections.abc import Sequence
from importlib.resources import files
from string import Template
from typing import Any, Final

import numpy as np

from optllm_pymoo.decision import Plan
from optllm_pymoo.exact.front import SupportedFront
from optllm_pymoo.plotting.front import CURVE_POINTS
from optllm_pymoo.plotting.mix import sums_along_front
from optllm_pymoo.problems import AllocationProblem

MAX_QUERIES: Final = 100_000
"""Queries up to which the page holds every step; of more it holds a thinned front, without CSV."""

TABLE_CELLS: Final = 100_000
"""Cells (query, LLM) up to which the page holds whole tables, so that prices can be changed; else hulls only."""

MAX_POINTS: Final = 500
"""Points of a thinned front, and of one that a search found."""

MAX_GROUPS: Final = 200
"""More groups than this are not listed."""

MAX_ID_BYTES: Final = 1_000_000
"""Compressed bytes that query ids may take; beyond, the page counts rows instead."""


def page_html(
    problem: AllocationProblem,
    /,
    *,
    found: Any = None,
    plan: Plan | None = None,
    groups: Sequence[str | None] | None = None,
) -> str:
    """Write the page on which one slides along a front: cost, accuracy, mix, groups and the next upgrades.

    Up to `MAX_QUERIES` queries on an exact front the page holds the hull of every query and walks it as
    `SupportedFront` does, in O(N + S) per move; up to `TABLE_CELLS` it holds all costs and accuracies, so that factors
    on prices lead to another front. Otherwise it holds at most `MAX_POINTS` points with their mixes. Accuracies are
    rounded to a millionth, costs of hulls to float32.

    Args:
        problem: The batch.
        found: The exact front, or a search's result with ``F`` and ``X``; None for ``problem.supported_front``.
        plan: The chosen plan, if any: a star with the 95 % interval of its accuracy.
        groups: (N,) name of each query's group, None for queries of no group.

    Returns:
        HTML. Whatever comes from the batch is text in it, never markup.

    Example:
        >>> from optllm_pymoo import make_problem
        >>> page_html(make_problem(20, 3))[:15]
        '<!DOCTYPE html>'
    """
    exact = problem.supported_front if found is None else found
    facts: dict[str, Any] = {
        "llms": list(problem.llms),
        "queries": problem.n_queries,
        "singles": _single_llms(problem),
        "plan": None if plan is None else [plan.cost_usd, plan.accuracy, *plan.interval(), plan.corrected_accuracy],
    }
    names, group = _numbered(groups)
    facts["groups"] = names
    if isinstance(exact, SupportedFront) and problem.n_queries <= MAX_QUERIES:
        binary = _cells(problem, exact, facts) + _ids(problem, facts) + group.astype("<u2").tobytes()
    else:
        binary = _points(problem, exact, plan, facts, group)
    folder = files(__package__)
    style, script, page = (folder.joinpath(f"page.{kind}").read_text("utf-8") for kind in ("css", "js", "html"))
    n = problem.n_queries
    title = f"Plans for {n:,} {'query' if n == 1 else 'queries'} on {problem.n_llms} LLMs"
    subtitle = "Slide from the cheapest plan to the most accurate one, and see what every dollar buys."
    return Template(page).substitute(
        title=html.escape(title),
        subtitle=html.escape(subtitle),
        style=style,
        style_hash=_hash(style),
        script=script,
        script_hash=_hash(script),
        # a script of data ends at the first "</", wherever it stands
        facts=json.dumps(facts, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c"),
        tables=base64.b64encode(zlib.compress(binary, 9)).decode(),
    )


def _hash(text: str) -> str:
    """Hash for the Content-Security-Policy."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _single_llms(problem: AllocationProblem) -> list[list[float] | None]:
    """Total US$ and mean accuracy of each LLM, None where it isn't allowed for all queries."""
    allowed = np.ones((1, problem.n_llms), dtype=bool) if problem.allowed is None else problem.allowed
    usable = np.asarray(allowed.all(axis=0))
    cost, accuracy = problem.cost.sum(axis=0, dtype=float), problem.accuracy.mean(axis=0, dtype=float)
    return [[float(cost[j]), float(accuracy[j])] if usable[j] else None for j in range(problem.n_llms)]


def _numbered(groups: Sequence[str | None] | None) -> tuple[list[str], np.ndarray]:
    """Names of groups, most queries first, and (N,) numbers of them; queries of no group come after all names."""
    if groups is None:
        return [], np.empty(0, dtype=np.int64)
    sizes = Counter(name for name in groups if name is not None)
    names = sorted(sizes, key=lambda name: (-sizes[name], name))
    if not 0 < len(names) <= MAX_GROUPS:
        return [], np.empty(0, dtype=np.int64)
    number = {name: k for k, name in enumerate(names)}
    return names, np.array([len(names) if name is None else number[name] for name in groups], dtype=np.int64)


def _cells(problem: AllocationProblem, front: SupportedFront, facts: dict[str, Any]) -> bytes:
    """Pack cells query by query: how many, then LLM, cost and accuracy byte by byte, which compresses best."""
    if problem.cost.size <= TABLE_CELLS:
        allowed = np.ones(problem.cost.shape, dtype=bool) if problem.allowed is None else problem.allowed
        count = allowed.sum(axis=1)
        query, llm = np.nonzero(allowed)
    else:
        count = np.diff(front.offset) + 1
        query, llm = np.repeat(np.arange(problem.n_queries), count), front.vertices
    facts |= {"mode": "cells", "cells": len(llm), "tables": problem.cost.size <= TABLE_CELLS}
    cost = problem.cost[query, llm].astype("<f8" if facts["tables"] else "<f4")
    accuracy = np.round(problem.accuracy[query, llm].astype(float) * 1e6).astype("<u4")
    return b"".join(
        [
            count.astype("<u2").tobytes(),
            llm.astype("<u2").tobytes(),
            *(np.ascontiguousarray(values.view("u1").reshape(len(llm), -1).T).tobytes() for values in (cost, accuracy)),
        ]
    )


def _ids(problem: AllocationProblem, facts: dict[str, Any]) -> bytes:
    """Query ids as JSON, nothing where they would make the page too large."""
    ids = json.dumps(list(problem.query_ids), ensure_ascii=False).encode()
    if len(zlib.compress(ids, 6)) > MAX_ID_BYTES:
        ids = b""
    facts["id_bytes"] = len(ids)
    return ids


def _points(
    problem: AllocationProblem, found: Any, plan: Plan | None, facts: dict[str, Any], group: np.ndarray
) -> bytes:
    """Pack points: cost and accuracy; queries, US$ and correct answers per LLM; US$ and correct answers per group."""
    n_groups, rows, bound = len(facts["groups"]), np.arange(problem.n_queries), []
    is_exact = isinstance(found, SupportedFront)
    if is_exact:
        chosen = found.thin(MAX_POINTS)
        if plan is not None:
            chosen = np.union1d(chosen, found.within_budget(plan.cost_usd))
        F = found.F[chosen]
    else:
        chosen = _frontier(np.atleast_2d(found.F))
        F, X = np.atleast_2d(found.F)[chosen], np.atleast_2d(found.X)[chosen].astype(np.int64)
        front = problem.bounding_front
        bound = (front.F[front.thin(CURVE_POINTS)] * (1, -1)).tolist()

    def sums(values: np.ndarray | None, group: np.ndarray | None = None) -> np.ndarray:
        if is_exact:
            return sums_along_front(found, chosen, values, group=group)
        size = problem.n_llms if group is None else n_groups + 1
        chosen_cells = ((x if group is None else group, None if values is None else values[rows, x]) for x in X)
        return np.array([np.bincount(key, weights, size) for key, weights in chosen_cells])

    arrays = [F[:, :2] * (1, -1), *(sums(values) for values in (None, problem.cost, problem.accuracy))]
    sizes: list[int] = []
    if n_groups:  # the queries of no group come last
        arrays += [sums(values, group)[:, :n_groups] for values in (problem.cost, problem.accuracy)]
        sizes = np.bincount(group)[:n_groups].tolist()
    facts |= {"mode": "points", "points": len(F), "bound": bound, "sizes": sizes, "tables": False, "exact": is_exact}
    return b"".join(np.ascontiguousarray(values, dtype="<f8").tobytes() for values in arrays)


def _frontier(F: np.ndarray) -> np.ndarray:
    """Plans that none beats in both cost and accuracy, cheapest first, thinned evenly."""
    order = np.lexsort([F[:, 1], F[:, 0]])
    best = np.minimum.accumulate(F[order, 1])
    order = order[np.concatenate([[True], best[1:] < best[:-1]])]
    chosen = np.unique(np.linspace(0, len(order) - 1, min(len(order), MAX_POINTS)).round().astype(int))
    return np.asarray(order[chosen])
