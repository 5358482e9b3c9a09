"""Checks of the user's input: an error shows the first wrong place and what was expected."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from difflib import get_close_matches
from importlib import import_module
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from optllm_pymoo.tolerances import ULPS_ABOVE_ONE

FloatArray = npt.NDArray[np.float64]
LISTED = 20
"""Largest number of names that a message lists."""
SHOWN = 60
"""Largest number of characters of a name or cell in a message; a longer one is cut."""


class UserError(ValueError):
    """An error that the user can correct: bad input, or a request that can't be met.

    The message explains what is wrong, where, and the next step. Any other exception of this package is a bug.

    Example:
        >>> from optllm_pymoo import AllocationProblem
        >>> AllocationProblem([[1.0]], [[1.2]])
        Traceback (most recent call last):
        ...
        optllm_pymoo.UserError: accuracy must lie in [0, 1]; accuracy[0, 0] = 1.2
    """

    __module__ = "optllm_pymoo"


class Notice(UserWarning):
    """A warning to the user about a run that continues; the command prints it as one line."""


def as_table(
    name: str, values: Any, /, *, lower: float = -np.inf, upper: float = np.inf, missing: bool = False
) -> np.ndarray:
    """Turn a table of one number per query and LLM into a checked, read-only, C-contiguous array.

    Args:
        name: Name of the table in messages.
        values: Array-like or DataFrame (N, M). A C-contiguous float32 or float64 array is not copied; the caller
            must not change it afterwards.
        lower: Smallest value allowed.
        upper: Largest value allowed; a value a few units in the last place above 1 becomes 1.
        missing: Whether NaN is allowed, for unknown values.

    Returns:
        Read-only view, float32 stays float32, everything else becomes float64.

    Raises:
        UserError: The values are not numbers, or masked; the table is not two-dimensional, is empty, or has NaN,
            infinities or values out of range; or the largest values of its queries add up to infinity.
    """
    _refuse_masked(name, values)
    try:
        raw = np.asarray(values)
    except ValueError as error:
        raise UserError(f"{name} must be a table with as many numbers in every row ({error})") from None
    if raw.dtype.kind not in "biuf":
        raise UserError(f"{name} must hold real numbers; got values of type {raw.dtype}")
    if raw.ndim != 2:
        raise UserError(f"{name} must be a table with one row per query and one column per LLM; got shape {raw.shape}")
    if raw.size == 0:
        raise UserError(f"{name} must hold at least one query and one LLM; got shape {raw.shape}")
    table: np.ndarray = np.ascontiguousarray(raw, dtype=np.float32 if raw.dtype == np.float32 else np.float64)
    if upper == 1 and table.max() > 1:
        # a mean of ones may have been rounded to a few units in the last place above it
        slack = ULPS_ABOVE_ONE * np.finfo(table.dtype).eps
        table = np.where((table > 1) & (table <= 1 + slack), table.dtype.type(1), table)
    peak = _check_range(name, table, lower, upper, missing)
    with np.errstate(over="ignore"):
        may_overflow = np.isinf(upper) and np.isinf(len(table) * peak)
    if may_overflow:
        largest = np.abs(table).max(axis=1).astype(np.float64)
        with np.errstate(over="ignore"):
            total = largest.sum()
        if np.isinf(total):
            i = int(largest.argmax())
            j = int(np.abs(table[i]).argmax())
            what = f"{name} adds up to more than 1.8e308, the largest number there is"
            raise UserError(f"{what}; {name}[{i}, {j}] = {table[i, j]:g}. Choose a larger unit")
    return read_only(table)


def _refuse_masked(name: str, values: Any) -> None:
    """Raise an error for masked cells: NumPy would drop the mask and use the hidden values."""
    if np.ma.isMaskedArray(values):
        place = first_place(np.ma.getmaskarray(values))
        if place is not None:
            index = ", ".join(map(str, place))
            hint = "fill it, values.filled(...); to forbid LLMs for a query, use allowed="
            raise UserError(f"{name} has no value at {name}[{index}], which is masked; {hint}")


def as_mask(name: str, values: Any, shape: tuple[int, int], /) -> np.ndarray:
    """Turn a mask of allowed LLMs per query into a checked, read-only bool array.

    Args:
        name: Name of the mask in messages.
        values: Array-like (N, M) of bool, or of 0 and 1.
        shape: (N, M) expected.

    Raises:
        UserError: If the shape differs, a value is neither 0 nor 1, or a query has no allowed LLM.
    """
    _refuse_masked(name, values)
    raw = np.asarray(values)
    check_shape(name, raw, shape)
    if raw.dtype.kind in "US":
        raise UserError(f"{name} must hold True or False; {name}[0, 0] = {raw[0, 0]}")
    mask = raw.astype(bool)
    if raw.dtype != np.bool_ and not np.array_equal(mask, raw):
        i, j = np.argwhere(mask != raw)[0].tolist()
        raise UserError(f"{name} must hold True or False; {name}[{i}, {j}] = {raw[i, j]}")
    forbidden = np.flatnonzero(~mask.any(axis=1))
    if len(forbidden):
        raise UserError(
            f"every query needs at least one allowed LLM; {name}[{forbidden[0]}] allows none"
            f" ({len(forbidden)} such queries)"
        )
    return read_only(np.ascontiguousarray(mask))


def as_names(name: str, values: Sequence[Any] | None, n: int, /, *, default: str) -> tuple[str, ...]:
    """Turn names into a tuple of distinct strings.

    Args:
        name: Name of the argument in messages.
        values: The names, or None for ``default`` followed by a number.
        n: Expected number of names.
        default: Prefix of generated names.

    Raises:
        UserError: If ``values`` is a single text, their number differs, or two are the same.
    """
    if values is None:
        return tuple(f"{default}{k}" for k in range(n))
    if isinstance(values, str):
        raise UserError(f"{name} must be a list of names; got the text {shown(values)}")
    names = tuple(map(str, values))
    if len(names) != n:
        raise UserError(f"{name} must name all {n}; got {len(names)} names")
    twice = first_duplicate(names)
    if twice is not None:
        raise UserError(f"{name} must be distinct; {shown(names[twice[0]])} is at positions {twice[0]} and {twice[1]}")
    return names


def as_path(value: Any, /) -> Path:
    """Return the path of a file or folder.

    Args:
        value: A text, or a path.

    Raises:
        UserError: If ``value`` is neither.

    Example:
        >>> as_path("batch.csv").name
        'batch.csv'
    """
    if not isinstance(value, str | PathLike):
        raise UserError(f"a file or folder is named by its path, a text; got {value!r:.60}")
    return Path(value)


def check_shape(name: str, values: np.ndarray, shape: tuple[int, ...], /) -> None:
    """Raise UserError unless the shape is as expected.

    >>> check_shape("accuracy", np.zeros((3, 2)), (3, 4))
    Traceback (most recent call last):
    ...
    optllm_pymoo.UserError: accuracy has shape (3, 2); expected (3, 4), the shape of cost
    """
    if values.shape != shape:
        raise UserError(f"{name} has shape {values.shape}; expected {shape}, the shape of cost")


def check_frame_labels(**tables: Any) -> None:
    """Raise UserError unless all tables that have labels have the same ones, in the same order.

    Args:
        **tables: Tables by name; a table that is not a DataFrame has no labels and is matched by position.
    """
    labelled = [(name, table) for name, table in tables.items() if isinstance(table, pd.DataFrame)]
    for name, table in labelled[1:]:
        first, expected = labelled[0]
        for axis in ("columns", "index"):
            here, there = getattr(expected, axis), getattr(table, axis)
            if not here.equals(there):
                raise UserError(
                    f"{first} and {name} must have the same {axis}; got {list(here[:5])} and {list(there[:5])};"
                    " reorder one of them"
                )


def in_full(value: Any, /) -> str:
    """Return a refused number as text with all its digits: a rounded number might look like a valid one.

    >>> in_full(2.0), in_full(1.0000000001), in_full(np.float32(1.2)), in_full(1e-6)
    ('2', '1.0000000001', '1.2', '0.000001')
    """
    return str(value) if not np.isfinite(value) else written(Decimal(str(value)))


def written(number: Decimal, /) -> str:
    """Return the digits of an amount as text, with an exponent only if the text would be very long.

    >>> written(Decimal("1E-6")), written(Decimal("1200.0")), written(Decimal("1e300"))
    ('0.000001', '1200', '1E+300')
    """
    number = number.normalize()
    if not number:
        return "0"
    return f"{number:f}" if -8 <= number.adjusted() < 13 else f"{number:E}"


def rounded_up(amount: float, /) -> str:
    """Return an amount as text, rounded up: a printed cost is enough as a budget, a printed bound is still a bound.

    >>> rounded_up(0.97000001), rounded_up(0.25)
    ('0.97001', '0.25')
    """
    return rounded(amount, ROUND_CEILING)


def rounded_down(amount: float, /) -> str:
    """Return an amount as text, rounded down: a printed target is reached, a printed lower bound is still a bound.

    >>> rounded_down(0.75999999), rounded_down(0.5)
    ('0.75999', '0.5')
    """
    return rounded(amount, ROUND_FLOOR)


def rounded(amount: float, rounding: str, /, *, digits: int = 5) -> str:
    """Return an amount as text with some significant digits.

    Args:
        amount: The number; it is not rounded if it is not finite.
        rounding: A rounding mode of the module `decimal`.
        digits: Largest number of digits.
    """
    if not math.isfinite(amount):
        return str(amount)
    # round to 15 digits first: 0.1 + 0.2 is 0.3 here, its 17th digit must not be rounded up
    exact = Context(prec=15).create_decimal(Decimal(amount))
    return written(Context(prec=digits, rounding=rounding).create_decimal(exact))


def printable(text: str, /) -> str:
    r"""Escape unprintable characters in a text of the user, so that it can't control a terminal.

    >>> printable("gpt-4 \x1b[2J"), printable("雪")
    ('gpt-4 \\x1b[2J', '雪')
    """
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def read_only(array: np.ndarray, /) -> np.ndarray:
    """Return a read-only view; the caller's own array stays writable."""
    view = array.view()
    view.flags.writeable = False
    return view


