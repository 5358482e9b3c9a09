"""``python -m benchmarks.experiment.scaling_probe STAGE FOLDER``: time and memory of one stage, printed as JSON.

A process of its own measures memory from nothing. Tables are read from files, since making them here would leave a
peak behind that hides the stage's own. Each stage imports what it needs when it is first called, since most of a small
size's time is imports.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import numpy as np

import optllm_pymoo
from benchmarks.memory import forget_peak, peak_rss_bytes, resident_bytes

if TYPE_CHECKING:
    from pymoo.core.result import Result

Prepared = Any
Stage = tuple[Callable[[Path], Prepared], Callable[[Prepared], Any]]

WARM_UP = "warm-up"
"""Folder below the tables with small ones of the same type."""

PLANS = 10
"""Plans that are scored together."""

REPEATS_WITHIN_SECONDS = 2.0
MAX_REPEATS = 5
"""A stage is repeated up to five times, as long as two seconds are not over; the median counts."""


def _tables(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    return np.load(folder / "cost.npy"), np.load(folder / "accuracy.npy")


def _efficiencies(folder: Path) -> np.ndarray:
    return np.asarray(np.load(folder / "efficiencies.npy"))


def _problem(folder: Path) -> optllm_pymoo.AllocationProblem:
    return optllm_pymoo.AllocationProblem(*_tables(folder))


def _plans(folder: Path) -> tuple[optllm_pymoo.AllocationProblem, np.ndarray]:
    problem = _problem(folder)
    draw = np.random.default_rng(0).integers(problem.n_llms, size=(PLANS, problem.n_queries), dtype=np.int8)
    return problem, draw


def _labelled_texts(folder: Path) -> tuple[list[str], np.ndarray]:
    return json.loads((folder / "texts.json").read_text()), np.load(folder / "labels.npy")


def _search(problem: optllm_pymoo.AllocationProblem) -> Result:
    from pymoo.optimize import minimize

    fresh = optllm_pymoo.AllocationProblem(problem.cost, problem.accuracy)
    return minimize(fresh, optllm_pymoo.OptLLM(), seed=1)


def _predict(given: tuple[list[str], np.ndarray]) -> np.ndarray:
    from optllm_pymoo.prediction import QueryFeatures, SuccessPredictor

    texts, labels = given
    features = QueryFeatures(random_state=0).fit_transform(texts)
    predictor = SuccessPredictor(random_state=0).fit(features[: len(labels)], labels)
    return np.asarray(predictor.predict(features))


STAGES: Final[dict[str, Stage]] = {
    "sort": (_efficiencies, np.argsort),
    "front": (_tables, lambda tables: optllm_pymoo.SupportedFront(*tables)),
    "search": (_problem, _search),
    "evaluate": (_plans, lambda given: given[0].evaluate(given[1])),
    "predict": (_labelled_texts, _predict),
}
"""Name -> what is made ready beforehand, and what is measured.

``sort`` is numpy's argsort of as many numbers as the exact front has steps: the yardstick of the others.
"""


def probe(stage: str, folder: Path, /) -> dict[str, float]:
    """Measure one stage.

    Returns:
        ``seconds``, the median of several runs after one on small tables, which compiles and imports; ``peak_mib``,
        how far memory rose above what was there with the tables loaded (on systems that can't forget an earlier peak:
        above it or up to it); ``tables_mib``.
    """
    prepare, run = STAGES[stage]
    run(prepare(folder / WARM_UP))
    given = prepare(folder)
    forget_peak()
    before = resident_bytes()
    seconds: list[float] = []
    while not seconds or (len(seconds) < MAX_REPEATS and sum(seconds) < REPEATS_WITHIN_SECONDS):
        start = perf_counter()
        outcome = run(given)
        seconds.append(perf_counter() - start)
        del outcome
    tables = sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
    return {
        "seconds": float(np.median(seconds)),
        "peak_mib": max(0, peak_rss_bytes() - before) / 2**20,
        "tables_mib": tables / 2**20,
    }


if __name__ == "__main__":
    print(json.dumps(probe(sys.argv[1], Path(sys.argv[2]))))
