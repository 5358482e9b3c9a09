"""One group of measurements with targets, stored as the rows of a table."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar

from benchmarks.constraints.measurements import MEASUREMENTS
from benchmarks.constraints.subset import Subset
from benchmarks.experiment.cell import Outcome, Value, Workbench
from benchmarks.rows import Row
from optllm_pymoo.data import Dataset

ROWS = "rows"
"""The measure that holds the rows, as JSON."""


@dataclass(frozen=True)
class RowsCell:
    """One of `benchmarks.constraints.measurements.MEASUREMENTS`, alone on the machine."""

    kind: ClassVar[str] = "rows"
    measurement: str
    subset: Subset | None = None
    """The queries; None where the measurement draws tables of a fixed size."""
    options: tuple[tuple[str, Value], ...] = ()
    """Keywords of the measurement, targets among them: another target is another cell."""
    is_exclusive: ClassVar[bool] = True
    is_reproducible: ClassVar[bool] = False
    needs: ClassVar[tuple[Any, ...]] = ()

    @classmethod
    def of(cls, measurement: str, subset: Subset | None = None, /, **options: Value) -> RowsCell:
        """Describe a measurement.

        Raises:
            ValueError: There is none of that name.
        """
        if measurement not in MEASUREMENTS:
            raise ValueError(f"unknown measurement {measurement!r}; known: {', '.join(MEASUREMENTS)}")
        return cls(measurement, subset, tuple(options.items()))

    def description(self) -> dict[str, Value]:
        """Return everything that decides the outcome."""
        queries = {} if self.subset is None else self.subset.description()
        return {"measurement": self.measurement, **queries, **dict(self.options)}

    def title(self) -> str:
        """Return one line for people."""
        queries = [] if self.subset is None else [self.subset.title()]
        return ", ".join([self.measurement, *queries, *(f"{name} {value}" for name, value in self.options)])

    def inputs(self, workbench: Workbench, /) -> tuple[Dataset, ...]:
        """Gather the data set, if there is one."""
        return () if self.subset is None else (workbench.dataset(self.subset.data),)

    def measure(self, *inputs: Dataset) -> Outcome:
        """Measure the rows.

        Raises:
            AssertionError: A plan breaks its limit, or results that should be equal aren't.
        """
        about = () if self.subset is None else (self.subset.name, self.subset.draw(*inputs))
        rows = MEASUREMENTS[self.measurement](*about, **dict(self.options))
        return Outcome({ROWS: json.dumps([vars(row) for row in rows])})


def rows_in(text: str, /) -> list[Row]:
    """Read the measure `ROWS` back."""
    return [Row(**fields) for fields in json.loads(text)]
