"""A cell: one independent measurement; its description determines its name, key and seed."""

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
    """The outcome of a cell.

    Attributes:
        measures: Numbers that are equal in every run on every machine, if the cell is reproducible.
        timings: Numbers that differ from run to run: seconds, memory.
        arrays: Anything larger, by name: fronts, traces, tables.
        rows: Measurements with targets, as plain values by name; see `benchmarks.cells.rows`.
    """

    measures: Mapping[str, Value]
    timings: Mapping[str, float] = field(default_factory=dict)
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    rows: Sequence[Mapping[str, Value]] = ()


class Workbench(Protocol):
    """Data sets and outcomes for a cell's `inputs`, in the process that runs the suite."""

    def dataset(self, name: str, /) -> Dataset:
        """Return a data set of the suite."""

    def outcome(self, cell: Cell, /) -> Outcome:
        """Return the outcome of a cell that is done."""


class Cell(ABC):
    """One measurement.

    Cells are compared and seeded by `description` alone; the key in the store is a hash of the description and of the
    definition of the measured object. They are frozen dataclasses of plain values, so they can be sent to any process.
    """

    kind: ClassVar[str]
    """The kind of measurement; part of the description."""
    is_exclusive: ClassVar[bool] = False
    """Whether it must run alone, because it measures time or memory."""
    has_all_cores: ClassVar[bool] = False
    """Whether it may use all cores; others are limited to one."""

    @property
    def needs(self) -> tuple[Cell, ...]:
        """Cells whose outcomes `inputs` reads."""
        return ()

    @property
    def is_reproducible(self) -> bool:
        """Whether its measures are equal in every run; those of a run with a time limit are not."""
        return True

    @property
    def subject(self) -> Hashable:
        """The measured objects, in addition to the cell's class: see `benchmarks.cells.definition.definition_of`."""
        return None

    @abstractmethod
    def description(self) -> dict[str, Value]:
        """Return all settings that determine the outcome, as plain values: the columns of the table of results."""

    @abstractmethod
    def title(self) -> str:
        """Return one line for people."""

    def inputs(self, workbench: Workbench, /) -> tuple[Any, ...]:
        """Collect the inputs of `measure`, in the process that runs the suite.

        Returns:
            Picklable arguments of `measure`.
        """
        return ()

    @abstractmethod
    def measure(self, *inputs: Any) -> Outcome:
        """Do the measurement, in any process; all randomness comes from `seed_of`."""


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
    """Return 12 hexadecimal digits that change with the definition of what the cell measures or needs."""
    return definition_of((type(cell), cell.subject, tuple(map(definition, cell.needs))))


def key_of(cell: Cell, /) -> str:
    """Return the name under which a cell is stored: 20 hexadecimal digits of its description and its definition."""
    return hashlib.sha256(f"{definition(cell)} {canonical(cell)}".encode()).hexdigest()[:20]


def seed_of(cell: Cell, /) -> int:
    """Return the seed of a cell, in 0 ... 2³² - 1, which depends only on its description.

    So an algorithm that was changed is measured again with the same seed.
    """
    return int(hashlib.sha256(f"seed of {canonical(cell)}".encode()).hexdigest()[:8], 16)
