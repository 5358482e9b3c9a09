"""Limits as given by the user: quotas, floors and ceilings, their kinds, and the additive tables they can bound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from enum import Enum
from fnmatch import fnmatchcase
from numbers import Real
from typing import Any

import numpy as np

from optllm_pymoo.kernels.limits import ACCURACY, CALLS, COST, EXTRA
from optllm_pymoo.validation import UserError, positions_of, unknown_name


@dataclass(frozen=True, eq=False)
class Additive:
    """A table of one number per query and LLM, whose chosen cells are summed: latency, CO₂, tokens, a count.

    As an objective of `AllocationProblem`, its column of F is the sum, or the mean per query, negated if it is
    maximised. A `Ceiling` and a `Floor` bound the sum or the mean itself.

    Args:
        name: Its name in reports.
        table: (N, M) finite numbers; array-like or DataFrame.
        unit: Of the numbers, for reports.
        mean: Whether the mean per query counts, else the sum.
        maximise: Whether it is maximised, else minimised.

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
        """Its name after "mean" or "total": "mean latency", "total CO2"."""
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


MODE = "@"
"""Between an LLM and the mode that it is called in: ``gpt-x@batch``."""


class Kind(Enum):
    """What a limit counts."""

    CALLS = ("calls", CALLS, True)
    USD = ("US$", COST, False)
    TOKENS = ("tokens", EXTRA, False)
    ACCURACY = ("accuracy", ACCURACY, False)
    ADDITIVE = ("", EXTRA, False)

    def __init__(self, unit: str, table: int, is_whole: bool) -> None:
        self.unit = unit
        """The unit for reports; an additive table has its own."""
        self.table = table
        """The table of the kernels that is summed; `EXTRA` means one of the further tables."""
        self.is_whole = is_whole
        """Whether it counts whole numbers."""


UNITS = {"calls": Kind.CALLS, "usd": Kind.USD, "tokens": Kind.TOKENS}


@dataclass(frozen=True)
class Quota:
    """An upper limit on the calls, US$ or tokens of some LLMs together over the whole batch.

    Args:
        name: An LLM, with all its modes ``name@mode``; a shell pattern such as ``"gpt-*"``; or, with ``llms``, any name
            for these, such as their provider.
        calls: At most so many queries.
        usd: At most so many US$.
        tokens: At most so many tokens, by the problem's ``tokens`` table.
        llms: The LLMs that count, if the name is none of the above.

    Raises:
        UserError: If not exactly one limit is given, it is no finite number >= 0, the name is no text, or ``llms`` is
            empty.

    Example:
        >>> Quota("gpt-4", calls=100).members(["gpt-4", "gpt-4@batch", "yi"]).tolist()
        [True, True, False]
        >>> Quota("TogetherAI", usd=2.5, llms=("mixtral", "yi")).members(["gpt-4", "mixtral", "yi"]).tolist()
        [False, True, True]
        >>> Quota("gpt-4", calls=100, usd=1)
        Traceback (most recent call last):
        ...
        optllm_pymoo.UserError: a quota has exactly one of calls, usd and tokens; got calls, usd. Write one Quota
        for each
    """

    name: str
    _: KW_ONLY
    calls: float | None = None
    usd: float | None = None
    tokens: float | None = None
    llms: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise UserError(
                f"a quota is for a name: an LLM, a pattern, or with llms= any name for these; got {self.name!r:.60}"
            )
        if self.llms is not None:
            object.__setattr__(self, "llms", (self.llms,) if isinstance(self.llms, str) else tuple(self.llms))
            if not self.llms:
                raise UserError(f"the quota of {self.name!r} needs at least one LLM; got no names")
        given = [unit for unit in UNITS if getattr(self, unit) is not None]
        if len(given) != 1:
            raise UserError(
                f"a quota has exactly one of calls, usd and tokens; got {', '.join(given) or 'none'}."
                " Write one Quota for each"
            )
        if not _number(given[0], getattr(self, given[0])) >= 0:
            raise UserError(f"{given[0]} must be a finite number, at least 0; got {getattr(self, given[0])}")

    @property
    def kind(self) -> Kind:
        """The kind: what the quota counts."""
        return next(kind for unit, kind in UNITS.items() if getattr(self, unit) is not None)

    @property
    def limit(self) -> float:
        """The bound, in the unit of its kind."""
        return float(next(value for unit in UNITS if (value := getattr(self, unit)) is not None))

    def members(self, llms: Sequence[str], /) -> np.ndarray:
        """Return the LLMs that count, (M,) bool.

        Args:
            llms: Names of the problem's LLMs.

        Raises:
            UserError: If a name is unknown, or a pattern matches none.
        """
        if self.llms is not None:
            member = np.zeros(len(llms), dtype=bool)
            member[positions_of(self.llms, llms)] = True
            return member
        member = np.array([llm == self.name or llm.startswith(self.name + MODE) for llm in llms])
        if not member.any() and any(sign in self.name for sign in "*?["):
            member = np.array([fnmatchcase(llm, self.name) for llm in llms])
        if not member.any():
            raise UserError(unknown_name(self.name, llms, kind="LLM"))
        return member

    def subject(self, llms: Sequence[str], /) -> str:
        """Return the names of the LLMs that count, for reports."""
        everyone = self.llms is None and len(llms) > 1 and self.members(llms).all()
        return "all LLMs" if everyone else self.name


@dataclass(frozen=True)
class Floor:
    """A lower limit on a group's mean accuracy, or on an additive table.

    Args:
        of: A group's name, or an `Additive`.
        at_least: Mean accuracy in [0, 1] of the group's queries; or the sum of the table, its mean with ``mean=True``.

    Raises:
        UserError: If the bound is no finite number, or that of a group lies outside [0, 1].
    """

    of: str | Additive
    at_least: float

    def __post_init__(self) -> None:
        if not isinstance(self.of, Additive):
            object.__setattr__(self, "of", str(self.of))
        bound = _number(f"the floor of {_named(self.of)}", self.at_least)
        if not isinstance(self.of, Additive) and not 0 <= bound <= 1:
            raise UserError(f"the floor of {_named(self.of)} must lie in [0, 1]; got {self.at_least}")


@dataclass(frozen=True)
class Ceiling:
    """An upper limit on an additive table over the whole batch.

    Args:
        of: The table.
        at_most: Its sum, or its mean with ``mean=True``.

    Raises:
        UserError: If it is no additive table, or the bound no finite number.
    """

    of: Additive
    at_most: float

    def __post_init__(self) -> None:
        if not isinstance(self.of, Additive):
            raise UserError(
                f"a ceiling is one of an Additive; got {self.of!r:.60}. Quota limits calls, US$ and tokens of LLMs,"
                " WithinBudget and MaxAccuracyProblem the total cost"
            )
        _number(f"the ceiling of {_named(self.of)}", self.at_most)


def _named(of: Any) -> str:
    return of.label if isinstance(of, Additive) else f"group {of!r}"


def _number(name: str, value: Any) -> float:
    """Return a finite number; refuse any other value."""
    if not isinstance(value, Real) or isinstance(value, bool):
        raise UserError(f"{name} must be a number; got {value!r}")
    if not np.isfinite(float(value)):
        raise UserError(f"{name} must be a finite number; got {value}")
    return float(value)
