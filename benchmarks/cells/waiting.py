"""The times that users wait: texts, predictions, and the first minute; and the value of the features of texts.

The alternative is the same pipeline by scikit-learn alone: `TfidfVectorizer` for characters and for words, its
randomised SVD, and its forest as the member of the predictor.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.utils.extmath import randomized_svd

from benchmarks.cells.probe import run_python
from benchmarks.cells.rows import Row
from benchmarks.cells.scaling import N_LABELS, ScalingCell
from benchmarks.cells.split import Setting
from benchmarks.cells.timing import in_turns, median_seconds
from optllm_pymoo import SupportedFront, make_dataset
from optllm_pymoo.data import Dataset
from optllm_pymoo.measures import Path as Followed
from optllm_pymoo.measures import realised_area
from optllm_pymoo.prediction import QueryFeatures, SuccessPredictor

N_COLUMNS, MAX_FEATURES, MAX_FIT, BATCH = 100, 20_000, 50_000, 10_000
# Features in single precision, directions in half: products of texts of norm 2 agree to it.
SAME_PRODUCTS = 5e-3
# Leaves in single precision.
SAME_PREDICTIONS = 1e-6
SPLITS, SHARE = 4, 0.05
MILLISECONDS, GIB = 1e3, 2.0**30 / 2**20


class ByScikitLearn:
    """Vocabularies and directions as scikit-learn learns them, on a sample where there are more texts."""

    def __init__(self, texts: Sequence[str]) -> None:
        shared = {"sublinear_tf": True, "dtype": np.float32, "max_features": MAX_FEATURES}
        mask = partial(re.compile(r"\d+").sub, "0")
        characters = {"analyzer": "char_wb", "ngram_range": (2, 4), "preprocessor": lambda text: mask(text.lower())}
        self.vectorizers = [TfidfVectorizer(**characters, **shared), TfidfVectorizer(ngram_range=(1, 2), **shared)]
        drawn = np.random.default_rng(0).permutation(len(texts))[:MAX_FIT]
        sample = [texts[i] for i in np.sort(drawn)]
        tfidf = hstack([vectorizer.fit_transform(sample) for vectorizer in self.vectorizers]).tocsr()
        _, _, directions = randomized_svd(tfidf, min(N_COLUMNS, *tfidf.shape), random_state=0)
        self.directions = np.ascontiguousarray(directions.T)

    def tfidf(self, texts: Sequence[str], /) -> csr_matrix:
        """Return TF-IDF, (n, F)."""
        return hstack([vectorizer.transform(texts) for vectorizer in self.vectorizers]).tocsr()

    def transform(self, texts: Sequence[str], /) -> np.ndarray:
        """Project texts, batch by batch, (N, 100) float32."""
        batches = [self.tfidf(texts[k : k + BATCH]) @ self.directions for k in range(0, len(texts), BATCH)]
        return np.concatenate(batches)


def check_features(texts: Sequence[str], /) -> None:
    """Compare our TF-IDF with scikit-learn's, on as many texts as columns, so that the SVD loses nothing.

    Raises:
        AssertionError: Products of some texts with one another differ.
    """
    few = list(texts[:N_COLUMNS])
    ours = QueryFeatures(surface=False, random_state=0).fit_transform(few)
    tfidf = ByScikitLearn(few).tfidf(few)
    np.testing.assert_allclose(ours @ ours.T, (tfidf @ tfidf.T).toarray(), atol=SAME_PRODUCTS)


def features(*, n_queries: int, target: float | None, repeats: int) -> Iterator[Row]:
    """Compare `QueryFeatures` with the same features by scikit-learn; ours count surfaces too."""
    texts = make_dataset(n_queries, 2).texts or []
    check_features(texts)
    comparison = in_turns(
        lambda _: ByScikitLearn(texts).transform(texts),
        lambda _: QueryFeatures(random_state=0).fit_transform(texts),
        repeats=repeats,
    )
    what = "features of short texts, times faster than scikit-learn's vectorizers and SVD"
    details = f"{comparison}; products of texts equal to {SAME_PRODUCTS:g}"
    yield Row(what, f"{n_queries:,} texts", comparison.ratio, "×", "≥", target, details)


def predictions(
    *, n_queries: int, n_llms: int, larger: int, target: float | None, most_gib: float | None
) -> Iterator[Row]:
    """Compare features, fit and predictions with the same by scikit-learn, and measure a larger batch's memory.

    scikit-learn's seconds on the larger batch are computed from the smaller one: the time of fitting on a sample is
    constant, the rest grows with the number of texts.
    """
    dataset = make_dataset(n_queries, n_llms, random_state=0)
    texts, labels = dataset.texts or [], dataset.correct[: min(N_LABELS, n_queries // 2)]
    check_features(texts)
    forest = ExtraTreesRegressor(50, min_samples_leaf=3, max_features=1 / 3)
    few = QueryFeatures(random_state=0).fit_transform(texts[:1_000])
    answers = [
        SuccessPredictor(member, random_state=0).fit(few[: len(labels)], labels[: len(few)]).predict(few)
        for member in (None, forest)
    ]
    np.testing.assert_allclose(*answers, rtol=SAME_PREDICTIONS)

    def seconds_of(read: Any, member: Any) -> tuple[float, float]:
        """Seconds of learning, and of what grows with the number of texts."""
        times = [perf_counter()]
        fitted = read(texts)
        times.append(perf_counter())
        table = fitted.transform(texts)
        times.append(perf_counter())
        predictor = SuccessPredictor(member, random_state=0).fit(table[: len(labels)], labels)
        times.append(perf_counter())
        predictor.predict(table)
        spent = np.diff([*times, perf_counter()])
        return float(spent[0] + spent[2]), float(spent[1] + spent[3])

    learning, growing = seconds_of(ByScikitLearn, forest)
    ours = sum(seconds_of(QueryFeatures(random_state=0).fit, None))
    what = f"features, fit at {len(labels)} labels and predictions, times faster than by scikit-learn alone"
    details = f"{learning + growing:.3g} s : {ours:.3g} s; predictions equal to {SAME_PREDICTIONS:g}"
    yield Row(what, f"{n_queries:,} × {n_llms}", (learning + growing) / ours, "×", "≥", target, details)
    probed = ScalingCell("predict", larger, n_llms).measure().timings
    theirs = learning + growing * larger / n_queries
    details = f"{theirs:.4g} s, reckoned from {n_queries:,} texts : {probed['seconds']:.4g} s"
    yield Row(what, f"{larger:,} × {n_llms}", theirs / probed["seconds"], "×", "≥", target, details)
    peak = "peak memory of features, fit and predictions, texts included"
    yield Row(peak, f"{larger:,} × {n_llms}", probed["peak_mib"] / GIB, "GiB", "≤", most_gib)


def new_texts(*, n_queries: int, n_llms: int, target_one: float | None, target_many: float | None) -> Iterator[Row]:
    """Time new texts through fitted features and predictor: one alone, and a thousand together."""
    dataset = make_dataset(n_queries, n_llms, random_state=0)
    texts = dataset.texts or []
    reader = QueryFeatures(random_state=0).fit(texts)
    table = reader.transform(texts)
    n_labels = min(N_LABELS, n_queries // 2)
    predictor = SuccessPredictor(random_state=0).fit(table[:n_labels], dataset.correct[:n_labels])
    for n, target in ((1, target_one), (1_000, target_many)):
        new = make_dataset(n, 2, random_state=1).texts or []
        together = predictor.predict(reader.transform([*texts, *new]))[len(texts) :]
        np.testing.assert_array_equal(predictor.predict(reader.transform(new)), together)
        seconds = median_seconds(lambda new=new: predictor.predict(reader.transform(new)), repeats=11)
        what = "one new text" if n == 1 else "each of a thousand new texts"
        details = "through fitted features and predictor; the same as among others"
        yield Row(f"{what}, predicted", f"{n:,} × {n_llms}", MILLISECONDS * seconds / n, "ms", "≤", target, details)


COMMAND = "from optllm_pymoo.cli import main; main()"


def first_plan(*, quota: str, target_cold: float | None, target_warm: float | None, repeats: int) -> Iterator[Row]:
    """Time `optllm-pymoo plan` on the demo batch in fresh processes: kernels not compiled yet, and kept on the disk."""
    with TemporaryDirectory() as folder:
        options = ["--json", "--out", str(Path(folder) / "plan"), *(["--quota", quota] if quota else [])]
        # users keep bytecode, and see pictures
        kept = {"NUMBA_CACHE_DIR": str(Path(folder) / "cache"), "PYTHONDONTWRITEBYTECODE": ""}
        plan = partial(run_python, "-c", COMMAND, "plan", *options, **kept)
        start = perf_counter()
        first = plan()
        cold = perf_counter() - start
        if plan() != first:
            raise AssertionError("the plan of a fresh process differs from that of one that compiled its kernels")
        warm = median_seconds(plan, repeats=repeats)
    name = f"plan of the demo batch with --quota {quota}" if quota else "plan of the demo batch"
    details = "imports, files and pictures included; the same plan in every process"
    yield Row(f"{name}, nothing compiled yet", "2,000 × 6", cold, "s", "≤", target_cold, details)
    yield Row(f"{name}, compiled", "2,000 × 6", warm, "s", "≤", target_warm, f"{details}; median of {repeats}")


def features_worth(name: str, dataset: Dataset, /, *, fingerprint: str, target: float) -> Iterator[Row]:
    """Compare the areas of plans made with our topic columns with those made with scikit-learn's, on equal splits."""
    texts = dataset.texts or []
    ours = QueryFeatures(random_state=0).fit_transform(texts)
    topic = ByScikitLearn(sorted(set(texts))).transform(texts)
    theirs = np.hstack([topic, ours[:, -(ours.shape[1] - topic.shape[1]) :]])
    areas = np.empty((SPLITS, 2))
    for split in range(SPLITS):
        known = Setting(name, fingerprint, "ours", SHARE, "text", split).labelled(dataset)
        for k, table in enumerate((ours, theirs)):
            predictor = SuccessPredictor(random_state=split)
            predictor.fit(table[known], dataset.correct[known], cost=dataset.cost[known], planned=table[~known])
            cost, correct = dataset.cost[~known], dataset.correct[~known]
            front = SupportedFront(cost, predictor.predict(table[~known]))
            areas[split, k] = realised_area(cost, correct, Followed.along(front))
    gains = areas[:, 0] - areas[:, 1]
    details = f"mean of {SPLITS} splits ± {gains.std(ddof=1) / np.sqrt(SPLITS):.4f}; {areas[:, 0].mean():.4f} with ours"
    what = f"{name}: area with our features less that with scikit-learn's, {SHARE:.0%} labelled"
    yield Row(what, f"{len(dataset):,} × {dataset.n_llms}", float(gains.mean()), "", "≥", target, details)
