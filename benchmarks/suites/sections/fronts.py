"""Pictures of fronts, of attainment and of the LLMs in use, for the first split of each data set."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from benchmarks.experiment.split import Setting
from benchmarks.experiment.table import TableCell
from benchmarks.reporting.document import FigureBlock, Section, Text
from benchmarks.reporting.plots.attainment import attainment_figure
from benchmarks.reporting.plots.fronts import fronts_figure
from benchmarks.reporting.plots.mix import mix_figure
from benchmarks.suites.base import Plan
from benchmarks.suites.sections.measured import Measured, datasets_in
from optllm_pymoo import AllocationProblem


def fronts_section(found: Measured, plan: Plan, /) -> Section:
    """Draw the fronts found and the mix of LLMs along the budget, for the first split done of each data set."""
    figures: list[FigureBlock] = []
    for data in datasets_in(found.frame):
        setting = first_setting(found, data)
        if setting is None:
            continue
        problem = problem_of(found, plan, setting)
        fronts = fronts_of(found, setting)
        title = f"{data}, first split: fronts found, over the exact front of the searched table"
        figures.append(
            fronts_figure(problem, {a: runs[0] for a, runs in fronts.items()}, name=f"fronts-{data}", title=title)
        )
        title = f"{data}, first split: who gets the queries along the exact front"
        figures.append(mix_figure(problem, name=f"mix-{data}", title=title))
    return Section("Fronts", figures or [Text("No search is done whose front could be drawn.")])


def attainment_section(found: Measured, plan: Plan, /) -> Section:
    """Draw what shares of the repeated searches of one table attain."""
    figures = []
    for data in datasets_in(found.frame):
        setting = first_setting(found, data)
        fronts = {} if setting is None else fronts_of(found, setting)
        several = {a: runs for a, runs in fronts.items() if len(runs) > 1}
        if setting is not None and several:
            title = f"{data}, first split: empirical attainment"
            problem = problem_of(found, plan, setting)
            figures.append(attainment_figure(problem, several, name=f"attainment-{data}", title=title))
    return Section("Attainment", figures or [Text("No algorithm searched one table more than once.")])


def first_setting(found: Measured, data: str, /) -> Setting | None:
    """Return the first split of a data set of which a search is done."""
    frame = found.frame
    done = frame.index[(frame["data"] == data) & ~frame["failed"]]
    return found.cells[done[0]].setting if len(done) else None


def fronts_of(found: Measured, setting: Setting, /) -> Mapping[str, list[np.ndarray]]:
    """Return the fronts that were found on one table, by algorithm, in the order of the plan.

    Searches at equal evaluations count; those at equal seconds do only where there are no others.
    """
    here = found.frame["split"].eq(setting.split) & found.frame["data"].eq(setting.data)
    by_evaluations = here & found.frame["max_evaluations"].notna()
    chosen = found.where(by_evaluations if by_evaluations.any() else here)
    fronts: dict[str, list[np.ndarray]] = {}
    for key, front in chosen.arrays("front"):
        fronts.setdefault(found.frame.loc[key, "algorithm"], []).append(front)
    return fronts


def problem_of(found: Measured, plan: Plan, setting: Setting, /) -> AllocationProblem:
    """Build the problem that was searched, from the data set and the stored predictions."""
    dataset = plan.datasets[setting.data]()
    if setting.is_known:
        return AllocationProblem(dataset.cost, dataset.correct, llms=dataset.llms)
    accuracy = found.results.outcome(TableCell(setting)).arrays["accuracy"]
    return AllocationProblem(dataset.cost[~setting.labelled(dataset)], accuracy, llms=dataset.llms)
