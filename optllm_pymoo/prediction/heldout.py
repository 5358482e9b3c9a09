"""Held-out predictions: how far they can be trusted, the optimism of plans, and the shift of queries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from optllm_pymoo.exact.front import SupportedFront
from optllm_pymoo.prediction.averages import Floats, laplace_means, repeats_as_roots
from optllm_pymoo.prediction.members import Trees, in_order, resamples

OBJECTIVES: Final = ("plan", "brier")
_MOST: Final = 5.0  # averaging regularised trees shrinks probabilities toward the mean: weights above 1 undo that
_PRIOR: Final = (0.5, 0.25)  # mean and deviation of both weights before any label is seen
_BUDGETS: Final = np.geomspace(0.003, 1.0, 12)  # shares of the budget range; most plans are made at small budgets
_FEWEST: Final = 3  # groups; with fewer, skill can't be measured
_SHARES: Final = (0.01, 0.05, 0.25, 0.5, 1.0)  # of the budget range; most plans are made at small budgets
_DRAWS: Final = 30  # bootstraps of the labels
DEVIATION: Final = 0.02
"""Prior standard deviation of the excess around the bootstrap estimate."""


class Shrinkage(NamedTuple):
    """Weights of the two parts of a predicted deviation.

    A query's predicted deviations from the LLMs' means have two parts: their average over LLMs (the query is easy or
    hard) and the rest (this LLM is better than usual here). With both weights at 0 plans depend on the means only.

    Attributes:
        common: Weight of the difficulty, in [0, 5]; above 1 if the ensemble's deviations are too small.
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
AVERAGES: Final = Shrinkage(0.0, 0.0)


def probabilities(values: Floats, /) -> Floats:
    """Move predictions into [0, 1]: all values of a query whose best LLM exceeds 1 are shifted down.

    Clipping each value at 1 would tie the best LLMs on easy queries, and plans would choose the cheapest of them.

    Args:
        values: (N, M).

    Returns:
        In [0, 1], (N, M). Differences between LLMs are kept, except for values below 0.

    Examples:
        >>> probabilities(np.array([[1.25, 1.0, 0.5], [0.5, 0.25, -0.25]]))
        array([[1.  , 0.75, 0.25],
               [0.5 , 0.25, 0.  ]])
    """
    excess = np.maximum(values.max(axis=1, keepdims=True) - 1.0, 0.0)
    return np.asarray(np.maximum(values - excess, 0.0))


def plans_within(cost: Floats, accuracy: Floats, shares: Sequence[float] | Floats, /) -> list[NDArray[np.intp]]:
    """Choose the most accurate supported plans at budgets between the cheapest plan and the most expensive single LLM.

    Args:
        cost: US$ per call, (n, M).
        accuracy: In [0, 1], (n, M).
        shares: Budgets as shares of this range, each in [0, 1].

    Returns:
        One plan (n,) per share.

    Examples:
        >>> [x.tolist() for x in plans_within(np.array([[1.0, 3.0]] * 2), np.array([[0.5, 0.6], [0.5, 0.9]]), [0, 0.5])]
        [[0, 0], [0, 1]]
    """
    front = SupportedFront(cost, accuracy)
    low, high = float(front.F[0, 0]), float(cost.sum(axis=0).max())
    return [front.assignment(front.within_budget(low + (high - low) * share)) for share in shares]


class Optimism(NamedTuple):
    """Excess of expected over true accuracy of plans, along the budget range.

    A plan takes the LLMs with the highest predictions, and these are partly the highest because they are too high.

    Attributes:
        shares: Budgets, as shares of the range from the cheapest plan to the most expensive single LLM, rising, (k,).
        excess: Expected less true mean accuracy of the plans at these budgets, >= 0, (k,).
        error: Standard error of the corrected expectation: of the excess, and of the sampled labels, (k,).
    """

    shares: Floats
    excess: Floats
    error: Floats

    def at(self, share: float, /) -> tuple[float, float]:
        """Return excess and standard error at a budget, by linear interpolation.

        Args:
            share: Of the budget range.

        Examples:
            >>> Optimism(np.array([0.0, 1.0]), np.array([0.0, 0.04]), np.array([0.01, 0.03])).at(0.25)
            (0.01, 0.015)
        """
        excess, error = (float(np.interp(share, self.shares, values)) for values in (self.excess, self.error))
        return excess, error


