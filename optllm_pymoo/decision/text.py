"""Amounts as text, and the summary of a plan: how US$, percentages and counts are written."""

from __future__ import annotations

import math
import textwrap
from decimal import ROUND_HALF_EVEN
from typing import Any, Final, NamedTuple

import pandas as pd

from optllm_pymoo.tolerances import BOUND_ROUNDING
from optllm_pymoo.validation import printable, rounded

WIDTH: Final = 80
"""Largest width of lines of text, in columns of a terminal."""

LABEL: Final = 19
"""Width of the labels of a report, in columns."""

NAME: Final = 32
"""Longest name for which a row of the mix fits into `WIDTH`."""

IF_RIGHT: Final = "if the predictions are right"
"""The condition of all expected values."""


def usd(amount: float, /) -> str:
    """Write US$ with five significant digits, with an exponent only where it would be very long.

    >>> usd(0.0001234567), usd(71.30812), usd(1234567.0), usd(0.0), usd(1e300)
    ('0.00012346', '71.308', '1234600', '0', '1E+300')
    """
    return rounded(amount, ROUND_HALF_EVEN)


def percent(share: float, /) -> str:
    """Write a share in per cent with two decimals.

    >>> percent(0.69417), percent(1.0)
    ('69.42 %', '100.00 %')
    """
    return f"{100 * share:.2f} %"


def probability(value: float, /) -> str:
    """Write a given probability, in per cent with all its digits.

    >>> probability(0.95), probability(0.9999)
    ('95 % probability', '99.99 % probability')
    """
    return f"{100 * value:.10g} % probability"


def count(number: int, one: str, many: str, /) -> str:
    """Count things.

    >>> count(1, "query", "queries"), count(1200, "query", "queries")
    ('1 query', '1,200 queries')
    """
    return f"{number:,} {one if number == 1 else many}"


def abridged(name: str, longest: int = NAME, /) -> str:
    r"""Write a user's name on a terminal: control characters are escaped, and a long name is shortened.

    >>> abridged("gpt-4\x1b[2J"), abridged("a" * 30 + "b" * 30, 11)
    ('gpt-4\\x1b[2J', 'aaaa...bbbb')
    """
    text = printable(name)
    if len(text) <= longest:
        return text
    tail = (longest - 3) // 2
    return f"{text[: longest - 3 - tail]}...{text[len(text) - tail :]}"


def entry(label: str, text: str, /) -> str:
    """Write a line of a report, continued below its text if it is longer than `WIDTH`.

    >>> print(entry("Cost", "1.5 US$"))
    Cost               1.5 US$
    """
    return wrapped(text, first=f"{label:<{LABEL}}", others=" " * LABEL)


def wrapped(text: str, /, *, first: str = "", others: str = "") -> str:
    """Break text into lines of at most `WIDTH` columns, never between a number and its unit.

    Args:
        text: Without line breaks.
        first: Beginning of the first line.
        others: Beginning of all other lines.
    """
    joined = text.replace(" %", "\0%").replace(" US$", "\0US$")
    wrapper = textwrap.TextWrapper(WIDTH, initial_indent=first, subsequent_indent=others)
    wrapper.break_on_hyphens = wrapper.break_long_words = False  # names and paths stay whole
    return wrapper.fill(joined).replace("\0", " ")


