"""A cell: one independent measurement that is named, keyed and seeded by its own description."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np

from benchmarks.cells.definition import definition_of
from optllm_pymoo.data import Dataset

Value = float | int | str | bool | None


@dataclass(frozen=True)
class Outcome:
    """What came of a cell.

    Attributes:
        measures: Numbers that are the same wherever the same cell is measured, if the cell is reproducible.
        timings: Numbers that differ from run to run: seconds, memory.
        arrays: Anything larger, by name: fronts, traces, tables.
        rows: Measurements with targets, as plain values by name; see `benchmarks.cells.rows`.
    """

    measures: Mapping[str, Value]
    timings: Mapping[str, float] = field(default_factory=dict)
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    rows: Sequence[Mapping[str, Value]] = ()


class Workbench(Protocol):
    """What a cell may ask for while its inputs are gathered, in the process that runs the suite."""

    def dataset(self, name: str, /) -> Dataset:
        """Return a data set of the suite."""

    def outcome(self, cell: Cell, /) -> Outcome:
        """Return what came of a cell that is done."""


class Cell(ABC):
    """One measurement.

    Cells are compared and seeded by `description` alone, and stored by it together with the definition of what is
    measured. They are frozen dataclasses of plain values, so that they can be sent to any process.
    """

    kind: ClassVar[str]
    """The sort of measurement; part of the description."""
    is_exclusive: ClassVar[bool] = False
    """Whether it is to run alone, because it measures the machine."""
    has_all_cores: ClassVar[bool] = False
    """Whether it isn't kept to one core, as others are."""

    @property
    def needs(self) -> tuple[Cell, ...]:
        """Cells whose outcomes `inputs` asks for."""
        return ()

    @property
    def is_reproducible(self) -> bool:
        """Whether its measures are the same in every run; those of a run against the clock are not."""
        return True

    @property
    def subject(self) -> Hashable:
        """What is measured, beside the cell's own class: see `benchmarks.cells.definition.definition_of`."""
        return None

    @abstractmethod
    def description(self) -> dict[str, Value]:
        """Return everything that decides the outcome, as plain values: the columns of the table of results."""

    @abstractmethod
    def title(self) -> str:
        """Return one line for people."""

    def inputs(self, workbench: Workbench, /) -> tuple[Any, ...]:
        """Gather what `measure` needs, in the process that runs the suite.

        Returns:
            Picklable arguments of `measure`.
        """
        return ()

    @abstractmethod
    def measure(self, *inputs: Any) -> Outcome:
        """Do the measurement, in any process, with no other randomness than from `seed_of`."""


def canonical(cell: Cell, /) -> str:
    """Write the description of a cell as JSON, the same text for equal descriptions: 1.0 is written like 1.

    Raises:
        TypeError: A value isn't plain, such as one of numpy's integers.
        ValueError: A value is NaN or infinite.
    """
    described = {"kind": cell.kind, **cell.description()}
    plain = {name: int(v) if isinstance(v, float) and v.is_integer() else v for name, v in described.items()}
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False)


def definition(cell: Cell, /) -> str:
    """Return 12 hexadecimal digits that change when what the cell measures, or needs, is defined otherwise."""
    return definition_of((type(cell), cell.subject, tuple(map(definition, cell.needs))))


def key_of(cell: Cell, /) -> str:
    """Return the name under which a cell is stored: 20 hexadecimal digits of its description and its definition."""
    return hashlib.sha256(f"{definition(cell)} {canonical(cell)}".encode()).hexdigest()[:20]


def seed_of(cell: Cell, /) -> int:
    """Return the seed of a cell, in 0 ... 2³² - 1, which depends on nothing but its description.

    So an algorithm that was changed is measured again with the same chances as before.
    """
    return int(hashlib.sha256(f"seed of {canonical(cell)}".encode()).hexdigest()[:8], 16)
