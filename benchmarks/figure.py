"""The fronts that were found, drawn over the exact one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.head_to_head import Run
from benchmarks.reporting.plots.fronts import draw_fronts_panel, label_single_llms
from benchmarks.reporting.plots.look import FONT, look, panels
from optllm_pymoo import AllocationProblem


def draw_fronts(problems: dict[str, AllocationProblem], runs: Sequence[Run], path: Path, /) -> None:
    """Draw one panel per batch: the exact front, what each algorithm's first good run found, single LLMs.

    Args:
        problems: The batches by name.
        runs: What was run on them.
        path: PNG to write.
    """
    figure, axes_of = panels(len(problems), height=5.0)
    figure.set_size_inches(9.0, 5.0 * len(problems))
    looks = {name: look(k) for k, name in enumerate(dict.fromkeys(run.algorithm for run in runs))}
    for axes, (name, problem) in zip(axes_of, problems.items(), strict=True):
        found = {run.algorithm: run.F for run in reversed(runs) if run.data == name and len(run.F)}
        shown = {a: (found[a], *looks[a]) for a in looks if a in found and a != "single-llms"}
        draw_fronts_panel(axes, problem, shown)
        axes.set_title(name, fontsize=FONT)
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8, frameon=False)
    for axes, problem in zip(axes_of, problems.values(), strict=True):
        label_single_llms(axes, problem)
    figure.savefig(path, dpi=150, format="png")
