"""One reader and one writer for all formats, chosen by the path."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from optllm_pymoo.data.dataset import Dataset
from optllm_pymoo.data.folder import load_dataset, save_dataset
from optllm_pymoo.data.wide import read_wide, write_wide
from optllm_pymoo.validation import UserError

WIDE_SUFFIXES = (".csv", ".csv.gz", ".parquet", ".pq")
OTHER_SUFFIXES = (".tsv", ".txt", ".json", ".jsonl", ".xls", ".xlsx", ".feather", ".gz", ".bz2", ".xz", ".zip", ".zst")
"""Whoever writes such a name expects a file, not a folder of that name."""


def read_table(path: str | PathLike[str], /, *, allow_missing: bool = False) -> Dataset:
    """Read a data set from a folder, or from a wide CSV or Parquet file.

    Args:
        path: A folder as `load_dataset` reads it, or a file as `read_wide` reads it.
        allow_missing: Take an empty outcome as "this LLM was not tried on this query" (NaN).

    Raises:
        FileNotFoundError: There is nothing at `path`.
        DataFileError: A ValueError that names the file and the place.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"there is neither a folder nor a file {path}")
    read = load_dataset if path.is_dir() else read_wide
    return read(path, allow_missing=allow_missing)


def write_table(dataset: Dataset, path: str | PathLike[str], /, *, overwrite: bool = False) -> None:
    """Write a data set as a wide file if `path` ends like one, else as a folder.

    Args:
        dataset: The data set.
        path: What to write: .csv, .csv.gz and .parquet make a wide file, other names a folder.
        overwrite: Whether what is there may be replaced.

    Raises:
        FileExistsError: There is something already, and `overwrite` is false; or a folder that holds something else
            than a data set.
        OSError: It can't be written.
        ValueError: The name ends like a file of another format.
    """
    is_wide = Path(path).name.lower().endswith(WIDE_SUFFIXES)
    if not is_wide and Path(path).suffix.lower() in OTHER_SUFFIXES:
        raise UserError(f"{path}: can't write that format; take a name in .csv, .csv.gz or .parquet, or a folder")
    write = write_wide if is_wide else save_dataset
    write(dataset, path, overwrite=overwrite)


def convert(
    source: str | PathLike[str],
    target: str | PathLike[str],
    /,
    *,
    overwrite: bool = False,
    allow_missing: bool = True,
) -> Dataset:
    """Read a data set in one format and write it in another.

    Args:
        source: A folder or a wide file.
        target: A folder or a wide file; see `write_table`.
        overwrite: Whether what is there may be replaced.
        allow_missing: Take over outcomes that are not known as empty cells.

    Returns:
        The data set.

    Raises:
        FileNotFoundError: There is nothing at `source`.
        FileExistsError: There is something at `target`, and `overwrite` is false.
        DataFileError: A ValueError that names the file and the place.
    """
    dataset = read_table(source, allow_missing=allow_missing)
    write_table(dataset, target, overwrite=overwrite)
    return dataset
