"""CSV files written so that the same data gives the same bytes."""

from __future__ import annotations

import csv
import gzip
from contextlib import nullcontext
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
import pandas as pd

from optllm_pymoo.data.checks import FloatArray


def write_csv(frame: pd.DataFrame, path: Path, /) -> None:
    """Write a frame without its index, gzipped if the name ends in `.gz`; floats to the last bit."""
    # Without a name and a time in its header an archive depends on the content alone
    with path.open("wb") as file, _gzipped(file) if path.suffix == ".gz" else nullcontext(file) as target:
        frame.to_csv(target, index=False, lineterminator="\n", mode="wb", encoding="utf-8", quoting=_quoting(frame))


def _gzipped(file: BinaryIO) -> gzip.GzipFile:
    return gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0)


def _quoting(frame: pd.DataFrame) -> Literal[0, 2]:
    """Quotes where needed, but round all text if a carriage return is in it, which the writer overlooks."""
    texts = frame.select_dtypes(exclude="number")
    in_names = any("\r" in str(name) for name in frame.columns)
    has_return = in_names or any("\r" in str(value) for column in texts for value in texts[column])
    return csv.QUOTE_NONNUMERIC if has_return else csv.QUOTE_MINIMAL


def outcomes_frame(correct: FloatArray, llms: tuple[str, ...], /) -> pd.DataFrame:
    """Outcomes (N, M) for writing: as 0 and 1 if they are nothing else, an empty cell for NaN."""
    known = correct[~np.isnan(correct)]
    frame = pd.DataFrame(correct, columns=list(llms))
    return frame.astype("Int8") if np.isin(known, (0.0, 1.0)).all() else frame
