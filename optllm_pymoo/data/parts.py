"""Batches in several Parquet files, which are read piece by piece."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np

from optllm_pymoo.data.columns import Roles, is_long, llm_column, roles_of
from optllm_pymoo.data.dataset import Dataset
from optllm_pymoo.data.formats import ParquetSource, parquet_files
from optllm_pymoo.data.grid import Columns, batch_layout, has_llms, no_llm, read_long
from optllm_pymoo.data.source import COST, SCORE, DataFileError, Measure
from optllm_pymoo.validation import UserError, import_extra

MAX_CELLS: Final = 1 << 23
"""Largest number of cells (query, LLM) in a piece, unless a single row group has more."""

_ROWS_AT_ONCE: Final = 1 << 13  # copied into the result: they fit into the cache


class Piece(NamedTuple):
    """The part of a file that one task reads: some row groups, or the whole file."""

    number: int
    file: str
    row_groups: tuple[int, ...] | None
    first_row: int
    """Position of the first row in the file, for messages."""
    n_rows: int
    offset: int
    """Number of rows of the batch before this piece."""


@dataclass(frozen=True)
class Layout:
    """The meaning of the columns of a batch in several files.

    Attributes:
        llms: M names.
        roles: Columns of ids, texts and groups.
        columns: By measure, the columns of the LLMs; empty for a long table, which has one row per query and LLM.
    """

    llms: tuple[str, ...]
    roles: Roles
    columns: Mapping[str, tuple[Measure, Columns]]

    def source(self, piece: Piece, /) -> ParquetSource:
        """Open a piece.

        Raises:
            FileNotFoundError: The file has been removed.
            DataFileError: The file can't be read, or has changed.
        """
        source = ParquetSource(piece.file, [(piece.file, piece.row_groups)], first_row=piece.first_row)
        groups = source.row_groups[0]
        if piece.n_rows != sum(groups[g] for g in piece.row_groups or range(len(groups)) if g < len(groups)):
            raise DataFileError(piece.file, "this file has changed since the run began; run the command again")
        return source

    def cells(self, piece: Piece, /, *, complete: bool) -> tuple[np.ndarray, np.ndarray]:
        """Read costs and outcomes of a piece.

        Args:
            piece: The piece.
            complete: Whether an outcome must not be missing.

        Returns:
            (n, M) US$ per call and (n, M) outcomes, NaN where missing: float32 if all columns are, else float64.

        Raises:
            DataFileError: A value is wrong, or a required value is missing; the message shows file, row and column of
                the first one.
        """
        source = self.source(piece)
        if not self.columns:
            grid = read_long(source, self.roles, (COST, SCORE), self.llms)
            for measure in (COST, SCORE) if complete else (COST,):
                grid.check_complete(measure)
            return grid.values[COST.name], grid.values[SCORE.name]
        places = {name: [columns.get(llm) for llm in self.llms] for name, (_, columns) in self.columns.items()}
        table = source.table([place[0] for of in places.values() for place in of if place is not None])
        is_single = {str(kind) for kind in table.schema.types} == {"float"}
        found = []
        for name, of in places.items():
            values = np.empty((table.num_rows, len(of)), dtype=np.float32 if is_single else np.float64)
            upper = min(self.columns[name][0].upper, float(np.finfo(np.float32).max))
            read, is_fine = [], True
            for place in of:
                # columns of text are read cell by cell below
                if place is None or str(table.schema.field(place[0]).type).endswith(("string", "ordered=0>")):
                    column = np.full(table.num_rows, np.nan, dtype=values.dtype)
                else:
                    column = table.column(place[0]).to_numpy().astype(values.dtype, copy=False)
                read.append(column if place is None or place[1] == 1 else column * place[1])
                known = read[-1][~np.isnan(read[-1])] if name == SCORE.name and not complete else read[-1]
                is_fine &= not len(known) or bool(known.min() >= 0 and known.max() <= upper)
            for first in range(0, table.num_rows, _ROWS_AT_ONCE):
                for j, column in enumerate(read):
                    values[first : first + _ROWS_AT_ONCE, j] = column[first : first + _ROWS_AT_ONCE]
            found.append(values if is_fine else self._looked_at(source, name, complete))
        return found[0], found[1]

    def _looked_at(self, source: ParquetSource, name: str, complete: bool) -> np.ndarray:
        """Read a measure cell by cell, to find the first wrong value, or because a column has text."""
        measure, columns = self.columns[name]
        _, numbers = source.read(numbers={column: measure for column, _ in columns.values()})
        if name == COST.name or complete:
            source.check_complete(numbers)
        n_rows = len(next(iter(numbers.values())))
        missing = np.full(n_rows, np.nan)
        return np.column_stack([
            numbers[columns[llm][0]] * columns[llm][1] if llm in columns else missing for llm in self.llms
        ])  # fmt: skip

    def said(self, piece: Piece, names: Sequence[str], /) -> dict[str, list[str]]:
        """Read ids, texts or groups of a piece's queries, by column."""
        source = self.source(piece)
        if not self.columns:
            return read_long(source, self.roles, (COST, SCORE), self.llms).texts
        return source.read(text=names)[0] if piece.n_rows else {name: [] for name in names}

    def ids(self, piece: Piece, /) -> Any:
        """Read the ids of a piece's queries as they are stored, in a pyarrow array; row numbers if there are no ids."""
        column = self.roles.query_id
        arrow = import_extra("pyarrow", extra="parquet", purpose="reading Parquet")
        if column is None:
            return arrow.array(map(str, range(piece.offset, piece.offset + piece.n_rows)), arrow.string())
        if not self.columns:
            return arrow.array(self.said(piece, [column])[column], arrow.string())
        found = self.source(piece).table([column]).column(column).combine_chunks()
        blank = np.flatnonzero(found.is_null().to_numpy(zero_copy_only=False))
        if len(blank):
            raise self.source(piece).fault("this query has no id", int(blank[0]), column)
        return found.cast(found.type.value_type) if arrow.types.is_dictionary(found.type) else found

    def dataset(self, piece: Piece, cells: tuple[np.ndarray, np.ndarray], /) -> Dataset:
        """Make a data set from a piece, which must not be empty."""
        said = self.said(piece, self.roles.columns)
        text, group = (None if name is None else said[name] for name in self.roles[1:3])
        return Dataset(
            *cells,
            llms=self.llms,
            query_ids=[str(each) for each in self.ids(piece).to_pylist()],
            texts=text,
            groups=group,
        )


