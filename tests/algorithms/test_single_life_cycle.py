"""Runs with one objective as pymoo sees them: by hand, pickled, with history, terminations and output."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from pymoo.core.callback import Callback
from pymoo.optimize import minimize
from pymoo.termination import get_termination

from optllm_pymoo import AllocationProblem, MaxAccuracyProblem, MinCostProblem, OptLLM, make_problem
from optllm_pymoo.algorithms import single
from optllm_pymoo.algorithms.single import Certificate
from optllm_pymoo.validation import UserError
from tests.algorithms.runs import digest, run_by_hand
from tests.processes import run_fresh


@pytest.fixture(params=["budget", "target"])
def problem(request):
    """A batch whose refinement takes several rounds, limited by cost or by accuracy."""
    return limited(request.param)


def limited(by):
    """Limit a masked batch in the middle."""
    base = make_problem(400, 8, random_state=5)
    allowed = np.random.default_rng(1).random((400, 8)) < 0.8
    allowed[:, 0] = True
    allocation = AllocationProblem(base.cost, base.accuracy, allowed=allowed)
    budget, target = allocation.supported_front.F.mean(axis=0) * [1, -1]
    if by == "budget":
        return MaxAccuracyProblem(allocation, budget=budget)
    return MinCostProblem(allocation, min_accuracy=target)


EXACT = pytest.mark.parametrize("exact", [False, True])


@EXACT
def test_ask_and_tell_equal_minimize(problem, exact):
    """A run by hand gives the same plan, bit for bit."""
    by_minimize = minimize(problem, OptLLM(exact=exact), seed=4)
    by_hand, asked = run_by_hand(problem, OptLLM(exact=exact), seed=4)
    assert digest(by_hand) == digest(by_minimize)
    assert len(asked[0]) == 2


@EXACT
@pytest.mark.parametrize("stop", [0, 1, 2])
def test_pickled_in_the_middle(problem, exact, stop):
    """A run that was pickled after some iterations ends as one that wasn't."""
    whole = minimize(problem, OptLLM(exact=exact), seed=4)
    algorithm = OptLLM(exact=exact).setup(problem, seed=4)
    for _ in range(stop):
        algorithm.next()
    resumed = pickle.loads(pickle.dumps(algorithm))
    assert digest(resumed.run()) == digest(whole) == digest(algorithm.run())
    assert resumed.certificate == algorithm.certificate == whole.algorithm.certificate


RESUME = """
import pickle, sys
from tests.algorithms.runs import digest
with open(sys.argv[1], "rb") as file:
    print(digest(pickle.load(file).run()))
"""


def test_in_a_fresh_process(problem, tmp_path):
    """A run that goes on in another process ends alike."""
    algorithm = OptLLM().setup(problem, seed=4)
    algorithm.next()
    path = tmp_path / "run"
    path.write_bytes(pickle.dumps(algorithm))
    assert run_fresh(RESUME, str(path)).split() == [digest(algorithm.run())]


def test_seeds_and_threads_change_no_plan(set_threads):
    """Nothing is drawn, and ranges of queries are put together in their order."""
    allocation, digests = make_problem(70_000, 4, random_state=1), set()
    for n_threads, seed in ((1, 1), (2, 2)):
        set_threads(n_threads)
        fresh = AllocationProblem(allocation.cost, allocation.accuracy)
        budget = fresh.supported_front.F[:, 0].mean()
        digests.add(digest(minimize(MaxAccuracyProblem(fresh, budget=budget), OptLLM(), seed=seed)))
    assert len(digests) == 1


def test_history(problem):
    """Each iteration is kept, with its own certificate; values only improve and bounds only tighten."""
    res = minimize(problem, OptLLM(), seed=1, save_history=True)
    assert len(res.history) == res.algorithm.n_iter - 1 > 1
    sign = -1.0 if isinstance(problem, MaxAccuracyProblem) else 1.0
    values, bounds = np.array([(past.certificate.value, past.certificate.bound) for past in res.history]).T * sign
    assert np.all(np.diff(values) <= 0)
    assert np.all(np.diff(bounds) >= -1e-15)
    assert np.all(bounds <= values)


def test_n_eval(problem):
    """A budget of evaluations ends the run early, with the supported plan."""
    res = minimize(problem, OptLLM(exact=True), ("n_eval", 2), seed=1)
    assert res.algorithm.evaluator.n_eval == 2
    assert np.array_equal(res.X, problem.supported_front.assignment(problem.relax().inside))
    certificate = res.algorithm.certificate
    assert certificate.bound == problem.relax().bound
    assert not certificate.is_optimal


@pytest.mark.parametrize("termination", [("n_gen", 1000), get_termination("time", 60)])
def test_ends_before_the_termination(problem, termination):
    """Once the plan is proved optimal there is nothing left to do."""
    res = minimize(problem, OptLLM(), termination, seed=1)
    assert res.algorithm.certificate.is_optimal
    assert res.algorithm.n_iter < 10
    assert res.exec_time < 30


def test_more_time_closes_the_gap(problem, monkeypatch):
    """With little room at first the default ends with a gap; a termination with budget left goes on from there."""
    monkeypatch.setattr(single, "N_STATES", 2)
    monkeypatch.setattr(single, "N_STEPS", 2)
    short = minimize(problem, OptLLM(), seed=1).algorithm.certificate
    long = minimize(problem, OptLLM(), ("n_gen", 1000), seed=1).algorithm.certificate
    exact = minimize(problem, OptLLM(exact=True), seed=1).algorithm.certificate
    assert long.is_optimal
    assert exact.is_optimal
    assert long.value == pytest.approx(exact.value, rel=1e-9)
    assert short.gap >= long.gap


def test_output(problem, capsys):
    """Value, bound and gap are printed once per iteration."""
    minimize(problem, OptLLM(), seed=1, verbose=True)
    header, *rows = [line for line in capsys.readouterr().out.splitlines() if "|" in line]
    assert [name.strip() for name in header.split("|")] == ["n_gen", "n_eval", "value", "bound", "gap"]
    assert len(rows) >= 2


def test_certificate_while_it_runs(problem):
    """There is none before the first iteration, one at each callback, and none with two objectives."""

    class Seen(Callback):
        def __init__(self):
            super().__init__()
            self.gaps = []

        def notify(self, algorithm):
            self.gaps.append(algorithm.certificate.gap)

    seen = Seen()
    assert minimize(problem, OptLLM(), seed=1).algorithm.grid_progress() == 1.0
    assert OptLLM().setup(problem, seed=1).certificate is None
    minimize(problem, OptLLM(), seed=1, callback=seen)
    assert len(seen.gaps) >= 2
    assert np.all(np.diff(seen.gaps) <= 0)
    assert minimize(problem.allocation, OptLLM(5), seed=1).algorithm.certificate is None


def test_exact_needs_one_objective():
    """The optimum of two objectives is a front: said before the search, with what to build instead."""
    with pytest.raises(UserError, match=r"exact=True\) needs one objective; .* build a MaxAccuracyProblem"):
        minimize(make_problem(20, 3), OptLLM(exact=True), seed=1)


def test_certificate_as_text():
    """Dollars and accuracies, proved and not."""
    assert str(Certificate(2.5, 2.0, "US$")) == "2.5 US$, at least 2 US$ is needed: within 0.5 US$ of the optimum"
    assert str(Certificate(0.5, 0.5 + 1e-13, "mean accuracy")) == "mean accuracy 0.5, proved optimal"
    assert Certificate(1e-9, 0.9e-9, "US$").is_optimal is False
