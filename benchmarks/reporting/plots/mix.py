"""Which LLMs get the queries, along the budget."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.patches import Patch

from benchmarks.reporting.document import FigureBlock
from benchmarks.reporting.plots.look import FONT, LETTERS, panels, shown_name
from optllm_pymoo import AllocationProblem
from optllm_pymoo.plotting.mix import mix_along_front, mix_of_plans, plot_mix

NAMED = 9
"""LLMs in the legend at the most: those with the largest shares."""


def mix_figure(problem: AllocationProblem, /, *, name: str, title: str, found: Any = None) -> FigureBlock:
    """Draw which share of the queries each LLM gets, from the cheapest to the most accurate plan.

    Args:
        problem: The batch.
        name: Of the picture's file.
        title: What is drawn.
        found: Anything with ``F`` and ``X``, such as pymoo's result, to draw instead of the exact front.
    """
    figure, (axes,) = panels(height=4.6)
    plot_mix(problem, found=found, ax=axes)
    shares = _shares(problem, found)
    _legend_of_the_largest(axes, shares.max(axis=0), problem)
    axes.xaxis.label.set_size(FONT)
    axes.yaxis.label.set_size(FONT)
    return FigureBlock(name, figure, title, _sentence(shares, problem.llms))


def _shares(problem: AllocationProblem, found: Any) -> np.ndarray:
    front = problem.supported_front
    _, counts = mix_along_front(front) if found is None else mix_of_plans(found.F, found.X, problem.n_llms)
    return counts / problem.n_queries


def _legend_of_the_largest(axes: Any, largest: np.ndarray, problem: AllocationProblem) -> None:
    """Name the LLMs that have a large share somewhere, below the figure: it would be too long for all of many."""
    handles, labels = axes.get_legend_handles_labels()
    axes.get_legend().remove()
    rank = np.argsort(-largest, kind="stable")
    top = {shown_name(problem.llms[j]) for j in rank[:NAMED]}
    named = [(h, shown_name(_raw(label))) for h, label in zip(handles, labels, strict=True)]
    named = [(h, label) for h, label in named if label in top]
    n_rest = int((largest > 0).sum()) - len(named)
    if n_rest > 0:
        named.append((Patch(facecolor="none", edgecolor="none"), f"and {n_rest} more LLMs"))
    columns = max(1, min(3, LETTERS // (5 + max(len(label) for _, label in named))))
    axes.figure.legend(*zip(*named, strict=True), loc="outside lower center", ncols=columns, fontsize=9, frameon=False)


def _raw(label: str) -> str:
    """Undo what ``as_written`` did."""
    return label.removeprefix(" ").replace(r"\$", "$")


def _sentence(shares: np.ndarray, llms: tuple[str, ...]) -> str:
    used = int((shares.max(axis=0) > 0).sum())
    ends = [f"{llms[row.argmax()]} with {100 * row.max():.0f} % of the queries" for row in (shares[0], shares[-1])]
    if len(shares) == 1:
        return f"One plan is best at every budget; most goes to {ends[0]}, and {used} of {len(llms)} LLMs are used."
    lead = shares.argmax(axis=1)
    n_leaders = len(np.unique(lead))
    return (
        f"{used} of {len(llms)} LLMs are used somewhere along the budget; the largest share belongs to {ends[0]} in the"
        f" cheapest plan and to {ends[1]} in the most accurate one, and {n_leaders} LLM{'s' * (n_leaders > 1)} in all"
        " lead somewhere."
    )
