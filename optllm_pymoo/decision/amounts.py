"""Amounts as text. Dollars and accuracies may be typed back: rounded to the side on which the plan stays possible."""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal


def usd(amount: float, /) -> str:
    """Write US$ with five significant digits, without an exponent.

    >>> usd(0.0001234567), usd(71.30812), usd(1234567.0), usd(0.0)
    ('0.00012346', '71.308', '1234600', '0')
    """
    return _digits(amount, 5, ROUND_HALF_EVEN)


def rounded_up(amount: float, /) -> str:
    """Write an amount rounded up: a budget of what is printed pays for it, nothing reaches a higher accuracy.

    >>> rounded_up(0.97000001), rounded_up(0.25)
    ('0.97001', '0.25')
    """
    return _digits(amount, 5, ROUND_CEILING)


def rounded_down(amount: float, /) -> str:
    """Write an amount rounded down: a target of what is printed is reached, nothing costs less.

    >>> rounded_down(0.75999999), rounded_down(0.5)
    ('0.75999', '0.5')
    """
    return _digits(amount, 5, ROUND_FLOOR)


def labelled_queries(count: int, /) -> str:
    """Count labelled queries.

    >>> labelled_queries(1), labelled_queries(1200)
    ('1 labelled query', '1,200 labelled queries')
    """
    return f"{count:,} labelled {'query' if count == 1 else 'queries'}"


def _digits(value: float, digits: int, rounding: str) -> str:
    if not math.isfinite(value):
        return str(value)
    # 15 digits first: 0.1 + 0.2 is 0.3 here, its 17th digit is not to be rounded up
    exact = Context(prec=15).create_decimal(Decimal(value))
    rounded = Context(prec=digits, rounding=rounding).create_decimal(exact)
    return f"{rounded.normalize():f}" if rounded else "0"
