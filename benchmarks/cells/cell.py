"""A cell: one independent measurement that is named, keyed and seeded by its own description."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np

from optllm_pymoo.data import Dataset

Value = float | int | str | bool | None


@dataclass(frozen=True)
class Outcome:
    """What came of a cell.

    Attributes:
        measures: Numbers that are the same wherever the same cell is measured, if the cell is reproducible.
        timings: Numbers that differ from run to run: seconds, memory.
        arrays: Anything larger, by name: fronts, traces, tables.
    """

    measures: Mapping[str, Value]
    timings: Mapping[str, float] = field(default_factory=dict)
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)


class Workbench(Protocol):
    """What a cell may ask for while its inputs are gathered, in the process that runs the suite."""

    def dataset(self, name: str, /) -> Dataset:
        """Return a data set of the suite."""

    def outcome(self, cell: Cell, /) -> Outcome:
        """Return what came of a cell that is done."""


class Cell(Protocol):
    """One measurement.

    Cells are compared, stored and seeded by `description` alone: two with equal descriptions are the same. They are
    frozen dataclasses of plain values, so that they can be sent to any process.
    """

    kind: ClassVar[str]
    """The sort of measurement; part of the description."""

    @property
    def needs(self) -> tuple[Cell, ...]:
        """Cells whose outcomes `inputs` asks for."""

    @property
    def is_exclusive(self) -> bool:
        """Whether it is to run alone, because it measures the machine."""

    @property
    def is_reproducible(self) -> bool:
        """Whether its measures are the same in every run; those of a run against the clock are not."""

    def description(self) -> dict[str, Value]:
        """Return everything that decides the outcome, as plain values: the columns of the table of results."""

    def title(self) -> str:
        """Return one line for people."""

    def inputs(self, workbench: Workbench, /) -> tuple[Any, ...]:
        """Gather what `measure` needs, in the process that runs the suite.

        Returns:
            Picklable arguments of `measure`.
        """

    def measure(self, *inputs: Any) -> Outcome:
        """Do the measurement, in any process, with no other randomness than from `seed_of`."""


def canonical(cell: Cell, /) -> str:
    """Write the description of a cell as JSON, the same text for equal descriptions: 1.0 is written like 1.

    Raises:
        TypeError: A value isn't plain, such as one of numpy's integers.
        ValueError: A value is NaN or infinite.
    """
    described = {name: _canonical(value) for name, value in {"kind": cell.kind, **cell.description()}.items()}
    return json.dumps(described, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _canonical(value: Value) -> Value:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def key_of(cell: Cell, /) -> str:
    """Return the name under which a cell is stored: 20 hexadecimal digits of its description's SHA-256."""
    return hashlib.sha256(canonical(cell).encode()).hexdigest()[:20]


def seed_of(cell: Cell, /) -> int:
    """Return the seed of a cell, in 0 ... 2³² - 1, which depends on nothing but its description."""
    return int(hashlib.sha256(f"seed of {canonical(cell)}".encode()).hexdigest()[:8], 16)
