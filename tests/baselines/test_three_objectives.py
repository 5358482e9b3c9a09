"""Claims that hold for every baseline with latency as a third objective."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from moocore import is_nondominated
from pymoo.optimize import minimize

from optllm_pymoo import Additive, AllocationProblem, baselines, make_problem
from optllm_pymoo.baselines._pymoo import largest_lattice
from optllm_pymoo.measures.search import hypervolume_ratio
from tests.baselines.test_all import SEARCHES, Recorder, same

FACTORIES = SEARCHES | {"single_llms": baselines.single_llms}

every = pytest.mark.parametrize("name", FACTORIES)


@pytest.fixture(scope="module")
def timed():
    """Return 40 queries on 5 LLMs, with latency and a mask that always allows LLM 1."""
    base = make_problem(40, 5, with_latency=True)
    allowed = np.random.default_rng(3).random((40, 5)) < 0.5
    allowed[:, 1] = True
    return AllocationProblem(base.cost, base.accuracy, allowed=allowed, objectives=[base.third])


def run(name, problem, n_eval=100, seed=1, **options):
    """Minimise with a budget of evaluations."""
    return minimize(problem, FACTORIES[name](), ("n_eval", n_eval), seed=seed, **options)


@every
def test_answer_is_valid_distinct_and_nondominated(name, timed):
    """Allowed LLMs, no plan twice, none dominated, three objectives scored right, twice the same."""
    res = run(name, timed)
    assert res.F.shape[1] == 3
    assert timed.allowed[np.arange(40), res.X].all()
    assert len(np.unique(res.X, axis=0)) == len(res.X)
    assert is_nondominated(res.F, keep_weakly=True).all()
    assert np.array_equal(timed.evaluate(res.X), res.F)
    assert 0 <= hypervolume_ratio(res.F, timed.supported_surface) <= 1.05
    assert same(res, run(name, timed))


@every
def test_pickled_in_the_middle_goes_on_as_if_nothing_had_happened(name, timed):
    """Frozen after the first iteration, thawed, and run to the end."""
    algorithm = FACTORIES[name]().setup(timed, termination=("n_eval", 60), seed=1)
    algorithm.next()
    assert same(pickle.loads(pickle.dumps(algorithm)).run(), run(name, timed, 60))


@pytest.mark.parametrize("name", [name for name in FACTORIES if name.endswith("warm")])
def test_warm_start_has_all_three_extremes(name, timed):
    """The cheapest, the most accurate and the fastest plan are in the first population."""
    recorder = Recorder()
    run(name, timed, 40, callback=recorder)
    first = {row.tobytes() for row in recorder.batches[0]}
    assert {row.tobytes() for row in timed.extremes()} <= first


@every
@pytest.mark.filterwarnings("error:invalid value:RuntimeWarning")
@pytest.mark.parametrize("case", ["one LLM", "one query", "one point", "ties"])
def test_awkward_problems_are_survived(name, case):
    """Where there is hardly a choice, too."""
    problem = {
        "one LLM": lambda: make_problem(6, 1, with_latency=True),
        "one query": lambda: make_problem(1, 4, with_latency=True),
        "one point": lambda: AllocationProblem(
            np.ones((9, 3)), np.ones((9, 3)), objectives=Additive("ones", np.ones((9, 3)), unit="")
        ),
        "ties": lambda: make_problem(30, 4, family="tied", with_latency=True),
    }[case]()
    res = run(name, problem)
    assert len(res.X) >= 1
    assert np.isfinite(res.F).all()


def test_lambda_sweep_is_refused(timed):
    """It knows no latency; the message says what does the same for three objectives."""
    with pytest.raises(
        ValueError, match=r"LambdaSweep supports cost and accuracy, but no third objective; problem.support"
    ):
        minimize(timed, baselines.lambda_sweep())


def test_directions_fit_the_population(timed):
    """The largest lattice of at most so many; a population smaller than the objectives is refused."""
    assert len(largest_lattice(3, 20)) == 15
    assert len(largest_lattice(3, 21)) == 21
    with pytest.raises(ValueError, match="pop_size must be at least 3, a plan per objective; got 2"):
        minimize(timed, baselines.nsga3(pop_size=2), ("n_gen", 2))
