"""Where data sets come from: folders of a user's, and synthetic ones that need no file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.cells.cell import Value
from optllm_pymoo import AllocationProblem, make_dataset, make_problem
from optllm_pymoo.data import Dataset, read_table
from optllm_pymoo.planning import problem_of


class Source(NamedTuple):
    """A data set by name, and how to get it."""

    name: str
    read: Callable[[], Dataset]
    fingerprint: str
    """Of its content, so that results on a data set that has changed since are not taken for the present one's."""
    has_texts: bool
    """Whether anything can be predicted."""


def from_files(paths: Sequence[Path], /) -> list[Source]:
    """Describe the data sets of a user, each named after its folder or file.

    Args:
        paths: Folders, or tables in files, as `optllm_pymoo.data.read_table` takes them.

    Raises:
        OSError: A file is missing or can't be read.
        ValueError: A file holds something else than expected, outcomes are missing, or two data sets have one name.
    """
    by_name: dict[str, Path] = {}
    for path in paths:
        name = path.resolve().name
        if name in by_name:
            raise ValueError(
                f"two data sets are named {name!r}: {by_name[name]} and {path};"
                " results are kept by name, so rename one, or leave it out if it is the same"
            )
        by_name[name] = path
    return [_described(name, partial(_complete, path)) for name, path in by_name.items()]


def synthetic_texts(n_queries: int, n_llms: int, /, *, random_state: int = 0) -> Source:
    """Describe a synthetic batch of questions with texts, whose outcomes can be predicted."""
    make = partial(make_dataset, n_queries, n_llms, random_state=random_state)
    return _described(f"questions-{n_queries}x{n_llms}", make)


def synthetic_tables(family: str, n_queries: int, n_llms: int, /, *, random_state: int = 0) -> Source:
    """Describe a synthetic batch without texts, of a family of `optllm_pymoo.make_problem`."""
    make = partial(_from_problem, family, n_queries, n_llms, random_state)
    return _described(f"{family}-{n_queries}x{n_llms}", make)


def fingerprint(dataset: Dataset, /) -> str:
    """Return 12 hexadecimal digits that change with costs, outcomes, LLM names, texts or groups."""
    digest = hashlib.sha256()
    for table in (dataset.cost, dataset.correct):
        digest.update(str(table.shape).encode() + np.ascontiguousarray(table, dtype=np.float64).tobytes())
    digest.update(json.dumps([dataset.llms, dataset.texts, dataset.groups]).encode())
    return digest.hexdigest()[:12]


def readers(sources: Iterable[Source], /) -> dict[str, Callable[[], Dataset]]:
    """Return how to read each data set, by name.

    Raises:
        ValueError: If two that differ have one name.
    """
    by_name: dict[str, Source] = {}
    for source in sources:
        if by_name.setdefault(source.name, source).fingerprint != source.fingerprint:
            raise ValueError(f"two different data sets are named {source.name!r}; results are kept by name")
    return {name: source.read for name, source in by_name.items()}


def _described(name: str, read: Callable[[], Dataset]) -> Source:
    dataset = read()
    return Source(name, read, fingerprint(dataset), dataset.texts is not None)


def _complete(path: Path) -> Dataset:
    dataset = read_table(path, allow_missing=True)
    if np.isnan(dataset.correct).any():
        i, j = np.argwhere(np.isnan(dataset.correct))[0]
        place = f"query {dataset.query_ids[i]!r} on {dataset.llms[j]!r}"
        raise ValueError(f"{path}: comparing needs all outcomes, and {place} has none; leave such queries out")
    return dataset


def _from_problem(family: str, n_queries: int, n_llms: int, random_state: int) -> Dataset:
    problem = make_problem(n_queries, n_llms, family=family, random_state=random_state)
    return Dataset(problem.cost, problem.accuracy, llms=problem.llms)


class Subset(NamedTuple):
    """Which queries of which data set, and what counts as their accuracies."""

    data: str
    fingerprint: str
    max_queries: int | None = None
    """At most so many are drawn; None, or more than there are, takes all in order."""
    is_blurred: bool = False
    """Whether outcomes are averaged with random numbers: without the ties of labels of 0 and 1."""

    @classmethod
    def of(cls, source: Source, max_queries: int | None = None, *, is_blurred: bool = False) -> Subset:
        """Describe queries of a data set."""
        return cls(source.name, source.fingerprint, max_queries, is_blurred)

    @property
    def name(self) -> str:
        """For tables."""
        return f"{self.data}, blurred" if self.is_blurred else self.data

    def title(self) -> str:
        """Return one line for people."""
        return self.name if self.max_queries is None else f"{self.name}, up to {self.max_queries:,} queries"

    def description(self) -> dict[str, Value]:
        """Return the fields as plain values."""
        return self._asdict()

    def draw(self, dataset: Dataset, /) -> Dataset:
        """Draw the queries, the same ones for the same subset."""
        rng = np.random.default_rng(self.max_queries)
        if self.max_queries is not None and self.max_queries < len(dataset):
            dataset = dataset.select(rng.permutation(len(dataset))[: self.max_queries])
        if not self.is_blurred:
            return dataset
        return dataset.with_outcomes((dataset.correct + rng.random(dataset.correct.shape)) / 2)


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
    return {path.name if names.count(path.name) == 1 else str(path): problem_of(read_table(path)) for path in paths}


def same_tables(problem: AllocationProblem, /, n_queries: int | None = None) -> AllocationProblem:
    """Build a problem anew on the same tables, so that nothing derived earlier is found ready-made.

    Args:
        problem: The batch; its tables are shared.
        n_queries: Keep only so many queries, the first ones.
    """
    first = slice(n_queries)
    masked, robust = (table if table is None else table[first] for table in (problem.allowed, problem.robust_accuracy))
    third = problem.third
    objectives = [] if third is None else [replace(third, table=third.table[first])]
    options = {"robust_accuracy": robust, "allowed": masked, "objectives": objectives, "llms": problem.llms}
    return AllocationProblem(problem.cost[first], problem.accuracy[first], **options)
