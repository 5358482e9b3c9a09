"""A measured cell with its provenance, and its form in a file."""

from __future__ import annotations

import json
import lzma
import struct
import time
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from benchmarks.cells.cell import Cell, Outcome, Value, canonical, definition, key_of, seed_of
from optllm_pymoo import UserError
from optllm_pymoo.data import Dataset, replacing, write_text_atomically
from optllm_pymoo.validation import unknown_name

# Raised when files of older versions can't be read any more; folders of such files are refused.
FORMAT = 2

# Exceptions that `Record.parse` may raise for a damaged record: zipfile, its codecs, NumPy and JSON have their own.
DAMAGES = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    OSError,  # from bz2
    struct.error,
    EOFError,
    LookupError,  # a member, or an entry of the text, is not there
    MemoryError,  # a shape beyond all bounds
    RuntimeError,  # a bit says that the file is encrypted, or packed in a way that zipfile doesn't know
    TypeError,
    ValueError,  # NumPy, JSON, UTF-8; another cell; another version of the format
)

_TEXT = "record"
_SAID = "format.txt"
_ARRAY = "array."


@dataclass(frozen=True)
class Provenance:
    """Versions, machine and revision with which a cell was measured.

    Attributes:
        versions: Version by library, Python's among them, of the process that measured.
        machine: Processor, cores and operating system of that process.
        revision: Git revision of the checkout; see `benchmarks.revision`.
    """

    versions: Mapping[str, str]
    machine: str
    revision: str


@dataclass(frozen=True)
class Record:
    """One cell that is done.

    Attributes:
        description: The cell's description, including its kind and its definition.
        seed: Seed of the cell.
        outcome: Its outcome.
        provenance: Versions, machine and revision.
        seconds: Time of the measurement, without collecting inputs and without waiting.
    """

    description: Mapping[str, Value]
    seed: int
    outcome: Outcome
    provenance: Provenance
    seconds: float

    def write(self, path: Path, /) -> None:
        """Write the record as an ``.npz`` file: JSON text beside the arrays."""
        text = json.dumps(
            {
                "format": FORMAT,
                "description": self.description,
                "seed": self.seed,
                "measures": self.outcome.measures,
                "arrays": list(self.outcome.arrays),
                "timings": self.outcome.timings,
                "rows": list(self.outcome.rows),
                "seconds": self.seconds,
                "provenance": vars(self.provenance),
            }
        )
        members: dict[str, Any] = {_TEXT: np.frombuffer(text.encode(), dtype=np.uint8)}
        members |= {f"{_ARRAY}{name}": array for name, array in self.outcome.arrays.items()}
        np.savez(path, **members)

    @classmethod
    def parse(cls, content: bytes, cell: Cell, /) -> Record:
        """Read the record of a cell from a file's bytes, including arrays, so that every byte is checked.

        Raises:
            DAMAGES: One of them, if the file is damaged.
            ValueError: The file is complete, but belongs to another cell or has another version of the format.
        """
        with np.load(BytesIO(content), allow_pickle=False) as members:
            text = json.loads(members[_TEXT].tobytes().decode())
            # by the names in the text, which has a checksum: the zip file's own list of names has none
            arrays = {name: members[f"{_ARRAY}{name}"] for name in text["arrays"]}
        if text["format"] != FORMAT:
            raise ValueError(f"format {text['format']}; this version reads format {FORMAT}")
        # as numbers, not letter by letter: 0.0 is described like 0
        if text["description"] != {**json.loads(canonical(cell)), "definition": definition(cell)}:
            raise ValueError(f"this is another cell than {key_of(cell)}")
        outcome = Outcome(text["measures"], text["timings"], arrays, text["rows"])
        provenance = Provenance(**text["provenance"])
        return cls(text["description"], int(text["seed"]), outcome, provenance, float(text["seconds"]))


def plain_outcome(outcome: Outcome, /) -> Outcome:
    """Convert NumPy's scalars to Python's, as they are after a file was written and read.

    Raises:
        TypeError: It is no outcome, or a measure, timing or array can't be stored in a file.
    """
    if not isinstance(outcome, Outcome):
        raise TypeError(f"measure() must return an Outcome; got {type(outcome).__name__}")
    measures = {name: _plain(f"measure {name!r}", value) for name, value in outcome.measures.items()}
    timings = {name: float(value) for name, value in outcome.timings.items()}
    arrays = {name: np.asarray(array) for name, array in outcome.arrays.items()}
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise TypeError(f"array {name!r} holds Python objects; expected numbers, booleans or text of fixed width")
    rows = [{name: _plain(f"row entry {name!r}", value) for name, value in row.items()} for row in outcome.rows]
    return Outcome(measures, timings, arrays, rows)


