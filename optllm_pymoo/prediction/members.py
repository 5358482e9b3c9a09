"""Members of the ensemble: which labelled queries each learns from and is judged on, and how it is fitted."""

from __future__ import annotations

from numbers import Integral
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier
from sklearn.utils import get_tags

from optllm_pymoo.prediction.averages import Floats, laplace_means
from optllm_pymoo.validation import UserError

RESAMPLINGS: Final = ("folds", "out-of-bag", "validation-split")
FOLDS: Final = 10


class Resample(NamedTuple):
    """Rows of one member.

    Attributes:
        train: Rows to learn from, integers; a bootstrap repeats some.
        heldout: Rows never learned from, distinct; may be empty.
        turn: Round of the cross-validation, or number of the bootstrap, from 0.
    """

    train: NDArray[np.intp]
    heldout: NDArray[np.intp]
    turn: int


def distinct_rows(features: NDArray[Any], /) -> NDArray[np.intp]:
    """Give queries with the very same features the same number, so they are held out together.

    Batches repeat queries, and an error estimated on a query that was learned from is no estimate.

    Args:
        features: (N, D).

    Returns:
        Group of each row, 0 ... G - 1, (N,).

    Examples:
        >>> distinct_rows(np.array([[2.0], [1.0], [2.0]]))
        array([1, 0, 1])
    """
    return np.asarray(np.unique(features, axis=0, return_inverse=True)[1], dtype=np.intp).reshape(-1)


