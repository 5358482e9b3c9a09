"""Parquet files through pyarrow, an optional package."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from optllm_pymoo.data.extras import import_extra
from optllm_pymoo.data.source import DataFileError, Measure, Source
from optllm_pymoo.validation import FloatArray


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
