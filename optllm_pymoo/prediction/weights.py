"""How far to trust the deviations from each LLM's mean: two weights, learned on held-out predictions."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from optllm_pymoo.prediction.averages import Floats

_MOST: Final = 5.0  # averaging regularised trees flattens probabilities: they may be stretched again


class Shrinkage(NamedTuple):
    """Weights of the two parts of a predicted deviation.

    A query's predicted deviations from the LLMs' means fall into their average over LLMs (the query is easy
    or hard: it moves the expected accuracy, and no choice) and the rest (this LLM is better than usual here:
    the only part that decides a plan). With `specific = 0` the plans are those of the constants.

    Attributes:
        common: Weight of the difficulty, in [0, 5]; above 1 where the ensemble is too timid.
        specific: Weight of the rest, in [0, 5].
    """

    common: float
    specific: float

    def apply(self, deviation: Floats, /) -> Floats:
        """Weigh deviations.

        Args:
            deviation: Predicted probability less the LLM's mean, (N, M).

        Returns:
            Weighted deviations, (N, M).

        Examples:
            >>> Shrinkage(common=1.0, specific=0.5).apply(np.array([[0.3, 0.1]]))
            array([[0.25, 0.15]])
        """
        difficulty = deviation.mean(axis=1, keepdims=True)
        return np.asarray(self.common * difficulty + self.specific * (deviation - difficulty))


UNCHANGED: Final = Shrinkage(1.0, 1.0)
CONSTANTS: Final = Shrinkage(0.0, 0.0)


def _cautious(weight: float, error: float) -> float:
    """Positive-part James-Stein: what is within one standard error of zero counts as zero."""
    return min(weight * (1 - (error / weight) ** 2), _MOST) if weight > error else 0.0


def fit_shrinkage(residual: Floats, deviation: Floats, groups: NDArray[np.intp], /) -> Shrinkage:
    """Choose the weights by least squares on held-out predictions, less their own standard error.

    Minimises the Brier score of mean + weighted deviation over all known labels; without missing labels the
    two weights separate. The errors are clustered by query, as its LLMs succeed and fail together.

    Args:
        residual: Label less the LLM's mean on the training rows; NaN where there is no label or no held-out
            prediction, (N, M).
        deviation: Held-out prediction less the same mean, (N, M); ignored where the residual is NaN.
        groups: Queries that count as one, 0 ... G - 1, (N,).

    Returns:
        The weights; `CONSTANTS` with fewer than three groups, which can't show any skill.
    """
    known = ~np.isnan(residual)
    if len(np.unique(groups[known.any(axis=1)])) < 3:
        return CONSTANTS
    difficulty = np.broadcast_to(deviation.mean(axis=1, keepdims=True), deviation.shape)
    parts = np.where(known, np.stack([difficulty, deviation - difficulty]), 0.0)  # (2, N, M)
    target = np.where(known, residual, 0.0)
    gram = np.einsum("anm,bnm->ab", parts, parts)
    inverse = np.linalg.pinv(gram, hermitian=True)
    weights = inverse @ np.einsum("anm,nm->a", parts, target)
    error = target - np.tensordot(weights, parts, axes=1)
    scores = np.array([np.bincount(groups, row) for row in np.einsum("anm,nm->an", parts, error)])
    errors = np.sqrt(np.maximum(np.diag(inverse @ (scores @ scores.T) @ inverse), 0.0))
    return Shrinkage(
        common=_cautious(float(weights[0]), float(errors[0])),
        specific=_cautious(float(weights[1]), float(errors[1])),
    )
