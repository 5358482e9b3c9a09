"""Members of the ensemble: their training and held-out queries, and their fit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin, clone, is_classifier
from sklearn.tree import ExtraTreeRegressor
from sklearn.utils import check_random_state, get_tags

from optllm_pymoo.kernels.trees import Forest, average_trees
from optllm_pymoo.prediction.averages import Floats, laplace_means
from optllm_pymoo.validation import UserError

RESAMPLINGS: Final = ("folds", "validation-split")
_FOLDS: Final = 10


class Resample(NamedTuple):
    """Rows of one member.

    Attributes:
        train: Rows to learn from, integers; a bootstrap repeats some.
        heldout: Rows never learned from, distinct; may be empty.
        turn: Round of the cross-validation, from 0; 0 for bootstraps.
    """

    train: NDArray[np.intp]
    heldout: NDArray[np.intp]
    turn: int


def in_order(features: Floats, *tables: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Sort queries by their features and tables, independently of their given order.

    Queries with the same features get the same group, so they are held out together: batches repeat queries, and an
    error must not be estimated on a training query.

    Args:
        features: (n, D).
        *tables: Further tables that distinguish queries of equal features, NaN allowed, (n, M) each.

    Returns:
        The rows in that order, (n,), and their groups, 0 ... G - 1, rising, (n,).

    Examples:
        >>> in_order(np.array([[2.0], [1.0], [2.0]]), np.array([[1.0], [0.0], [0.0]]))
        (array([1, 2, 0]), array([0, 1, 1]))
    """
    group = np.unique(features, axis=0, return_inverse=True)[1].reshape(-1)
    order = np.lexsort([*np.hstack(tables).T[::-1], group]) if tables else np.argsort(group, kind="stable")
    return np.asarray(order, dtype=np.intp), np.asarray(group[order], dtype=np.intp)


def resamples(
    kind: str, groups: NDArray[np.intp], count: int, random: np.random.RandomState, validation_share: float = 0.5
) -> list[Resample]:
    """Choose the rows of every member.

    Args:
        kind: `folds` (ten of them), or `validation-split` as published: bootstraps of one part of the rows, all
            judged on the other part.
        groups: Group of each row, 0 ... G - 1, (N,).
        count: Members wanted; with `folds` rounded up to whole rounds, so every row is held out equally often.
        random: Source of randomness.
        validation_share: Share of the rows in that other part, in (0, 1); both parts have at least one.

    Returns:
        The resamples. With only one group or row, none is held out.

    Raises:
        UserError: If the kind is unknown, the count no whole number above 0, or the share out of range.

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
    n, n_groups = len(groups), int(groups.max()) + 1
    if kind != "folds":  # bootstraps of one part of the rows; the other part judges them all
        shuffled = random.permutation(n)
        # by rounding, a share such as 0.9 leaves slightly less than a tenth
        n_train = max(min(max(int(n * (1.0 - validation_share) + 1e-9), 1), n - 1), 1)
        train, heldout = shuffled[:n_train], np.sort(shuffled[n_train:])
        return [Resample(train[random.randint(n_train, size=n_train)], heldout, 0) for _ in range(count)]
    n_folds = min(_FOLDS, n_groups)
    if n_folds < 2:
        return [Resample(np.arange(n), np.arange(0), 0)]
    found = []
    for turn in range(-(-count // n_folds)):
        fold = (random.permutation(n_groups) % n_folds)[groups]
        found += [Resample(np.flatnonzero(fold != k), np.flatnonzero(fold == k), turn) for k in range(n_folds)]
    return found


class Member(NamedTuple):
    """Fitted models of one resample.

    Attributes:
        means: Laplace means of the resample, the prediction for every LLM without a model, (M,).
        models: Pairs of a fitted estimator and the LLMs it predicts.
    """

    means: Floats
    models: list[tuple[Any, NDArray[np.intp]]]

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
        return out


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
    """Refuse an unsuitable base estimator before the fit.

    Args:
        estimator: The base estimator.
        labels: Labels in [0, 1] or NaN, (N, M).

    Raises:
        UserError: If it is no scikit-learn estimator; if a classifier has no `predict_proba`, or meets a label strictly
            between 0 and 1.
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


