"""A plan.csv and the data it was made for, put together again."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from optllm_pymoo.data import Dataset
from optllm_pymoo.data.source import NUMBER, SCORE, Measure, Source, open_source
from optllm_pymoo.decision import Plan
from optllm_pymoo.decision.frames import PREDICTED
from optllm_pymoo.problems import AllocationProblem

SPREAD: Final = ("sigma", "n_labelled")
"""Optional columns that the interval needs."""


class PlannedBatch(NamedTuple):
    """A plan and the true outcomes of its queries."""

    plan: Plan
    """The plan, at the costs it was made with where the file has them."""
    correct: np.ndarray
    """(N, M) outcomes, NaN where not known, in the order of the plan."""
    paid_usd: np.ndarray
    """(N, M) US$ per call by the data, which may differ from those of the plan."""
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
    source = open_source(path)
    source.require(["query_id", "llm", "accuracy"])
    header = source.names
    predicted = [f"{PREDICTED}{llm}" for llm in dataset.llms]
    has_predictions = set(predicted) <= set(header)
    measures: dict[str, Measure] = {name: NUMBER for name in ("cost_usd", *SPREAD) if name in header}
    measures |= dict.fromkeys(["accuracy", *(predicted if has_predictions else [])], SCORE)
    texts, numbers = source.read(text=["query_id", "llm"], numbers=measures)
    source.check_ids(texts["query_id"], "query_id")
    source.check_complete(numbers)
    if len(few := np.flatnonzero(numbers.get("n_labelled", np.ones(1)) < 1)):
        raise source.fault("expected at least 1 query", int(few[0]), "n_labelled")
    frame = pd.DataFrame(texts | numbers)
    rows, x = _rows(source, frame, dataset), _llms(source, frame, dataset)
    paid = dataset.cost[rows]
    planned = np.array(paid, dtype=float)
    if "cost_usd" in frame:
        planned[np.arange(len(x)), x] = frame["cost_usd"].to_numpy()
    accuracy = np.zeros((len(x), dataset.n_llms))
    if has_predictions:
        accuracy[:] = frame[predicted].to_numpy()
    accuracy[np.arange(len(x)), x] = frame["accuracy"].to_numpy()
    ids = frame["query_id"].tolist()
    problem = AllocationProblem(planned, accuracy, llms=dataset.llms, query_ids=ids)
    sigma = frame["sigma"].to_numpy() if "sigma" in frame else None
    n_labelled = int(frame["n_labelled"].min()) if "n_labelled" in frame else None
    return PlannedBatch(Plan(problem, x, n_labelled=n_labelled), dataset.correct[rows], paid, sigma, has_predictions)


def _rows(source: Source, frame: pd.DataFrame, dataset: Dataset) -> list[int]:
    row_of = {query_id: row for row, query_id in enumerate(dataset.query_ids)}
    for row, query_id in enumerate(frame["query_id"]):
        if query_id not in row_of:
            raise source.fault(f"the data have no query {query_id!r}; is this plan of other data?", row, "query_id")
    return [row_of[query_id] for query_id in frame["query_id"]]


def _llms(source: Source, frame: pd.DataFrame, dataset: Dataset) -> np.ndarray:
    number_of = {llm: j for j, llm in enumerate(dataset.llms)}
    for row, llm in enumerate(frame["llm"]):
        if llm not in number_of:
            known = ", ".join(map(repr, dataset.llms))
            raise source.fault(f"the data have no LLM {llm!r}, only {known}", row, "llm")
    return np.array([number_of[llm] for llm in frame["llm"]])
