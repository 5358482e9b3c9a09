"""CSV files written so that the same data gives the same bytes."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd

from optllm_pymoo.data.checks import FloatArray


def write_csv(frame: pd.DataFrame, path: Path, /) -> None:
    """Write a frame without its index, gzipped if the name ends in `.gz`; floats to the last bit."""
    if path.suffix != ".gz":
        frame.to_csv(path, index=False, lineterminator="\n")
        return
    # Without a name and a time in its header the archive depends on the content alone
    with path.open("wb") as file, gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as archive:
        frame.to_csv(archive, index=False, lineterminator="\n", mode="wb", encoding="utf-8")


def outcomes_frame(correct: FloatArray, llms: tuple[str, ...], /) -> pd.DataFrame:
    """Outcomes (N, M) for writing: as 0 and 1 if they are nothing else, an empty cell for NaN."""
    known = correct[~np.isnan(correct)]
    frame = pd.DataFrame(correct, columns=list(llms))
    return frame.astype("Int8") if np.isin(known, (0.0, 1.0)).all() else frame
