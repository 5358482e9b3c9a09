"""CSV files read by pandas' fast parser, with errors that name line and column."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from optllm_pymoo.data.csv_trace import BROKEN_ARCHIVE, MISSING, check_records
from optllm_pymoo.data.errors import DataFileError

# From pandas 3.1 on every float is parsed exactly and the option is deprecated.
_EXACT: dict[str, Any] = (
    {} if tuple(map(int, pd.__version__.split(".")[:2])) >= (3, 1) else {"float_precision": "round_trip"}
)


def read_csv(path: Path, /, *, text: Sequence[str], numbers: Sequence[str], gaps: Iterable[str] = ()) -> pd.DataFrame:
    """Some columns of a CSV or gzipped CSV file.

    Args:
        path: The file.
        text: Columns to read as they stand; an empty cell is an empty string, "NA" is the text "NA".
        numbers: Columns to read as float64, to the last bit.
        gaps: Those of `numbers` whose cells may be empty (NaN in the result).

    Returns:
        The columns asked for, in the order of the file.

    Raises:
        DataFileError: With line and column of the first fault.
        FileNotFoundError: There is no such file.
    """
    gaps = set(gaps)
    try:
        frame = _parse(path, set(numbers), gaps)
    except (ValueError, pd.errors.ParserWarning, *BROKEN_ARCHIVE) as error:
        check_records(path, numbers, gaps)
        raise DataFileError(path, str(error)) from error
    # The parser fills the cells that a short record lacks, and takes the surplus of a long one for an index
    if not isinstance(frame.index, pd.RangeIndex) or frame.iloc[:, -1].isin(["", np.nan]).any():
        check_records(path, numbers, gaps)
    if frame.empty:
        raise DataFileError(path, "there is no record below the header; at least one query is needed", 1)
    return frame[[name for name in frame.columns if name in text or name in numbers]]


def _parse(path: Path, numbers: set[str], gaps: set[str]) -> pd.DataFrame:
    types: dict[Any, Any] = defaultdict(lambda: str, dict.fromkeys(numbers, np.float64))
    # All columns are read: told to use only some, the parser accepts records with too many cells
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        frame: pd.DataFrame = pd.read_csv(
            path,
            encoding="utf-8",
            dtype=types,
            keep_default_na=False,
            na_values={name: list(MISSING) for name in gaps},
            **_EXACT,
        )
    return frame


def require_columns(path: Path, header: Sequence[str], needed: Sequence[str], /) -> None:
    """Refuse a header that lacks one of the columns needed.

    Raises:
        DataFileError: With the columns there are.
    """
    for name in needed:
        if name not in header:
            there = ", ".join(map(repr, header))
            raise DataFileError(path, f"this column is missing; there are {there}", 1, name)
