"""Which queries are learnt from, and what is expected of the others."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from optllm_pymoo.data import Dataset, read_outcomes
from optllm_pymoo.decision.text import count
from optllm_pymoo.planning.learner import Beside, Learner
from optllm_pymoo.prediction import QueryFeatures, SuccessPredictor
from optllm_pymoo.prediction.heldout import Optimism, Skill
from optllm_pymoo.prediction.shift import Shift
from optllm_pymoo.validation import UserError, in_full

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
        UserError: If either part would be empty.
    """
    tried = dataset.tried.any(axis=1)
    if not tried.any():
        raise UserError("no outcome is known of any query; label a few queries, or pass a file of labels")
    if tried.all():
        raise UserError(
            f"all {len(dataset):,} queries have labels already, so there is nothing to plan;"
            " say which share of them to learn from, for example 0.05"
        )
    return Split(dataset.select(tried), _without_outcomes(dataset.select(~tried)))


def split_by_share(dataset: Dataset, share: float, /, *, random_state: int | np.random.Generator = 0) -> Split:
    """Learn from a random share of the queries, plan the others as if their outcomes were unknown.

    Args:
        dataset: The batch; outcomes may be missing.
        share: In (0, 1), of the queries with any known outcome; rounded up to whole queries.
        random_state: Seed or generator of the draw, which depends on ids and texts and not on the order of the rows.

    Raises:
        UserError: If the share is outside (0, 1), or one part would be empty.

    Example:
        >>> split = split_by_share(Dataset(np.ones((10, 2)), np.ones((10, 2))), 0.25)
        >>> len(split.labelled), len(split.planned), split.planned.tried.any()
        (3, 7, np.False_)
    """
    if not 0 < share < 1:
        raise UserError(f"the labelled share must lie in (0, 1); got {in_full(share)}. For 5 % write 0.05")
    tried = np.flatnonzero(dataset.tried.any(axis=1))
    n_labelled = math.ceil(share * len(tried) - 1e-9)
    if n_labelled == 0 or n_labelled == len(dataset):
        raise UserError(
            f"a labelled share of {in_full(share)} leaves {n_labelled} of {len(dataset)} queries to learn from"
            f" and {len(dataset) - n_labelled} to plan; both parts need one at least"
        )
    mask = np.zeros(len(dataset), dtype=bool)
    mask[tried[np.argsort(draws(dataset, random_state)[tried], kind="stable")[:n_labelled]]] = True
    return Split(dataset.select(mask), _without_outcomes(dataset.select(~mask)))


def draws(dataset: Dataset, random_state: int | np.random.Generator, /) -> np.ndarray:
    """Draw a number per query by a hash of the seed, its id and its text: the order of the rows changes nothing.

    Args:
        dataset: N queries.
        random_state: Seed or generator.

    Returns:
        (N,) uint64.
    """
    if isinstance(random_state, np.random.Generator):
        random_state = int(random_state.integers(2**63))
    texts = [""] * len(dataset) if dataset.texts is None else dataset.texts
    keys = (f"{random_state}\0{name}\0{text}" for name, text in zip(dataset.query_ids, texts, strict=True))
    digests = (hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest() for key in keys)
    return np.frombuffer(b"".join(digests), dtype=np.uint64)


def _without_outcomes(dataset: Dataset, /) -> Dataset:
    """Erase all outcomes, so that nothing downstream can look at them.

    Args:
        dataset: The batch.
    """
    return dataset.with_outcomes(np.full(dataset.correct.shape, np.nan))


def with_labels_from(dataset: Dataset, path: str | Path, /) -> Dataset:
    """Replace all outcomes by those in a file.

    Args:
        dataset: The batch; its own outcomes are dropped.
        path: A table of outcomes, see `read_outcomes`; queries and LLMs may be missing.

    Returns:
        The batch with NaN wherever the file says nothing.

    Raises:
        FileNotFoundError: If there is no such file.
        DataFileError: A UserError that names file, line and column, as `read_outcomes`.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no file of labels {path}")
    return dataset.with_outcomes(read_outcomes(path, dataset))


class Prediction(NamedTuple):
    """Expected accuracies of the planned queries."""

    accuracy: np.ndarray
    """(N, M) probability that an LLM answers a query correctly."""
    sigma: np.ndarray
    """(N, M) standard deviation of it."""
    optimism: Optimism | None
    """By how much plans made on it expect too much."""
    shift: Shift | None
    """How unlike the labelled queries the planned ones look."""
    skill: Skill | None = None
    """How much texts tell about which LLM suits which query."""
    learner: Learner | None = None
    """What it comes from, to be asked about other queries; None where it isn't kept."""


def silent(message: str, /) -> None:
    """Report nothing; the default of all functions that report their stages."""


def predict_accuracy(
    split: Split,
    /,
    *,
    random_state: int = 0,
    n_jobs: int | None = None,
    report: Callable[[str], None] = silent,
) -> Prediction:
    """Learn from the labelled part of a batch and predict the other.

    Features are fitted on the texts of both parts, which needs no outcomes; the predictor sees the labelled part
    only.

    Args:
        split: The two parts of the batch, with texts; ``beside`` in `about` has columns beside them (`read_table`).
        random_state: Seed; same seed, same prediction, whatever ``n_jobs``.
        n_jobs: Ensemble members fitted at a time, as joblib counts.
        report: Called with the name of each stage as it begins.

    Raises:
        UserError: If there are no texts, or an LLM has no label at all.
    """
    labelled, planned = split
    if labelled.texts is None or planned.texts is None:
        raise UserError(
            "the batch has no texts, so nothing can be predicted; give queries a column 'text' (folder)"
            " or 'query', 'text' or 'prompt' (wide file)"
        )
    report(f"Features of {len(labelled) + len(planned):,} texts")
    features, beside = QueryFeatures(random_state=random_state), None
    table = features.fit_transform(labelled.texts + planned.texts)
    if by_name := labelled.about.get("beside"):
        ids = [*labelled.query_ids, *planned.query_ids]
        columns = {name: [of.get(query_id, "") for query_id in ids] for name, of in by_name.items()}
        beside = Beside.of(columns)
        table = np.hstack([table, beside.table(columns)])
    report(f"Learning from {count(len(labelled), 'labelled query', 'labelled queries')}")
    predictor = SuccessPredictor(random_state=random_state, n_jobs=n_jobs)
    known, asked = table[: len(labelled)], table[len(labelled) :]
    predictor.fit(known, labels_of(labelled), cost=labelled.cost, planned=asked)
    report(f"Predicting {len(planned):,} queries on {planned.n_llms} LLMs")
    accuracy, sigma = predictor.predict(asked, return_std=True)
    learner = Learner.of(features, predictor, labelled, planned, beside=beside)
    return Prediction(accuracy, sigma, predictor.optimism_, predictor.shift_, predictor.skill_, learner)


def labels_of(labelled: Dataset, /) -> np.ndarray:
    """Return the outcomes to learn from, (n, M), NaN where an LLM wasn't tried.

    Args:
        labelled: The queries that are learnt from.

    Raises:
        UserError: If an LLM has no label at all.
    """
    unlabelled = np.flatnonzero(~labelled.tried.any(axis=0))
    if len(unlabelled):
        names = ", ".join(repr(labelled.llms[j]) for j in unlabelled)
        raise UserError(f"no labelled query has an outcome of {names}; label some, or leave the LLM out")
    return labelled.correct