class PlanFacts(NamedTuple):
    """The facts of a plan, as fields."""

    n_queries: int
    n_llms: int
    """LLMs that could be used."""
    cost_usd: float
    budget_usd: float | None
    expected_accuracy: float
    corrected_accuracy: float | None
    """Expected accuracy less its measured excess; None if that is unknown."""
    target_accuracy: float | None
    interval_95: tuple[float, float]
    """95 % interval of the accuracy."""
    has_sigma: bool
    """Whether the interval includes errors of the prediction, not only chance."""
    n_labelled: int | None
    accuracy_bound: float
    """No plan within the budget (or at this cost) has a higher expected accuracy."""
    gap: float
    """Distance of the plan from that, mean accuracy."""
    gap_usd: float
    """US$ by which a plan of the same target (or accuracy) can be cheaper."""
    promise: float | None
    """Probability of the promise."""
    promised_accuracy: float | None
    """Accuracy reached with that probability, 0.95 by default; None without sigma and without a given probability."""
    promised_range: tuple[float, float] | None
    """The same if one shift is common to all errors, and if they are independent; None without sigma."""
    correlation: float | None
    """Assumed between the errors of two queries."""
    stability: float | None
    """Share of the queries whose LLM stays the same when predictions vary by their errors; None if unknown."""
    unstable_usd: float | None
    """US$ that the plan spends on the others."""
    third: dict[str, Any] | None
    """Name, amount and unit of a third objective."""
    usd_per_next_correct: float
    usd_saved_per_lost_correct: float
    has_limits: bool
    """Whether bound and gaps refer to plans within limits, which the next steps ignore."""
    mix: pd.DataFrame
    """As `Plan.mix` returns it."""

    def summary(self) -> str:
        """Explain a plan: cost, expected against promised accuracy, certificate, the next dollar, and the mix of LLMs.

        Returns:
            Lines of plain text, without a line break at the end.
        """
        low, high = map(percent, self.interval_95)
        because = "" if self.has_sigma or self.n_labelled else ", by chance alone"
        aside = " (limits left aside)" if self.has_limits else ""
        of = "" if self.budget_usd is None else f" of {usd(self.budget_usd)} US$"
        n_used = int((self.mix["queries"] > 0).sum())
        third = self.third
        amount = "" if third is None else f"{third['amount']:.4g} {third['unit']}".rstrip()
        expected = f"{percent(self.expected_accuracy)}{self._corrected()}"
        lines = [
            entry("Queries", f"{self.n_queries:,} on {n_used} of {self.n_llms} LLMs"),
            entry("Cost", f"{usd(self.cost_usd)} US${of}"),
            entry("Expected accuracy", f"{expected}, with {probability(0.95)} {low} to {high}{because}"),
            *self._promise(),
            *self._stability(),
            *([] if third is None else [entry(third["name"][0].upper() + third["name"][1:], amount)]),
            entry("Certificate", f"{self._certificate()}, {IF_RIGHT}"),
            entry("One more correct", f"{self._next_step()}{aside}"),
            entry("One fewer correct", f"{self._last_step()}{aside}"),
        ]
        return "\n".join([*lines, "", self._mix_table()])

    def _corrected(self) -> str:
        """Describe the corrected expectation, if it is lower."""
        if self.corrected_accuracy is None or percent(self.corrected_accuracy) == percent(self.expected_accuracy):
            return ""
        return f" by the predictions, {percent(self.corrected_accuracy)} corrected for overrated LLMs"

    def _stability(self) -> list[str]:
        """Describe the stable part of the plan."""
        if self.stability is None or self.unstable_usd is None:
            return []
        stays = f"{percent(self.stability)} of the queries keep their LLM when predictions vary by their errors"
        return [entry("Stability", f"{stays}; {usd(self.unstable_usd)} US$ go to the others")]

    def _certificate(self) -> str:
        """Describe the largest distance of the plan from the best possible one, in whole answers or US$."""
        within = " within the limits" if self.has_limits else ""
        if self.target_accuracy is not None:
            expected = self.target_accuracy if self.promise is None else self.expected_accuracy
            than = "" if self.gap_usd <= BOUND_ROUNDING * self.cost_usd else f" by more than {usd(self.gap_usd)} US$"
            return f"no plan{within} that expects {percent(expected)} is cheaper{than}"
        where = "at this cost" if self.budget_usd is None else f"for {usd(self.budget_usd)} US$"
        answers = self.gap * self.n_queries
        if self.gap <= BOUND_ROUNDING:
            return f"no plan{within} {where} has a higher expected accuracy"
        if answers < 1:
            return f"no plan{within} {where} gives one more correct answer"
        # whole answers: a bound is rounded up, so that it stays one
        most = count(math.ceil(answers), "correct answer", "correct answers")
        return f"no plan{within} {where} is better by more than {most}"

    def _mix_table(self) -> str:
        """Tabulate the LLMs in use, the busiest first."""
        used = self.mix[self.mix["queries"] > 0].sort_values("queries", ascending=False, kind="stable")
        names = [abridged(str(name)) for name in used.index]
        width = max(3, *map(len, names))
        rows = [f"{'LLM':<{width}}  {'queries':>9}  {'share':>8}  {'US$':>13}  {'expected':>8}"]
        for name, (_, queries, share, cost, accuracy) in zip(names, used.itertuples(), strict=True):
            rows.append(f"{name:<{width}}  {queries:>9,}  {percent(share):>8}  {usd(cost):>13}  {percent(accuracy):>8}")
        return "\n".join(rows)

    def _next_step(self) -> str:
        """Describe the price of the next expected correct answer."""
        price = self.usd_per_next_correct
        if math.isnan(price):
            return "not possible: no query has a more accurate LLM"
        if price <= 0:
            return "free: a query can move to an LLM that is more accurate at the same cost or less"
        return f"costs {usd(price)} US$ at the next upgrade"

    def _last_step(self) -> str:
        """Describe the saving of one expected correct answer less."""
        price = self.usd_saved_per_lost_correct
        if math.isnan(price):
            return "saves nothing: every query is at its cheapest LLM"
        if math.isinf(price):
            return "not needed for a saving: a query can move to a cheaper LLM that is as accurate"
        return f"saves {usd(price)} US$ at the next downgrade"

    def _promise(self) -> list[str]:
        """Describe the promised accuracy and its assumptions."""
        if self.promised_accuracy is None:
            return []
        given = probability(0.95 if self.promise is None else self.promise)
        errors = ", by chance alone" if not self.n_labelled else ""
        if self.correlation is None:
            errors = ", errors as they were on labelled queries"
        elif self.has_sigma:
            errors = f", errors correlated by {self.correlation:g}"
        lines = [entry("Promised accuracy", f"{percent(self.promised_accuracy)} with {given}{errors}")]
        if self.promised_range is not None:
            together, alone = map(percent, self.promised_range)
            lines.append(entry("", f"{alone} if errors are independent, {together} if one shift is common to all"))
        return lines
