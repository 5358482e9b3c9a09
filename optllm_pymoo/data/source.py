"""Tables in files of any format: names of columns, and cells that are read as text or numbers."""

from __future__ import annotations

import math
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from os import PathLike
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from optllm_pymoo.tolerances import ULPS_ABOVE_ONE
from optllm_pymoo.validation import FloatArray, Notice, UserError, first_duplicate, first_place, listed, shown

MISSING: Final = ("", "NA", "N/A", "#N/A", "NaN", "NULL", "None")
"""Words that mean a missing value in columns of numbers, in any letter case."""
_MISSING = frozenset(word.lower() for word in MISSING)
_VERDICTS = frozenset([
    "c", "i", "p", "n", "y", "correct", "incorrect", "right", "wrong", "pass", "fail", "passed", "failed", "yes", "no",
])  # fmt: skip


class DataFileError(UserError):
    """An error in the content of a file, with its place.

    Attributes:
        path: The file.
        problem: What was found and what was expected.
        line: Line of the file on which the record starts, counted from 1; None if the error concerns the whole file.
        column: Name of the column; None if the error concerns the whole record.

    Examples:
        >>> print(DataFileError("cost.csv", "expected a number, found 'x'", 7, "gpt-4"))
        cost.csv, line 7, column 'gpt-4': expected a number, found 'x'
    """

    def __init__(
        self, path: str | PathLike[str], problem: str, line: int | None = None, column: str | None = None
    ) -> None:
        super().__init__(path, problem, line, column)
        self.path = path
        self.problem = problem
        self.line = line
        self.column = column

    def __str__(self) -> str:
        """Return the place, then the problem."""
        place = str(self.path)
        if self.line is not None:
            place += f", line {self.line}"
        if self.column is not None:
            place += f", column {shown(self.column)}"
        return f"{place}: {self.problem}"


class DataFileWarning(Notice):
    """A warning that something in a file was left out or estimated."""


class Measure(NamedTuple):
    """A quantity that a table has for pairs of query and LLM.

    Attributes:
        name: The name in messages.
        suffixes: Endings of its columns in a wide table, `<llm><suffix>`, each with the factor that converts the
            column's unit to ours.
        names: Names of its column in a long table, likewise.
        unit: Unit of the numbers, for messages.
        upper: Largest value; the smallest is 0.
        booleans: Whether True and False are read as 1 and 0.
    """

    name: str
    suffixes: Mapping[str, float]
    names: Mapping[str, float]
    unit: str
    upper: float = math.inf
    booleans: bool = False

    @property
    def expected(self) -> str:
        """The part of a message that describes the expected value."""
        return "expected a value in [0, 1]" if self.upper == 1 else f"expected {self.unit}, finite and >= 0"


SCORE: Final = Measure(
    "outcome",
    dict.fromkeys(("", "_score", "_correct"), 1.0),
    dict.fromkeys(("score", "correct", "is_correct", "outcome"), 1.0),
    "a value in [0, 1]",
    1.0,
    booleans=True,
)
COST: Final = Measure(
    "cost",
    # the longer ones first: they end in the shorter one
    dict.fromkeys(("|total_cost", "_cost_usd", "_cost"), 1.0),
    dict.fromkeys(("cost_usd", "cost", "total_cost", "response_cost", "spend"), 1.0),
    "US$ per call",
)
LATENCY: Final = Measure(
    "latency",
    {"_latency": 1.0, "_latency_s": 1.0, "_latency_ms": 1e-3},
    {"latency_s": 1.0, "latency": 1.0, "latency_ms": 1e-3},
    "seconds per call",
)
NUMBER: Final = Measure("number", {}, {}, "a number")
"""Any other number >= 0."""


def exact_usd(amount: float, /) -> Decimal:
    """Return an amount without the rounding error of binary fractions, so that sums of amounts are exact.

    Prices and tokens have few digits, and their product fewer than 15; further digits are rounding error.

    Examples:
        >>> 3 * 0.1, exact_usd(3 * 0.1)
        (0.30000000000000004, Decimal('0.3'))
    """
    return Decimal(f"{amount:.15g}")


