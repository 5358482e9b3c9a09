"""A measured cell with its provenance, and its form in a file."""

from __future__ import annotations

import json
import lzma
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.experiment.cell import Cell, Outcome, Value, canonical, key_of, seed_of

FORMAT = 1
"""Raised when files of older versions can't be read any more; their cells are then measured anew."""

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
"""What `parse_record` may raise of a damaged record: zipfile, its codecs, NumPy and JSON have their own."""

_TEXT = "record"
_ARRAY = "array."


@dataclass(frozen=True)
class Provenance:
    """What a cell was measured with.

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
        description: The cell's description, its kind among it.
        seed: Seed of the cell.
        outcome: What came of it.
        provenance: With what it was measured.
        seconds: How long the measurement took, without gathering inputs and without waiting.
    """

    description: Mapping[str, Value]
    seed: int
    outcome: Outcome
    provenance: Provenance
    seconds: float


def record_of(cell: Cell, outcome: Outcome, provenance: Provenance, seconds: float, /) -> Record:
    """Put together what is kept of a cell."""
    return Record({"kind": cell.kind, **cell.description()}, seed_of(cell), outcome, provenance, seconds)


def plain_outcome(outcome: Outcome, /) -> Outcome:
    """Turn NumPy's scalars into Python's, as they are after a file was written and read.

    Raises:
        TypeError: It is no outcome, or a measure, timing or array can't be kept in a file.
    """
    if not isinstance(outcome, Outcome):
        raise TypeError(f"measure() must return an Outcome; got {type(outcome).__name__}")
    measures = {name: _plain(f"measure {name!r}", value) for name, value in outcome.measures.items()}
    timings = {name: float(value) for name, value in outcome.timings.items()}
    arrays = {name: np.asarray(array) for name, array in outcome.arrays.items()}
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise TypeError(f"array {name!r} holds Python objects; expected numbers, booleans or text of fixed width")
    return Outcome(measures, timings, arrays)


def write_record(path: Path, record: Record, /) -> None:
    """Write a record as an ``.npz`` file: JSON text beside the arrays."""
    text = json.dumps(
        {
            "format": FORMAT,
            "description": record.description,
            "seed": record.seed,
            "measures": record.outcome.measures,
            "arrays": list(record.outcome.arrays),
            "timings": record.outcome.timings,
            "seconds": record.seconds,
            "provenance": vars(record.provenance),
        }
    )
    members: dict[str, Any] = {_TEXT: np.frombuffer(text.encode(), dtype=np.uint8)}
    members |= {f"{_ARRAY}{name}": array for name, array in record.outcome.arrays.items()}
    np.savez(path, **members)


def parse_record(content: bytes, cell: Cell, /) -> Record:
    """Take the record of a cell out of a file's bytes, arrays and all, so that every byte is checked.

    Raises:
        DAMAGES: One of them, if the file is damaged.
        ValueError: The file is whole, but of another cell or of another version of the format.
    """
    with np.load(BytesIO(content), allow_pickle=False) as members:
        text = json.loads(members[_TEXT].tobytes().decode())
        # by the names in the text, which has a checksum: the zip file's own list of names has none
        arrays = {name: members[f"{_ARRAY}{name}"] for name in text["arrays"]}
    if text["format"] != FORMAT:
        raise ValueError(f"format {text['format']}; this version reads format {FORMAT}")
    # as numbers, not letter by letter: 0.0 is described like 0
    if text["description"] != json.loads(canonical(cell)):
        raise ValueError(f"this is another cell than {key_of(cell)}")
    outcome = Outcome(text["measures"], text["timings"], arrays)
    return Record(
        text["description"], int(text["seed"]), outcome, Provenance(**text["provenance"]), float(text["seconds"])
    )


def _plain(place: str, value: Any) -> Value:
    value = value.item() if isinstance(value, np.generic) else value
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"{place} is a {type(value).__name__}; expected a number, text, a boolean or None")
