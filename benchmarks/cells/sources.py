"""Sources of data sets: the user's folders, and synthetic batches that need no file."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.cells.cell import Value
from optllm_pymoo import AllocationProblem, UserError, make_dataset, make_problem
from optllm_pymoo.data import Dataset, read_table


class Source(NamedTuple):
    """A data set by name, and how to get it.

    Attributes:
        fingerprint: 12 hexadecimal digits that change with costs, outcomes, LLM names, texts or groups, so that
            results on an older version of a data set are not reused.
        has_texts: Whether anything can be predicted.
    """

    name: str
    read: Callable[[], Dataset]
    fingerprint: str
    has_texts: bool

    @classmethod
    def of(cls, name: str, read: Callable[[], Dataset], /) -> Source:
        """Describe a data set, which is read once for that."""
        dataset = read()
        digest = hashlib.sha256()
        for table in (dataset.cost, dataset.correct):
            digest.update(str(table.shape).encode() + np.ascontiguousarray(table, dtype=np.float64).tobytes())
        digest.update(json.dumps([dataset.llms, dataset.texts, dataset.groups]).encode())
        return cls(name, read, digest.hexdigest()[:12], dataset.texts is not None)


def from_files(paths: Sequence[Path], /) -> list[Source]:
    """Describe the data sets of a user, each named after its folder or file.

    Args:
        paths: Folders, or tables in files, as `optllm_pymoo.data.read_table` takes them.

    Raises:
        OSError: A file is missing or can't be read.
        UserError: A file holds something else than expected, outcomes are missing, or two data sets have one name.
    """

    def complete(path: Path) -> Dataset:
        """Read a data set all of whose outcomes are known."""
        dataset = read_table(path, allow_missing=True)
        if np.isnan(dataset.correct).any():
            i, j = np.argwhere(np.isnan(dataset.correct))[0]
            place = f"query {dataset.query_ids[i]!r} on {dataset.llms[j]!r}"
            raise UserError(f"{path}: comparing needs all outcomes, and {place} has none; leave such queries out")
        return dataset

    by_name: dict[str, Path] = {}
    for path in paths:
        name = path.resolve().name
        if name in by_name:
            raise UserError(
                f"two data sets are named {name!r}: {by_name[name]} and {path};"
                " results are kept by name, so rename one, or leave it out if it is the same"
            )
        by_name[name] = path
    return [Source.of(name, partial(complete, path)) for name, path in by_name.items()]


DATA_SETS = ("llmrouter", "logpai", "mmlu", "routerarena")


def shared_folders() -> list[Path]:
    """Find the folders of `DATA_SETS` that there are below ``$OPTLLM_SHARED/data``; none where that isn't set."""
    shared = os.environ.get("OPTLLM_SHARED")
    folders = [Path(shared) / "data" / name for name in DATA_SETS] if shared else []
    return [folder for folder in folders if folder.is_dir()]


def synthetic_texts(n_queries: int, n_llms: int, /, *, random_state: int = 0) -> Source:
    """Describe a synthetic batch of questions with texts, whose outcomes can be predicted."""
    make = partial(make_dataset, n_queries, n_llms, random_state=random_state)
    return Source.of(f"questions-{n_queries}x{n_llms}", make)


# Behind the name of a data set whose texts are permuted.
PERMUTED = "-permuted"


def permuted(source: Source, /) -> Source:
    """Describe a data set with texts permuted among its queries, so that they carry no information on outcomes."""

    def read() -> Dataset:
        """Permute the texts, always in the same way."""
        dataset = source.read()
        order = np.random.default_rng(0).permutation(len(dataset))
        texts = dataset.texts and [dataset.texts[k] for k in order]
        return Dataset(dataset.cost, dataset.correct, llms=dataset.llms, texts=texts, groups=dataset.groups)

    return Source.of(source.name + PERMUTED, read)


def synthetic_tables(family: str, n_queries: int, n_llms: int, /, *, random_state: int = 0) -> Source:
    """Describe a synthetic batch without texts, of a family of `optllm_pymoo.make_problem`."""

    def read() -> Dataset:
        problem = make_problem(n_queries, n_llms, family=family, random_state=random_state)
        return Dataset(problem.cost, problem.accuracy, llms=problem.llms)

    return Source.of(f"{family}-{n_queries}x{n_llms}", read)


class Subset(NamedTuple):
    """Which queries of which data set, and what counts as their accuracies.

    Attributes:
        max_queries: The most queries to draw; None, or more than the data set has, takes all in order.
        is_blurred: Whether outcomes are averaged with random numbers: without the ties of labels of 0 and 1.
    """

    data: str
    fingerprint: str
    max_queries: int | None = None
    is_blurred: bool = False

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


def same_tables(problem: AllocationProblem, /, n_queries: int | None = None) -> AllocationProblem:
    """Build a problem again on the same tables, so that no cached result of the old one is reused.

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