class Skill(NamedTuple):
    """How well texts predict which LLM suits which query.

    Attributes:
        weight: Weight of the specific part of predicted deviations, see `Shrinkage`: 0 if plans depend on means only.
        gain: Gain in mean accuracy of plans on held-out predictions over plans on means, at the same budgets.
        error: Standard error of the gain; infinite if no moved query has labels of both LLMs.
    """

    weight: float
    gain: float
    error: float


class HeldOut(NamedTuple):
    """Held-out predictions, with the labels and costs of these queries.

    Attributes:
        prediction: (n, M).
        centre: LLMs' means on the labels that each prediction was learned from, (n, M).
        labels: In [0, 1], NaN where unknown, (n, M).
        groups: Group of each query, (n,); one group counts as one query.
        cost: US$ per call of these queries, (n, M); None if unknown.
    """

    prediction: Floats
    centre: Floats
    labels: Floats
    groups: NDArray[np.intp]
    cost: Floats | None = None

    @classmethod
    def of(
        cls, prediction: Floats, centre: Floats, labels: Floats, groups: NDArray[np.intp], cost: Floats | None = None
    ) -> HeldOut:
        """Build from all rows that were held out; others have NaN predictions."""
        rows = ~np.isnan(prediction).any(axis=1)
        return cls(*(None if table is None else table[rows] for table in (prediction, centre, labels, groups, cost)))  # type: ignore[arg-type]

    @property
    def weight(self) -> Floats:
        """Weight of each row, in queries, see `repeats_as_roots`, (n,)."""
        return repeats_as_roots(self.groups)

    def fit(self) -> Shrinkage:
        """Learn the weights with the least mean squared error on held-out queries.

        Least squares of the residuals from the LLMs' means on the two parts, with errors clustered by query (one that
        is repeated n times counts as sqrt(n), since its errors go together), joined with a normal prior on both weights
        (mean 1/2, deviation 1/4). The prior moves no weight by more than its standard error, so unusual weights are
        kept if the labels support them (limited translation, Efron and Morris, 1972).

        Returns:
            The weights; `AVERAGES` with fewer than three groups, because skill can't be measured then.
        """
        if len(np.unique(self.groups)) < _FEWEST:
            return AVERAGES
        known, weight = ~np.isnan(self.labels), self.weight[:, None]
        deviation = self.prediction - self.centre
        difficulty = np.broadcast_to(deviation.mean(axis=1, keepdims=True), deviation.shape)
        parts = np.where(known, np.stack([difficulty, deviation - difficulty]), 0.0)  # (2, n, M)
        target = np.where(known, self.labels - self.centre, 0.0)
        gram = np.einsum("anm,bnm->ab", weight * parts, parts)
        inverse = np.linalg.pinv(gram, hermitian=True)
        weights = inverse @ np.einsum("anm,nm->a", weight * parts, target)
        error = weight * (target - np.tensordot(weights, parts, axes=1))
        scores = np.array([np.bincount(self.groups, row) for row in np.einsum("anm,nm->an", parts, error)])
        errors = np.sqrt(np.maximum(np.diag(inverse @ (scores @ scores.T) @ inverse), 0.0))
        joined = [_posterior(float(w), float(se), *_PRIOR) for w, se in zip(weights, errors, strict=True)]
        return Shrinkage(*np.clip(np.clip(joined, weights - errors, weights + errors), 0.0, _MOST).tolist())

    def judge(self, shrinkage: Shrinkage, /) -> Shrinkage:
        """Reduce the specific weight to its value for the choices of plans.

        A fit over all LLMs gives deviations of weak LLMs, which no plan chooses, the same weight as those of the best.
        Here two plans are made of the labelled queries at each of twelve budgets, one from held-out predictions with
        half of the weight b0 and one from the means. Where they differ, the predicted difference D between the two LLMs
        is compared with the true one: the slope of the latter on the former, with errors clustered by query, estimates
        the weight. Its normal prior has the mean b0 (2/M)^(1/3), because with more LLMs a choice is biased more by
        errors, and the deviation b0/4. Choices with an unknown outcome are left out; without costs, the choice of the
        most accurate LLM replaces the plans.

        Args:
            shrinkage: The weights that fit best.

        Returns:
            The weights, the specific one in [0, b0].
        """
        b0, n_llms = shrinkage.specific, self.labels.shape[1]
        if b0 == 0 or n_llms == 1:
            return shrinkage
        deviation, residual = self.prediction - self.centre, self.labels - self.centre
        half = self.centre + shrinkage._replace(specific=b0 / 2).apply(deviation)
        if self.cost is None:
            pairs = [(half.argmax(axis=1), self.centre.argmax(axis=1))]
        else:
            tables = (probabilities(half), self.centre)
            pairs = list(zip(*(plans_within(self.cost, table, _BUDGETS) for table in tables), strict=True))
        each = np.arange(len(deviation))
        predicted, true = (
            np.concatenate([table[each, ours] - table[each, plain] for ours, plain in pairs])
            for table in (deviation, residual)
        )
        known = ~np.isnan(true)
        predicted, true = predicted[known], true[known]
        weight = np.tile(self.weight, len(pairs))[known]
        prior = min(1.0, (2 / n_llms) ** (1 / 3)) * b0
        total = float(predicted @ (weight * predicted))
        if total == 0:
            return shrinkage._replace(specific=prior)
        slope = float(predicted @ (weight * true)) / total
        groups = np.tile(self.groups, len(pairs))[known]
        scores = np.bincount(groups, weight * (true - slope * predicted) * predicted)
        b = _posterior(slope, float(np.sqrt(scores @ scores)) / total, prior, b0 / 4)
        return shrinkage._replace(specific=float(np.clip(b, 0.0, b0)))

    def skill(self, shrinkage: Shrinkage, /) -> Skill:
        """Measure the gain of plans that distinguish queries, on labelled queries with known costs.

        Plans at twelve budgets, from held-out predictions and from averages, are valued on the labels of the queries
        that have both. Errors are clustered by query.

        Args:
            shrinkage: Weights of the deviations.
        """
        if self.cost is None or not len(self.labels):
            return Skill(shrinkage.specific, 0.0, 0.0)
        expected = probabilities(self.centre + shrinkage.apply(self.prediction - self.centre))
        each = np.arange(len(self.labels))
        ours, plain = (np.array(plans_within(self.cost, table, _BUDGETS)) for table in (expected, self.centre))
        gained = self.labels[each, ours] - self.labels[each, plain]
        known = ~np.isnan(gained)
        if not known[ours != plain].any():
            return Skill(shrinkage.specific, 0.0, 0.0 if (ours == plain).all() else np.inf)
        weight = self.weight * known
        mean = float((weight * np.where(known, gained, 0.0)).sum() / weight.sum())
        scores = np.bincount(self.groups, (weight * np.where(known, gained - mean, 0.0)).sum(axis=0))
        return Skill(shrinkage.specific, mean, float(np.sqrt(scores @ scores) / weight.sum()))

    def optimism(self, shrinkage: Shrinkage, random: np.random.RandomState, /) -> Optimism:
        """Measure the excess on labelled queries with known costs.

        Two estimates are joined, as prior mean and observation of a normal variable. The excess of the best of many
        means is estimated by a bootstrap of the labels: plans on the means of a draw are valued on the means that it
        was drawn from. The excess of deviations is estimated on held-out predictions: plans made from them are valued
        on the labels, relative to the mean over all LLMs, which involves no choice; with errors clustered by query.

        The labelled queries may also be easier than others: this adds the sampling error of the plan's accuracy, a
        share of n queries (binomial), where a repeated text counts once (n is Kish's effective number).

        Args:
            shrinkage: Weights of the deviations.
            random: Source of the draws.

        Returns:
            The excess; 0 if the joint estimate is negative.
        """
        shares, n = np.array(_SHARES), len(self.labels)
        if self.cost is None or not n:  # the largest possible uncertainty
            return Optimism(shares, np.zeros(len(shares)), np.full(len(shares), 0.5))
        deviation = shrinkage.apply(self.prediction - self.centre)
        drawn = self._drawn_excess(deviation, self.cost, random)
        expected = probabilities(self.centre + deviation)
        plans = plans_within(self.cost, expected, _SHARES)
        seen, error = np.array([self._seen_excess(expected, x) for x in plans]).T
        trust = DEVIATION**2 / (DEVIATION**2 + error**2)
        excess = np.maximum(drawn + trust * (seen - drawn), 0.0)
        accuracy = np.array([expected[np.arange(n), x].mean() for x in plans])
        sampling = accuracy * (1 - accuracy) * np.sum((np.bincount(self.groups) / n) ** 2)
        return Optimism(shares, excess, np.sqrt(DEVIATION**2 * (1 - trust) + sampling))

    def _drawn_excess(self, deviation: Floats, cost: Floats, random: np.random.RandomState) -> Floats:
        """Mean excess of plans on the means of drawn labels over the means that these are drawn from, (k,).

        Means of labels differ more than the LLMs do, by their sampling errors; labels are drawn from means
        without these.
        """
        known = ~np.isnan(self.labels)
        labels, weighted = np.where(known, self.labels, 0.0), known * self.weight[:, None]
        means, count = laplace_means(self.labels, self.weight), weighted.sum(axis=0)
        n_llms, n_groups = len(means), int(self.groups.max()) + 1
        true = means
        if n_llms > 1:
            residual = np.where(known, self.labels - means, np.nan)
            residual -= np.nanmean(residual, axis=1, keepdims=True)  # queries that are easy for all move all averages
            variance = np.nansum(residual**2) / known.sum() * n_llms / (n_llms - 1)
            noise, spread = np.mean(variance * count / (count + 2) ** 2), means.var(ddof=1)
            true = means.mean() + np.sqrt(max(0.0, 1 - noise / spread) if spread > 0 else 0.0) * (means - means.mean())
        found = []
        for _ in range(_DRAWS):
            times = np.bincount(random.randint(n_groups, size=n_groups), minlength=n_groups)[self.groups]
            drawn = (times @ (weighted * labels) + 1) / (times @ weighted + 2) - means + true
            found.append(
                [(drawn - true)[x].mean() for x in plans_within(cost, probabilities(drawn + deviation), _SHARES)]
            )
        return np.asarray(np.mean(found, axis=0))

    def _seen_excess(self, expected: Floats, x: NDArray[np.intp]) -> tuple[float, float]:
        """Return the mean excess of a plan over its outcomes, less that of all LLMs, and its error, or (0, 1)."""
        excess = expected - self.labels
        unknown = np.isnan(excess)
        usual = np.where(unknown, 0.0, excess).sum(axis=1) / np.maximum((~unknown).sum(axis=1), 1)
        chosen = excess[np.arange(len(x)), x] - usual
        known = ~np.isnan(chosen)
        if not known.any():
            return 0.0, 1.0
        chosen, groups, weight = chosen[known], self.groups[known], self.weight[known]
        mean = float(weight @ chosen / weight.sum())
        scores = np.bincount(groups, weight * (chosen - mean))
        return mean, max(float(np.sqrt(scores @ scores) / weight.sum()), 1e-9)


