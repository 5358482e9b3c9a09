"""From a batch with a few labels to a front and a plan: where all parts meet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from optllm_pymoo.data import Dataset
from optllm_pymoo.decision import Choice, Knee, Plan
from optllm_pymoo.pipeline.labels import (
    DEFAULT_SHARE,
    Split,
    split_by_known,
    split_by_share,
    with_labels_from,
)
from optllm_pymoo.pipeline.predicting import predict_accuracy, silent
from optllm_pymoo.pipeline.searching import EXACT, find_front
from optllm_pymoo.problems import AllocationProblem
from optllm_pymoo.supported_front import SupportedFront

ALL = "all"
"""In the place of labels: all outcomes are known, plan on them."""


@dataclass(frozen=True, kw_only=True)
class Front:
    """Plans from cheap to accurate for the queries of a batch that need one.

    Attributes:
        problem: The queries to plan, with their expected accuracies.
        sigma: (N, M) standard deviation of these; None if outcomes were taken as known.
        found: The `SupportedFront`, or the result of a search.
        algorithm: What found it.
        n_labelled: Queries that were learnt from.
    """

    problem: AllocationProblem
    sigma: np.ndarray | None
    found: Any
    algorithm: str
    n_labelled: int

    @property
    def is_exact(self) -> bool:
        """Whether `found` is the exact front."""
        return isinstance(self.found, SupportedFront)

    def choose(self, choice: Choice | None = None, /) -> Plan:
        """Choose a plan.

        Args:
            choice: How; the knee of the front if not given.

        Raises:
            ValueError: If no plan meets the choice.
        """
        source = self.problem if self.is_exact else self.found
        # known outcomes have no sampling error
        n_labelled = None if self.sigma is None else self.n_labelled
        return (choice or Knee()).plan(source, sigma=self.sigma, n_labelled=n_labelled)


def expected_problem(
    dataset: Dataset,
    labels: float | str | Path | None = None,
    /,
    *,
    random_state: int = 0,
    n_jobs: int | None = None,
    report: Callable[[str], None] = silent,
) -> tuple[AllocationProblem, np.ndarray | None, int]:
    """Make the problem of planning the queries without labels.

    Args:
        dataset: The batch.
        labels: What is learnt from. A number: that share of the labelled queries, drawn at random, while the
            outcomes of all others are erased. A path: a file of labels, see `with_labels_from`. "all": no prediction,
            all outcomes are known. None: the outcomes that are there; if none is missing, a share of
            `DEFAULT_SHARE`.
        random_state: Seed of the draw and the predictor.
        n_jobs: As joblib counts.
        report: Called with the name of each stage.

    Returns:
        The problem; (N, M) standard deviations of its accuracies, or None; the number of labelled queries.

    Raises:
        FileNotFoundError: If there is no file of labels.
        ValueError: If labels don't fit the batch, or there is nothing to learn from or to plan.
    """
    if labels == ALL:
        return dataset.problem(), None, len(dataset)
    split = _split(dataset, labels, random_state)
    accuracy, sigma = predict_accuracy(split, random_state=random_state, n_jobs=n_jobs, report=report)
    return split.planned.problem(accuracy), sigma, len(split.labelled)


def plan_front(
    dataset: Dataset,
    labels: float | str | Path | None = None,
    /,
    *,
    algorithm: str = EXACT,
    n_grid: int | None = None,
    random_state: int = 0,
    n_jobs: int | None = None,
    report: Callable[[str], None] = silent,
) -> Front:
    """Learn, predict and find the front of a batch.

    Args:
        dataset: The batch.
        labels: See `expected_problem`.
        algorithm: See `find_front`.
        n_grid: See `find_front`.
        random_state: Seed of everything.
        n_jobs: As joblib counts.
        report: Called with the name of each stage.

    Raises:
        FileNotFoundError, ValueError: As `expected_problem` and `find_front`.

    Example:
        >>> from optllm_pymoo.data import make_dataset
        >>> front = plan_front(make_dataset(200, 3), 0.2)
        >>> front.n_labelled, len(front.choose().x)
        (40, 160)
    """
    problem, sigma, n_labelled = expected_problem(
        dataset, labels, random_state=random_state, n_jobs=n_jobs, report=report
    )
    found = find_front(problem, algorithm, n_grid=n_grid, random_state=random_state, report=report)
    return Front(problem=problem, sigma=sigma, found=found, algorithm=algorithm, n_labelled=n_labelled)


def _split(dataset: Dataset, labels: float | str | Path | None, random_state: int) -> Split:
    if isinstance(labels, (str, Path)):
        return split_by_known(with_labels_from(dataset, labels))
    if labels is None and not dataset.tried.all():
        return split_by_known(dataset)
    return split_by_share(dataset, DEFAULT_SHARE if labels is None else labels, random_state=random_state)
