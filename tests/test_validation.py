"""The door for tables: what is masked, rounded or too large to add up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optllm_pymoo import AllocationProblem, UserError
from optllm_pymoo.data import Dataset
from optllm_pymoo.validation import as_mask, as_table, listed, rounded_down, rounded_up, shown

GOOD = [[0.5, 1.0], [0.25, 0.0]]


def test_masked_cells_are_refused() -> None:
    """The mask would be lost, and the cell behind it cost 0; without a masked cell it is an array like any other."""
    masked = np.ma.array([[0.0, 1.0], [1.0, 1.0]], mask=[[True, False], [False, False]])
    for name, build in {
        "cost": lambda: AllocationProblem(masked, GOOD),
        "accuracy": lambda: AllocationProblem(GOOD, masked),
        "correct": lambda: Dataset(GOOD, masked),
        "allowed": lambda: as_mask("allowed", masked, (2, 2)),
    }.items():
        with pytest.raises(UserError, match=rf"{name} has no value at {name}\[0, 0\], which is masked"):
            build()
    assert AllocationProblem(np.ma.array(GOOD), GOOD).n_llms == 2


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_shares_a_few_units_above_one_are_one(kind: type) -> None:
    """Four units in the last place of the type given; the next one is refused with its place."""
    above = kind(1) + 4 * np.finfo(kind).eps
    table = as_table("accuracy", np.array([[above, 0.5]], dtype=kind), lower=0.0, upper=1.0)
    assert table.tolist() == [[1.0, 0.5]]
    with pytest.raises(UserError, match=r"accuracy\[0, 0\] = 1\."):
        as_table("accuracy", np.array([[above + np.finfo(kind).eps, 0.5]], dtype=kind), lower=0.0, upper=1.0)


def test_costs_that_add_up_to_infinity_are_refused() -> None:
    """1e308 twice is too much, once isn't; and the number is written short."""
    with pytest.raises(UserError, match=r"cost adds up to more than 1.8e308, .*; cost\[0, 0\] = 1e\+308") as caught:
        AllocationProblem([[1e308, 1.0], [1e308, 1.0]], GOOD)
    assert len(str(caught.value)) < 200
    with pytest.raises(UserError, match="cost adds up"):
        Dataset([[1e308], [1e308]], [[1], [1]])
    assert AllocationProblem([[1e308, 1.0], [1.0, 1.0]], GOOD).n_llms == 2


def test_ragged_rows_are_refused() -> None:
    """Rows of different lengths are no table, and that is said."""
    with pytest.raises(UserError, match="cost must be a table with as many numbers in every row"):
        as_table("cost", [[1.0, 2.0], [1.0]])


def test_names_are_cut_in_messages() -> None:
    """Sixty characters of a name, twenty names of a list, and control characters escaped."""
    assert shown("a" * 61) == f"'{'a' * 60}…' (61 characters)"
    assert shown("\x1b[31m") == r"'\x1b[31m'"
    assert listed([str(k) for k in range(22)]).endswith("'19' and 2 more")


@given(st.floats(1e-12, 1e12))
def test_rounds_up_by_little(amount: float) -> None:
    """What is printed pays for the amount, to 15 digits, and is no more than 1/1000 above it."""
    printed = float(rounded_up(amount))
    assert amount * (1 - 1e-14) <= printed <= amount * 1.001


@given(st.floats(0, 1))
def test_accuracy_rounds_down_by_little(accuracy: float) -> None:
    """What is printed is reached."""
    assert accuracy * 0.999 <= float(rounded_down(accuracy)) <= accuracy * (1 + 1e-14)


def test_rounding_errors_are_not_rounded_up() -> None:
    """0.1 + 0.2 is a hair above 0.3, and still 0.3."""
    assert rounded_up(0.1 + 0.2) == "0.3"
    assert rounded_up(float("inf")) == "inf"
