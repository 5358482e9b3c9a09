"""SuccessPredictor: probabilities, guarantees, edge cases."""

from __future__ import annotations

import pickle
import subprocess
import sys
from typing import Any

import joblib
import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import ExtraTreesRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.tree import DecisionTreeRegressor

from optllm_pymoo.prediction import ConstantPredictor, SuccessPredictor

Floats = NDArray[np.float64]
TREE = DecisionTreeRegressor(min_samples_leaf=5)


def make(n: int, seed: int, skill: float = 6.0) -> tuple[Floats, Floats, Floats]:
    """Features (n, 4), labels (n, 3), and their true probabilities: each LLM depends on one feature."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(n, 4))
    truth = 1 / (1 + np.exp(-skill * features[:, :3] - np.array([1.0, 0.0, -1.0])))
    return features, (random.random(truth.shape) < truth).astype(float), truth


def brier(prediction: Any, truth: Floats) -> float:
    """Mean squared distance from the true probabilities."""
    return float(np.mean((np.asarray(prediction) - truth) ** 2))


def test_learns_what_can_be_learned() -> None:
    """With informative features the error is well below half of what the constants leave."""
    X, y, _ = make(300, 0)
    Z, _, truth = make(2000, 1)
    ours = SuccessPredictor(random_state=0).fit(X, y).predict(Z)
    assert brier(ours, truth) < 0.5 * brier(ConstantPredictor().fit(X, y).predict(Z), truth)


@pytest.mark.parametrize("n", [6, 15, 60, 300])
def test_noise_costs_little(n: int) -> None:
    """With features that tell nothing, the mean loss against the averages over 10 draws is small."""
    excess = []
    for seed in range(10):
        _, y, _ = make(n, seed, skill=0.0)
        random = np.random.default_rng(100 + seed)
        X, Z = random.normal(size=(n, 4)), random.normal(size=(500, 4))
        truth = np.tile(1 / (1 + np.exp(-np.array([1.0, 0.0, -1.0]))), (500, 1))
        ours = SuccessPredictor(TREE, random_state=seed).fit(X, y).predict(Z)
        excess.append(brier(ours, truth) - brier(ConstantPredictor().fit(X, y).predict(Z), truth))
    assert np.mean(excess) < 0.008


def test_calibrated() -> None:
    """Among predictions around p, about p of the labels are 1, although the trees are heavily regularised."""
    X, y, _ = make(400, 0, skill=2.0)
    Z, labels, _ = make(6000, 1, skill=2.0)
    p = np.asarray(SuccessPredictor(random_state=0).fit(X, y).predict(Z))
    for low in (0.1, 0.3, 0.5, 0.7):
        chosen = (p >= low) & (p < low + 0.2)
        assert abs(labels[chosen].mean() - p[chosen].mean()) < 0.1


@pytest.mark.parametrize("resampling", ["folds", "validation-split"])
def test_same_seed_same_prediction_whatever_n_jobs(resampling: str) -> None:
    """One or two jobs, threads or processes, a clone, a pickled copy: the very same numbers."""
    X, y, _ = make(60, 0)
    reference = SuccessPredictor(TREE, resampling=resampling, random_state=5)
    expected = reference.fit(X, y).predict(X, return_std=True)
    others = [clone(reference).set_params(n_jobs=2).fit(X, y), pickle.loads(pickle.dumps(reference))]
    with joblib.parallel_config(backend="loky", n_jobs=2):
        others.append(clone(reference).fit(X, y))
    for other in others:
        for found, wanted in zip(other.predict(X, return_std=True), expected, strict=True):
            np.testing.assert_array_equal(found, wanted)
    different = clone(reference).set_params(random_state=6).fit(X, y).predict(X)
    assert not np.array_equal(different, expected[0])


@pytest.mark.parametrize("resampling", ["folds", "validation-split"])
def test_the_order_of_rows_changes_nothing(resampling: str) -> None:
    """Turned round, with repeated features whose labels differ and some labels missing: the very same numbers."""
    X, y, _ = make(50, 0)
    X[1::5], y[::6, 1] = X[::5], np.nan
    cost = np.random.default_rng(1).random(y.shape)
    one = SuccessPredictor(resampling=resampling, random_state=0).fit(X, y, cost=cost)
    other = SuccessPredictor(resampling=resampling, random_state=0).fit(X[::-1], y[::-1], cost=cost[::-1])
    assert one.shrinkage_ == other.shrinkage_
    np.testing.assert_array_equal(one.heldout_, other.heldout_[::-1])
    for ours, theirs in zip(one.predict(X, return_std=True), other.predict(X, return_std=True), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_cost_is_checked_at_the_door() -> None:
    """Another shape and a negative price are named; free LLMs are fine."""
    X, y, _ = make(20, 0)
    with pytest.raises(ValueError, match=r"cost has shape \(20, 2\); expected \(20, 3\)"):
        SuccessPredictor(TREE).fit(X, y, cost=np.ones((20, 2)))
    with pytest.raises(ValueError, match=r"cost\[0, 0\] = -1"):
        SuccessPredictor(TREE).fit(X, y, cost=-np.ones(y.shape))
    assert SuccessPredictor(TREE, random_state=0).fit(X, y, cost=np.zeros(y.shape)).predict(X).shape == y.shape


def test_objectives_differ_in_the_specific_weight_only() -> None:
    """For plans it is never above that of the Brier score, and the common weight is the same."""
    X, y, _ = make(60, 0, skill=1.0)
    cost = np.random.default_rng(1).random(y.shape)
    brier, plan = (
        SuccessPredictor(TREE, objective=objective, random_state=0).fit(X, y, cost=cost).shrinkage_
        for objective in ("brier", "plan")
    )
    assert plan.common == brier.common
    assert plan.specific <= brier.specific


def test_same_seed_same_prediction_in_a_fresh_process() -> None:
    """Nothing depends on the process: hash seeds, import order, earlier calls."""
    code = (
        "import numpy as np; from optllm_pymoo.prediction import SuccessPredictor;"
        "X = np.arange(40.0)[:, None]; y = np.column_stack([X > 20, X % 2 == 0]).astype(float);"
        "print(repr(SuccessPredictor(n_resamples=10, random_state=1).fit(X, y).predict(X).sum().item()))"
    )
    runs = {subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout for _ in range(2)}
    assert len(runs) == 1
    X = np.arange(40.0)[:, None]
    y = np.column_stack([X > 20, X % 2 == 0]).astype(float)
    here = np.asarray(SuccessPredictor(n_resamples=10, random_state=1).fit(X, y).predict(X)).sum()
    assert float(runs.pop()) == here


def test_inputs_stay_as_they_are() -> None:
    """Read-only tables are fine, so nothing is written into them."""
    X, y, _ = make(30, 0)
    for table in (X, y):
        table.flags.writeable = False
    assert SuccessPredictor(random_state=0).fit(X, y).predict(X).shape == (30, 3)


def test_robust_is_mean_plus_alpha_sigma() -> None:
    """By definition, for both signs, clipped to [0, 1]; alpha = 0 is the mean."""
    X, y, _ = make(60, 0)
    predictor = SuccessPredictor(TREE, alpha=-1.0, random_state=0).fit(X, y)
    mean, sigma = predictor.predict(X, return_std=True)
    assert (sigma > 0).any()
    np.testing.assert_array_equal(predictor.predict_robust(X, alpha=0.0), mean)
    lower, upper = predictor.predict_robust(X), predictor.predict_robust(X, alpha=50.0)
    assert (lower <= mean).all()
    assert lower.min() >= 0
    assert upper.max() == 1


def test_sigma_of_a_mean_is_its_standard_error() -> None:
    """For the plain mean of n labels the delete-d jackknife must give s / sqrt(n)."""
    for n in (50, 800):
        X, y, _ = make(n, 0)
        predictor = SuccessPredictor(DummyRegressor(), n_resamples=200, objective=None, random_state=0).fit(X, y)
        sigma = predictor.predict(X[:1], return_std=True)[1][0]
        np.testing.assert_allclose(sigma, y.std(axis=0, ddof=1) / np.sqrt(n), rtol=0.25)


LABELS = {
    "one column is all right": np.array([[1, 0], [1, 1], [1, 0], [1, 1], [1, 1]] * 4, dtype=float),
    "all columns are constant": np.array([[1, 0]] * 12, dtype=float),
    "two labels in all": np.array([[1.0], [0.0]]),
    "two labels, two LLMs": np.array([[1, np.nan], [np.nan, 0]]),
    "one query": np.array([[1.0, 0.0, 0.0]]),
    "one LLM": np.array([[0.0], [1.0]] * 10),
    "shares": np.linspace(0, 1, 40).reshape(20, 2),
    "holes": np.where(np.arange(60).reshape(20, 3) % 4 == 0, np.nan, np.arange(60).reshape(20, 3) % 2),
    "each query tried on one LLM": np.where(
        np.eye(2)[np.arange(30) % 2] == 1, (np.arange(30) % 3 > 0)[:, None], np.nan
    ),
    "a query without any label": np.array([[np.nan, np.nan]] + [[1, 0], [0, 1]] * 8),
}


@pytest.mark.parametrize("make_predictor", [SuccessPredictor, SuccessPredictor.published], ids=["ours", "published"])
@pytest.mark.parametrize("name", LABELS)
def test_labels_of_every_kind(name: str, make_predictor: Any) -> None:
    """Probabilities of the right shape within [0, 1], and finite sigma, whatever is (not) labelled."""
    labels = LABELS[name]
    predictor = make_predictor(random_state=0)
    if predictor.estimator is None:
        predictor.set_params(estimator=ExtraTreesRegressor(5, min_samples_leaf=3))
    else:
        predictor.set_params(estimator__n_estimators=3, n_resamples=5)
        if name == "shares":
            pytest.skip("a classifier refuses shares, see test_classifier_refuses_shares")
    X = np.random.default_rng(0).normal(size=(len(labels), 3))
    mean, sigma = predictor.fit(X, labels).predict(np.zeros((4, 3)), return_std=True)
    assert mean.shape == sigma.shape == (4, labels.shape[1])
    assert ((mean >= 0) & (mean <= 1)).all()
    assert np.isfinite(sigma).all()


def test_without_evidence_the_constants_remain() -> None:
    """Two labels can't show any skill: the prediction is the rule of succession, (1 + 1) / (2 + 2)."""
    predictor = SuccessPredictor(random_state=0).fit([[0.0], [1.0]], [[1, 1], [0, 1]])
    assert predictor.predict([[0.0], [7.0]]).tolist() == [[0.5, 0.75], [0.5, 0.75]]
    assert predictor.shrinkage_ == (0.0, 0.0)


