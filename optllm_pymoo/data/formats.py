"""The formats of tables, chosen by the suffix of a file: JSON lines and Parquet; CSV is in its own module."""

from __future__ import annotations

import glob
import json
import os
import re
from array import array
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from os import PathLike
from pathlib import Path
from typing import Any, Final, TextIO

import pandas as pd

from optllm_pymoo.data.csv import LARGEST_RECORD, CsvSource, open_text
from optllm_pymoo.data.source import DataFileError, Measure, Source, table_suffix
from optllm_pymoo.validation import FloatArray, UserError, import_extra

_EXPECTED: Final = (
    "expected a name that ends in .csv, .tsv or .jsonl (also with .gz), or in .parquet;"
    " optllm-pymoo collect reads the logs of harnesses"
)
PARQUET: Final = (".parquet", ".pq")
_ADDRESS: Final = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]+):/(?!/)")
"""The beginning of an address; a `Path` has only one of its slashes."""
_CHUNK: Final = 8192
"""Records of a table."""
_CUT_OFF: Final = "the file ends here and may be cut off, get it again"
_PIECE: Final = 2**20
_OUTLINE: Final = 4 * 2**20
"""Characters."""
_DEEPEST: Final = 3
"""Objects and lists below this depth are read as a whole; samples of harnesses are above it."""
_LONGEST_WORD: Final = 16
"""Longer than any token that the end of the text in memory can cut: exponents, -Infinity, escapes."""
_BLANKS: Final = re.compile(r"[ \t\n\r]*")
_decode: Final = json.JSONDecoder().raw_decode


def open_source(path: Path, /) -> Source:
    """Open a table; its suffix, in any letter case, is its format.

    Raises:
        FileNotFoundError: There is no such file.
        DataFileError: Its header can't be read.
        UserError: The suffix is unknown.
        ImportError: The file is a Parquet file, and pyarrow is not installed.
    """
    if (files := parquet_files(path)) is not None:
        return ParquetSource(path, [(file, None) for file in files])
    suffix = table_suffix(path)
    if suffix is None:
        raise UserError(f"{path}: the name doesn't show the format; {_EXPECTED}")
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    if suffix in PARQUET:
        return ParquetSource(path)
    return JsonlSource(path) if suffix.startswith(".jsonl") else CsvSource(path)


class JsonlSource(Source):
    """A file of JSON lines, plain or gzipped. Its columns are the names in all records; a record may lack some."""

    def __init__(self, path: Path) -> None:
        self._lines = array("q")
        names: dict[str, None] = {}
        with closing(records_of(path)) as records:
            for _, record in records:
                names.update(dict.fromkeys(record))
        super().__init__(path, list(names))
        self._keys = dict(zip(self.names, names, strict=True))

    def line(self, row: int, /) -> int | None:
        """Return the line of a record (from 0)."""
        return self._lines[row]

    def _chunks(self, names: Sequence[str]) -> Iterator[dict[str, Sequence[Any]]]:
        self._lines = array("q")
        chunk: list[Mapping[str, Any]] = []
        keys = {name: self._keys[name] for name in names}
        with closing(records_of(self.path)) as records:
            for line, record in records:
                self._lines.append(line)
                chunk.append(record)
                if len(chunk) == _CHUNK:
                    yield {name: [record.get(key) for record in chunk] for name, key in keys.items()}
                    chunk = []
        if chunk:
            yield {name: [record.get(key) for record in chunk] for name, key in keys.items()}


