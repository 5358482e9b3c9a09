"""`plan.html`: one interactive file, without library, network or server; a slider moves along the front."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.resources import files
from string import Template
from typing import Any, Final

import numpy as np

from optllm_pymoo.decision import Plan
from optllm_pymoo.exact import PartitionedFront, SupportedFront
from optllm_pymoo.measures.search import non_dominated
from optllm_pymoo.plotting.front import CURVE_POINTS, single_totals
from optllm_pymoo.plotting.mix import sums_along_front
from optllm_pymoo.problems import AllocationProblem

MAX_QUERIES: Final = 100_000
"""Largest number of queries for which the page has every step; else it has a thinned front, without CSV."""

TABLE_CELLS: Final = 100_000
"""Largest number of cells (query, LLM) for which the page has whole tables, to change prices; else only hulls."""

MAX_POINTS: Final = 500
"""Largest number of points of a thinned front, or of a front that a search found."""

MAX_GROUPS: Final = 200
"""More groups than this are not listed."""

MAX_ID_BYTES: Final = 1_000_000
"""Largest size of the query ids, in compressed bytes; if they are larger, the page shows row numbers instead."""


def page_html(
    problem: AllocationProblem,
    /,
    *,
    found: Any = None,
    plan: Plan | None = None,
    groups: Sequence[str | None] | None = None,
    prices: Sequence[Mapping[str, str]] = (),
) -> str:
    """Return the page with a slider along a front: cost, accuracy, mix, groups and the next upgrades.

    For an exact front with up to `MAX_QUERIES` queries, the page has the hull of every query and follows it like
    `SupportedFront`, in O(N + S) per move; with up to `TABLE_CELLS` cells, it has all costs and accuracies, so that
    the user can change prices and get another front. Otherwise it has at most `MAX_POINTS` points with their mixes.
    Accuracies are rounded to a millionth, costs of hulls to float32.

    Args:
        problem: The batch.
        found: The exact front, or a search's result with ``F`` and ``X``; None for ``problem.supported_front``.
        plan: The chosen plan, if any; drawn as a star with the 95 % interval of its accuracy.
        groups: (N,) name of each query's group, None for queries without a group; for a front in parts, the names of
            its groups.
        prices: ``file``, ``date`` and ``sha256`` of the lists of prices from which costs were computed.

    Returns:
        HTML. All data of the batch is escaped: it is text, never markup.

    Example:
        >>> from optllm_pymoo import make_problem
        >>> page_html(make_problem(20, 3))[:15]
        '<!DOCTYPE html>'
    """
    data = _Data(problem, groups)
    data.facts["plan"] = None
    if plan is not None:
        data.facts["plan"] = [plan.cost_usd, plan.accuracy, *plan.interval(), plan.corrected_accuracy]
    exact = problem.supported_front if found is None else found
    if isinstance(exact, PartitionedFront):
        binary = data.in_parts(exact, groups or ())
    elif isinstance(exact, SupportedFront) and problem.n_queries <= MAX_QUERIES:
        binary = data.cells(exact)
    else:
        binary = data.points(exact, plan)
    folder = files(__package__)
    style, script, page = (folder.joinpath(f"page.{kind}").read_text("utf-8") for kind in ("css", "js", "html"))
    n = problem.n_queries
    title = f"Plans for {n:,} {'query' if n == 1 else 'queries'} on {problem.n_llms} LLMs"
    subtitle = "Slide from the cheapest plan to the most accurate one, and see what every dollar buys."
    sources = ", ".join(f"{each['file']} of {each['date']}, SHA-256 {each['sha256']}" for each in prices)
    subtitle = f"{subtitle} Prices: {sources}." if sources else subtitle
    return Template(page).substitute(
        title=html.escape(title),
        subtitle=html.escape(subtitle),
        style=style,
        style_hash=_hash(style),
        script=script,
        script_hash=_hash(script),
        # a script of data ends at the first "</", even inside a string
        facts=json.dumps(data.facts, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c"),
        tables=base64.b64encode(zlib.compress(binary, 9)).decode(),
    )


def _hash(text: str) -> str:
    """Return the hash of a text for the Content-Security-Policy."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


