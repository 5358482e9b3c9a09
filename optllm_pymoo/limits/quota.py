"""Quotas: at most so many calls, dollars or tokens for an LLM or a provider."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np

from optllm_pymoo.validation import UserError, positions_of

UNITS = {"calls": "calls", "usd": "US$", "tokens": "tokens"}


@dataclass(frozen=True)
class Quota:
    """At most so much for some LLMs together over the whole batch.

    Args:
        llms: An LLM's name, several names (a provider's), or a function that tells by name which LLMs count.
        calls: At most so many queries.
        usd: At most so many US$.
        tokens: At most so many tokens, by the problem's ``tokens`` table.
        name: What messages call them, for example the provider; by default the names themselves.

    Raises:
        TypeError: If the limit is no number, or ``llms`` is neither names nor a function.
        ValueError: If not exactly one limit is given, it is negative or no finite number, or there are no names.

    Example:
        >>> Quota("gpt-4", calls=100)
        Quota(llms='gpt-4', calls=100, usd=None, tokens=None, name=None)
        >>> Quota(("mixtral", "yi"), usd=2.5, name="TogetherAI").describe(["gpt-4", "mixtral", "yi"])
        '2.5 US$ for TogetherAI'
        >>> Quota("gpt-4", calls=100, usd=1)
        Traceback (most recent call last):
        ...
        optllm_pymoo.UserError: a quota has exactly one of calls, usd and tokens; got calls, usd. Write one Quota
        for each
    """

    llms: str | tuple[str, ...] | Callable[[str], bool]
    calls: float | None = None
    usd: float | None = None
    tokens: float | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.llms, str) and isinstance(self.llms, Iterable):
            object.__setattr__(self, "llms", tuple(map(str, self.llms)))
        if not isinstance(self.llms, (str, tuple)) and not callable(self.llms):
            raise UserError(f"a quota is for an LLM's name, several names or a function of the name; got {self.llms!r}")
        if isinstance(self.llms, tuple) and not self.llms:
            raise UserError("a quota needs at least one LLM; got no names")
        given = [unit for unit in UNITS if getattr(self, unit) is not None]
        if len(given) != 1:
            raise UserError(
                f"a quota has exactly one of calls, usd and tokens; got {', '.join(given) or 'none'}."
                " Write one Quota for each"
            )
        (self_unit,) = given
        limit = getattr(self, self_unit)
        if not isinstance(limit, Real) or isinstance(limit, bool):
            raise UserError(f"{self_unit} must be a number; got {limit!r}")
        if not 0 <= float(limit) < np.inf:
            raise UserError(f"{self_unit} must be a finite number, at least 0; got {limit}")

    @property
    def unit(self) -> str:
        """One of "calls", "usd" and "tokens"."""
        return next(unit for unit in UNITS if getattr(self, unit) is not None)

    @property
    def limit(self) -> float:
        """How much, in `unit`."""
        return float(getattr(self, self.unit))

    def members(self, llms: Sequence[str], /) -> np.ndarray:
        """Tell which LLMs count.

        Args:
            llms: Names of the problem's LLMs.

        Returns:
            (M,) bool.

        Raises:
            ValueError: If a name is unknown, or a function picks none.
        """
        if callable(self.llms):
            member = np.array([bool(self.llms(name)) for name in llms])
            if not member.any():
                raise UserError(f"the quota of {self.unit} picks none of the LLMs {', '.join(map(repr, llms))}")
            return member
        names = [self.llms] if isinstance(self.llms, str) else list(self.llms)
        member = np.zeros(len(llms), dtype=bool)
        member[positions_of(names, llms)] = True
        return member

    def describe(self, llms: Sequence[str], /) -> str:
        """Say what is limited, for people.

        Args:
            llms: Names of the problem's LLMs.
        """
        return f"{self.limit:,.15g} {UNITS[self.unit]} for {self.whom(llms)}"

    def whom(self, llms: Sequence[str], /) -> str:
        """Name the LLMs that count: the provider, or all of them.

        Args:
            llms: Names of the problem's LLMs.
        """
        if self.name is not None:
            return self.name
        member = self.members(llms)
        names = [name for name, counts in zip(llms, member, strict=True) if counts]
        return "all LLMs" if member.all() and len(names) > 1 else ", ".join(map(repr, names))