def _check_range(name: str, table: np.ndarray, lower: float, upper: float, missing: bool) -> float:
    """Raise UserError at the first value that is not finite or out of range; return the largest size of a value."""
    # two reductions instead of masks: they need no memory, and NaN and infinities also fail the comparison
    low, high = table.min(), table.max()
    if np.isfinite(low) and np.isfinite(high) and low >= lower and high <= upper:
        return max(abs(float(low)), abs(float(high)))
    bad = ~(np.isfinite(table) & (table >= lower) & (table <= upper) | (np.isnan(table) & missing))
    if not bad.any():
        return float(np.max(np.abs(table), where=~np.isnan(table), initial=0.0))
    i, j = np.argwhere(bad)[0].tolist()
    if np.isfinite(lower) and np.isfinite(upper):
        expected = f"lie in [{lower:g}, {upper:g}]"
    elif np.isfinite(lower):
        expected = f"be finite and at least {lower:g}"
    else:
        expected = "be finite"
    others = f" ({bad.sum()} such values)" if bad.sum() > 1 else ""
    unknown = ", or be NaN where nothing is known" if missing else ""
    raise UserError(f"{name} must {expected}{unknown}; {name}[{i}, {j}] = {in_full(table[i, j])}{others}")


def as_limit(name: str, value: Any, expected: str, /, *, upper: float = math.inf) -> float:
    """Check the number that limits a sum.

    Args:
        name: Name of the argument in messages.
        value: The value given.
        expected: Description of a valid value, for messages.
        upper: Largest value allowed.

    Raises:
        UserError: If the value is not a real number; if it is NaN, infinite, negative or too large.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        raise UserError(f"{name} must be {expected}; got {value!r}")
    number = float(value)
    if not (math.isfinite(number) and 0.0 <= number <= upper):
        raise UserError(f"{name} must be {expected}; got {value}")
    return number


def as_budget(name: str, value: Any, /) -> float:
    """Check a number of US$; infinity means no limit.

    Args:
        name: Name of the argument in messages.
        value: The value given.

    Raises:
        UserError: If the value is not a real number; if it is NaN or negative.
    """
    if isinstance(value, Real) and value == math.inf:
        return math.inf
    return as_limit(name, value, "a number of US$, at least 0")


def as_whole(name: str, value: Any, /, *, lower: int | None = None) -> int:
    """Check a whole number, for example an index or a size.

    Args:
        name: Name of the argument in messages.
        value: The value given.
        lower: Smallest value allowed.

    Raises:
        UserError: If the value is not a whole number, or too small.
    """
    if type(value) is not int and (isinstance(value, (bool, np.bool_)) or not isinstance(value, Integral)):
        raise UserError(f"{name} must be a whole number; got {value!r:.60}")
    if lower is not None and value < lower:
        raise UserError(f"{name} must be at least {lower}; got {value}")
    return int(value)


def first_duplicate(names: Iterable[Hashable], /) -> tuple[int, int] | None:
    """Return the positions of the first repeated name.

    Returns:
        Positions (earlier, later) of the two equal names, or None if all differ.

    Examples:
        >>> first_duplicate(["a", "b", "a"])
        (0, 2)
    """
    seen: dict[Hashable, int] = {}
    for position, name in enumerate(names):
        earlier = seen.setdefault(name, position)
        if earlier != position:
            return earlier, position
    return None


def positions_of(names: Sequence[str], known: Sequence[str], /, *, kind: str = "LLM") -> list[int]:
    """Return the position in `known` of each of `names`.

    Args:
        names: The names to find.
        known: All known names.
        kind: The kind of the names, for the message.

    Raises:
        UserError: One of `names` is not among `known`; the message shows the closest and the known names.

    Examples:
        >>> positions_of(["b"], ["a", "b"])
        [1]
        >>> positions_of(["gpt4"], ["gpt-4", "yi-6b"])
        Traceback (most recent call last):
        ...
        optllm_pymoo.UserError: unknown LLM 'gpt4'; did you mean 'gpt-4'? Known: 'gpt-4', 'yi-6b'
    """
    where = {name: position for position, name in enumerate(known)}
    for name in names:
        if name not in where:
            raise UserError(unknown_name(name, known, kind=kind))
    return [where[name] for name in names]


def unknown_name(name: str, known: Sequence[str], /, *, kind: str) -> str:
    """Return the message for a name that is not among `known`: with the closest names, and all if they are few.

    Examples:
        >>> unknown_name("gpt5", [f"gpt-{version}" for version in range(100)], kind="LLM")
        "unknown LLM 'gpt5'; did you mean 'gpt-5', 'gpt-95', 'gpt-85'? 100 are known"
    """
    few = len(known) <= LISTED
    lower = {str(candidate).lower(): str(candidate) for candidate in reversed(known)}
    close = get_close_matches(str(name).lower(), lower, n=1 if few else 3, cutoff=0.4)
    hint = f"; did you mean {listed([lower[candidate] for candidate in close])}?" if close else "."
    there = f"Known: {listed(known)}" if few else f"{len(known)} are known"
    return f"unknown {kind} {shown(name)}{hint} {there}"


def listed(names: Sequence[Any], /) -> str:
    """Return the first names of a list for a message, each quoted and cut, and the number of further names.

    Examples:
        >>> listed(["a", "b"])
        "'a', 'b'"
    """
    more = f" and {len(names) - LISTED:,} more" if len(names) > LISTED else ""
    return ", ".join(map(shown, names[:LISTED])) + more


def shown(value: Any, /) -> str:
    """Return a name or cell for a message: quoted, with control characters escaped, and cut if it is long.

    Examples:
        >>> shown("gpt-4"), shown("x" * 100)
        ("'gpt-4'", "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…' (100 characters)")
    """
    if not isinstance(value, str):
        return repr(value)
    return repr(value) if len(value) <= SHOWN else f"{value[:SHOWN] + '…'!r} ({len(value):,} characters)"


def first_place(mask: npt.NDArray[np.bool_], /) -> tuple[int, ...] | None:
    """Return the index of the first True in row order, or None.

    Examples:
        >>> first_place(np.array([[False, False], [False, True]]))
        (1, 1)
    """
    if not mask.any():
        return None
    return tuple(int(index) for index in np.unravel_index(int(np.argmax(mask)), mask.shape))


def import_extra(module: str, /, *, extra: str, purpose: str) -> Any:
    """Import a package that is installed only with an extra of this one.

    Args:
        module: The module to import.
        extra: The extra that installs it.
        purpose: The task that needs it.

    Raises:
        ImportError: The module is not installed; the message shows the command to install it.

    Examples:
        >>> import_extra("not_there", extra="parquet", purpose="reading Parquet")
        Traceback (most recent call last):
        ...
        ImportError: reading Parquet needs not_there; install it with: pip install "optllm-pymoo[parquet]"
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != package:
            raise
        hint = f'install it with: pip install "optllm-pymoo[{extra}]"'
        raise ImportError(f"{purpose} needs {package}; {hint}", name=package) from None
