"""What can be measured on constraints, by name: each yields rows of one table."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from benchmarks.cells.cell import Outcome, Value, Workbench
from benchmarks.cells.latency import nsga3_row, surface_row
from benchmarks.cells.promises import dataset_promises, promise_rows, synthetic_promises
from benchmarks.cells.quotas import gap_rows, highs_row, search_row, with_quotas
from benchmarks.cells.rows import Row
from benchmarks.cells.single import equality_row, gap_row, large_gap_row, limited, seconds_row, speed_row
from benchmarks.cells.sources import Subset
from optllm_pymoo.data import Dataset
from optllm_pymoo.planning import problem_of


def optimum(name: str, dataset: Dataset, /, *, limit: str, n_limits: int) -> Iterator[Row]:
    """Compare optima under budgets, or at targets, with HiGHS's."""
    yield equality_row(f"{name}, {n_limits} {limit}s", limited(problem_of(dataset), n_limits)[limit])


def gap(name: str, dataset: Dataset, /, *, n_limits: int, target: float) -> Iterator[Row]:
    """Find the largest gap that a run without ``exact`` leaves."""
    yield gap_row(name, problem_of(dataset), n_limits, target=target)


def quota_gap(name: str, dataset: Dataset, /, *, target: float) -> Iterator[Row]:
    """Look whether plans keep their quotas, and how far they can be from the best."""
    yield from gap_rows(name, with_quotas(problem_of(dataset)), target=target)


def quota_search(name: str, dataset: Dataset, /, *, seconds: float, seconds_ratio: float) -> Iterator[Row]:
    """Compare the whole front under quotas with NSGA-II's."""
    yield search_row(name, with_quotas(problem_of(dataset)), seconds=seconds, seconds_ratio=seconds_ratio)


def promise_of_dataset(name: str, dataset: Dataset, /, *, labels: float, n_seeds: int) -> Iterator[Row]:
    """Count the promises that are kept, over draws of the labels."""
    yield from promise_rows(list(dataset_promises(name, dataset, labels, n_seeds)))


def promise(*, n_labelled: int, n_seeds: int) -> Iterator[Row]:
    """Count the promises that are kept on synthetic batches."""
    yield from promise_rows(list(synthetic_promises(n_labelled, n_seeds)))


def of_size(row: Callable[..., Row], /) -> Callable[..., Iterator[Row]]:
    """Let a row that draws its own tables be described by keywords alone."""

    def measured(*, n_queries: int, n_llms: int, **options: Any) -> Iterator[Row]:
        yield row(n_queries, n_llms, **options)

    return measured


MEASUREMENTS: Mapping[str, Callable[..., Iterable[Row]]] = {
    "optimum": optimum,
    "speed": of_size(speed_row),
    "gap": gap,
    "large gap": of_size(large_gap_row),
    "seconds": of_size(seconds_row),
    "quota gap": quota_gap,
    "quota speed": of_size(highs_row),
    "quota search": quota_search,
    "surface": of_size(surface_row),
    "surface search": of_size(nsga3_row),
    "promise of data set": promise_of_dataset,
    "promise": promise,
}


ROWS = "rows"
"""The measure that holds the rows, as JSON."""


@dataclass(frozen=True)
class RowsCell:
    """One of `benchmarks.cells.measurements.MEASUREMENTS`, alone on the machine."""

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
