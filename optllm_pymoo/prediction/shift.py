"""Whether the queries to plan look like the labelled ones."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from scipy.stats import rankdata

from optllm_pymoo.prediction.averages import Floats
from optllm_pymoo.prediction.members import Trees, in_order, resamples

_MOST: Final = 500  # queries of either kind that are looked at
_SURE: Final = 3.0  # standard errors by which the two kinds must differ to count as different


class Shift(NamedTuple):
    """How well planned queries can be distinguished from labelled ones.

    Attributes:
        auc: Probability that a classifier ranks a labelled query above a planned one: 1/2 if they look alike, 1 if
            they are two kinds of queries. Cross-validated.
        unlikeness: In [0, 1]: 2 auc - 1, less three standard errors of it; 0 where chance would do.
    """

    auc: float
    unlikeness: float

    @classmethod
    def between(cls, labelled: Floats, planned: Floats, random: np.random.RandomState, /) -> Shift:
        """Try to distinguish planned queries from labelled ones, by extra trees on queries that they didn't learn from.

        Args:
            labelled: Features, (n, D); 500 distinct ones, drawn by a hash, are looked at.
            planned: Features, (N, D); likewise.
            random: Where the folds and the trees come from.

        Returns:
            The measures; alike if either kind has fewer than two distinct queries.

        Examples:
            >>> random = np.random.RandomState(0)
            >>> here, there = random.normal(size=(2, 100, 3))
            >>> Shift.between(here, there, random).unlikeness, Shift.between(here, there + 9, random).auc
            (0.0, 1.0)
        """
        kinds = [_some(table) for table in (labelled, planned)]
        if min(map(len, kinds)) < 2:
            return cls(0.5, 0.0)
        features, is_labelled = np.vstack(kinds), np.repeat([1.0, 0.0], [len(table) for table in kinds])
        order, groups = in_order(features, is_labelled[:, None])
        features, is_labelled = features[order], is_labelled[order]
        score = np.zeros(len(features))
        for rows in resamples("folds", groups, 1, random):
            train, heldout = features[rows.train], features[rows.heldout]
            trees = Trees(10, min_samples_leaf=3, max_features=1 / 3, random_state=random)
            target = is_labelled[rows.train]
            # each fold lacks some of one kind: without its mean the fold's own shares would be distinguished
            score[rows.heldout] = trees.fit(train, target - target.mean()).predict(heldout)
        n, m = map(len, kinds)
        auc = float((rankdata(score)[is_labelled > 0].sum() - n * (n + 1) / 2) / (n * m))
        error = float(np.sqrt((n + m + 1) / (12 * n * m)))  # of Mann and Whitney
        return cls(auc, float(np.clip(2 * (auc - _SURE * error) - 1, 0.0, 1.0)))


def _some(features: Floats) -> Floats:
    """Draw distinct rows by their hashes, so that their order changes nothing."""
    bits = np.ascontiguousarray(features + 0).view(np.uint32)  # -0 becomes 0
    odd = np.random.default_rng(0).integers(1 << 63, size=bits.shape[1], dtype=np.uint64) * 2 + 1
    hashes = np.concatenate([bits[k : k + 4096].astype(np.uint64) @ odd for k in range(0, len(bits), 4096)])
    return features[np.unique(hashes, return_index=True)[1][:_MOST]]
