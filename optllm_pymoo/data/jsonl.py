"""JSON: tables with a record per line, and files that hold one object."""

from __future__ import annotations

import gzip
import json
import zlib
from array import array
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from optllm_pymoo.data.csv import LARGEST_RECORD, encoding_fault, open_text
from optllm_pymoo.data.source import DataFileError, Source

_CHUNK = 8192


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
