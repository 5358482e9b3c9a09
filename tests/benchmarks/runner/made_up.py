"""Made-up cells, and suites of them, that stand for real ones in the tests of the runner."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from benchmarks.cells.cell import Cell, Outcome, Workbench, seed_of
from benchmarks.runner.plan import Plan
from benchmarks.suites.base import Options, Suite
from optllm_pymoo.data import Dataset


def four() -> Dataset:
    """A data set with four queries."""
    return Dataset([[1, 2, 5], [1, 3, 4], [2, 3, 9], [1, 1, 2]], [[0, 1, 1], [1, 0, 1], [0, 0, 1], [0, 1, 0]])


@dataclass(frozen=True)
class MadeUp(Cell):
    """What the cells below have in common: they draw from their own seed, and say when and where they ran."""

    place: int
    pause: float = 0.0

    kind: ClassVar[str] = "root"

    def description(self) -> dict[str, Any]:
        return {"place": self.place, "pause": self.pause}

    def title(self) -> str:
        return f"{self.kind} {self.place}"

    def measure(self, *inputs: Any) -> Outcome:
        begun = time.time()
        time.sleep(self.pause)
        numbers = np.random.default_rng(seed_of(self)).normal(size=5)
        for given in inputs:
            numbers += given
        measures = {
            "mean": numbers.mean(),
            "nan": np.nan,
            "inf": -np.inf,
            "count": np.int64(5),
            "name": "è",
            "no": None,
        }
        return Outcome(measures, {"begun": begun, "ended": time.time(), "pid": os.getpid()}, {"numbers": numbers})


@dataclass(frozen=True)
class Leaf(MadeUp):
    """Adds to what its root drew, and to the costs of the data set."""

    kind: ClassVar[str] = "leaf"

    @property
    def needs(self) -> tuple[Cell, ...]:
        return (MadeUp(self.place // 4, self.pause),)

    def inputs(self, workbench: Workbench) -> tuple[Any, ...]:
        return workbench.outcome(self.needs[0]).arrays["numbers"], workbench.dataset("four").cost.sum()


@dataclass(frozen=True)
class Top(MadeUp):
    """Adds up four leaves."""

    kind: ClassVar[str] = "top"

    @property
    def needs(self) -> tuple[Cell, ...]:
        return tuple(Leaf(4 * self.place + k, self.pause) for k in range(4))

    def inputs(self, workbench: Workbench) -> tuple[Any, ...]:
        return tuple(workbench.outcome(leaf).arrays["numbers"] for leaf in self.needs)


@dataclass(frozen=True)
class Clock(MadeUp):
    """Measures what is different each time."""

    kind: ClassVar[str] = "clock"
    is_reproducible: ClassVar[bool] = False

    def measure(self, *inputs: Any) -> Outcome:
        return Outcome({"nanoseconds": time.perf_counter_ns()})


@dataclass(frozen=True)
class Alone(MadeUp):
    """Measures the machine."""

    kind: ClassVar[str] = "alone"
    is_exclusive: ClassVar[bool] = True


@dataclass(frozen=True)
class Failing(MadeUp):
    """Fails."""

    kind: ClassVar[str] = "failing"

    def measure(self, *inputs: Any) -> Outcome:
        raise RuntimeError("no such luck [today]")


@dataclass(frozen=True)
class InNeed(MadeUp):
    """Needs one that fails."""

    kind: ClassVar[str] = "in need"

    @property
    def needs(self) -> tuple[Cell, ...]:
        return (Failing(0), MadeUp(0))


@dataclass(frozen=True)
class Unfed(MadeUp):
    """Asks for a data set that isn't there."""

    kind: ClassVar[str] = "unfed"

    def inputs(self, workbench: Workbench) -> tuple[Any, ...]:
        return (workbench.dataset("for"),)


@dataclass(frozen=True)
class Killed(MadeUp):
    """Is killed with its worker, as by the system when memory runs out."""

    kind: ClassVar[str] = "killed"

    def measure(self, *inputs: Any) -> Outcome:
        os.kill(os.getpid(), signal.SIGKILL)
        return Outcome({})


def tree(options: Options) -> Plan:
    """Roots, four leaves on each, a top over them; some against the clock, two alone."""
    n_roots, pause = options.splits or 2, options.seconds or 0.0
    cells = [Top(place, pause) for place in range(n_roots)]
    others: list[Cell] = [Clock(0), Alone(0, 0.05), Alone(1, 0.05)]
    return Plan([*cells, *others], {"four": four})


class MadeUpSuite(Suite):
    """A suite of a name and a plan; its report says which kinds are done."""

    what = "made up"
    uses = ("data", "algorithms", "splits", "evaluations", "seconds")

    def __init__(self, name: str, plan: Callable[[Options], Plan]) -> None:
        self.name = name  # type: ignore[misc]
        self._plan = plan

    def plan(self, options: Options) -> Plan:
        return self._plan(options)

    def report(self, results: Any, plan: Plan) -> Any:
        return ", ".join(sorted({cell.kind for cell in results.cells()}))


def planned(*cells: Cell) -> Callable[[Options], Plan]:
    """A plan of cells that no option changes."""
    return lambda options: Plan(cells, {"four": four})


SUITES = {
    name: MadeUpSuite(name, plan)
    for name, plan in {
        "tree": tree,
        "failing": planned(MadeUp(0), Failing(0), InNeed(0), Unfed(0), Top(0)),
        "killed": planned(*(MadeUp(k) for k in range(8)), Killed(0)),
        "part": planned(Leaf(0)),
    }.items()
}
