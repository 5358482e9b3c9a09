"""The batches that are compared on: embedded synthetic ones, and folders with true labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from optllm_pymoo import AllocationProblem, make_problem
from optllm_pymoo.data import read_table


def synthetic_problem(n_queries: int, n_llms: int = 12, /) -> dict[str, AllocationProblem]:
    """Draw the embedded batch: tie-free predicted accuracies, always the same seed.

    Returns:
        The problem under its name.
    """
    return {f"synthetic-{n_queries}x{n_llms}": make_problem(n_queries, n_llms, random_state=0)}


def load_problems(folders: Sequence[Path], /) -> dict[str, AllocationProblem]:
    """Load data sets, with their true labels as the accuracies to optimise.

    Args:
        folders: Folders, or wide CSV or Parquet files, as `optllm_pymoo.data.read_table` takes them.

    Returns:
        The problems, named after their folders, or by their whole paths where two folders are named alike.

    Raises:
        FileNotFoundError: If there is nothing, or a file of a folder is missing.
        ValueError: If a folder is given twice, or a file holds something else than expected.
    """
    paths = [folder.resolve() for folder in folders]
    twice = [str(path) for k, path in enumerate(paths) if path in paths[:k]]
    if twice:
        raise ValueError(f"the data set {twice[0]} is given twice")
    names = [path.name for path in paths]
    return {path.name if names.count(path.name) == 1 else str(path): read_table(path).problem() for path in paths}


def same_tables(problem: AllocationProblem, /, n_queries: int | None = None) -> AllocationProblem:
    """Build a problem anew on the same tables, so that nothing derived earlier is found ready-made.

    Args:
        problem: The batch; its tables are shared.
        n_queries: Keep only so many queries, the first ones.
    """
    first = slice(n_queries)
    masked, robust, seconds = (
        table if table is None else table[first]
        for table in (problem.allowed, problem.robust_accuracy, problem.latency)
    )
    options = {"robust_accuracy": robust, "allowed": masked, "latency": seconds, "llms": problem.llms}
    return AllocationProblem(problem.cost[first], problem.accuracy[first], **options)
