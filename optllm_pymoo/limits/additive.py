"""Additive tables: what plans can be judged or bounded by beside cost and accuracy."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from optllm_pymoo.validation import UserError


@dataclass(frozen=True, eq=False)
class Additive:
    """A table of one number per query and LLM, whose chosen cells are summed: latency, CO₂, tokens, a count.

    As an objective of `AllocationProblem` its column of F is the sum, or the mean per query, negated where it is to be
    large. A `Ceiling` and a `Floor` bound the sum or the mean itself.

    Args:
        name: What reports call it.
        table: (N, M) finite numbers; array-like or DataFrame.
        unit: Of the numbers, for reports.
        mean: Whether the mean per query counts, else the sum.
        maximise: Whether it is to be large, else small.

    Raises:
        UserError: If the name is empty, or name or unit is no text.

    Example:
        >>> co2 = Additive("CO2", [[1, 5], [2, 7]], unit="g")
        >>> co2.label, co2.per(2)
        ('total CO2', 1)
        >>> Additive("latency", [[1, 5], [2, 7]], unit="s", mean=True).label
        'mean latency'
    """

    name: str
    table: Any
    _: KW_ONLY
    unit: str
    mean: bool = False
    maximise: bool = False

    def __post_init__(self) -> None:
        for field, value in (("name", self.name), ("unit", self.unit)):
            if not isinstance(value, str):
                raise UserError(f"the {field} of an additive table is a text; got {value!r:.60}")
        if not self.name:
            raise UserError("an additive table needs a name, for reports; got none")

    @property
    def label(self) -> str:
        """Its name with what is made of the cells: "mean latency", "total CO2"."""
        return f"{'mean' if self.mean else 'total'} {self.name}"

    @property
    def key(self) -> str:
        """Its name in tables and JSON, with the unit: "latency_s"."""
        return "_".join(filter(None, [*self.name.split(), *self.unit.split()]))

    def per(self, n_queries: int, /) -> int:
        """Return what the sum over N queries is divided by: N for a mean, else 1."""
        return n_queries if self.mean else 1

    def amount(self, f: Any, /) -> Any:
        """Turn its column of F into amounts in its unit."""
        return np.negative(f) if self.maximise else f
