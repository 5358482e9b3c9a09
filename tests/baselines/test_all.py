"""Claims that hold for every baseline, operator set and start."""

from __future__ import annotations

import pickle
import subprocess
import sys
from functools import partial
from importlib.util import find_spec

import numpy as np
import pytest
from moocore import is_nondominated
from pymoo.core.callback import Callback
from pymoo.optimize import minimize
from pymoo.problems.multi import ZDT1

from optllm_pymoo import AllocationProblem, baselines, make_problem
from optllm_pymoo.validation import UserError

EVOLUTIONARY = [make.__name__ for make in baselines.EVOLUTIONARY]

SEARCHES = {
    f"{name}-{operators}-{start}": partial(getattr(baselines, name), pop_size=20, operators=operators, start=start)
    for name in EVOLUTIONARY
    for operators, start in (("categorical", "cold"), ("published", "warm"))
} | {
    f"{name}-{start}": partial(getattr(baselines, name), pop_size=20, start=start)
    for name in ("mopso", "cmopso", "random_search")
    for start in ("cold", "warm")
}
"""All searches that go on for as long as they are let, with 20 evaluations per iteration."""

SWEEPS = {
    "lambda_sweep": partial(baselines.lambda_sweep, n_weights=50, batch_size=20),
    "carrot": partial(baselines.carrot, n_weights=50, batch_size=20),
    "single_llms": baselines.single_llms,
    "epsilon_constraint": partial(baselines.epsilon_constraint, n_points=5),
    "forc": partial(baselines.forc, n_budgets=5),
}
"""All that end by themselves."""

DRIVEN = {
    f"{name}-{start}": partial(getattr(baselines, name), pop_size=20, start=start)
    for name in ("pygmo_nspso", "pygmo_moead", "pygmo_moead_gen")
    for start in ("cold", "warm")
} | {"alns_search": partial(baselines.alns_search, n_weights=10, n_iterations=10)}
"""All that run another package's loop in a thread, if it is installed; they can't be pickled in the middle."""


def _driven(name):
    extra = "alns" if name == "alns_search" else "pygmo"
    missing = pytest.mark.skipif(find_spec(extra) is None, reason=f"the extra `{extra}` is not installed")
    return pytest.param(name, marks=missing)


every = pytest.mark.parametrize("name", [*SEARCHES, *SWEEPS, *map(_driven, DRIVEN)])
every_without_a_thread = pytest.mark.parametrize("name", [*SEARCHES, *SWEEPS])
searches = pytest.mark.parametrize("name", SEARCHES)
FACTORIES = SEARCHES | SWEEPS | DRIVEN


class Recorder(Callback):
    """Keep X of every batch that was evaluated."""

    def __init__(self):
        super().__init__()
        self.batches = []

    def notify(self, algorithm):
        if algorithm.off is not None:
            self.batches.append(algorithm.off.get("X"))


def run(name, problem, n_eval=100, seed=1, **options):
    """Minimise with a budget of evaluations."""
    return minimize(problem, FACTORIES[name](), ("n_eval", n_eval), seed=seed, **options)


def same(a, b):
    """Tell whether two results hold the same plans and values in the same order."""
    return np.array_equal(a.X, b.X) and np.array_equal(a.F, b.F)


@searches
@pytest.mark.parametrize("n_eval", [20, 100])
def test_budget_is_kept_exactly(name, masked, n_eval):
    """A budget that the population size divides is used up and not exceeded; every plan evaluated counts."""
    recorder = Recorder()
    res = run(name, masked, n_eval, callback=recorder)
    assert res.algorithm.evaluator.n_eval == n_eval
    assert sum(map(len, recorder.batches)) == n_eval


@every
def test_mask_is_respected_and_plans_are_integral(name, masked):
    """Everything evaluated is a valid plan of integers; the problem itself would refuse any other."""
    recorder = Recorder()
    res = run(name, masked, callback=recorder)
    for X in [*recorder.batches, res.X]:
        assert X.dtype.kind == "i"
        assert masked.allowed[np.arange(masked.n_queries), X].all()


@every
def test_answer_is_distinct_nondominated_and_scored_right(name, problem):
    """No plan twice, none dominated, and the values are those of the problem."""
    res = run(name, problem)
    assert len(np.unique(res.X, axis=0)) == len(res.X)
    assert is_nondominated(res.F, keep_weakly=True).all()
    assert np.array_equal(problem.evaluate(res.X), res.F)


@every
def test_same_seed_same_result(name, masked):
    """Two runs with one seed agree, in spite of draws from other generators in between."""
    first = run(name, masked)
    np.random.default_rng().random(5)
    assert same(first, run(name, masked))


@searches
def test_other_seed_other_result(name, problem):
    """Seed 2 leads elsewhere."""
    assert not same(run(name, problem, seed=1), run(name, problem, seed=2))


@every
def test_ask_and_tell_is_minimize(name, masked):
    """A run by hand goes through the very same states."""
    algorithm = FACTORIES[name]()
    algorithm.setup(masked, termination=("n_eval", 100), seed=1)
    while algorithm.has_next():
        infills = algorithm.ask()
        algorithm.evaluator.eval(masked, infills)
        algorithm.tell(infills=infills)
    assert same(algorithm.result(), run(name, masked))


@every_without_a_thread
def test_pickled_in_the_middle_goes_on_as_if_nothing_had_happened(name, masked):
    """Frozen before the run and after its first iteration, thawed, and run to the end."""
    algorithm = pickle.loads(pickle.dumps(FACTORIES[name]()))
    algorithm.setup(masked, termination=("n_eval", 100), seed=1)
    algorithm.next()
    thawed = pickle.loads(pickle.dumps(algorithm))
    assert same(thawed.run(), run(name, masked))