def records_of(path: Path, /) -> Generator[tuple[int, dict[str, Any]], None, None]:
    """Stream all records, each with its line; blank lines are skipped.

    Raises:
        DataFileError: A line is not a JSON object (the message shows its number), or the file can't be read.
    """
    line = 0
    expected = "expected a JSON object on one line"
    with open_text(path) as file:
        while text := file.readline(LARGEST_RECORD):
            line += 1
            try:
                record = json.loads(text)
            except (ValueError, RecursionError) as error:
                if not text.strip():
                    continue
                problem = error.msg if isinstance(error, json.JSONDecodeError) else "too deep or too long"
                hint = "" if file.readline(1) else f"; {_CUT_OFF}"
                raise DataFileError(path, f"{expected} ({problem}){hint}", line) from None
            if not isinstance(record, dict):
                hint = "; write a record per line, without the brackets of a list" if isinstance(record, list) else ""
                raise DataFileError(path, f"{expected}, found {type(record).__name__}{hint}", line)
            yield line, record


def read_json_object(path: Path, /) -> dict[str, Any]:
    """Read a file that holds one JSON object.

    Raises:
        DataFileError: The file can't be read, is not JSON, or is not an object.
    """
    found = JsonDocument(path).value()
    if not isinstance(found, dict):
        raise DataFileError(path, f"expected a JSON object, found {type(found).__name__}")
    return found


