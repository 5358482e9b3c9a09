"""How far predictions may be off: the part of the members' scatter that the labels cause, and a bound."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from joblib import Parallel, delayed

from optllm_pymoo.prediction.ensemble import Ensemble, predict_ensemble
from optllm_pymoo.prediction.labels import Floats
from optllm_pymoo.prediction.members import Member, fit_member
from optllm_pymoo.prediction.resampling import Resample
from optllm_pymoo.prediction.shrinkage import Shrinkage
from optllm_pymoo.prediction.trees import may_thread

_EVERY: Final = 4  # one member in four is fitted again, so all rounds take part and fitting takes 1/4 longer


def jackknife_factor(samples: Sequence[Resample], /) -> float:
    """Ratio of the standard error to the scatter of members that each lack a fold (delete-d jackknife).

    With g equal folds it is sqrt(g - 1), Efron and Tibshirani (1993), chapter 11.

    Args:
        samples: Rows of every member.

    Returns:
        The square root of the mean ratio of rows learned from to rows held out; 1 if nothing is held out.

    Examples:
        >>> jackknife_factor([Resample(np.arange(9), np.arange(9, 10), 0)])
        3.0
    """
    ratios = [len(rows.train) / len(rows.heldout) for rows in samples if len(rows.heldout)]
    return float(np.sqrt(np.mean(ratios))) if ratios else 1.0


def is_random(estimator: Any, /) -> bool:
    """Say whether two fits of an estimator on the same rows can differ, judged by its parameters.

    Args:
        estimator: A scikit-learn estimator.

    Returns:
        Whether it, or an estimator inside it, takes a `random_state`.
    """
    names = estimator.get_params()
    return any(name == "random_state" or name.endswith("__random_state") for name in names)


def _own_variance(member: Member, twin: Member, features: Floats, shrinkage: Shrinkage) -> Floats:
    difference = shrinkage.apply(member.predict(features) - twin.predict(features))
    return np.asarray((difference**2).mean(axis=0) / 2)


def labels_share(
    estimator: Any,
    features: Floats,
    labels: Floats,
    samples: Sequence[Resample],
    ensemble: Ensemble,
    /,
    *,
    seeds: Sequence[int],
    shrinkage: Shrinkage,
    n_jobs: int | None,
) -> Floats:
    """Estimate which share of the members' variance the labels cause, and not the members' own randomness.

    Members of one round differ since each lacks other labels, and since each draws other random numbers. The
    jackknife multiplies their variance by the number of folds less one, which is right for the first part
    only. Every fourth member is fitted a second time, on the same rows with another seed: half the
    mean squared difference of the two is the second part.

    Args:
        estimator: Base estimator, cloned.
        features: Labelled queries, (n, D).
        labels: In [0, 1] or NaN, (n, M).
        samples: Rows of every member, B.
        ensemble: The fitted members.
        seeds: One per member, B; the second fit takes the next one.
        shrinkage: Weights of the deviations.
        n_jobs: Members fitted at a time.

    Returns:
        Shares in [0, 1], one per LLM, (M,); 1 for an estimator without randomness.
    """
    if not is_random(estimator) or shrinkage == (0.0, 0.0):
        return np.ones(labels.shape[1])
    again = range(0, len(samples), _EVERY)

    def own(b: int) -> Floats:
        rows, contrast = samples[b].train, ensemble.members[b].contrast
        twin = fit_member(estimator, features[rows], labels[rows], contrast=contrast, seed=seeds[b] ^ 1)
        return _own_variance(ensemble.members[b], twin, features, shrinkage)

    found = Parallel(n_jobs=n_jobs, prefer="threads" if may_thread([estimator]) else "processes")(
        delayed(own)(b) for b in again
    )
    _, scatter = predict_ensemble(
        ensemble.members,
        ensemble.weights,
        features,
        centre=np.zeros(labels.shape[1]),
        shrinkage=shrinkage,
        turns=[rows.turn for rows in samples],
        n_jobs=n_jobs,
    )
    whole = (scatter**2).mean(axis=0)
    own_share = np.divide(np.mean(found, axis=0), whole, out=np.zeros_like(whole), where=whole > 0)
    return np.asarray(np.clip(1 - own_share, 0.0, 1.0))


def most_sigma(mean: Floats, n_labels: int, /) -> Floats:
    """Bound sigma by sqrt(p (1 - p)), which no quantity in [0, 1] with mean p exceeds.

    p is first brought into [1 / (n + 2), (n + 1) / (n + 2)], the range of the rule of succession: n labels
    make no probability more certain, even where the prediction is 0 or 1.

    Args:
        mean: Predictions in [0, 1], (N, M).
        n_labels: n, labelled queries.

    Returns:
        Largest sigma, (N, M), 1/2 at most.

    Examples:
        >>> most_sigma(np.array([[0.5, 0.0]]), 3).tolist()
        [[0.5, 0.4]]
    """
    p = np.clip(mean, 1 / (n_labels + 2), 1 - 1 / (n_labels + 2))
    return np.asarray(np.sqrt(p * (1 - p)))
