"""Columns for ``verbose=True`` that mean something for allocations."""

from __future__ import annotations

from typing import Any

from pymoo.util.display.column import Column
from pymoo.util.display.output import Output

from optllm_pymoo.measures.search import hypervolume_ratio


class FrontOutput(Output):
    """Size of the front, its hypervolume relative to the exact front's, and the ranges it spans.

    ``hv_ratio`` is 1 when nothing of the exact supported front is missing; costs are total US$, accuracies means. With
    latency it is the ratio to the supported surface, and there are columns for mean seconds per call. A problem with
    objectives or constraints of a user's own has no such front, and no ratio.
    """

    def __init__(self) -> None:
        super().__init__()
        self.n_nds = Column("n_nds", width=6)
        self.hv_ratio = Column("hv_ratio", width=10)
        self.cost_min = Column("cost_min", width=11)
        self.cost_max = Column("cost_max", width=11)
        self.accuracy_min = Column("acc_min", width=8)
        self.accuracy_max = Column("acc_max", width=8)
        self.columns += [
            self.n_nds, self.hv_ratio, self.cost_min, self.cost_max, self.accuracy_min, self.accuracy_max
        ]  # fmt: skip

    def initialize(self, algorithm: Any) -> None:
        """Add the columns of a third objective if there is one."""
        super().initialize(algorithm)
        if self._has_latency(algorithm.problem):
            self.latency_min, self.latency_max = (Column(name, width=8) for name in ("sec_min", "sec_max"))
            self.columns += [self.latency_min, self.latency_max]

    def _has_latency(self, problem: Any) -> bool:
        return getattr(problem, "latency", None) is not None

    def update(self, algorithm: Any) -> None:
        """Read the columns off the algorithm's current optimum."""
        super().update(algorithm)
        F = algorithm.opt.get("F")
        self.n_nds.set(len(F))
        if not getattr(algorithm.problem, "is_extended", False):
            self.hv_ratio.set(f"{hypervolume_ratio(F, algorithm.problem.yardstick):.6f}")
        self.cost_min.set(f"{F[:, 0].min():.5g}")
        self.cost_max.set(f"{F[:, 0].max():.5g}")
        self.accuracy_min.set(f"{-F[:, 1].max():.4f}")
        self.accuracy_max.set(f"{-F[:, 1].min():.4f}")
        if self._has_latency(algorithm.problem):
            self.latency_min.set(f"{F[:, 2].min():.4g}")
            self.latency_max.set(f"{F[:, 2].max():.4g}")


class LimitOutput(Output):
    """The best plan within the limit, the bound for any plan, and the distance between them.

    Mean accuracy for a `MaxAccuracyProblem`, US$ for a `MinCostProblem`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.value = Column("value", width=14)
        self.bound = Column("bound", width=14)
        self.gap = Column("gap", width=10)
        self.columns += [self.value, self.bound, self.gap]

    def update(self, algorithm: Any) -> None:
        """Read the columns off the algorithm's certificate."""
        super().update(algorithm)
        certificate = algorithm.certificate
        self.value.set(f"{certificate.value:.10g}")
        self.bound.set(f"{certificate.bound:.10g}")
        self.gap.set(f"{certificate.gap:.3g}")
