"""Where what is measured is kept: one file per cell, complete or not there."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple

from benchmarks.experiment.cell import Cell, Outcome, key_of
from benchmarks.runner.record import DAMAGES, Record, parse_record, write_record
from optllm_pymoo.data import replacing

STALE_SECONDS = 3600
"""Age at which the half-written file of a killed run is taken away."""


class Look(NamedTuple):
    """What there is of a cell."""

    state: Literal["done", "missing", "rubbish"]
    record: Record | None
    reason: str
    """What is wrong with the file, if it is rubbish."""


class Store:
    """A folder with a file ``<key>.npz`` for every cell that is done.

    Files are written beside their place and renamed, so that a run that is killed leaves none half-written, and
    several runs may share a folder. A file that is damaged counts as missing: its cell is measured anew.

    Args:
        folder: Where the files lie; made at the first `write`.
    """

    def __init__(self, folder: Path, /) -> None:
        self.folder = folder

    def path(self, cell: Cell, /) -> Path:
        """Return the file of a cell, be it there or not."""
        return self.folder / f"{key_of(cell)}.npz"

    def look(self, cell: Cell, /) -> Look:
        """Read the file of a cell whole, and say in what state it is.

        Raises:
            OSError: There is a file, but it can't be read; what is in it is not to be lost.
        """
        try:
            content = self.path(cell).read_bytes()
        except FileNotFoundError:
            return Look("missing", None, "")
        try:
            return Look("done", parse_record(content, cell), "")
        except DAMAGES as error:
            return Look("rubbish", None, f"{type(error).__name__}: {error}".splitlines()[0])

    def has(self, cell: Cell, /) -> bool:
        """Whether there is a whole record of a cell."""
        return self.look(cell).state == "done"

    def read(self, cell: Cell, /) -> Record | None:
        """Return the record of a cell; None if it is missing or its file is rubbish."""
        return self.look(cell).record

    def write(self, cell: Cell, record: Record, /) -> None:
        """Keep a record, in the place of an older one.

        Raises:
            OSError: The file can't be written.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with replacing(self.path(cell)) as temporary:
            write_record(temporary, record)

    def sweep(self) -> None:
        """Take away half-written files that killed runs have left, but none that another run may be writing."""
        for path in self.folder.glob(".*.npz"):
            if time.time() - path.stat().st_mtime > STALE_SECONDS:
                path.unlink(missing_ok=True)


def without_arrays(record: Record, /) -> Record:
    """Drop what is large, to keep many records in memory."""
    return replace(record, outcome=Outcome(record.outcome.measures, record.outcome.timings))
