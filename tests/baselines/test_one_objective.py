"""GA, DE and PSO on a budget or a target, in every operator set and start."""

from __future__ import annotations

import pickle
from functools import partial

import numpy as np
import pytest
from pymoo.core.population import Population
from pymoo.optimize import minimize

from optllm_pymoo import AllocationProblem, MaxAccuracyProblem, MinCostProblem, OptLLM, baselines, make_problem
from optllm_pymoo.baselines._one_objective import CategoricalVariant, RelativeValueTermination
from optllm_pymoo.validation import UserError
from tests.baselines.test_all import Recorder, same

FACTORIES = {
    f"{name}-{operators}-{start}": partial(getattr(baselines, name), pop_size=20, operators=operators, start=start)
    for name in ("ga", "de", "pso")
    for operators in ("categorical", "published")
    for start in ("cold", "warm")
}
every = pytest.mark.parametrize("name", FACTORIES)


@pytest.fixture
def limited(masked):
    """Limit the masked batch in the middle, by cost and by accuracy."""
    budget, target = masked.supported_front.F.mean(axis=0) * [1, -1]
    return MaxAccuracyProblem(masked, budget=budget), MinCostProblem(masked, min_accuracy=target)


def run(name, problem, n_eval=200, **options):
    """Minimise with a budget of evaluations."""
    return minimize(problem, FACTORIES[name](), ("n_eval", n_eval), seed=1, **options)


@every
def test_plans_are_within_the_limit(name, limited):
    """A plan, its value and its constraint belong together, and it is no better than the optimum."""
    for problem in limited:
        res = run(name, problem)
        assert res.algorithm.evaluator.n_eval == 200
        F, G = problem.evaluate(res.X)
        assert np.array_equal(F, res.F)
        assert G[0] <= 0
        assert res.F[0] >= minimize(problem, OptLLM(exact=True), seed=1).F[0] * (1 - 1e-12 * np.sign(res.F[0]))


@every
def test_mask_is_respected_and_plans_are_integral(name, limited):
    """Everything evaluated is an allowed plan of integers."""
    recorder = Recorder()
    run(name, limited[0], callback=recorder)
    batches = np.concatenate(recorder.batches)
    assert batches.dtype.kind == "i"
    limited[0].as_allocations(batches)


@every
def test_reproducible_and_picklable(name, limited):
    """The same seed gives the same, also when the run is pickled in the middle."""
    for problem in limited:
        whole = run(name, problem)
        assert same(run(name, problem), whole)
        algorithm = FACTORIES[name]().setup(problem, termination=("n_eval", 200), seed=1)
        for _ in range(3):
            algorithm.next()
        assert same(pickle.loads(pickle.dumps(algorithm)).run(), whole)


@every
def test_improves(name, limited):
    """With more evaluations the plan gets better."""
    problem = limited[1]
    short = run(name, problem, 40)
    assert short.X is None or run(name, problem, 2000).F[0] < short.F[0]


@pytest.mark.parametrize("name", [name for name in FACTORIES if "cold" in name])
def test_no_plan_within_the_limit(name):
    """Where a few random plans miss the limit there is no answer instead of a bad one."""
    batch = make_problem(300, 6)
    problem = MaxAccuracyProblem(batch, budget=batch.supported_front.F[0, 0] * 1.0001)
    res = run(name, problem, 40)
    assert res.X is None
    assert res.F is None


@pytest.mark.parametrize("name", [name for name in FACTORIES if "warm" in name])
def test_warm_start_begins_within_the_limit(name, limited):
    """The cheapest plan keeps any budget, the most accurate one any target."""
    for problem in limited:
        assert run(name, problem, 20).G[0] <= 0


@every
def test_one_query_and_one_llm(name):
    """With nothing to choose the one plan comes back, and the default termination ends the run."""
    for shape in ((1, 1), (2, 2), (3, 1)):
        problem = MinCostProblem(AllocationProblem(np.ones(shape), np.full(shape, 0.5)), min_accuracy=0.5)
        res = minimize(problem, FACTORIES[name](), seed=1)
        assert res.F.tolist() == [float(shape[0])] or np.ravel(res.F)[0] == shape[0]
        assert res.algorithm.n_gen < 400


@every
def test_verbose(name, limited, capsys):
    """Columns of pymoo are printed."""
    run(name, limited[0], 40, verbose=True)
    assert "f_min" in capsys.readouterr().out


@pytest.mark.parametrize("make", [baselines.ga, baselines.de, baselines.pso])
def test_two_objectives_are_refused(make, problem):
    """Said by name, with what to build."""
    with pytest.raises(UserError, match=r"needs one objective and one bound; got AllocationProblem\. Build a"):
        minimize(problem, make(), ("n_gen", 2), seed=1)


@pytest.mark.parametrize("make", [baselines.lambda_sweep, baselines.random_search])
def test_one_objective_is_refused_by_others(make, limited):
    """What keeps a front needs two objectives."""
    with pytest.raises(UserError, match="needs an AllocationProblem; got MaxAccuracyProblem"):
        minimize(limited[0], make(), ("n_gen", 2), seed=1)


@pytest.mark.parametrize("name", ["ga", "de", "pso"])
def test_bad_options(name):
    """Unknown choices and options are named."""
    make = getattr(baselines, name)
    with pytest.raises(ValueError, match="operators must be one of 'categorical', 'published'; got 'numeric'"):
        make(operators="numeric")
    with pytest.raises(ValueError, match="start must be one of 'cold', 'warm'; got 'hot'"):
        make(start="hot")
    with pytest.raises(TypeError, match=rf"{name}\(\) has no option 'popsize'; did you mean 'pop_size'"):
        make(popsize=3)


def test_de_needs_three_others():
    """rand/1 draws three plans other than the target."""
    with pytest.raises(ValueError, match="needs a plan and 3 others; got pop_size = 3"):
        baselines.de(pop_size=3)
    assert baselines.de(pop_size=4).pop_size == 4


def test_categorical_difference():
    """Trials hold nothing that no plan of the population holds; without crossover one query moves at most."""
    problem = make_problem(30, 6)
    rng = np.random.default_rng(1)
    pop = Population.new(X=rng.integers(0, 3, (8, 30), dtype=np.int8))
    variant = CategoricalVariant(crossover_prob=0.0, scale=1.0)
    variant.mutation.prob.value = 0.0
    trials = variant.do(problem, pop, 8, random_state=rng).get("X")
    assert trials.max() < 3
    assert np.all((trials != pop.get("X")).sum(axis=1) <= 1)
    assert np.any(trials != pop.get("X"))


def test_relative_termination():
    """From 2 to 1.5 thousandths is a change by a quarter."""
    assert RelativeValueTermination()._delta(2e-3, 1.5e-3) == pytest.approx(0.25)
