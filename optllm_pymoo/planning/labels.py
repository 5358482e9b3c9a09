"""Which queries a predictor may learn from, and which are to be planned without a look at their outcomes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from optllm_pymoo.data import DataFileError, Dataset
from optllm_pymoo.data.checks import CORRECT_EXPECTED, correct_fault
from optllm_pymoo.data.csv_file import read_csv, require_columns
from optllm_pymoo.data.csv_trace import read_header
from optllm_pymoo.data.file_checks import check_cells, check_ids, fault_at
from optllm_pymoo.validation import UserError, positions_of

DEFAULT_SHARE: Final = 0.05
"""Share that is learnt from if all outcomes are known and nothing else is said."""


class Split(NamedTuple):
    """A batch in two parts."""

    labelled: Dataset
    """Queries to learn from: at least one outcome is known of each."""
    planned: Dataset
    """Queries to be planned. Their outcomes have been erased: all NaN."""


def split_by_known(dataset: Dataset, /) -> Split:
    """Learn from the queries of which any outcome is known, plan the others.

    Args:
        dataset: With NaN where an LLM was not tried on a query.

    Raises:
        ValueError: If either part would be empty.
    """
    tried = dataset.tried.any(axis=1)
    if not tried.any():
        raise UserError("no outcome is known of any query; label a few queries, or pass a file of labels")
    if tried.all():
        raise UserError(
            f"all {len(dataset):,} queries have labels already, so there is nothing to plan;"
            " say which share of them to learn from, for example 0.05"
        )
    return Split(dataset.select(tried), without_outcomes(dataset.select(~tried)))


def split_by_share(dataset: Dataset, share: float, /, *, random_state: int | np.random.Generator = 0) -> Split:
    """Learn from a random share of the queries, plan the others as if their outcomes were unknown.

    Args:
        dataset: The batch; outcomes may be missing.
        share: In (0, 1), of the queries with any known outcome; rounded up to whole queries.
        random_state: Seed or generator of the draw.

    Raises:
        ValueError: If the share is outside (0, 1), or one part would be empty.

    Example:
        >>> split = split_by_share(Dataset(np.ones((10, 2)), np.ones((10, 2))), 0.25)
        >>> len(split.labelled), len(split.planned), split.planned.tried.any()
        (3, 7, np.False_)
    """
    if not 0 < share < 1:
        raise UserError(f"the labelled share must lie in (0, 1); got {share:g}. For 5 % write 0.05")
    tried = np.flatnonzero(dataset.tried.any(axis=1))
    n_labelled = math.ceil(share * len(tried) - 1e-9)
    if n_labelled == 0 or n_labelled == len(dataset):
        raise UserError(
            f"a labelled share of {share:g} leaves {n_labelled} of {len(dataset)} queries to learn from"
            f" and {len(dataset) - n_labelled} to plan; both parts need one at least"
        )
    mask = np.zeros(len(dataset), dtype=bool)
    mask[np.random.default_rng(random_state).choice(tried, size=n_labelled, replace=False)] = True
    return Split(dataset.select(mask), without_outcomes(dataset.select(~mask)))


def without_outcomes(dataset: Dataset, /) -> Dataset:
    """Erase all outcomes, so that nothing downstream can look at them.

    Args:
        dataset: The batch.
    """
    return dataset.with_outcomes(np.full(dataset.correct.shape, np.nan))


def with_labels_from(dataset: Dataset, path: str | Path, /) -> Dataset:
    """Replace all outcomes by those in a file.

    Args:
        dataset: The batch; its own outcomes are dropped.
        path: CSV with the column ``query_id`` and one per LLM: outcomes in [0, 1], empty where not tried. Queries
            and LLMs may be missing.

    Returns:
        The batch with NaN wherever the file says nothing.

    Raises:
        FileNotFoundError: If there is no such file.
        DataFileError: A ValueError that names file, line and column: an id that is unknown or there twice, a column
            that is no LLM, a value that is none.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file of labels {path}")
    header = read_header(path)
    require_columns(path, header, ["query_id"])
    llms = [name for name in header if name != "query_id"]
    frame = read_csv(path, text=["query_id"], numbers=llms, gaps=llms)
    ids = frame["query_id"].tolist()
    check_ids(path, ids, "query_id")
    labels = frame[llms].to_numpy(dtype=np.float64)
    check_cells(path, labels, llms, correct_fault, CORRECT_EXPECTED)
    outcomes = np.full(dataset.correct.shape, np.nan)
    outcomes[np.ix_(_rows(path, ids, dataset), _columns(path, llms, dataset))] = labels
    return dataset.with_outcomes(outcomes)


def _rows(path: Path, ids: list[str], dataset: Dataset) -> list[int]:
    row_of = {query_id: row for row, query_id in enumerate(dataset.query_ids)}
    for row, query_id in enumerate(ids):
        if query_id not in row_of:
            raise fault_at(path, f"the batch has no query {query_id!r}", row, "query_id")
    return [row_of[query_id] for query_id in ids]


def _columns(path: Path, llms: list[str], dataset: Dataset) -> list[int]:
    try:
        return positions_of(llms, dataset.llms)
    except ValueError as error:
        raise DataFileError(path, str(error), 1) from None
