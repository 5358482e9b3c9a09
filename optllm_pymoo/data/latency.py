"""Latencies of a batch: a table beside its data set."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Final

import numpy as np

from optllm_pymoo.data.checks import FloatArray, cost_fault
from optllm_pymoo.data.csv_file import read_csv, require_columns
from optllm_pymoo.data.csv_trace import read_header
from optllm_pymoo.data.dataset import Dataset
from optllm_pymoo.data.errors import DataFileError
from optllm_pymoo.data.file_checks import check_cells, check_ids
from optllm_pymoo.data.folder import ID, find_file
from optllm_pymoo.data.wide_layout import ID_NAMES

SUFFIX: Final = "_latency"
LATENCY_EXPECTED: Final = "expected seconds per call, finite and >= 0"


def load_latency(path: str | PathLike[str], dataset: Dataset, /) -> FloatArray:
    r"""Read the latencies of a data set's queries.

    Args:
        path: A folder with `latency.csv.gz` or `latency.csv`, or such a file. It has a column of ids and one column per
            LLM, called `<llm>` or, as in a wide file, `<llm>_latency`. Other columns, other queries and the order of
            the rows don't matter.
        dataset: Says which queries and LLMs are wanted, in which order.

    Returns:
        (N, M) mean seconds per call, for `AllocationProblem(..., latency=...)`.

    Raises:
        FileNotFoundError: There is no such folder or file.
        DataFileError: A ValueError that names the file and the place: a column or a query is missing, an id occurs
            twice, or a value is no number of seconds.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> data = Dataset([[0.1, 2.0]], [[0, 1]], llms=["small", "large"], query_ids=["q1"])
        >>> with TemporaryDirectory() as folder:
        ...     file = Path(folder, "latency.csv")
        ...     _ = file.write_text("query_id,large,small\nq0,9,9\nq1,3.5,0.4\n")
        ...     load_latency(folder, data)
        array([[0.4, 3.5]])
    """
    path = Path(path)
    if path.is_dir():
        path = find_file(path, "latency")
    if not path.is_file():
        raise FileNotFoundError(f"there is neither a folder nor a file {path}")
    header = read_header(path)
    id_column = next((name for name in ID_NAMES if name in header), ID)
    is_wide = any(name + SUFFIX in header for name in dataset.llms)
    columns = [name + SUFFIX if is_wide else name for name in dataset.llms]
    require_columns(path, header, [id_column, *columns])
    table = read_csv(path, text=[id_column], numbers=columns)
    ids = table[id_column].tolist()
    check_ids(path, ids, id_column)
    seconds = table[columns].to_numpy(dtype=np.float64)
    check_cells(path, seconds, columns, cost_fault, LATENCY_EXPECTED)
    row_of = {query: row for row, query in enumerate(ids)}
    missing = [query for query in dataset.query_ids if query not in row_of]
    if missing:
        others = f" ({len(missing)} such queries)" if len(missing) > 1 else ""
        raise DataFileError(path, f"there is no latency of query {missing[0]!r}{others}", column=id_column)
    return np.asarray(seconds[[row_of[query] for query in dataset.query_ids]])
