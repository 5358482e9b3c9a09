"""Adversarial batches: queries sorted by predicted difficulty or by cost, in batches with a budget each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import ClassVar

import numpy as np

from benchmarks.cells.cell import Cell, Outcome, Value, Workbench
from benchmarks.cells.rows import Row
from benchmarks.cells.split import Setting
from benchmarks.cells.table import TableCell
from optllm_pymoo import SupportedFront
from optllm_pymoo.prediction.heldout import probabilities

N_BATCHES = 10

# Budget, as a share of the way from the cheapest plan to the most expensive LLM.
BUDGET_SHARE = 0.25


@dataclass(frozen=True)
class BatchesCell(Cell):
    """Plans on plain and on robust accuracies, for all queries at once and for each batch by itself."""

    kind: ClassVar[str] = "batches"
    setting: Setting

    @property
    def needs(self) -> tuple[TableCell, ...]:
        """The predicted table."""
        return (TableCell(self.setting),)

    def description(self) -> dict[str, Value]:
        """Return the settings as plain values."""
        return self.setting.description()

    def title(self) -> str:
        """Return one line for people."""
        return f"{self.setting.title()}: adversarial batches"

    def inputs(self, workbench: Workbench, /) -> tuple[np.ndarray, ...]:
        """Gather predictions, and costs and outcomes of the planned queries."""
        dataset, arrays = workbench.dataset(self.setting.data), workbench.outcome(self.needs[0]).arrays
        planned = ~self.setting.labelled(dataset)
        return arrays["accuracy"], arrays["sigma"], dataset.cost[planned], dataset.correct[planned]

    def measure(self, accuracy: np.ndarray, sigma: np.ndarray, cost: np.ndarray, correct: np.ndarray, /) -> Outcome:
        """Measure true accuracy, of all queries and of the batch with the least, and the share of the budget spent.

        Every query adds the same amount to the budget of its batch. A batch whose cheapest plan costs more than its
        budget gets that plan. Robust accuracies are mean - sigma, brought into [0, 1] as `predict_robust` does.
        """
        orders = {
            "difficulty": np.argsort(accuracy.mean(axis=1), kind="stable"),
            "cost": np.argsort(-cost.mean(axis=1), kind="stable"),
            "chance": np.random.default_rng(self.setting.split).permutation(len(cost)),
        }
        low, high = float(cost.min(axis=1).sum()), float(cost.sum(axis=0).max())
        budget = low + BUDGET_SHARE * (high - low)

        def rows() -> Iterator[Row]:
            size = f"{len(cost):,} × {cost.shape[1]}"
            for (order, queries), alpha, is_whole in product(orders.items(), (0.0, 1.0), (True, False)):
                batches = np.array_split(queries, min(N_BATCHES, len(queries)))
                accuracies, x = probabilities(accuracy - alpha * sigma), np.empty(len(cost), dtype=np.int64)
                for part in [queries] if is_whole else batches:
                    front = SupportedFront(cost[part], accuracies[part])
                    most = max(budget * len(part) / len(cost), float(front.F[0, 0]))
                    x[part] = front.assignment(front.within_budget(most))
                right, spent = (table[np.arange(len(cost)), x] for table in (correct, cost))
                about = f"by {order}, {'one plan' if is_whole else 'a plan each'}, {'robust' if alpha else 'plain'}"
                least = min(float(right[part].mean()) for part in batches)
                found = {"accuracy": float(right.mean()), "least": least, "spent": float(spent.sum()) / budget}
                for name, value in found.items():
                    yield Row(f"{about}: {name}", size, value, "", "≥", None)

        return Outcome({}, rows=[vars(row) for row in rows()])