class JsonDocument:
    """One JSON object or list in a file, read piece by piece: only one item of a list at a time is in memory.

    `NaN` and `Infinity`, which Python's `json` writes, are read as by `json`.

    Attributes:
        line: The line on which the last item read begins, None before the first.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder, "run.json")
        ...     _ = path.write_text('{"model": "yi", "run": {"samples": [{"id": 1}, {"id": 2}]}}')
        ...     document = JsonDocument(path)
        ...     document.value("model"), list(document.items("run", "samples")), document.outline()
        ('yi', [{'id': 1}, {'id': 2}], {'model': 'yi', 'run': {'samples': [{'id': 1}]}})
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.line: int | None = None

    def value(self, *names: str) -> Any:
        """Return the value under some nested names, the whole document without names; None if there is no value.

        Raises:
            DataFileError: The part of the file read so far is not JSON.
        """
        with open_text(self.path) as file:
            return next((value for _, value in _Cursor(self.path, file).found(names, of_list=False)), None)

    def items(self, *names: str) -> Iterator[Any]:
        """Yield the items of the list under some nested names; nothing if there is no such list.

        Raises:
            DataFileError: The file is not JSON; the message shows the line. Items before it are yielded.
        """
        with open_text(self.path) as file:
            cursor = _Cursor(self.path, file)
            for self.line, value in cursor.found(names, of_list=True):
                yield value

    def outline(self) -> Any:
        """Return the content of the first megabytes of the file, with only the first item of each list.

        Raises:
            DataFileError: This part is not JSON.
        """
        with open_text(self.path) as file:
            return _Cursor(self.path, file).outline()


class _Cursor:
    """A position in a JSON text; only the part around it is in memory."""

    def __init__(self, path: Path, file: TextIO) -> None:
        self.path, self.file = path, file
        self.text, self.at, self.read = "", 0, 0
        # the line of the character at `counted`
        self.line, self.counted = 1, 0

    def found(self, names: Sequence[str], *, of_list: bool) -> Iterator[tuple[int, Any]]:
        """Yield the value under some names, or its items, with lines; then check the rest of the file."""
        yield from self._found(names, of_list)
        if self._next():
            raise self._fault("Extra data", self.at)

    def _found(self, names: Sequence[str], of_list: bool) -> Iterator[tuple[int, Any]]:
        if names and self._next() == "{":
            for key in self._keys():
                if key == names[0]:
                    yield from self._found(names[1:], of_list)
                else:
                    self._skip(1)
        elif not names and not of_list:
            yield self.line, self._value()
        elif not names and self._next() == "[":
            for _ in self._items():
                self._next()
                self.line += self.text.count("\n", self.counted, self.at)
                self.counted = self.at
                yield self.line, self._value()
        else:
            self._skip(1)

    def outline(self, depth: int = 0) -> Any:
        """See `JsonDocument.outline`."""
        if depth > _DEEPEST or self._next() not in ("{", "["):
            return self._value()
        if self._next() == "{":
            found = {}
            for key in self._keys():
                found[key] = self.outline(depth + 1)
                if self.read > _OUTLINE:
                    break
            return found
        first: list[Any] = []
        for _ in self._items():
            if first:
                self._skip(depth + 1)
            else:
                first.append(self.outline(depth + 1))
            if self.read > _OUTLINE:
                break
        return first

    def _keys(self) -> Iterator[str]:
        """Yield the keys of an object, with the cursor before the value; the caller reads the value."""
        self._expect("{")
        if self._next() == "}":
            self.at += 1
            return
        while True:
            if self._next() != '"':
                raise self._fault("Expecting property name enclosed in double quotes", self.at)
            key = self._value()
            self._expect(":")
            yield key
            if self._expect(",}") == "}":
                return

    def _items(self) -> Iterator[None]:
        """Yield for each item of a list, with the cursor before the item; the caller reads the item."""
        self._expect("[")
        if self._next() == "]":
            self.at += 1
            return
        while True:
            yield
            if self._expect(",]") == "]":
                return

    def _skip(self, depth: int) -> None:
        """Skip a value, piece by piece."""
        head = self._next()
        if depth > _DEEPEST or head not in ("{", "["):
            self._value()
            return
        for _ in self._keys() if head == "{" else self._items():
            self._skip(depth + 1)

    def _value(self) -> Any:
        """Read a whole value."""
        self._next()
        while True:
            try:
                value, end = _decode(self.text, self.at)
            except json.JSONDecodeError as error:
                # the value may be cut off only by the end of the text in memory: read more of the file
                is_open = error.msg.startswith("Unterminated string") or len(self.text) - error.pos < _LONGEST_WORD
                if is_open and self._more():
                    continue
                raise self._fault(error.msg, error.pos) from None
            except RecursionError:
                raise DataFileError(self.path, "this JSON is nested too deep; is it the right file?") from None
            # a number may be cut off, too
            is_open = isinstance(value, int | float) and len(self.text) - end < _LONGEST_WORD
            if not is_open or not self._more():
                self.at = end
                return value

    def _next(self) -> str:
        """Return the next character that is not a blank, "" at the end of the file."""
        while True:
            found = _BLANKS.match(self.text, self.at)
            self.at = found.end() if found else self.at
            if self.at < len(self.text):
                return self.text[self.at]
            if not self._more():
                return ""

    def _expect(self, characters: str) -> str:
        """Read one character, which must be one of some."""
        found = self._next()
        if not found or found not in characters:
            raise self._fault(f"Expecting {' or '.join(map(repr, characters))}", self.at)
        self.at += 1
        return found

    def _more(self) -> bool:
        """Read more of the file, and drop the text before the cursor; return whether there was more."""
        if len(self.text) - self.at > LARGEST_RECORD:
            raise self._fault(f"a value has more than {LARGEST_RECORD:,} characters", self.at)
        # as much as is in memory: the text doubles each time, so that decoding it again takes linear time
        chunk = self.file.read(max(_PIECE, len(self.text) - self.at))
        if not chunk:
            return False
        self.line += self.text.count("\n", self.counted, self.at)
        self.text, self.at, self.counted = self.text[self.at :] + chunk, 0, 0
        self.read += len(chunk)
        return True

    def _fault(self, problem: str, position: int) -> DataFileError:
        line = self.line + self.text.count("\n", self.counted, position)
        is_cut = position >= len(self.text.rstrip()) or problem.startswith("Unterminated")
        return DataFileError(self.path, f"expected JSON ({problem}){f'; {_CUT_OFF}' if is_cut else ''}", line)


def parquet_files(path: str | PathLike[str], /) -> list[str] | None:
    """List the Parquet files of a batch: of a folder, a pattern, or an address that fsspec can read.

    Args:
        path: For example ``parts``, ``parts/2026-*.parquet`` or ``s3://bucket/parts``.

    Returns:
        Names or addresses, sorted; None if `path` is something else: a single file, or a folder of other files.

    Raises:
        FileNotFoundError: A pattern or an address has no Parquet file.
        ImportError: `path` is an address, and fsspec or its package for this kind of address is not installed.
    """
    address = _ADDRESS.sub(r"\1://", str(path))
    if address.startswith("file:"):
        address = f"/{address[5:].lstrip('/')}"
    if "://" in address:
        fs, inside = import_extra("fsspec", extra="dask", purpose="reading addresses").core.url_to_fs(address)
        names = fs.glob(inside) if glob.has_magic(inside) else fs.find(inside)
        found = sorted(fs.unstrip_protocol(name) for name in names if name.lower().endswith(PARQUET))
    elif glob.has_magic(address) and not os.path.exists(address):
        found = sorted(name for name in glob.glob(address, recursive=True) if name.lower().endswith(PARQUET))
    else:
        if not os.path.isdir(address):
            return None
        # the names of other files that engines write beside the parts begin with a dot or an underscore
        names = sorted(name for name in os.listdir(address) if not name.startswith((".", "_")))
        if not names or not all(name.lower().endswith(PARQUET) for name in names):
            return None
        return [os.path.join(address, name) for name in names]
    if not found:
        raise FileNotFoundError(f"there is no Parquet file at {address}")
    return found


class ParquetSource(Source):
    """A Parquet file, or several that form one table; the column of an index that pandas saved has the name "".

    Args:
        path: The file, or the name for all of them in messages.
        pieces: Files or addresses, and the row groups to read of each, None for all; None for `path` alone.
        first_row: Number of the first record read, for messages.

    Attributes:
        row_groups: By file: records of each of its row groups.

    Raises:
        DataFileError: A file is not Parquet, has other columns than the first, or a name occurs twice.
        ImportError: pyarrow is not installed.
    """

    header_line = None

    def __init__(
        self,
        path: str | PathLike[str],
        pieces: Sequence[tuple[str, Sequence[int] | None]] | None = None,
        *,
        first_row: int = 0,
    ) -> None:
        self._pieces = [(str(path), None)] if pieces is None else pieces
        self._first_row = first_row
        opened = [_opened(file) for file, _ in self._pieces]
        self._schema = opened[0].schema_arrow
        for each, (file, _) in zip(opened[1:], self._pieces[1:], strict=True):
            self._check_same_columns(each.schema_arrow, file)
        self.row_groups = [[each.metadata.row_group(g).num_rows for g in range(each.num_row_groups)] for each in opened]
        self._columns = list(self._schema.names)
        super().__init__(Path(path), ["" if name == "__index_level_0__" else name for name in self._columns])

    def line(self, row: int, /) -> None:
        """Return None: records have no lines."""
        return

    def place(self, row: int, /) -> str:
        """Return the place of a record, for messages."""
        return super().place(row + self._first_row)

    def fault(self, problem: str, row: int, column: str | None = None) -> DataFileError:
        """Build the error for a cell, with its row."""
        return super().fault(problem, row + self._first_row, column)

    def table(self, names: Sequence[str], /) -> Any:
        """Read some columns as they are stored: a pyarrow table.

        Raises:
            DataFileError: A file can't be read.
        """
        columns = [self._columns[self.names.index(name)] for name in names]
        tables = []
        for file, groups in self._pieces:
            opened = _opened(file)
            wanted = list(range(opened.num_row_groups) if groups is None else groups)
            try:
                read = opened.read_row_groups(wanted, columns=columns)
            except (ValueError, OSError) as error:
                raise DataFileError(file, f"can't be read as Parquet ({error})") from None
            tables.append(read.select(columns))
        return _pyarrow("pyarrow").concat_tables(tables).rename_columns(list(names))

    def read(
        self, *, text: Sequence[str] = (), numbers: Mapping[str, Measure] | None = None
    ) -> tuple[dict[str, list[str]], dict[str, FloatArray]]:
        """See `Source.read`; if the type of a column is not numeric, the error shows this type."""
        arrow = _pyarrow("pyarrow").types
        for name in numbers or {}:
            kind = self._schema.field(self.names.index(name)).type
            kind = kind.value_type if arrow.is_dictionary(kind) else kind
            is_text = arrow.is_string(kind) or arrow.is_large_string(kind)
            is_number = arrow.is_integer(kind) or arrow.is_floating(kind) or arrow.is_decimal(kind)
            if not (is_text or is_number or arrow.is_boolean(kind) or arrow.is_null(kind)):
                raise DataFileError(self.path, f"expected numbers, found a column of type {kind}", column=name)
        return super().read(text=text, numbers=numbers)

    def _check_same_columns(self, other: Any, file: str) -> None:
        """Check that the columns of a file have the names and types of the first file's; their order doesn't matter."""
        first, first_file = self._schema, self._pieces[0][0]
        for name in first.names:
            if name not in other.names:
                raise DataFileError(file, f"this column is missing; {first_file} has it", column=name)
            if other.field(name).type != first.field(name).type:
                types = f"is of type {other.field(name).type}, and of type {first.field(name).type} in {first_file}"
                raise DataFileError(file, f"this column {types}; write all files of a batch alike", column=name)
        if more := [name for name in other.names if name not in first.names]:
            problem = f"{first_file} has no such column; write all files of a batch alike"
            raise DataFileError(file, problem, column=more[0])

    def _chunks(self, names: Sequence[str]) -> Iterator[dict[str, Sequence[Any]]]:
        arrow = _pyarrow("pyarrow")
        table = self.table(names)
        cells: dict[str, Sequence[Any]] = {}
        for name in names:
            values = table.column(name)
            if arrow.types.is_floating(values.type) or arrow.types.is_integer(values.type):
                # an array; a list if integers have gaps or are read as text
                cells[name] = values.to_numpy() if values.null_count == 0 else values.to_pylist()
            else:
                cells[name] = self._listed(values, name)
        if table.num_rows:
            yield cells

    def _listed(self, values: Any, name: str) -> Sequence[Any]:
        """Return cells as a list: booleans and nulls as they are, all other types cast to text."""
        arrow = _pyarrow("pyarrow")
        if arrow.types.is_dictionary(values.type):
            values = values.cast(values.type.value_type)
        if arrow.types.is_boolean(values.type) or arrow.types.is_null(values.type):
            listed: list[Any] = values.to_pylist()
            return listed
        try:
            texts: list[Any] = values.cast(arrow.string()).to_pylist()
        except (ValueError, NotImplementedError):
            raise DataFileError(
                self.path, f"expected text, found a column of type {values.type}", column=name
            ) from None
        return texts


def _opened(file: str) -> Any:
    """Open a Parquet file, by its name or by an address that fsspec can read."""
    try:
        if "://" in file:
            fsspec = import_extra("fsspec", extra="dask", purpose="reading addresses")
            return _pyarrow("pyarrow.parquet").ParquetFile(fsspec.open(file).open())
        return _pyarrow("pyarrow.parquet").ParquetFile(file)
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no file {file}; it may have been removed meanwhile") from None
    except (ValueError, OSError) as error:
        raise DataFileError(file, f"can't be read as Parquet ({error})") from None


def write_parquet(frame: pd.DataFrame, path: Path, /) -> None:
    """Write a frame without its index.

    Raises:
        ImportError: pyarrow is not installed.
    """
    pyarrow, parquet = _pyarrow("pyarrow"), _pyarrow("pyarrow.parquet")
    parquet.write_table(pyarrow.Table.from_pandas(frame, preserve_index=False), path)


def _pyarrow(module: str) -> Any:
    return import_extra(module, extra="parquet", purpose="reading and writing Parquet")
