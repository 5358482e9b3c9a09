"""CSV and TSV files: read by pandas' fast parser, or, if that fails, record by record with line numbers.

pandas can't report the line of an error, and reads some words as numbers that are not numbers; Python's reader is ten
times slower, but reports lines. So it reads only the files that pandas refuses.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import sys
import warnings
import zlib
from array import array
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO, Final, TextIO

import numpy as np
import pandas as pd

from optllm_pymoo.data.source import MISSING, DataFileError, Measure, Source, table_suffix
from optllm_pymoo.validation import FloatArray, shown

_CHUNK: Final = 8192
LARGEST_RECORD: Final = 64 * 2**20
"""Largest number of characters of a line or cell: enough for ten million words; finds unclosed quotes early."""
_FREE_EXPANSION: Final = 64 * 2**20
_LARGEST_RATIO: Final = 200
"""An archive may expand to 64 MiB, or to 200 times its size: gzip shrinks tables to a tenth, at most a hundredth."""
_LARGEST_DEFLATE: Final = 1032
"""The largest ratio that gzip can reach; an archive that claims a larger one is cut off."""
# From pandas 3.1 on every float is parsed exactly and the option is deprecated.
_EXACT: dict[str, Any] = (
    {} if tuple(map(int, pd.__version__.split(".")[:2])) >= (3, 1) else {"float_precision": "round_trip"}
)


class CsvSource(Source):
    """A CSV or TSV file, plain or gzipped, in UTF-8, UTF-16 or UTF-32; the separator is found in the header."""

    def __init__(self, path: Path) -> None:
        self._lines = array("q")
        self._separator, self._skips_blanks = ",", False
        with closing(self._records(path, first=True)) as found:
            line, header = next(found, (1, []))
        if not header:
            raise DataFileError(path, "the file is empty; expected a header with column names", 1)
        if header[0].lower().startswith("sep="):
            raise DataFileError(
                path, "expected a header with column names, found a note for Excel; remove this line", 1
            )
        text = header[0]
        self._separator = self._separator_of(path, text, line)
        self._skips_blanks = f"{self._separator} " in text
        with closing(self._records(path)) as found:
            self.header_line, names = next(found)
        super().__init__(path, names)

    def line(self, row: int, /) -> int | None:
        """Line on which a record (from 0) starts."""
        if row < len(self._lines):
            return self._lines[row]
        with closing(self._records(self.path)) as found:
            return next(line for position, (line, _) in enumerate(found) if position == row + 1)

    def read(
        self, *, text: Sequence[str] = (), numbers: Mapping[str, Measure] | None = None
    ) -> tuple[dict[str, list[str]], dict[str, FloatArray]]:
        """See `Source.read`."""
        # pandas converts all other columns to strings: if there are many, it is slower than Python's reader
        used = len(text) + len(numbers or {})
        frame = self._parsed(text, numbers or {}) if len(self.names) <= 2 * used + 8 else None
        if frame is None:
            return super().read(text=text, numbers=numbers)
        texts = {name: frame[name].tolist() for name in text}
        if self.is_padded:
            texts = {name: [cell.strip() for cell in cells] for name, cells in texts.items()}
        return texts, {name: frame[name].to_numpy(dtype=np.float64) for name in numbers or {}}

    def _parsed(self, text: Sequence[str], numbers: Mapping[str, Measure]) -> pd.DataFrame | None:
        """Read the file with pandas; return None if the result may be wrong."""
        types = {name: np.float64 if name in numbers else str for name in self.names}
        try:
            with warnings.catch_warnings(), open_text(self.path) as file:
                warnings.simplefilter("error", pd.errors.ParserWarning)
                # read all columns: with `usecols`, the parser accepts records with too many cells
                frame: pd.DataFrame = pd.read_csv(
                    file,
                    sep=self._separator,
                    skipinitialspace=self._skips_blanks,
                    header=0,
                    names=self.names,
                    dtype=types,
                    keep_default_na=False,
                    na_values={name: [*MISSING, "nan", "null"] for name in numbers},
                    **_EXACT,
                )
        except (ValueError, pd.errors.ParserWarning):
            return None
        # the parser makes an index of surplus cells of a long record, and fills the missing cells of a short one
        if frame.empty or not isinstance(frame.index, pd.RangeIndex):
            return None
        if frame.iloc[:, -1].isin(["", np.nan]).any() and self._n_separators() != (len(self.names) - 1) * (
            len(frame) + 1
        ):
            return None
        for name, measure in numbers.items():
            values = frame[name].to_numpy()
            known = values[~np.isnan(values)]
            if not ((known >= 0) & (known <= min(measure.upper, sys.float_info.max))).all():
                return None
            # the parser reads a column that has only True and False as 1 and 0
            if not measure.booleans and np.isin(known, (0, 1)).all():
                return None
        return frame

    def _n_separators(self) -> int:
        """Count the separators outside of quotes; a complete header or record has one less than there are names."""
        count, is_quoted = 0, 0
        with open_text(self.path) as file:
            while text := file.read(2**20):
                parts = text.split('"')
                count += sum(part.count(self._separator) for part in parts[is_quoted::2])
                is_quoted = (is_quoted + len(parts) - 1) % 2
        return count

    def _chunks(self, names: Sequence[str]) -> Iterator[dict[str, Sequence[Any]]]:
        self._lines = array("q")
        positions = {name: self.names.index(name) for name in names}
        chunk: list[list[str]] = []
        with closing(self._records(self.path)) as found:
            next(found)
            for line, fields in found:
                if len(fields) != len(self.names):
                    raise DataFileError(self.path, self._length_fault(fields), line)
                self._lines.append(line)
                chunk.append(fields)
                if len(chunk) == _CHUNK:
                    yield {name: [fields[at] for fields in chunk] for name, at in positions.items()}
                    chunk = []
        if chunk:
            yield {name: [fields[at] for fields in chunk] for name, at in positions.items()}

    def _length_fault(self, fields: Sequence[str]) -> str:
        n_names = len(self.names)
        problem = f"expected {n_names} cells as in the header, found {len(fields)}"
        if len(fields) < n_names:
            return f"{problem}; a line may be cut off"
        if not any(fields[n_names:]):
            return f"{problem}, the last of them empty; remove the separator at the end of the line"
        return f"{problem}; put text with {_NAMES[self._separator]} in it between double quotes"

    def _records(self, path: Path, *, first: bool = False) -> Generator[tuple[int, list[str]], None, None]:
        """Yield all records, the header first, with the lines on which they start; `first`: lines, not split."""
        line = 1
        # texts may be longer than the csv module's limit; the limit is global for the process, so it is restored
        limit = csv.field_size_limit(LARGEST_RECORD)
        try:
            with open_text(path) as file:
                lines = self._lines_of(path, file)
                if first:
                    # names of columns may have line breaks, but separators stand before the first one too
                    yield from ((line, [text]) for line, text in enumerate(lines, 1) if text.strip())
                    return
                reader = csv.reader(lines, delimiter=self._separator, skipinitialspace=self._skips_blanks, strict=True)
                for fields in reader:
                    if fields and (len(fields) > 1 or fields[0].strip()):
                        yield line, fields
                    line = reader.line_num + 1
        except csv.Error as error:
            problem = f"this record can't be read; a quote may not be closed ({error})"
            raise DataFileError(path, problem, line) from None
        finally:
            csv.field_size_limit(limit)

    @staticmethod
    def _separator_of(path: Path, header: str, line: int) -> str:
        """Return the separator: the comma, or, if the header has no comma, semicolon or tab."""
        if (table_suffix(path) or "").startswith(".tsv"):
            return "\t" if "\t" in header or "," not in header else ","
        if "," not in header:
            # the names of RouterBench's columns of costs have one bar
            if header.count("|") > 1 and ";" not in header and "\t" not in header:
                raise DataFileError(path, "cells seem to be separated by bars; save the table with commas", line)
            return max(("\t", ";", ","), key=header.count) if any(c in header for c in "\t;") else ","
        return ","

    @staticmethod
    def _lines_of(path: Path, file: TextIO) -> Iterator[str]:
        """Yield the lines of a text; raise an error for a line longer than a record may be."""
        number = 0
        while line := file.readline(LARGEST_RECORD):
            number += 1
            if len(line) == LARGEST_RECORD:
                problem = f"this line has more than {LARGEST_RECORD:,} characters; it begins with {shown(line)}"
                raise DataFileError(path, f"{problem}. Is it a table?", number)
            yield line


_NAMES: Final = {",": "commas", ";": "semicolons", "\t": "tabs"}


@contextmanager
def open_text(path: Path, /) -> Iterator[TextIO]:
    """Open a plain or gzipped text: UTF-8, with or without a byte order mark, UTF-16 or UTF-32.

    Raises:
        DataFileError: When opened: the file is a zip archive. While reading: the archive expands too much, is cut off
            or damaged, or the text is not Unicode.
    """
    with path.open("rb") as file:
        raw: BinaryIO = file
        try:
            head = raw.read(4)
            raw.seek(0)
            if head[:2] == b"\x1f\x8b":
                raw = io.BufferedReader(_Expanding(path, file))
                head = raw.peek(4)[:4]
            if head == b"PK\x03\x04":
                problem = "this is a zip archive, perhaps a workbook of Excel; save the table as CSV UTF-8"
                raise DataFileError(path, problem)
            yield io.TextIOWrapper(raw, encoding=_encoding_of(head), newline="")
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DataFileError(path, f"the gzip archive is cut off or damaged ({error}); get it again") from None
        except UnicodeDecodeError as error:
            raise _encoding_fault(path, error) from None


class _Expanding(io.RawIOBase):
    """The content of a gzip archive, up to a size that is possible for a table."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._raw = file
        self._file = gzip.GzipFile(fileobj=file)
        size = path.stat().st_size
        self._largest = max(_FREE_EXPANSION, _LARGEST_RATIO * size)
        # the last four bytes are the length of the content; if they are wrong, `readinto` finds it
        file.seek(max(size - 4, 0))
        self._read = 0
        length = int.from_bytes(file.read(4), "little")
        file.seek(0)
        self._count(length if length < _LARGEST_DEFLATE * size else 0)
        self._read = 0

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer."""
        count = self._file.readinto(buffer)
        self._count(count)
        return count

    def _count(self, count: int) -> None:
        """Add to the number of bytes read; raise an error if there are too many."""
        self._read += count
        if self._read > self._largest:
            problem = f"the archive expands to more than {self._largest // 2**20} MiB, which no table of its size does"
            raise DataFileError(self._path, f"{problem}; if it is whole, unpack it to look at what is in it")

    def close(self) -> None:
        """Close the archive and its file."""
        self._file.close()
        self._raw.close()
        super().close()


def _encoding_of(head: bytes) -> str:
    """Return the encoding from the first four bytes: text begins with an ASCII character or a byte order mark."""
    if head in (b"\xff\xfe\0\0", b"\0\0\xfe\xff"):
        return "utf-32"
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    if len(head) > 1 and head[0] and not head[1]:
        return "utf-16-le"
    return "utf-16-be" if len(head) > 1 and not head[0] and head[1] else "utf-8-sig"


def _encoding_fault(path: Path, error: UnicodeDecodeError) -> DataFileError:
    """Build the error for text that is not Unicode: with line, likely encoding, and how to save the file."""
    if error.encoding.startswith(("utf-16", "utf-32")):
        return DataFileError(
            path, f"the text is cut off or no {error.encoding[:6].upper()} ({error.reason}); save it as UTF-8"
        )
    with gzip.open(path) if path.read_bytes()[:2] == b"\x1f\x8b" else path.open("rb") as file:
        line, content = next((line, text) for line, text in enumerate(file, start=1) if not _decodes(text, "utf-8"))
    # letters with accents are single among ASCII letters; letters of other scripts follow each other
    foreign = re.findall(rb"[\x80-\xff]+", content)
    is_western = max(map(len, foreign)) < 3 and _decodes(content, "cp1252")
    guess = (
        "Windows-1252 (Western European), as Excel saves 'CSV'"
        if is_western
        else "GBK, Shift-JIS, Windows-1251 or such"
    )
    problem = f"expected UTF-8 text; the encoding seems to be {guess}. Save it as UTF-8 (in Excel: 'CSV UTF-8')"
    return DataFileError(path, problem, line)


def _decodes(content: bytes, encoding: str) -> bool:
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def write_csv(frame: pd.DataFrame, path: Path, /, *, for_spreadsheet: bool = False) -> None:
    """Write a frame without its index. The same data gives the same bytes; floats keep every bit.

    Args:
        frame: The table.
        path: The file: cells are separated by tabs if its name ends in `.tsv`; `.gz` compresses it.
        for_spreadsheet: Put an apostrophe before text that a spreadsheet would read as a formula.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as home:
        ...     write_csv(pd.DataFrame({"llm": ["=yi"], "cost_usd": [0.1]}), Path(home, "t.csv"), for_spreadsheet=True)
        ...     Path(home, "t.csv").read_text().split()
        ['llm,cost_usd', "'=yi,0.1"]
    """

    def safe(value: Any) -> Any:
        return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value

    if for_spreadsheet:
        texts = frame.select_dtypes(exclude="number")
        defused: dict[str, Any] = {str(name): [safe(value) for value in texts[name]] for name in texts}
        frame = frame.assign(**defused).rename(columns=safe)
    name = path.name.lower()
    separator = "\t" if (table_suffix(path) or "").startswith(".tsv") else ","
    # quote where needed, but all text if one has a carriage return, which the writer does not quote
    texts = frame.select_dtypes(exclude="number")
    in_names = any("\r" in str(name) for name in frame.columns)
    has_return = in_names or any("\r" in str(value) for column in texts for value in texts[column])
    # without name and time in its header, the archive depends only on the content
    with (
        path.open("wb") as file,
        gzip.GzipFile("", "wb", 6, file, 0) if name.endswith(".gz") else nullcontext(file) as target,
    ):
        frame.to_csv(
            target,
            sep=separator,
            index=False,
            lineterminator="\n",
            mode="wb",
            encoding="utf-8",
            quoting=csv.QUOTE_NONNUMERIC if has_return else csv.QUOTE_MINIMAL,
        )