def fit_member(estimator: Any, features: Floats, labels: Floats, weight: Floats, /, *, seed: int) -> Member:
    """Fit the base estimator on one resample.

    All LLMs together if the estimator supports that and no label is missing; else each LLM on the queries with its
    labels. An LLM whose labels are all equal gets no model: its Laplace mean is the prediction.

    Args:
        estimator: Any scikit-learn regressor, or classifier with `predict_proba`; it is cloned.
        features: (n, D).
        labels: In [0, 1] or NaN, (n, M).
        weight: Weight of each row in the means, in queries, (n,).
        seed: For every `random_state` of the estimator.

    Returns:
        The member.
    """
    means, known = laplace_means(labels, weight), ~np.isnan(labels)
    target = np.where(known, labels, 0).astype(np.intp) if is_classifier(estimator) else labels
    low, high = np.where(known, labels, np.inf).min(axis=0), np.where(known, labels, -np.inf).max(axis=0)
    varied = np.flatnonzero(low < high)
    if not len(varied):
        return Member(means, [])
    is_joint = labels.shape[1] > 1 and known.all() and bool(get_tags(estimator).target_tags.multi_output)
    if not is_joint:
        return Member(means, [_column(estimator, features, target, known, j, seed) for j in varied])
    return Member(means, [(_seeded(estimator, seed).fit(features, np.squeeze(target[:, varied])), varied)])


def _column(
    estimator: Any, features: Floats, target: NDArray[Any], known: NDArray[np.bool_], llm: np.intp, seed: int
) -> tuple[Any, NDArray[np.intp]]:
    rows = known[:, llm]
    return _seeded(estimator, seed).fit(features[rows], target[rows, llm]), np.array([llm])


