"""The formats of tables, chosen by the name of the file."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from optllm_pymoo.data.csv import CsvSource
from optllm_pymoo.data.jsonl import JsonlSource
from optllm_pymoo.data.parquet import ParquetSource
from optllm_pymoo.data.source import Source, table_suffix
from optllm_pymoo.validation import UserError

_EXPECTED: Final = (
    "expected a name that ends in .csv, .tsv or .jsonl (also with .gz), or in .parquet;"
    " optllm-pymoo collect reads the logs of harnesses"
)


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