def folds(groups: NDArray[np.intp], count: int, folds: int, random: np.random.RandomState) -> list[Resample]:
    """Repeat a cross-validation over groups until there are `count` members.

    Args:
        groups: Group of each row, 0 ... G - 1, (N,).
        count: Members wanted; rounded up to whole rounds, so every row is held out equally often.
        folds: Folds of one round; G at most.
        random: Where the shuffles come from.

    Returns:
        The resamples; a single one with all rows and nothing held out if there is only one group.
    """
    n_groups = int(groups.max()) + 1
    folds = min(folds, n_groups)
    if folds < 2:
        return [Resample(np.arange(len(groups)), np.arange(0), 0)]
    found = []
    for turn in range(-(-count // folds)):
        fold = (random.permutation(n_groups) % folds)[groups]
        found += [Resample(np.flatnonzero(fold != k), np.flatnonzero(fold == k), turn) for k in range(folds)]
    return found


def bootstraps(rows: NDArray[np.intp], count: int, random: np.random.RandomState) -> list[Resample]:
    """Draw rows with replacement; those never drawn are held out (out of bag).

    Args:
        rows: Rows to draw from, (n,).
        count: Resamples wanted.
        random: Where the draws come from.

    Returns:
        The resamples.
    """
    drawn = (rows[random.randint(len(rows), size=len(rows))] for _ in range(count))
    return [Resample(train, np.setdiff1d(rows, train), turn) for turn, train in enumerate(drawn)]


def resamples(
    kind: str, groups: NDArray[np.intp], count: int, random: np.random.RandomState, validation_share: float = 0.5
) -> list[Resample]:
    """Choose the rows of every member.

    Args:
        kind: `folds` (ten of them), `out-of-bag`, or `validation-split` as published: bootstraps of one
            part of the rows, all judged on the other part.
        groups: Group of each row, 0 ... G - 1, (N,).
        count: Members wanted.
        random: Where chance comes from.
        validation_share: Share of the rows in that other part, in (0, 1); both parts have at least one.

    Returns:
        The resamples, `count` of them or a few more.

    Raises:
        TypeError: If the count is no whole number.
        ValueError: If the kind is unknown, the count below 1 or the share out of range.

    Examples:
        >>> found = resamples("folds", np.arange(20), 20, np.random.RandomState(0))
        >>> {len(rows.train) for rows in found}, [rows.turn for rows in found].count(1)
        ({18}, 10)
    """
    if kind not in RESAMPLINGS:
        raise UserError(f"resampling must be one of {', '.join(RESAMPLINGS)}; got {kind!r}")
    if not isinstance(count, Integral):
        raise UserError(f"n_resamples must be a whole number, got {count!r}")
    if count < 1:
        raise UserError(f"n_resamples must be at least 1, got {count}")
    if not 0.0 < validation_share < 1.0:
        raise UserError(f"validation_share must lie between 0 and 1; got {validation_share!r}")
    if kind == "folds":
        return folds(groups, count, FOLDS, random)
    everything = np.arange(len(groups))
    if kind == "out-of-bag" or len(groups) < 2:
        return bootstraps(everything, count, random)
    shuffled = random.permutation(everything)
    # a share such as 0.9 leaves a hair less than a tenth
    n_train = min(max(int(len(shuffled) * (1.0 - validation_share) + 1e-9), 1), len(shuffled) - 1)
    drawn = bootstraps(shuffled[:n_train], count, random)
    return [rows._replace(heldout=np.sort(shuffled[n_train:])) for rows in drawn]


def stretch(labels: Floats, factor: float, /) -> Floats:
    """Pull each query's labels away from their average over LLMs.

    A multi-output tree splits where the labels' variance falls most, which is mostly where queries turn from
    easy to hard. Plans only depend on differences between LLMs, and stretched they weigh `factor`^2 in the
    split. The map is linear, so predictions are carried back by `stretch(prediction, 1 / factor)`.

    Args:
        labels: (N, M), without NaN.
        factor: 1 leaves the labels as they are.

    Returns:
        Stretched labels, (N, M).

    Examples:
        >>> stretch(np.array([[1.0, 0.0], [1.0, 1.0]]), 2.0)
        array([[ 1.5, -0.5],
               [ 1. ,  1. ]])
    """
    average = labels.mean(axis=1, keepdims=True)
    return np.asarray(average + factor * (labels - average))


class Member(NamedTuple):
    """Fitted models of one resample.

    Attributes:
        means: Laplace means of the resample, the prediction for every LLM without a model, (M,).
        models: Pairs of a fitted estimator and the LLMs it predicts.
        contrast: Factor by which the labels were stretched.
    """

    means: Floats
    models: list[tuple[Any, NDArray[np.intp]]]
    contrast: float

    def predict(self, features: Floats, /) -> Floats:
        """Predict raw probabilities; linear models may leave [0, 1].

        Args:
            features: (N, D).

        Returns:
            Predictions, (N, M).
        """
        out = np.tile(self.means, (len(features), 1))
        for model, llms in self.models:
            out[:, llms] = _probability(model, features, len(llms))
        return stretch(out, 1 / self.contrast) if self.contrast != 1 else out


def _probability(model: Any, features: Floats, n_llms: int) -> Floats:
    if not is_classifier(model):
        return np.asarray(model.predict(features), dtype=np.float64).reshape(len(features), n_llms)
    found = model.predict_proba(features)
    if isinstance(found, list):  # one array per LLM
        return np.column_stack([part[:, 1] for part in found])
    return np.asarray(found[:, 1:] if n_llms == 1 else found, dtype=np.float64)


def _seeded(estimator: Any, seed: int) -> Any:
    fresh = clone(estimator)
    names = [name for name in fresh.get_params() if name == "random_state" or name.endswith("__random_state")]
    return fresh.set_params(**dict.fromkeys(names, seed))


def check_estimator_suits(estimator: Any, labels: Floats, /) -> None:
    """Refuse a base estimator that can't take part, before any work is done.

    Args:
        estimator: The base estimator.
        labels: Labels in [0, 1] or NaN, (N, M).

    Raises:
        TypeError: If it is no scikit-learn estimator.
        ValueError: If a classifier has no `predict_proba`, or meets a label strictly between 0 and 1.
    """
    if not (hasattr(estimator, "fit") and hasattr(estimator, "get_params")) or isinstance(estimator, type):
        raise UserError(f"estimator must be a scikit-learn estimator, not a class or a name; got {estimator!r:.60}")
    if not is_classifier(estimator):
        return
    name = type(estimator).__name__
    if not hasattr(estimator, "predict_proba"):
        raise UserError(f"{name} has no predict_proba; take a classifier that has, or a regressor")
    partial = (labels > 0) & (labels < 1)
    if partial.any():
        i, j = np.argwhere(partial)[0]
        raise UserError(
            f"a classifier takes labels 0 and 1; labels[{i}, {j}] = {labels[i, j]}. Take a regressor instead of {name}"
        )


def _jointly(estimator: Any, labels: Floats) -> bool:
    multi_output = bool(get_tags(estimator).target_tags.multi_output)
    return labels.shape[1] > 1 and multi_output and not np.isnan(labels).any()


def fit_member(estimator: Any, features: Floats, labels: Floats, /, *, contrast: float, seed: int) -> Member:
    """Fit the base estimator on one resample.

    All LLMs together where the estimator can do that and no label is missing; else LLM by LLM on the queries
    it was tried on. An LLM with one distinct label only needs no model: its Laplace mean stands.

    Args:
        estimator: Any scikit-learn regressor, or classifier with `predict_proba`; it is cloned.
        features: (n, D).
        labels: In [0, 1] or NaN, (n, M).
        contrast: Factor for `stretch`, heeded by regressors that fit all LLMs together.
        seed: For every `random_state` of the estimator.

    Returns:
        The member.
    """
    means, known = laplace_means(labels), ~np.isnan(labels)
    target = np.where(known, labels, 0).astype(np.intp) if is_classifier(estimator) else labels
    low, high = np.where(known, labels, np.inf).min(axis=0), np.where(known, labels, -np.inf).max(axis=0)
    varied = np.flatnonzero(low < high)
    if not len(varied):
        return Member(means, [], 1.0)
    if not _jointly(estimator, labels):
        return Member(means, [_column(estimator, features, target, known, j, seed) for j in varied], 1.0)
    if is_classifier(estimator) or contrast == 1:
        fitted = _seeded(estimator, seed).fit(features, np.squeeze(target[:, varied]))
        return Member(means, [(fitted, varied)], 1.0)
    fitted = _seeded(estimator, seed).fit(features, stretch(labels, contrast))
    return Member(means, [(fitted, np.arange(labels.shape[1]))], contrast)


def _column(
    estimator: Any, features: Floats, target: NDArray[Any], known: NDArray[np.bool_], llm: np.intp, seed: int
) -> tuple[Any, NDArray[np.intp]]:
    rows = known[:, llm]
    return _seeded(estimator, seed).fit(features[rows], target[rows, llm]), np.array([llm])