def _plain(place: str, value: Any) -> Value:
    value = value.item() if isinstance(value, np.generic) else value
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"{place} is a {type(value).__name__}; expected a number, text, a boolean or None")


# Age at which the half-written file of a killed run is deleted.
STALE_SECONDS = 3600


class Look(NamedTuple):
    """State of a cell in the store.

    Attributes:
        reason: The fault of the file, if it is damaged.
    """

    state: Literal["done", "missing", "damaged"]
    record: Record | None
    reason: str


class Store:
    """A folder with a file ``<key>.npz`` for every cell that is done.

    Files are written under a temporary name and renamed, so that a killed run leaves none half-written, and several
    runs may share a folder. A damaged file counts as missing: its cell is measured again.

    Args:
        folder: Folder of the files; made at the first `keep`.
    """

    def __init__(self, folder: Path, /) -> None:
        self.folder = folder

    def check(self) -> None:
        """Refuse a folder that another version of this program wrote: its cells would be ignored silently.

        Raises:
            UserError: It holds cells, and its format is not `FORMAT`, or it has none.
        """
        said = (self.folder / _SAID).read_text().strip() if (self.folder / _SAID).is_file() else "1"
        if said != str(FORMAT) and next(self.folder.glob("*.npz"), None) is not None:
            raise UserError(
                f"{self.folder} holds results of another version of this program (format {said}, this one has"
                f" {FORMAT}), which can't be gone on with; give another folder with --out, or delete this one"
            )

    def path(self, cell: Cell, /) -> Path:
        """Return the path of a cell's file, which need not exist."""
        return self.folder / f"{key_of(cell)}.npz"

    def look(self, cell: Cell, /) -> Look:
        """Read the whole file of a cell, and return its state.

        Raises:
            OSError: There is a file, but it can't be read; its content must not be lost.
        """
        try:
            content = self.path(cell).read_bytes()
        except FileNotFoundError:
            return Look("missing", None, "")
        try:
            return Look("done", Record.parse(content, cell), "")
        except DAMAGES as error:
            return Look("damaged", None, f"{type(error).__name__}: {error}".splitlines()[0])

    def read(self, cell: Cell, /) -> Record | None:
        """Return the record of a cell; None if it is missing or its file is damaged."""
        return self.look(cell).record

    def keep(self, cell: Cell, outcome: Outcome, provenance: Provenance, seconds: float, /) -> None:
        """Store the outcome of a cell, in place of an older record.

        Raises:
            OSError: The file can't be written.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / _SAID).exists():
            write_text_atomically(self.folder / _SAID, f"{FORMAT}\n")
        with replacing(self.path(cell)) as temporary:
            described = {"kind": cell.kind, "definition": definition(cell), **cell.description()}
            Record(described, seed_of(cell), outcome, provenance, seconds).write(temporary)

    def sweep(self) -> None:
        """Delete half-written files of killed runs, but none that another run may be writing."""
        for path in self.folder.glob(".*.npz"):
            if time.time() - path.stat().st_mtime > STALE_SECONDS:
                path.unlink(missing_ok=True)


KEPT_OUTCOMES = 8


class StoredWorkbench:
    """Reads data sets at first use, and outcomes from the store; the last few outcomes stay in memory.

    Args:
        datasets: How to read each data set by name.
        store: Where outcomes are stored.
    """

    def __init__(self, datasets: Mapping[str, Callable[[], Dataset]], store: Store, /) -> None:
        self._readers = datasets
        self._store = store
        self._datasets: dict[str, Dataset] = {}
        self._outcomes: OrderedDict[str, Outcome] = OrderedDict()

    def dataset(self, name: str, /) -> Dataset:
        """Return a data set of the suite.

        Raises:
            ValueError: The suite has none of that name.
        """
        if name not in self._datasets:
            if name not in self._readers:
                raise ValueError(unknown_name(name, list(self._readers), kind="data set"))
            self._datasets[name] = self._readers[name]()
        return self._datasets[name]

    def outcome(self, cell: Cell, /) -> Outcome:
        """Return the outcome of a cell that is done.

        Raises:
            LookupError: It isn't done; `Cell.needs` must list all cells whose outcomes `Cell.inputs` reads.
        """
        key = key_of(cell)
        if key not in self._outcomes:
            record = self._store.read(cell)
            if record is None:
                raise LookupError(f"{cell.title()!r} is not done; is it among the cell's needs?")
            self._outcomes[key] = record.outcome
        self._outcomes.move_to_end(key)
        while len(self._outcomes) > KEPT_OUTCOMES:
            self._outcomes.popitem(last=False)
        return self._outcomes[key]