def open_parts(
    path: str | os.PathLike[str], /, llms: Sequence[str] | None = None, drop: Collection[str] = ()
) -> tuple[Layout, list[Piece]]:
    """Read the columns and sizes of the files of a batch in parts; no values of a wide table are read.

    Args:
        path: A folder of Parquet files, a pattern, or an address, see `parquet_files`. Wide or long, see
            `read_table`; in a long table, all rows of a query are in one file.
        llms: The LLMs wanted, in this order; all if not given.
        drop: LLMs to leave out.

    Returns:
        The meaning of the columns, and the pieces, ordered by the names of their files.

    Raises:
        DataFileError: A file can't be read, its columns differ from those of the first file, or no LLM is found.
    """
    files = parquet_files(path)
    if files is None:
        raise UserError(f"{path} is no folder of Parquet files, pattern or address; expected such as parts/*.parquet")
    source = ParquetSource(path, [(file, None) for file in files])
    roles = roles_of(source)
    long = is_long(source, (COST, SCORE)) and not has_llms(source, roles)
    found, columns = ([], {}) if long else batch_layout(source, roles, llms, drop)
    if not found and not long:
        raise no_llm(source)
    if long:
        name = [llm_column(source) or ""]
        there = dict.fromkeys(str(llm) for file in files for llm in ParquetSource(file).table(name).column(0).unique())
        found = [llm for llm in llms or there if llm not in set(drop)]
    pieces: list[Piece] = []
    offset = 0
    for file, sizes in zip(files, source.row_groups, strict=True):
        starts = np.concatenate([[0], np.cumsum(sizes)]).astype(int).tolist()
        for groups in _bundled(sizes, MAX_CELLS // max(1, len(found)) if columns else None):
            n_rows = sum(sizes[g] for g in groups)
            first = starts[groups[0]] if groups else 0
            pieces.append(Piece(len(pieces), file, tuple(groups), first, n_rows, offset))
            offset += n_rows
    return Layout(tuple(found), roles, columns), pieces


def _bundled(sizes: Sequence[int], at_most: int | None) -> Iterator[list[int]]:
    """Group neighbouring row groups, at most `at_most` rows together; an empty file gives one empty group."""
    bundle: list[int] = []
    for group, size in enumerate(sizes):
        if bundle and at_most is not None and sum(sizes[g] for g in bundle) + size > at_most:
            yield bundle
            bundle = []
        bundle.append(group)
    yield bundle
