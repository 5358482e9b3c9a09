"""Measurements with targets: one line of a table each, several to a cell."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from benchmarks.cells.cell import Cell, Outcome, Value, Workbench
from benchmarks.cells.sources import Subset
from optllm_pymoo.data import Dataset

# Relative tolerance of checks: sums in another order may differ by rounding.
EQUAL = 1e-9

_HOLDS = {"≥": operator.ge, "≤": operator.le, ">": operator.gt}


@dataclass(frozen=True)
class Row:
    """A measurement and its target.

    Attributes:
        size: Queries × LLMs.
        unit: "×" for ratios, "s", or nothing.
        relation: "≥", "≤" or ">".
        required: The target; None where it is set for another size.
        details: The medians, and the checks.
    """

    what: str
    size: str
    measured: float
    unit: str
    relation: str
    required: float | None
    details: str = ""

    @property
    def reached(self) -> bool | None:
        """Whether the target is reached; None without one."""
        return None if self.required is None else bool(_HOLDS[self.relation](self.measured, self.required))


@dataclass(frozen=True)
class RowsCell(Cell):
    """A function that measures rows, alone on the machine.

    Attributes:
        measurement: A function at the top of a module. It takes the name and the queries of the subset, if there is
            one, and the options as keywords.
        subset: The queries; None where the measurement draws tables of a fixed size.
        options: Targets among them: another target is another cell.
        has_all_cores: Whether it may use all cores; other cells are limited to one.
    """

    kind: ClassVar[str] = "rows"
    measurement: Callable[..., Iterable[Row]]
    subset: Subset | None = None
    options: tuple[tuple[str, Value], ...] = ()
    has_all_cores: bool = False
    is_exclusive: ClassVar[bool] = True
    is_reproducible: ClassVar[bool] = False

    @classmethod
    def of(
        cls, measurement: Callable[..., Iterable[Row]], subset: Subset | None = None, /, **options: Value
    ) -> RowsCell:
        """Describe a measurement with its options as keywords."""
        return cls(measurement, subset, tuple(options.items()))

    @property
    def subject(self) -> Any:
        """The function."""
        return self.measurement

    @property
    def name(self) -> str:
        """The function's name, in words."""
        return self.measurement.__name__.replace("_", " ")

    def description(self) -> dict[str, Value]:
        """Return all settings that determine the outcome."""
        queries = {} if self.subset is None else self.subset.description()
        return {"measurement": self.name, **queries, **dict(self.options)}

    def title(self) -> str:
        """Return one line for people."""
        queries = [] if self.subset is None else [self.subset.title()]
        return ", ".join([self.name, *queries, *(f"{name} {value}" for name, value in self.options)])

    def inputs(self, workbench: Workbench, /) -> tuple[Dataset, ...]:
        """Gather the data set, if there is one."""
        return () if self.subset is None else (workbench.dataset(self.subset.data),)

    def measure(self, *inputs: Dataset) -> Outcome:
        """Measure the rows.

        Raises:
            AssertionError: A plan breaks its limit, or results that should be equal aren't.
        """
        about = () if self.subset is None else (self.subset.name, self.subset.draw(*inputs))
        return Outcome({}, rows=[vars(row) for row in self.measurement(*about, **dict(self.options))])


def size_of(problem: Any, /) -> str:
    """Write the size of a problem."""
    return f"{problem.n_queries:,} × {problem.n_llms}"
