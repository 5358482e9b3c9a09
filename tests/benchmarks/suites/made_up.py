"""Plans of a few searches, and results made up for them, so that every number of a report can be worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.cells.cell import Cell, Outcome
from benchmarks.cells.search import Limit, SearchCell
from benchmarks.cells.split import Setting
from benchmarks.runner.plan import Plan
from benchmarks.runner.results import Results
from benchmarks.runner.run import Failure
from benchmarks.runner.store import Provenance, Store
from optllm_pymoo.data import Dataset

EVALUATIONS, SECONDS = Limit(evaluations=100), Limit(seconds=0.5)
PROVENANCE = Provenance({"Python": "3"}, "a machine", "a revision")


def four() -> Dataset:
    """Four queries, two LLMs: the dear one is right three times for 20 US$, the cheap one twice for 4."""
    cost = [[1.0, 5.0]] * 4
    correct = [[1, 1], [1, 0], [0, 1], [0, 1]]
    return Dataset(cost, correct, llms=["cheap", "dear"], texts=["a", "b", "a", "c"])


def search(
    algorithm: str, split: int = 0, limit: Limit = EVALUATIONS, data: str = "logpai", **others: Any
) -> SearchCell:
    """A search of a predicted table."""
    setting = Setting(data, "f" * 12, others.pop("predictor", "published"), others.pop("labels", 0.02), split=split)
    return SearchCell(setting, algorithm, limit, **others)


def known(algorithm: str, split: int = 0, limit: Limit = EVALUATIONS, data: str = "known") -> SearchCell:
    """A search of known outcomes."""
    return SearchCell(Setting(data, "f" * 12, split=split), algorithm, limit)


def searched(ratio: float, **others: Any) -> dict[str, Any]:
    """The measures of a search."""
    return {
        **{"evaluations": 100, "distinct_plans": 7, "distinct_points": 8, "hypervolume_ratio": ratio},
        **{"additive_epsilon": 0.1, "igd_plus": 0.2, "spread": 0.3, "result_hypervolume_ratio": ratio},
        **others,
    }


def realised(ratio: float, area: float, saving: float = np.nan, **others: Any) -> dict[str, Any]:
    """The measures of a search whose plans were valued on true outcomes."""
    measures = {
        **{"area": area, "saving": saving, "highest_accuracy": area, "accuracy_at_best_cost": area},
        **{"best_llm": 1, "best_accuracy": 0.75, "best_cost_usd": 20.0, "realised_igd_raw": 0.5},
        "realised_spread": 0.9,
    }
    return searched(ratio, **(measures | others))


def predicted(area: float, **others: Any) -> dict[str, Any]:
    """The measures of an accuracy table."""
    return {
        **{"n_labelled": 1, "n_planned": 3, "oracle_area": 0.9, "brier": 0.2, "area": area, "saving": np.nan},
        **{"highest_accuracy": area, "accuracy_at_best_cost": area, "best_llm": 1, "best_accuracy": 0.75},
        **{"best_cost_usd": 20.0, "labels_right_-1": 0.1, "labels_right_+0": 0.2, "labels_right_+1": 0.3},
        **others,
    }


def results_of(folder: Any, plan: Plan, outcomes: dict[Cell, Any], *, failed: tuple[Failure, ...] = ()) -> Results:
    """Store measures, or whole outcomes, of some cells of a plan, and read them back."""
    store = Store(folder / "cells")
    for cell, outcome in outcomes.items():
        whole = outcome if isinstance(outcome, Outcome) else Outcome(outcome, {"seconds": 2.0, "peak_rss_mib": 9.0})
        store.keep(cell, whole, PROVENANCE, 1.0)
    return Results(plan.cells, store, failed=failed)


def plan_of(part: str, *cells: Cell, notes: tuple[str, ...] = ()) -> Plan:
    """A plan with one part."""
    return Plan(cells, dict.fromkeys({cell.setting.data for cell in cells}, four), notes, {part: cells})
