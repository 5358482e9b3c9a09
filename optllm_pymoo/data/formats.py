"""The formats of tables: which one a file is shows in its name. CSV has a file of its own; here are the others."""

from __future__ import annotations

import gzip
import json
import zlib
from array import array
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pandas as pd

from optllm_pymoo.data.csv import LARGEST_RECORD, CsvSource, encoding_fault, open_text
from optllm_pymoo.data.source import DataFileError, Measure, Source, table_suffix
from optllm_pymoo.validation import FloatArray, UserError, import_extra

_EXPECTED: Final = (
    "expected a name that ends in .csv, .tsv or .jsonl (also with .gz), or in .parquet;"
    " optllm-pymoo collect reads the logs of harnesses"
)
_CHUNK = 8192


def open_source(path: Path, /) -> Source:
    """Open a table; what it is shows in its suffix, in any letter case.

    Raises:
        FileNotFoundError: There is no such file.
        DataFileError: Its header can't be read.
        UserError: The suffix is unknown.
        ImportError: It is a Parquet file, and pyarrow is not installed.
    """
    suffix = table_suffix(path)
    if suffix is None:
        raise UserError(f"{path}: can't tell the format; {_EXPECTED}")
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    if suffix in (".parquet", ".pq"):
        return ParquetSource(path)
    return JsonlSource(path) if suffix.startswith(".jsonl") else CsvSource(path)


class JsonlSource(Source):
    """A file of JSON lines, plain or gzipped. Its columns are the names of all records; what one lacks is missing."""

    def __init__(self, path: Path) -> None:
        self._lines = array("q")
        names: dict[str, None] = {}
        with closing(records_of(path)) as records:
            for _, record in records:
                names.update(dict.fromkeys(record))
        super().__init__(path, list(names))
        self._keys = dict(zip(self.names, names, strict=True))

    def line(self, row: int, /) -> int | None:
        """Line of a record (from 0)."""
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
        DataFileError: With the line that is no JSON object, or the file if it can't be read.
    """
    line = 0
    try:
        with open_text(path) as file:
            while text := file.readline(LARGEST_RECORD):
                line += 1
                if text.strip():
                    yield line, _record(path, text, line)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataFileError(path, f"the gzip archive is cut off or damaged ({error}); get it anew") from None
    except UnicodeDecodeError as error:
        raise encoding_fault(path, error) from None


def _record(path: Path, text: str, line: int) -> dict[str, Any]:
    """One record."""
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        problem = error.msg if isinstance(error, json.JSONDecodeError) else "too deep or too long"
        raise DataFileError(path, f"expected a JSON object on one line ({problem})", line) from None
    if not isinstance(record, dict):
        hint = "; write a record per line, without the brackets of a list" if isinstance(record, list) else ""
        raise DataFileError(path, f"expected a JSON object on one line, found {type(record).__name__}{hint}", line)
    return record


def read_json_object(path: Path, /) -> dict[str, Any]:
    """Read a file that holds one JSON object.

    Raises:
        DataFileError: It can't be read, is no JSON or holds something else.
    """
    found = read_json(path)
    if not isinstance(found, dict):
        raise DataFileError(path, f"expected a JSON object, found {type(found).__name__}")
    return found


def read_json(path: Path, /) -> Any:
    """Read a file that holds JSON.

    Raises:
        DataFileError: It can't be read, or is no JSON.
    """
    try:
        with open_text(path) as file:
            return json.load(file)
    except json.JSONDecodeError as error:
        raise DataFileError(path, f"expected JSON ({error.msg})", error.lineno) from None
    except UnicodeDecodeError as error:
        raise encoding_fault(path, error) from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataFileError(path, f"the gzip archive is cut off or damaged ({error}); get it anew") from None
    except RecursionError:
        raise DataFileError(path, "this JSON is nested too deep; is it the right file?") from None


class ParquetSource(Source):
    """A Parquet file; an index that pandas saved along has the name "".

    Raises:
        DataFileError: It is no Parquet file, or a name occurs twice.
        ImportError: pyarrow is not installed.
    """

    header_line = None

    def __init__(self, path: Path) -> None:
        try:
            self._schema = _pyarrow("pyarrow.parquet").read_schema(path)
        except (ValueError, OSError) as error:
            raise DataFileError(path, f"can't be read as Parquet ({error})") from None
        self._columns = list(self._schema.names)
        super().__init__(path, ["" if name == "__index_level_0__" else name for name in self._columns])

    def line(self, row: int, /) -> None:
        """None: records have no lines."""
        return

    def read(
        self, *, text: Sequence[str] = (), numbers: Mapping[str, Measure] | None = None
    ) -> tuple[dict[str, list[str]], dict[str, FloatArray]]:
        """See `Source.read`; a column whose type can be no number is refused with that type."""
        arrow = _pyarrow("pyarrow").types
        for name in numbers or {}:
            kind = self._schema.field(self.names.index(name)).type
            kind = kind.value_type if arrow.is_dictionary(kind) else kind
            is_text = arrow.is_string(kind) or arrow.is_large_string(kind)
            is_number = arrow.is_integer(kind) or arrow.is_floating(kind) or arrow.is_decimal(kind)
            if not (is_text or is_number or arrow.is_boolean(kind) or arrow.is_null(kind)):
                raise DataFileError(self.path, f"expected numbers, found a column of type {kind}", column=name)
        return super().read(text=text, numbers=numbers)

    def _chunks(self, names: Sequence[str]) -> Iterator[dict[str, Sequence[Any]]]:
        arrow = _pyarrow("pyarrow")
        columns = [self._columns[self.names.index(name)] for name in names]
        try:
            table = _pyarrow("pyarrow.parquet").read_table(self.path, columns=columns)
        except (ValueError, OSError) as error:
            raise DataFileError(self.path, f"can't be read as Parquet ({error})") from None
        cells: dict[str, Sequence[Any]] = {}
        for name, column in zip(names, columns, strict=True):
            values = table.column(column)
            if arrow.types.is_floating(values.type) or arrow.types.is_integer(values.type):
                # an array, or a list where integers have gaps or are used as text
                cells[name] = values.to_numpy() if values.null_count == 0 else values.to_pylist()
            else:
                cells[name] = self._listed(values, name)
        if table.num_rows:
            yield cells

    def _listed(self, values: Any, name: str) -> Sequence[Any]:
        """Cells as Python values; what has no text of its own is cast to it."""
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


def write_parquet(frame: pd.DataFrame, path: Path, /) -> None:
    """Write a frame without its index.

    Raises:
        ImportError: pyarrow is not installed.
    """
    pyarrow, parquet = _pyarrow("pyarrow"), _pyarrow("pyarrow.parquet")
    parquet.write_table(pyarrow.Table.from_pandas(frame, preserve_index=False), path)


def _pyarrow(module: str) -> Any:
    return import_extra(module, extra="parquet", purpose="reading and writing Parquet")
