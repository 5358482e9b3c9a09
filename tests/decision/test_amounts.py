"""Amounts as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optllm_pymoo.decision.amounts import rounded_down, rounded_up, usd


@given(st.floats(1e-12, 1e12))
def test_rounds_up_by_little(amount: float) -> None:
    """What is printed pays for the amount, to 15 digits, and is no more than 1/1000 above it."""
    printed = float(rounded_up(amount))
    assert amount * (1 - 1e-14) <= printed <= amount * 1.001


@given(st.floats(0, 1))
def test_accuracy_rounds_down_by_little(accuracy: float) -> None:
    """What is printed is reached."""
    assert accuracy * 0.999 <= float(rounded_down(accuracy)) <= accuracy * (1 + 1e-14)


@pytest.mark.parametrize(
    ("amount", "text"), [(2.0, "2"), (0.1 + 0.2, "0.3"), (1e-7, "0.0000001"), (123456.0, "123460"), (0.0, "0")]
)
def test_reads_plainly(amount: float, text: str) -> None:
    """No exponents, no trailing zeros, five digits."""
    assert usd(amount) == text


def test_rounding_errors_are_not_rounded_up() -> None:
    """0.1 + 0.2 is a hair above 0.3, and still 0.3."""
    assert rounded_up(0.1 + 0.2) == "0.3"
    assert rounded_up(float("inf")) == "inf"
