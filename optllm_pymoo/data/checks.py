"""What the arrays of a data set must fulfil; every message names the first offending place."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

from optllm_pymoo.validation import UserError, first_duplicate

FloatArray = npt.NDArray[np.float64]
COST_EXPECTED = "expected US$ per call, finite and >= 0"
CORRECT_EXPECTED = "expected a value in [0, 1]"


def first_place(mask: npt.NDArray[np.bool_], /) -> tuple[int, ...] | None:
    """Index of the first True in row order, or None.

    Examples:
        >>> first_place(np.array([[False, False], [False, True]]))
        (1, 1)
    """
    if not mask.any():
        return None
    return tuple(int(index) for index in np.unravel_index(int(np.argmax(mask)), mask.shape))


def frozen_table(name: str, values: npt.ArrayLike, /) -> FloatArray:
    """A read-only float64 copy of an (N, M) table; a read-only float64 array is taken as it is.

    Raises:
        ValueError: Not numeric, not two-dimensional, or without queries or LLMs.
    """
    try:
        table = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UserError(f"{name} must be a table of numbers, (N, M): {error}") from None
    if table.ndim != 2:
        raise UserError(f"{name} must have shape (N, M), queries by LLMs; got shape {table.shape}")
    if 0 in table.shape:
        raise UserError(f"{name} is empty, but needs a query and an LLM at least; got shape {table.shape}")
    if table.flags.writeable or not table.flags.owndata:
        table = table.copy()
        table.setflags(write=False)
    return table


def cost_fault(cost: FloatArray, /) -> tuple[int, ...] | None:
    """First place of `cost` (N, M) that is no finite number ≥ 0."""
    return first_place(~(np.isfinite(cost) & (cost >= 0)))


def correct_fault(correct: FloatArray, /) -> tuple[int, ...] | None:
    """First place of `correct` (N, M) that is neither in [0, 1] nor NaN (not tried)."""
    return first_place(~(((correct >= 0) & (correct <= 1)) | np.isnan(correct)))


def check_tables(cost: FloatArray, correct: FloatArray, /) -> None:
    """Refuse tables that disagree in shape or hold a value outside their domain.

    Raises:
        ValueError: Naming the first such place.
    """
    if cost.shape != correct.shape:
        raise UserError(f"cost and correct must have the same shape (N, M); got {cost.shape} and {correct.shape}")
    if (place := cost_fault(cost)) is not None:
        value = cost[place]
        raise UserError(f"cost must be finite and >= 0 US$; cost[{place[0]}, {place[1]}] = {value}")
    if (place := correct_fault(correct)) is not None:
        value = correct[place]
        raise UserError(
            "correct must lie in [0, 1], or be NaN where an LLM was not tried; "
            f"correct[{place[0]}, {place[1]}] = {value}"
        )


def check_length(names: Sequence[Hashable], expected: int, what: str, axis: str, /) -> None:
    """Refuse a list of names whose length is not `expected`.

    Raises:
        ValueError: With both lengths.
    """
    if len(names) != expected:
        raise UserError(f"{what} must have one entry per {axis}, {expected}; got {len(names)}")


def check_unique(names: Sequence[Hashable], what: str, /) -> None:
    """Refuse names that occur twice.

    Raises:
        ValueError: Naming the first repeated one and both its positions.
    """
    duplicate = first_duplicate(names)
    if duplicate is not None:
        earlier, later = duplicate
        raise UserError(f"{what} must be unique; {names[later]!r} is both {what}[{earlier}] and {what}[{later}]")