class _Data:
    """The data of a batch for the page: facts as JSON, tables as bytes.

    Groups are numbered, the largest first; queries without a group come last.
    """

    def __init__(self, problem: AllocationProblem, groups: Sequence[str | None] | None) -> None:
        self.problem = problem
        sizes = Counter(name for name in groups or () if name is not None)
        names = sorted(sizes, key=lambda name: (-sizes[name], name)) if len(sizes) <= MAX_GROUPS else []
        number = {name: k for k, name in enumerate(names)}
        of_query = [len(names) if name is None else number[name] for name in groups or ()] if names else []
        self.group = np.array(of_query, dtype=np.int64)
        singles: list[list[float] | None] = [None] * problem.n_llms
        for llm, totals in zip(*single_totals(problem), strict=True):
            singles[llm] = totals.tolist()
        self.facts: dict[str, Any] = {
            "llms": list(problem.llms), "queries": problem.n_queries, "singles": singles, "groups": names
        }  # fmt: skip

    def cells(self, front: SupportedFront) -> bytes:
        """Pack cells query by query: their number, then LLM, cost and accuracy byte by byte, which compresses best.

        Then come query ids (none if they would make the page too large) and the numbers of groups.
        """
        problem, is_whole = self.problem, self.problem.cost.size <= TABLE_CELLS
        if is_whole:
            allowed = np.ones(problem.cost.shape, dtype=bool) if problem.allowed is None else problem.allowed
            count = allowed.sum(axis=1)
            query, llm = np.nonzero(allowed)
        else:
            count = np.diff(front.offset) + 1
            query, llm = np.repeat(np.arange(problem.n_queries), count), front.vertices
        cost = problem.cost[query, llm].astype("<f8" if is_whole else "<f4")
        accuracy = np.round(problem.accuracy[query, llm].astype(float) * 1e6).astype("<u4")
        ids = json.dumps(list(problem.query_ids), ensure_ascii=False).encode()
        if len(zlib.compress(ids, 6)) > MAX_ID_BYTES:
            ids = b""
        self.facts |= {"mode": "cells", "cells": len(llm), "tables": is_whole, "id_bytes": len(ids)}
        byte_by_byte = (values.view("u1").reshape(len(llm), -1).T.tobytes() for values in (cost, accuracy))
        short = (values.astype("<u2").tobytes() for values in (count, llm))
        return b"".join([*short, *byte_by_byte, ids, self.group.astype("<u2").tobytes()])

    def in_parts(self, front: PartitionedFront, names: Sequence[str | None]) -> bytes:
        """Pack the points of a front in parts, like `points`; queries without a group come last and are left out."""
        rows, by_llm, by_group = front.along
        by_group = by_group[:, : len(names)]
        self.facts |= {"groups": list(names), "sizes": by_group[0, :, 0].astype(int).tolist()}
        self.facts |= {"mode": "points", "points": len(rows), "bound": [], "tables": False, "exact": True}
        tables = [front.F[rows] * (1, -1), *np.moveaxis(by_llm, 2, 0), *np.moveaxis(by_group[..., 1:], 2, 0)]
        return b"".join(np.ascontiguousarray(table, dtype="<f8").tobytes() for table in tables)

    def points(self, found: Any, plan: Plan | None) -> bytes:
        """Pack points: cost and accuracy; queries, US$ and correct answers per LLM; US$ and correct answers per group.

        Points of an exact front or of a search's result are thinned evenly.
        """
        problem, n_groups, bound = self.problem, len(self.facts["groups"]), []
        is_exact = isinstance(found, SupportedFront)
        if is_exact:
            chosen = found.thin(MAX_POINTS)
            if plan is not None:
                chosen = np.union1d(chosen, found.within_budget(plan.cost_usd))
            F = found.F[chosen]
        else:
            chosen = non_dominated(np.atleast_2d(found.F)[:, :2])
            chosen = chosen[np.unique(np.linspace(0, len(chosen) - 1, MAX_POINTS).round().astype(int))]
            F, X = np.atleast_2d(found.F)[chosen], np.atleast_2d(found.X)[chosen].astype(np.int64)
            front = problem.bounding_front
            bound = (front.F[front.thin(CURVE_POINTS)] * (1, -1)).tolist()

        def sums(values: np.ndarray | None, group: np.ndarray | None = None) -> np.ndarray:
            if is_exact:
                return sums_along_front(found, chosen, values, group=group)
            size, rows = problem.n_llms if group is None else n_groups + 1, np.arange(problem.n_queries)
            chosen_cells = ((x if group is None else group, None if values is None else values[rows, x]) for x in X)
            return np.array([np.bincount(key, weights, size) for key, weights in chosen_cells])

        arrays = [F[:, :2] * (1, -1), *(sums(values) for values in (None, problem.cost, problem.accuracy))]
        sizes: list[int] = []
        if n_groups:  # queries without a group come last
            arrays += [sums(values, self.group)[:, :n_groups] for values in (problem.cost, problem.accuracy)]
            sizes = np.bincount(self.group)[:n_groups].tolist()
        self.facts |= {"mode": "points", "points": len(F), "bound": bound, "sizes": sizes, "tables": False}
        self.facts["exact"] = is_exact
        return b"".join(np.ascontiguousarray(values, dtype="<f8").tobytes() for values in arrays)
