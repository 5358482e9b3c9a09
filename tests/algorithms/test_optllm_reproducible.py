"""The same run again: by hand, resumed, pickled in the middle, in a fresh process, with another seed."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from pymoo.optimize import minimize
from pymoo.termination.max_gen import MaximumGenerationTermination

from optllm_pymoo import AllocationProblem, OptLLM, make_problem
from optllm_pymoo.operators import RandomDestruction
from tests.algorithms.runs import digest, run_by_hand
from tests.processes import run_fresh


def steered_problem():
    """Build a batch with ties, robust accuracies and a mask."""
    base, rng = make_problem(120, 5, family="tied"), np.random.default_rng(1)
    allowed = rng.random((120, 5)) < 0.8
    allowed[:, 0] = True
    robust = base.accuracy + rng.normal(0.0, 0.1, base.accuracy.shape)
    return AllocationProblem(base.cost, base.accuracy, robust_accuracy=robust, allowed=allowed)


ALGORITHMS = {
    "default": lambda: OptLLM(10, rounds_per_iteration=2),
    "random split": lambda: OptLLM(10, rounds_per_iteration=2, split=RandomDestruction(0.3)),
    "random walk": lambda: OptLLM(10, rounds_per_iteration=2, destruction_up=RandomDestruction(0.1)),
}


@pytest.mark.parametrize("name", ALGORITHMS)
@pytest.mark.parametrize("termination", [None, ("n_gen", 25)])
def test_ask_and_tell_equal_minimize(name, termination):
    """A run by hand gives the same plans, bit for bit."""
    problem = steered_problem()
    by_minimize = minimize(problem, ALGORITHMS[name](), termination, seed=4)
    options = {} if termination is None else {"termination": termination}
    by_hand, _ = run_by_hand(problem, ALGORITHMS[name](), seed=4, **options)
    assert digest(by_hand) == digest(by_minimize)


@pytest.mark.parametrize("name", ALGORITHMS)
@pytest.mark.parametrize("stop", [1, 3, 8, 15])
def test_pickled_in_the_middle(name, stop):
    """A run that was pickled after some iterations ends as one that wasn't, in the walks and after them."""
    problem = steered_problem()
    whole = minimize(problem, ALGORITHMS[name](), ("n_gen", 25), seed=4)
    algorithm = ALGORITHMS[name]().setup(problem, termination=("n_gen", 25), seed=4)
    for _ in range(stop):
        algorithm.next()
    resumed = pickle.loads(pickle.dumps(algorithm))
    assert digest(resumed.run()) == digest(whole) == digest(algorithm.run())


def test_pickled_in_the_middle_with_history_callback_and_output():
    """The same with everything switched on that can be pickled."""
    problem = steered_problem()
    options = {"seed": 4, "save_history": True, "verbose": True}
    whole = minimize(problem, OptLLM(10), ("n_gen", 12), **options)
    algorithm = OptLLM(10).setup(problem, termination=("n_gen", 12), **options)
    for _ in range(4):
        algorithm.next()
    resumed = pickle.loads(pickle.dumps(algorithm)).run()
    assert digest(resumed) == digest(whole)
    assert len(resumed.history) == len(whole.history)


RESUME = """
import pickle, sys
from tests.algorithms.runs import digest
for path in sys.argv[1:]:
    with open(path, "rb") as file:
        print(digest(pickle.load(file).run()))
"""


def test_in_a_fresh_process(tmp_path):
    """Runs of the same seed, from the start and from the middle, end alike in a process with another hash seed."""
    problem, expected, paths = steered_problem(), [], []
    for name, build in ALGORITHMS.items():
        for stop in (0, 5):
            algorithm = build().setup(problem, termination=("n_gen", 25), seed=4)
            for _ in range(stop):
                algorithm.next()
            paths.append(tmp_path / f"{name} {stop}")
            paths[-1].write_bytes(pickle.dumps(algorithm))
            expected.append(digest(algorithm.run()))
    assert run_fresh(RESUME, *map(str, paths)).split() == expected


def test_seeds():
    """Same seed, same plans; another seed, other plans where an operator draws; by default no seed matters."""
    problem = make_problem(200, 5)

    def run(name, seed):
        return digest(minimize(problem, ALGORITHMS[name](), ("n_gen", 12), seed=seed))

    for name in ALGORITHMS:
        assert run(name, 1) == run(name, 1), name
    assert run("random walk", 1) != run("random walk", 2)
    assert run("random split", 1) != run("random split", 2)
    assert run("default", 1) == run("default", 2)


def test_global_generator_is_left_alone():
    """No operator draws from NumPy's global generator, nor does it matter."""
    problem = steered_problem()
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    minimize(problem, ALGORITHMS["random walk"](), ("n_gen", 10), seed=1)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


@pytest.mark.parametrize("stop", [2, 6, 14])
def test_resumed_with_another_termination(stop):
    """A run that has ended goes on when it gets a termination with more budget, as if it had had it from the start."""
    problem = steered_problem()
    algorithm = ALGORITHMS["random split"]()
    minimize(problem, algorithm, ("n_gen", stop), seed=4, copy_algorithm=False)
    assert algorithm.problem is problem
    algorithm.termination = MaximumGenerationTermination(25)
    resumed = minimize(problem, algorithm, copy_algorithm=False)
    assert digest(resumed) == digest(minimize(problem, ALGORITHMS["random split"](), ("n_gen", 25), seed=4))


def test_goes_on_after_it_had_ended_by_itself():
    """After the walks a termination with budget left splits the gaps that remain."""
    problem, algorithm = make_problem(200, 5), OptLLM(10)
    first = minimize(problem, algorithm, seed=1, copy_algorithm=False)
    algorithm.termination = MaximumGenerationTermination(algorithm.n_iter + 10)
    second = minimize(problem, algorithm, copy_algorithm=False)
    assert len(second.F) > len(first.F)
    assert {*map(tuple, first.F)} <= {*map(tuple, second.F)}


@pytest.mark.parametrize("family", ["continuous", "tied", "binary", "dominated"])
@pytest.mark.parametrize("name", ["default", "random walk"])
def test_rounds_per_iteration_change_no_plan(family, name):
    """One round per iteration or a hundred: the same plans come back."""
    problem = make_problem(150, 5, family=family)
    digests = set()
    for rounds in (1, 3, 7, 100):
        algorithm = ALGORITHMS[name]()
        algorithm.rounds_per_iteration = rounds
        digests.add(digest(minimize(problem, algorithm, seed=2)))
    assert len(digests) == 1


def test_threads_change_no_plan(set_threads):
    """One thread and two give the same plans where the kernels split the work."""
    problem = make_problem(70_000, 4, family="tied")
    digests = []
    for n_threads in (1, 2):
        set_threads(n_threads)
        fresh = AllocationProblem(problem.cost, problem.accuracy)
        digests.append(digest(minimize(fresh, OptLLM(20), seed=1)))
    assert digests[0] == digests[1]
