"""How far a plan can be from the best possible one."""

from __future__ import annotations

from dataclasses import dataclass

PRECISION = 1e-11
"""Gap up to which a plan counts as optimal: of mean accuracy, or relative to the US$."""


@dataclass(frozen=True)
class Certificate:
    """What a run has proved about its plan.

    Example:
        >>> print(Certificate(value=0.75, bound=0.7501, unit="mean accuracy"))
        mean accuracy 0.75, at most 0.7501 is possible: within 0.0001 of the optimum
        >>> print(Certificate(value=2.5, bound=2.5, unit="US$"))
        2.5 US$, proved optimal
    """

    value: float
    """Mean accuracy, or total US$, of the plan."""
    bound: float
    """No plan within the limit has a higher mean accuracy, or costs less US$: the value of the linear relaxation, or
    what the search has proved beyond it."""
    unit: str
    """"mean accuracy" or "US$"."""

    @property
    def gap(self) -> float:
        """How much better a plan could be, in ``unit``."""
        return abs(self.bound - self.value)

    @property
    def is_optimal(self) -> bool:
        """Whether no plan is better by more than rounding (`PRECISION`)."""
        return self.gap <= PRECISION * (self.value if self.unit == "US$" else 1.0)

    def __str__(self) -> str:
        amount, bound = (
            f"{number:.10g} US$" if self.unit == "US$" else f"{self.unit} {number:.10g}"
            for number in (self.value, self.bound)
        )
        if self.is_optimal:
            return f"{amount}, proved optimal"
        possible = f"at least {bound} is needed" if self.unit == "US$" else f"at most {self.bound:.10g} is possible"
        unit = " US$" if self.unit == "US$" else ""
        return f"{amount}, {possible}: within {self.gap:.3g}{unit} of the optimum"