def _posterior(weight: float, error: float, mean: float, deviation: float) -> float:
    """Return the mean of a normal posterior; an estimate without error is returned unchanged."""
    return weight if error == 0 else (weight * deviation**2 + mean * error**2) / (deviation**2 + error**2)


_LOOKED_AT: Final = 500  # queries of each kind that are compared
_SURE: Final = 3.0  # standard errors by which the two kinds must differ


class Shift(NamedTuple):
    """How well planned queries can be distinguished from labelled ones.

    Attributes:
        auc: Probability that a classifier ranks a labelled query above a planned one: 1/2 if they look alike, 1 if they
            are different kinds of queries. Cross-validated.
        unlikeness: In [0, 1]: 2 auc - 1, less three standard errors of it; 0 if chance explains it.
    """

    auc: float
    unlikeness: float

    @classmethod
    def between(cls, labelled: Floats, planned: Floats, random: np.random.RandomState, /) -> Shift:
        """Try to distinguish planned queries from labelled ones, by extra trees, on held-out queries.

        Args:
            labelled: Features, (n, D); 500 distinct ones, drawn by a hash, are used.
            planned: Features, (N, D); likewise.
            random: Source of the folds and the trees.

        Returns:
            The measures; without a difference if either kind has fewer than two distinct queries.

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
            # the shares of the two kinds differ between folds: without centring, the classifier would learn these
            # shares
            score[rows.heldout] = trees.fit(train, target - target.mean()).predict(heldout)
        n, m = map(len, kinds)
        auc = float((rankdata(score)[is_labelled > 0].sum() - n * (n + 1) / 2) / (n * m))
        error = float(np.sqrt((n + m + 1) / (12 * n * m)))  # of Mann and Whitney
        return cls(auc, float(np.clip(2 * (auc - _SURE * error) - 1, 0.0, 1.0)))


def _some(features: Floats) -> Floats:
    """Draw distinct rows by their hashes, independently of their order."""
    bits = np.ascontiguousarray(features + 0).view(np.uint32)  # -0 becomes 0
    odd = np.random.default_rng(0).integers(1 << 63, size=bits.shape[1], dtype=np.uint64) * 2 + 1
    hashes = np.concatenate([bits[k : k + 4096].astype(np.uint64) @ odd for k in range(0, len(bits), 4096)])
    return features[np.unique(hashes, return_index=True)[1][:_LOOKED_AT]]