class Source(ABC):
    """A table in a file.

    Args:
        path: The file.
        names: Names of its columns, unchanged.

    Attributes:
        names: The names without blanks around them; the column of a saved index may have the name "".

    Raises:
        DataFileError: A name occurs twice.
    """

    header_line: int | None = 1

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        self.path = path
        self.names = [name.strip() for name in names]
        # a table with blanks for alignment has them in its cells, too
        self.is_padded = any(name != name.strip() for name in names)
        twice = first_duplicate([name for name in self.names if name])
        if twice is not None:
            name = [name for name in self.names if name][twice[1]]
            raise DataFileError(path, "this column name occurs twice; rename one", self.header_line, name)

    @abstractmethod
    def _chunks(self, names: Sequence[str]) -> Iterator[dict[str, Sequence[Any]]]:
        """Yield the cells of some columns, a few thousand records at a time."""

    @abstractmethod
    def line(self, row: int, /) -> int | None:
        """Return the line on which a record (from 0) starts; None in a format without lines."""

    def place(self, row: int, /) -> str:
        """Return the place of a record, for messages."""
        line = self.line(row)
        return f"in row {row}" if line is None else f"on line {line}"

    def fault(self, problem: str, row: int, column: str | None = None) -> DataFileError:
        """Build the error for a cell: with its line, or with its row (from 0) in a format without lines."""
        line = self.line(row)
        return DataFileError(self.path, problem if line is not None else f"in row {row}: {problem}", line, column)

    def require(self, needed: Sequence[str], /) -> None:
        """Check that the table has the columns needed.

        Raises:
            DataFileError: A column is missing; the message shows the columns of the table.
        """
        for name in needed:
            if name not in self.names:
                problem = f"this column is missing; there are {listed(self.names)}"
                raise DataFileError(self.path, problem, self.header_line, name)

    def read(
        self, *, text: Sequence[str] = (), numbers: Mapping[str, Measure] | None = None
    ) -> tuple[dict[str, list[str]], dict[str, FloatArray]]:
        """Read some columns.

        Args:
            text: Columns read as text, unchanged; an empty cell is an empty string, "NA" is the text "NA".
            numbers: Columns read as float64, exactly, with their measures; NaN where there is no value.

        Raises:
            DataFileError: A cell has neither a valid nor a missing value; the message shows the place of the first
                one.
        """
        numbers = numbers or {}
        texts: dict[str, list[str]] = {name: [] for name in text}
        parts: dict[str, list[FloatArray]] = {name: [] for name in numbers}
        row = 0
        for chunk in self._chunks([*dict.fromkeys([*text, *numbers])]):
            n_rows = len(next(iter(chunk.values()))) if chunk else 0
            faults: list[tuple[int, str, str]] = []
            for name in text:
                cells, fault = _texts(chunk[name], strip=self.is_padded)
                texts[name] += cells
                faults += [(*fault, name)] if fault else []
            for name, measure in numbers.items():
                values, fault = _numbers(chunk[name], measure)
                parts[name].append(values)
                faults += [(*fault, name)] if fault else []
            if faults:
                position, problem, name = min(faults, key=lambda found: found[0])
                raise self.fault(problem, row + position, name)
            row += n_rows
        if row == 0:
            problem = "there is no record below the header; at least one query is needed"
            raise DataFileError(self.path, problem, self.header_line)
        return texts, {name: np.concatenate(values) for name, values in parts.items()}

    def records(self, names: Sequence[str], /) -> Iterator[dict[str, str]]:
        """Stream the texts of some columns, record by record.

        Raises:
            DataFileError: A cell is not text; the message shows the place of the first one.
        """
        row = 0
        for chunk in self._chunks(names):
            columns = []
            for name in names:
                cells, fault = _texts(chunk[name], strip=self.is_padded)
                if fault:
                    raise self.fault(fault[1], row + fault[0], name)
                columns.append(cells)
            for values in zip(*columns, strict=True):
                yield dict(zip(names, values, strict=True))
            row += len(columns[0])

    def check_complete(self, numbers: Mapping[str, FloatArray], /) -> None:
        """Check that columns of numbers have no missing value.

        Raises:
            DataFileError: A value is missing; the message shows the place of the first one.
        """
        for name, values in numbers.items():
            place = first_place(np.isnan(values))
            if place is not None:
                raise self.fault("expected a number, found an empty cell or NA; fill it in", place[0], name)

    def check_ids(self, ids: Sequence[str], column: str, /, what: str = "query") -> None:
        """Check that no id is blank or occurs twice.

        Raises:
            DataFileError: An id is; the message shows the place of the first one, for a repeated id both places.
        """
        blank = next((row for row, name in enumerate(ids) if not name.strip()), None)
        if blank is not None:
            raise self.fault(f"this {what} has no {'id' if what == 'query' else 'name'}", blank, column)
        twice = first_duplicate(ids)
        if twice is not None:
            earlier, later = twice
            raise self.fault(f"{shown(ids[later])} is already {self.place(earlier)}; keep one row", later, column)