def test_a_repeated_query_counts_as_its_root() -> None:
    """Four right answers to one query count as two, beside two wrong ones: 3/6; 1/4 without it, 3/5 without another."""
    predictor = SuccessPredictor(random_state=0).fit([[0.0]] * 4 + [[1.0], [2.0]], [[1.0]] * 4 + [[0.0]] * 2)
    assert predictor.means_ == pytest.approx([1 / 2])
    assert predictor.ensemble_.centre[:, 0] == pytest.approx([1 / 4] * 4 + [3 / 5] * 2)


def test_equal_features_are_held_out_together() -> None:
    """Random labels on five repeated texts look learnable unless repetitions are held out with their text."""
    X = np.repeat(np.arange(5.0), 40)[:, None]
    y = np.repeat([[1, 0], [0, 1], [1, 1], [0, 0], [1, 0]], 40, axis=0).astype(float)
    assert SuccessPredictor(TREE, random_state=0).fit(X, y).shrinkage_.specific < 0.3


def test_missing_labels_leave_other_llms_alone() -> None:
    """Labels that go missing in one column change no other column's members, LLM by LLM."""
    X, y, _ = make(40, 0)
    holes = y.copy()
    holes[::3, 2] = np.nan
    predictor = SuccessPredictor(Ridge(), objective=None, random_state=0)
    full, partial = (
        np.asarray(clone(predictor).fit(X, labels).ensemble_.members[0].predict(X)) for labels in (y, holes)
    )
    np.testing.assert_allclose(full[:, :2], partial[:, :2], atol=1e-9)
    assert not np.allclose(full[:, 2], partial[:, 2])