@every
def test_instances_share_nothing(name, problem):
    """A run leaves the algorithm given, and the next instance, as if it had never been."""
    expected = run(name, problem)
    algorithm = FACTORIES[name]()
    minimize(problem, algorithm, ("n_eval", 60), seed=5)
    assert same(minimize(problem, algorithm, ("n_eval", 100), seed=1), expected)
    by_hand = FACTORIES[name]().setup(problem, termination=("n_eval", 60), seed=7)
    by_hand.run()
    assert same(run(name, problem), expected)


@pytest.mark.parametrize("name", [name for name in SEARCHES if name.endswith("warm")])
def test_warm_start_has_both_extremes(name, masked):
    """The first population holds the cheapest and the most accurate plan, and the front still ends there."""
    recorder = Recorder()
    res = run(name, masked, n_eval=100, callback=recorder)
    first = {row.tobytes() for row in recorder.batches[0]}
    assert {row.tobytes() for row in masked.extremes()} <= first
    if not name.startswith("rnsga2"):
        # R-NSGA-II's clearing within epsilon may drop them
        np.testing.assert_allclose(res.F.min(axis=0), masked.supported_front.F.min(axis=0))


@searches
def test_termination_may_be_an_option(name, problem):
    """A termination given to the factory is heeded, as is one given to `minimize`."""
    algorithm = FACTORIES[name](termination=("n_eval", 40))
    assert minimize(problem, algorithm, seed=1).algorithm.evaluator.n_eval == 40


@every
def test_misspelt_option_is_refused(name):
    """Pymoo would swallow it; the message names the right one. The right one passes."""
    with pytest.raises(TypeError, match=r"no option 'save_histroy'; did you mean 'save_history'\?"):
        FACTORIES[name](save_histroy=True)
    assert FACTORIES[name](save_history=True).save_history


@pytest.mark.parametrize("name", EVOLUTIONARY)
def test_unknown_operators_are_refused(name):
    """The message names the choices."""
    with pytest.raises(ValueError, match="operators must be one of 'categorical', 'published'; got 'sbx'"):
        getattr(baselines, name)(operators="sbx")


@pytest.mark.parametrize("name", [*EVOLUTIONARY, "mopso", "cmopso", "random_search"])
def test_unknown_starts_are_refused(name):
    """The message names the choices."""
    with pytest.raises(ValueError, match="start must be one of 'cold', 'warm'; got 'lukewarm'"):
        getattr(baselines, name)(start="lukewarm")


AWKWARD = {
    "one LLM": lambda: make_problem(6, 1),
    "one query": lambda: make_problem(1, 4),
    "one query, one LLM": lambda: make_problem(1, 1),
    "true labels": lambda: make_problem(30, 4, family="binary"),
    "ties": lambda: make_problem(30, 4, family="tied"),
    "costs nothing": lambda: AllocationProblem(np.zeros((9, 3)), make_problem(9, 3).accuracy),
    "equal costs": lambda: AllocationProblem(np.ones((9, 3)), make_problem(9, 3).accuracy),
    "never right": lambda: AllocationProblem(make_problem(9, 3).cost, np.zeros((9, 3))),
    "one point": lambda: AllocationProblem(np.ones((9, 3)), np.ones((9, 3))),
    "128 LLMs": lambda: make_problem(9, 128),
    "float32": lambda: make_problem(9, 3, dtype=np.float32),
}


@every
@pytest.mark.filterwarnings("error:invalid value:RuntimeWarning")
@pytest.mark.parametrize("case", AWKWARD)
def test_awkward_problems_are_survived(name, case):
    """Every run ends with at least one valid plan and finite values, where there is hardly a choice too."""
    res = run(name, AWKWARD[case]())
    assert len(res.X) >= 1
    assert np.isfinite(res.F).all()


@searches
def test_ends_by_itself_when_the_front_stalls(name):
    """On two queries and two LLMs the front is soon complete, and the default termination notices."""
    res = minimize(make_problem(2, 2), FACTORIES[name](), seed=1)
    assert res.algorithm.n_gen < 400


def test_same_result_in_a_fresh_process(masked):
    """What a seed gives doesn't depend on the process."""
    script = (
        "import pickle, sys\n"
        "from pymoo.optimize import minimize\n"
        "problem, factories = pickle.load(sys.stdin.buffer)\n"
        "results = [minimize(problem, make(), ('n_eval', 100), seed=1).X for make in factories]\n"
        "pickle.dump(results, sys.stdout.buffer)\n"
    )
    fresh = subprocess.run(
        [sys.executable, "-c", script],
        input=pickle.dumps((masked, list(SEARCHES.values()))),
        capture_output=True,
        check=True,
    )
    for name, X in zip(SEARCHES, pickle.loads(fresh.stdout), strict=True):
        assert np.array_equal(X, run(name, masked).X), name


@every
def test_verbose_shows_the_columns_of_allocations(name, problem, capsys):
    """The share of the exact front's hypervolume is printed once per iteration."""
    run(name, problem, n_eval=40, verbose=True)
    assert "hv_ratio" in capsys.readouterr().out


@pytest.mark.parametrize("make", [baselines.nsga2, baselines.mopso, baselines.lambda_sweep, baselines.single_llms])
def test_other_problems_are_refused(make):
    """A problem that isn't one of allocation is refused by name, with what to do."""
    with pytest.raises(UserError, match=r"needs an AllocationProblem; got ZDT1\. Build one with AllocationProblem"):
        minimize(ZDT1(), make(), ("n_gen", 2), seed=1)