class Trees(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Average extra trees: `sklearn.ensemble.ExtraTreesRegressor` with leaves in float32, without its side effects.

    scikit-learn grows the trees, a kernel evaluates them. scikit-learn's forests, and its checks of input, enter
    `warnings.catch_warnings`. Before Python 3.14 that replaces the filters of the whole process, so concurrent threads
    lose them permanently and print thousands of lines. Trees without these checks don't: `SuccessPredictor` has checked
    the input.

    Args:
        n_estimators: Trees.
        min_samples_leaf: Least number of queries per leaf.
        max_features: Share of the features that are tried per split.
        random_state: Seed or numpy `RandomState`.

    Examples:
        >>> X, y = np.arange(8.0)[:, None], np.repeat([0.0, 1.0], 4)
        >>> Trees(5, random_state=0).fit(X, y).predict(np.array([[0.0], [7.0]])).tolist()
        [0.0, 1.0]
    """

    def __init__(
        self,
        n_estimators: int = 50,
        *,
        min_samples_leaf: int = 1,
        max_features: float = 1.0,
        random_state: Any = None,
    ) -> None:
        self.n_estimators = n_estimators
        self.min_samples_leaf = min_samples_leaf
        self.max_features = max_features
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Trees:
        """Grow the trees.

        Args:
            X: Finite features, (n, D).
            y: Labels, (n,) or (n, M).
        """
        random, features = check_random_state(self.random_state), _as_trees_take(X)
        options = {"min_samples_leaf": self.min_samples_leaf, "max_features": self.max_features}
        with config_context(skip_parameter_validation=True):  # tree by tree this takes a tenth of the time
            self.forest_ = _as_forest(
                ExtraTreeRegressor(**options, random_state=random.randint(np.iinfo(np.int32).max))
                .fit(features, y, check_input=False)
                .tree_
                for _ in range(self.n_estimators)
            )
        return self

    def predict(self, X: Any) -> Floats:
        """Average the trees.

        Args:
            X: Finite features, (N, D).

        Returns:
            As many columns as y had.
        """
        found = average_trees(self.forest_, _as_trees_take(X))
        return found[:, 0] if found.shape[1] == 1 else found


def _as_forest(trees: Iterable[Any]) -> Forest:
    """Concatenate scikit-learn's trees; every query in float32 reaches the same leaf."""
    parts: list[tuple[Any, ...]] = []
    n_nodes = n_leaves = 0
    for tree in trees:
        is_leaf, nodes = tree.children_left < 0, np.arange(tree.node_count) + n_nodes
        left = np.where(is_leaf, nodes, tree.children_left + n_nodes)
        right = np.where(is_leaf, n_leaves + np.cumsum(is_leaf) - 1, tree.children_right + n_nodes)
        threshold = tree.threshold.astype(np.float32)
        threshold = np.where(threshold > tree.threshold, np.nextafter(threshold, np.float32(-np.inf)), threshold)
        threshold = np.where(is_leaf, np.float32(np.inf), threshold)
        feature, children = np.where(is_leaf, 0, tree.feature), np.column_stack([left, right])
        parts.append(([n_nodes], [tree.max_depth], feature, threshold, children, tree.value[is_leaf, :, 0]))
        n_nodes, n_leaves = n_nodes + len(nodes), n_leaves + int(is_leaf.sum())
    types = (np.uint32, np.int64, np.uint32, np.float32, np.uint32, np.float32)
    columns = zip(types, *parts, strict=True)
    return Forest(*(np.concatenate(arrays).astype(kind) for kind, *arrays in columns))


def packed(models: Sequence[Trees], /) -> dict[str, NDArray[Any]]:
    """Concatenate forests, without redundant arrays.

    A node's left child is the next node, and leaves are numbered in their order. `unpacked` is the inverse.

    Args:
        models: Fitted.
    """
    forests = [model.forest_ for model in models]
    is_leaf = [np.isinf(forest.thresholds) for forest in forests]
    parts: dict[str, list[Any]] = {
        "trees": [[len(forest.roots)] for forest in forests],
        "nodes": [[len(forest.features)] for forest in forests],
        "leaves": [forest.values.shape for forest in forests],
        "roots": [forest.roots for forest in forests],
        "depths": [forest.depths for forest in forests],
        "features": [forest.features for forest in forests],
        "thresholds": [forest.thresholds for forest in forests],
        "steps": [
            np.where(leaf, 0, forest.children[:, 1] - np.arange(len(leaf)))
            for leaf, forest in zip(is_leaf, forests, strict=True)
        ],
        "values": [forest.values.ravel() for forest in forests],
    }
    joined = {name: np.concatenate(arrays) if arrays else np.zeros(0, np.uint8) for name, arrays in parts.items()}
    small = ("trees", "nodes", "leaves", "roots", "depths", "features", "steps")
    return {name: _in_few_bits(array) if name in small else array for name, array in joined.items()}


def _in_few_bits(whole: NDArray[Any]) -> NDArray[Any]:
    """Return integers >= 0 in the smallest type that holds them."""
    return whole.astype(np.min_scalar_type(int(whole.max(initial=0))))


def unpacked(arrays: Mapping[str, NDArray[Any]], /) -> list[Trees]:
    """Rebuild forests from the arrays of `packed`, exactly.

    Args:
        arrays: By name.

    Examples:
        >>> X, y = np.arange(8.0)[:, None], np.repeat([0.0, 1.0], 4)
        >>> model = Trees(5, random_state=0).fit(X, y)
        >>> all(map(np.array_equal, unpacked(packed([model]))[0].forest_, model.forest_))
        True
    """
    cuts = {name: np.cumsum(arrays[name], dtype=np.int64)[:-1] for name in ("trees", "nodes")}
    shapes = arrays["leaves"].reshape(-1, 2).astype(np.int64)
    values = np.split(arrays["values"], np.cumsum(shapes.prod(axis=1))[:-1]) if len(shapes) else []
    by_tree = [np.split(arrays[name], cuts["trees"]) for name in ("roots", "depths")]
    by_node = [np.split(arrays[name], cuts["nodes"]) for name in ("features", "thresholds", "steps")]
    found = []
    for leaves, shape, roots, depths, features, thresholds, steps in zip(
        values, shapes, *by_tree, *by_node, strict=False
    ):
        nodes, is_leaf = np.arange(len(steps)), steps == 0
        right = np.where(is_leaf, np.cumsum(is_leaf) - 1, nodes + steps)
        children = np.column_stack([nodes + ~is_leaf, right]).astype(np.uint32)
        whole = roots.astype(np.uint32), depths.astype(np.int64), features.astype(np.uint32)
        model = Trees(len(roots))
        model.forest_ = Forest(*whole, thresholds, children, leaves.reshape(shape))
        found.append(model)
    return found


def may_thread(estimators: Iterable[Any], /) -> bool:
    """Return whether estimators may run in threads: they must not change the warning filters.

    Args:
        estimators: Fitted or not.
    """
    return all(isinstance(estimator, Trees) for estimator in estimators)


def _as_trees_take(X: Any) -> Any:
    """Return features in single precision, as scikit-learn's trees use them."""
    return np.ascontiguousarray(X, dtype=np.float32)