BASES = [
    Ridge(),
    LogisticRegression(),
    KNeighborsRegressor(3),
    KNeighborsClassifier(3),
    RandomForestClassifier(5),
    TREE,
]


@pytest.mark.parametrize("base", BASES, ids=lambda base: type(base).__name__)
@pytest.mark.parametrize("resampling", ["folds", "validation-split"])
def test_any_base_estimator(base: Any, resampling: str) -> None:
    """Regressors and classifiers, single- and multi-output, in every way of resampling."""
    X, y, truth = make(120, 0)
    predictor = SuccessPredictor(base, n_resamples=10, resampling=resampling, random_state=0).fit(X, y)
    assert brier(predictor.predict(X), truth) < brier(ConstantPredictor().fit(X, y).predict(X), truth)


def test_held_out_predictions_are_honest() -> None:
    """`heldout_` is from members that did not see the row: worse than the fit of a deep tree."""
    X, y, _ = make(100, 0, skill=1.0)
    predictor = SuccessPredictor(DecisionTreeRegressor(), objective=None, random_state=0).fit(X, y)
    assert not np.isnan(predictor.heldout_).any()
    assert np.mean((predictor.heldout_ - y) ** 2) > 4 * np.mean((predictor.predict(X) - y) ** 2)


def test_published_setting() -> None:
    """The numbers of the paper: 100 trees, depth 10, 100 bootstraps of one half, alpha 1."""
    published = SuccessPredictor.published()
    forest = published.estimator
    assert (forest.n_estimators, forest.max_depth, published.n_resamples, published.alpha) == (
        100,
        10,
        100,
        1.0,
    )
    published.set_params(estimator__n_estimators=2, n_resamples=7, random_state=0)
    X, y, _ = make(50, 0)
    published.fit(X, y)
    assert len(published.ensemble_.members) == 7
    assert int(np.isnan(published.heldout_).all(axis=1).sum()) == 25


