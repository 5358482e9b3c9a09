"""A plan.csv and the data it was made for, put together again."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from optllm_pymoo.data import Dataset
from optllm_pymoo.data.checks import cost_fault
from optllm_pymoo.data.csv_file import read_csv, require_columns
from optllm_pymoo.data.csv_trace import read_header
from optllm_pymoo.data.file_checks import check_cells, check_ids, fault_at
from optllm_pymoo.decision import Plan
from optllm_pymoo.decision.frames import PREDICTED
from optllm_pymoo.problems import AllocationProblem

SPREAD: Final = ("sigma", "n_labelled")
"""Optional columns that the interval needs."""


class PlannedBatch(NamedTuple):
    """A plan and the true outcomes of its queries."""

    plan: Plan
    """The plan."""
    correct: np.ndarray
    """(N, M) outcomes, NaN where not known, in the order of the plan."""
    sigma: np.ndarray | None
    """(N,) standard deviation of the expected accuracies of the chosen LLMs, if the file has it."""
    has_predictions: bool
    """Whether the file has the expected accuracy of every LLM; if not, those not chosen are set to 0."""


def read_plan(path: str | Path, dataset: Dataset, /) -> PlannedBatch:
    """Read a plan that was written with `Plan.to_csv`.

    Args:
        path: CSV with the columns ``query_id``, ``llm`` and ``accuracy``, and where known ``cost_usd``, ``sigma``,
            ``n_labelled`` (of several numbers the smallest counts) and ``predicted:<llm>`` for all LLMs.
        dataset: Costs and outcomes of at least the queries of the plan.

    Raises:
        FileNotFoundError: If there is no such file.
        DataFileError: A ValueError that names file, line and column.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no plan {path}")
    header = read_header(path)
    require_columns(path, header, ["query_id", "llm", "accuracy"])
    predicted = [f"{PREDICTED}{llm}" for llm in dataset.llms]
    has_predictions = set(predicted) <= set(header)
    known = [name for name in ("cost_usd", *SPREAD) if name in header]
    numbers = ["accuracy", *known, *(predicted if has_predictions else [])]
    frame = read_csv(path, text=["query_id", "llm"], numbers=numbers)
    _check_values(path, frame, numbers)
    rows, x = _rows(path, frame, dataset), _llms(path, frame, dataset)
    _check_costs(path, frame, dataset.cost[rows, x])
    accuracy = np.zeros((len(x), dataset.n_llms))
    if has_predictions:
        accuracy[:] = frame[predicted].to_numpy()
    accuracy[np.arange(len(x)), x] = frame["accuracy"].to_numpy()
    ids = frame["query_id"].tolist()
    problem = AllocationProblem(dataset.cost[rows], accuracy, llms=dataset.llms, query_ids=ids)
    sigma = frame["sigma"].to_numpy() if "sigma" in frame else None
    n_labelled = int(frame["n_labelled"].min()) if "n_labelled" in frame else None
    return PlannedBatch(Plan(problem, x, n_labelled=n_labelled), dataset.correct[rows], sigma, has_predictions)


def _check_values(path: Path, frame: pd.DataFrame, numbers: list[str]) -> None:
    check_ids(path, frame["query_id"].tolist(), "query_id")
    if "sigma" in frame:
        check_cells(path, frame[["sigma"]].to_numpy(), ["sigma"], cost_fault, "expected a standard deviation >= 0")
    if "n_labelled" in frame:
        check_cells(path, frame[["n_labelled"]].to_numpy(), ["n_labelled"], _below_one, "expected at least 1 query")
    accuracies = [name for name in numbers if name not in ("cost_usd", *SPREAD)]
    check_cells(path, frame[accuracies].to_numpy(), accuracies, _outside_unit, "expected an accuracy in [0, 1]")


def _outside_unit(values: np.ndarray) -> tuple[int, ...] | None:
    return _first(~((values >= 0) & (values <= 1)))


def _below_one(values: np.ndarray) -> tuple[int, ...] | None:
    return _first(~((values >= 1) & np.isfinite(values)))


def _first(faulty: np.ndarray) -> tuple[int, ...] | None:
    bad = np.argwhere(faulty)
    return tuple(bad[0].tolist()) if len(bad) else None


def _check_costs(path: Path, frame: pd.DataFrame, costs: np.ndarray) -> None:
    """Data of the same names are not the same data: what the plan says it costs must be what it costs."""
    if "cost_usd" not in frame:
        return
    said = frame["cost_usd"].to_numpy()
    differing = np.flatnonzero(~np.isclose(said, costs, rtol=1e-6, atol=0))
    if len(differing):
        row = int(differing[0])
        problem = (
            f"this query costs {costs[row]:g} US$ there by the data, not {said[row]:g}; is this plan of other data?"
        )
        raise fault_at(path, problem, row, "cost_usd")


def _rows(path: Path, frame: pd.DataFrame, dataset: Dataset) -> list[int]:
    row_of = {query_id: row for row, query_id in enumerate(dataset.query_ids)}
    for row, query_id in enumerate(frame["query_id"]):
        if query_id not in row_of:
            raise fault_at(path, f"the data have no query {query_id!r}; is this plan of other data?", row, "query_id")
    return [row_of[query_id] for query_id in frame["query_id"]]


def _llms(path: Path, frame: pd.DataFrame, dataset: Dataset) -> np.ndarray:
    number_of = {llm: j for j, llm in enumerate(dataset.llms)}
    for row, llm in enumerate(frame["llm"]):
        if llm not in number_of:
            known = ", ".join(map(repr, dataset.llms))
            raise fault_at(path, f"the data have no LLM {llm!r}, only {known}", row, "llm")
    return np.array([number_of[llm] for llm in frame["llm"]])
