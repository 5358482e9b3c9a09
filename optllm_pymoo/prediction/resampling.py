"""Which labelled queries each member of the ensemble learns from, and which it is judged on."""

from __future__ import annotations

from numbers import Integral
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

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
