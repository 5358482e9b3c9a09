"""Where a CSV file goes wrong: a slow, careful reading that knows the line of every record.

pandas reads fast but can't say where it stumbled. Only when it does is a file read again here.
"""

from __future__ import annotations

import csv
import gzip
import sys
import zlib
from collections.abc import Collection, Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TextIO

from optllm_pymoo.data.errors import DataFileError

MISSING = ("", "NA", "NaN", "nan")
BROKEN_ARCHIVE = (EOFError, gzip.BadGzipFile, zlib.error)


def open_text(path: Path, /) -> TextIO:
    """Open a plain or gzipped UTF-8 file for the csv module; a byte order mark is skipped."""
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def records(path: Path, /) -> Generator[tuple[int, list[str]], None, None]:
    """All records, the header first, each with the line (from 1) on which it starts; blank lines are skipped.

    Raises:
        DataFileError: The archive is cut off or damaged, the text is not UTF-8, or a quote is never closed.
    """
    line = 0
    try:
        with open_text(path) as file, _any_field_size():
            reader = csv.reader(file, strict=True)
            line = 1
            for fields in reader:
                if fields and (len(fields) > 1 or fields[0].strip()):
                    yield line, fields
                line = reader.line_num + 1
    except BROKEN_ARCHIVE as error:
        place = f"after line {line - 1}" if line > 1 else "before the first line ends"
        raise DataFileError(path, f"the gzip archive is cut off or damaged {place} ({error})") from None
    except UnicodeDecodeError as error:
        raise DataFileError(path, f"expected UTF-8 text ({error})", _undecodable_line(path)) from None
    except csv.Error as error:
        raise DataFileError(path, f"this record can't be read, a quote may not be closed ({error})", line) from None


def read_header(path: Path, /) -> list[str]:
    """The column names of a CSV file.

    Raises:
        DataFileError: There is no header, a name is empty or occurs twice, or cells are separated by something
            else than commas.
    """
    with closing(records(path)) as found:
        line, header = next(found, (1, []))
    if not header:
        raise DataFileError(path, "the file is empty; expected a header with column names", 1)
    if len(header) == 1:
        _check_separator(path, header[0], line)
    for position, name in enumerate(header):
        if not name.strip():
            raise DataFileError(path, f"column {position + 1} has no name", line)
        if name in header[:position]:
            raise DataFileError(path, "this column name occurs twice", line, name)
    return header


def _check_separator(path: Path, header: str, line: int) -> None:
    for separator, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        # the cost of RouterBench's LLMs has one bar
        if header.count(separator) > (separator == "|"):
            problem = f"cells seem to be separated by {name}; expected commas. Save the table with commas"
            raise DataFileError(path, problem, line)


def line_of_record(path: Path, row: int, /) -> int:
    """Line on which data record `row` (from 0, without the header) starts."""
    with closing(records(path)) as found:
        for position, (line, _) in enumerate(found):
            if position == row + 1:
                return line
    raise IndexError(f"{path} has no record {row}")


def check_records(path: Path, numbers: Collection[str], gaps: Collection[str], /) -> None:
    """Refuse the first record with a wrong number of cells, or without a number where one belongs.

    Args:
        path: The CSV file.
        numbers: Columns that hold numbers.
        gaps: Those of them whose cells may be empty.

    Raises:
        DataFileError: With line and column. Nothing is raised for a file without such faults.
    """
    with closing(records(path)) as found:
        _, header = next(found)
        watched = [(position, name) for position, name in enumerate(header) if name in numbers]
        for line, fields in found:
            if len(fields) != len(header):
                problem = f"expected {len(header)} cells as in the header, found {len(fields)}"
                raise DataFileError(path, problem, line)
            for position, name in watched:
                problem = _number_fault(fields[position], name in gaps)
                if problem:
                    raise DataFileError(path, problem, line, name)


def _number_fault(cell: str, may_be_missing: bool) -> str:
    if cell in MISSING:
        found = repr(cell) if cell else "an empty cell"
        return "" if may_be_missing else f"expected a number, found {found}"
    try:
        float(cell)
    except ValueError:
        # pandas takes a column of nothing but these as 1 and 0
        return "" if cell.lower() in ("true", "false") else f"expected a number, found {cell[:60]!r}"
    return f"expected a number, found {cell!r}" if "_" in cell or "nan" in cell.lower() else ""


def _undecodable_line(path: Path) -> int:
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        return next(line for line, content in enumerate(file, start=1) if not _decodes(content))


def _decodes(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


@contextmanager
def _any_field_size() -> Iterator[None]:
    """Texts may be longer than the csv module's limit, which is one for the whole process: put it back."""
    limit = csv.field_size_limit(sys.maxsize)
    try:
        yield
    finally:
        csv.field_size_limit(limit)