def number_or_problem(cell: Any, measure: Measure, /) -> float | str:
    """Convert a cell to a number, NaN if it is missing; if that fails, return the problem as text.

    Examples:
        >>> number_or_problem(" 0.5 ", COST), number_or_problem("n/a", COST)
        (0.5, nan)
        >>> number_or_problem("$0.01", COST)
        "expected a number, found '$0.01'; write 0.01, without a currency"
        >>> number_or_problem(True, COST)
        'expected US$ per call, finite and >= 0; found True'
    """
    if type(cell) in (int, float) and 0 <= cell <= min(measure.upper, sys.float_info.max):
        return float(cell)
    if cell is None:
        return math.nan
    word = cell.strip() if isinstance(cell, str) else cell
    if isinstance(word, str) and word.lower() in _MISSING:
        return math.nan
    if isinstance(word, bool | np.bool_) or (isinstance(word, str) and word.lower() in ("true", "false")):
        if not measure.booleans:
            return f"{measure.expected}; found {word}"
        return float(str(word).lower() == "true")
    if isinstance(word, str) and (not word.isascii() or "_" in word):
        return f"expected a number, found {shown(cell)}{_hint(word, measure)}"
    try:
        value = float(word)
    except (TypeError, ValueError, OverflowError):
        found = shown(cell) if isinstance(cell, str) else type(cell).__name__
        return f"expected a number, found {found}{_hint(word, measure) if isinstance(word, str) else ''}"
    if math.isnan(value):
        return value
    if measure.upper < value <= measure.upper * (1 + ULPS_ABOVE_ONE * np.finfo(float).eps):
        return measure.upper
    if not (0 <= value <= measure.upper and math.isfinite(value)):
        percent = f"; for {value:g} % write {value / 100:g}" if measure.upper == 1 and 2 < value <= 100 else ""
        unknown = "; leave empty what is unknown" if value < 0 else ""
        return f"{measure.expected}; found {value}{percent}{unknown}"
    return value


def _hint(word: str, measure: Measure) -> str:
    """Return the part of a message that shows what to write instead of a word that is not a number."""
    bare = word.strip("$€£¥ ").removesuffix("%").strip()
    if measure.booleans and word.lower() in _VERDICTS:
        return "; write 1 for right, 0 for wrong, and leave empty what is unknown"
    if not bare.isascii():
        has_digits = any(character.isdigit() for character in bare)
        return (
            f"; {'write it with 0 to 9, a point and a plain hyphen' if has_digits else 'leave empty what is unknown'}"
        )
    point = bare.replace(",", ".") if bare.count(",") == 1 and "." not in bare else bare.replace(",", "")
    try:
        value = float(point.removesuffix("USD").strip().replace("_", ""))
    except ValueError:
        return "; leave empty what is unknown"
    if word.endswith("%"):
        return f"; write {value / 100:g}, a share" if measure.upper == 1 else f"; write {value:g}, without the sign"
    if "," in bare:
        return f"; write {value:.15g}, with a point and no commas"
    return f"; write {value:.15g}, without underscores" if "_" in bare else f"; write {value:.15g}, without a currency"


def _numbers(cells: Sequence[Any] | FloatArray, measure: Measure) -> tuple[FloatArray, tuple[int, str] | None]:
    """Return the numbers of a column, and position and problem of its first invalid cell."""
    if isinstance(cells, np.ndarray):
        values = cells.astype(np.float64)
        if (np.isnan(values) | ((values >= 0) & (values <= measure.upper) & np.isfinite(values))).all():
            return values, None
        cells = cells.tolist()
    elif (kinds := set(map(type, cells))) <= {int, float} or (
        # Python reads more words as numbers than other readers do
        kinds == {str} and (text := "".join(cells)).isascii() and "_" not in text
    ):
        # most columns have only numbers and gaps; other cells are converted one by one
        with suppress(ValueError, OverflowError):
            return _numbers(np.array([math.nan if cell == "" else float(cell) for cell in cells]), measure)
    found = [number_or_problem(cell, measure) for cell in cells]
    fault = next(((row, value) for row, value in enumerate(found) if isinstance(value, str)), None)
    return np.array([math.nan if isinstance(value, str) else value for value in found], dtype=np.float64), fault


def _texts(cells: Sequence[Any], *, strip: bool) -> tuple[list[str], tuple[int, str] | None]:
    """Return the text of a column, and position and problem of its first invalid cell."""
    texts = ["" if cell is None else cell if isinstance(cell, str) else str(cell) for cell in cells]
    nested = next((row for row, cell in enumerate(cells) if isinstance(cell, list | dict | tuple)), None)
    fault = None if nested is None else (nested, f"expected text, found {type(cells[nested]).__name__}")
    return [text.strip() for text in texts] if strip else texts, fault


SUFFIXES: Final = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".jsonl", ".jsonl.gz", ".parquet", ".pq")


def table_suffix(path: Path, /) -> str | None:
    """Return the suffix of a table in lower case, None if the suffix is unknown.

    Examples:
        >>> table_suffix(Path("Batch.CSV.GZ")), table_suffix(Path("batch"))
        ('.csv.gz', None)
    """
    name = path.name.lower()
    return max((suffix for suffix in SUFFIXES if name.endswith(suffix)), key=len, default=None)