def test_two_published_predictors_share_nothing() -> None:
    """Each has its own forest, so setting one leaves the other alone."""
    one, other = SuccessPredictor.published(), SuccessPredictor.published()
    one.set_params(estimator__max_depth=1)
    assert other.estimator.max_depth == 10


WRONG_LABELS = {
    r"labels\[1, 0\] = 1.5": [[1.0, 0.0], [1.5, 0.0]],
    r"labels\[0, 1\] = -0.1": [[1.0, -0.1], [1.0, 0.0]],
    r"labels\[0, 0\] = inf": [[np.inf, 0.0], [1.0, 0.0]],
    r"labels\[:, 1\] holds no label": [[1.0, np.nan], [0.0, np.nan]],
    r"shape \(2, M >= 1\).*\(3, 1\)": [[1.0], [0.0], [1.0]],
    r"one column per LLM, got \(2,\)": [1.0, 0.0],
}


@pytest.mark.parametrize("message", WRONG_LABELS)
def test_wrong_labels(message: str) -> None:
    """Each is refused with its place."""
    with pytest.raises(ValueError, match=message):
        SuccessPredictor().fit([[0.0], [1.0]], WRONG_LABELS[message])


def test_labels_on_the_edge() -> None:
    """0, 1 and NaN in every column are the boundary of what is allowed."""
    labels = [[0.0, np.nan], [1.0, 1.0], [np.nan, 0.0]]
    assert SuccessPredictor(random_state=0).fit([[0.0], [1.0], [2.0]], labels).predict([[0.0]]).shape == (
        1,
        2,
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"resampling": "jackknife"},
            "resampling must be one of folds, validation-split; got 'jackknife'",
        ),
        ({"n_resamples": 0}, "n_resamples must be at least 1, got 0"),
        ({"resampling": "validation-split", "validation_share": 1.0}, "must lie between 0 and 1; got 1.0"),
        ({"objective": "money"}, "objective must be one of plan, brier, or None; got 'money'"),
        ({"alpha": np.nan}, "alpha must be a finite number, got nan"),
        ({"alpha": "high"}, "alpha must be a finite number, got 'high'"),
        ({"estimator": RidgeClassifier()}, "RidgeClassifier has no predict_proba"),
    ],
)
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    """Options are checked in fit, as scikit-learn wants it, and named."""
    with pytest.raises(ValueError, match=message):
        SuccessPredictor(**options).fit([[0.0], [1.0]], [[1.0], [0.0]])


@pytest.mark.parametrize("alpha", [np.nan, np.inf, -np.inf])
def test_wrong_alpha_of_a_call(alpha: float) -> None:
    """What a call gives is checked like the option; a huge number is still one."""
    predictor = SuccessPredictor(TREE, n_resamples=10, random_state=0).fit([[0.0], [1.0]], [[1.0], [0.0]])
    with pytest.raises(ValueError, match="alpha must be a finite number"):
        predictor.predict_robust([[0.0]], alpha=alpha)
    assert predictor.predict_robust([[0.0]], alpha=1e9).tolist() == [[1.0]]


def test_random_state_of_every_kind() -> None:
    """A seed and its RandomState give the same; equal generators give the same, and go on."""
    X, y, _ = make(40, 0)

    def predict(random_state: Any) -> Any:
        return SuccessPredictor(TREE, n_resamples=10, random_state=random_state).fit(X, y).predict(X)

    np.testing.assert_array_equal(predict(3), predict(np.random.RandomState(3)))
    generator = np.random.default_rng(3)
    first = predict(generator)
    np.testing.assert_array_equal(first, predict(np.random.default_rng(3)))
    assert not np.array_equal(first, predict(generator))


def test_classifier_refuses_shares() -> None:
    """A classifier has no use for 0.5; a regressor has."""
    X, y = [[0.0], [1.0], [2.0]], [[1.0], [0.5], [0.0]]
    with pytest.raises(ValueError, match=r"labels\[1, 0\] = 0.5. Take a regressor"):
        SuccessPredictor(LogisticRegression()).fit(X, y)
    assert SuccessPredictor(Ridge(), random_state=0).fit(X, y).predict(X).shape == (3, 1)


def test_memory_does_not_grow_with_members() -> None:
    """Predicting with 40 members takes hardly more memory than with 10: they pass one after another."""
    import tracemalloc

    X, y, _ = make(40, 0)
    Z = np.zeros((20_000, 4))
    peaks = []
    for count in (10, 40):
        predictor = SuccessPredictor(Ridge(), n_resamples=count, random_state=0).fit(X, y)
        tracemalloc.start()
        predictor.predict(Z)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]
