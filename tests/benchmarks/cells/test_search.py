"""Searches: what is measured is what was found within the limit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pymoo.optimize import minimize

from benchmarks.cells.algorithms import find_variant
from benchmarks.cells.cell import seed_of
from benchmarks.cells.recording import Recorder
from benchmarks.cells.search import KEPT_POINTS, Batch, Limit, SearchCell, thinned
from benchmarks.cells.split import Setting
from optllm_pymoo import AllocationProblem, make_problem
from optllm_pymoo.measures.search import search_quality
from tests.benchmarks.cells.bench import BENCH, SETTING

SMALL = make_problem(40, 4, random_state=1)
KNOWN = Setting("small", "0")
GIVEN = Batch(SMALL.cost, SMALL.accuracy, None, None)


@pytest.mark.parametrize("algorithm", ["optllm", "optllm:walks", "lambda-sweep", "single-llms", "nsga2", "moead:warm"])
@pytest.mark.parametrize("limit", [7, 250])
def test_measures_and_trace_agree(algorithm: str, limit: int) -> None:
    """The trace ends at what counts within the limit, also if more is done, with the ratio that is measured."""
    outcome = SearchCell(KNOWN, algorithm, Limit(evaluations=limit), n_grid=10).measure(GIVEN)
    quality = search_quality(outcome.arrays["front"], SMALL.supported_front)
    measures, trace = outcome.measures, outcome.arrays["trace"]
    assert trace[-1, 0] == min(limit, measures["evaluations"])
    assert trace[-1, 2] == measures["hypervolume_ratio"] == quality.hypervolume_ratio
    assert (measures["additive_epsilon"], measures["distinct_points"]) == (quality.additive_epsilon, quality.n_points)
    assert outcome.timings["seconds"] > 0
    assert "realised" not in outcome.arrays
    assert "area" not in measures


def test_limit_of_seconds() -> None:
    """It ends, nothing found later counts, and it doesn't claim to be reproducible."""
    cell = SearchCell(KNOWN, "random-search", Limit(seconds=0.2))
    trace = cell.measure(GIVEN).arrays["trace"]
    assert not cell.is_reproducible
    assert len(trace) == 1 or trace[-1, 1] <= 0.2


@pytest.mark.parametrize("limit", [Limit(), Limit(10, 1.0), Limit(evaluations=0), Limit(seconds=-1.0)])
def test_limits_that_are_none(limit: Limit) -> None:
    """Neither, both, or nothing to do: refused when the cell is made."""
    with pytest.raises(ValueError, match=r"one limit above 0, evaluations or seconds; got Limit\(evaluations="):
        SearchCell(KNOWN, "nsga2", limit)


def test_limits_as_text() -> None:
    """For titles."""
    assert str(Limit(evaluations=10_000)) == "10,000 evaluations"
    assert str(Limit(seconds=2.5)) == "2.5 s"


def test_predicted_tables_are_realised() -> None:
    """Points of the result are valued on outcomes; the search is measured on the predicted table."""
    cell = SearchCell(SETTING, "optllm", Limit(evaluations=250), n_grid=10)
    outcome = BENCH.outcome(cell)
    (batch,) = cell.inputs(BENCH)
    realised = outcome.arrays["realised"]
    assert len(realised) == outcome.measures["distinct_plans"]
    assert (np.diff(realised[:, 0]) >= 0).all()
    assert outcome.measures["highest_accuracy"] == realised[:, 1].max()
    best = int(batch.correct.mean(axis=0).argmax())
    assert outcome.measures["best_cost_usd"] == pytest.approx(batch.cost[:, best].sum())
    np.testing.assert_allclose(outcome.arrays["front"][0, 0], batch.cost.min(axis=1).sum())


def test_alpha_steers_by_robust_accuracies() -> None:
    """With α the problem has mean + α·σ, cut to [0, 1], and the run is that of this very problem."""
    rng = np.random.default_rng(0)
    batch = GIVEN._replace(sigma=rng.random(SMALL.cost.shape) / 2)
    cell = SearchCell(KNOWN, "optllm:walks", Limit(evaluations=250), n_grid=10, alpha=1.0)
    assert batch.sigma is not None
    robust = np.minimum(SMALL.accuracy + batch.sigma, 1.0)
    problem = AllocationProblem(SMALL.cost, SMALL.accuracy, robust_accuracy=robust)
    recorder = Recorder(250)
    built = find_variant("optllm:walks").make(cell.settings)
    result = minimize(problem, built, None, seed=seed_of(cell), evaluator=recorder)
    found = cell.measure(batch).measures
    quality = search_quality(recorder.F, problem.supported_front)
    assert found["hypervolume_ratio"] == quality.hypervolume_ratio
    assert found["distinct_plans"] == len({plan.tobytes() for plan in result.X})
    assert found != cell.measure(GIVEN).measures


def test_sigma_is_asked_for_where_alpha_is() -> None:
    """Without α a search isn't handed what it makes no use of."""
    with_alpha = SearchCell(SETTING, "optllm", Limit(evaluations=250), alpha=-1.0)
    assert with_alpha.inputs(BENCH)[0].sigma is not None
    assert replace(with_alpha, alpha=0.0).inputs(BENCH)[0].sigma is None


def test_failures_are_told(failing: str) -> None:
    """What goes wrong in an algorithm comes out of `measure`, for the runner to report."""
    with pytest.raises(RuntimeError, match="no such luck"):
        SearchCell(KNOWN, failing, Limit(evaluations=10)).measure(GIVEN)


def test_thinned() -> None:
    """Few points stay as they are; of many the ends and a thousand are kept, in order, each once."""
    few, many = np.arange(8.0).reshape(4, 2), np.arange(5000.0).reshape(2500, 2)
    np.testing.assert_array_equal(thinned(few), few)
    assert len(thinned(few[:1])) == 1
    kept = thinned(many)
    assert len(kept) == KEPT_POINTS
    assert (kept[0].tolist(), kept[-1].tolist()) == ([0.0, 1.0], [4998.0, 4999.0])
    assert (np.diff(kept[:, 0]) > 0).all()
