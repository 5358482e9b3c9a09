"""Subclasses of a user's with objectives or constraints of their own: searched as they are, never certified."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from pymoo.optimize import minimize

from optllm_pymoo import (
    AllocationProblem,
    AtLeastAccuracy,
    Knee,
    MaxAccuracyProblem,
    MinCostProblem,
    OptLLM,
    Plan,
    Quota,
    UserError,
    WithinBudget,
    baselines,
    make_problem,
)
from optllm_pymoo.operators import CostDestruction, ExchangeReconstruction

MOST = 5
TABLES = (make_problem(40, 4).cost, make_problem(40, 4).accuracy)


class Capped(AllocationProblem):
    """At most five calls of the last LLM, as a constraint of one's own."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.n_ieq_constr = 1

    def _evaluate(self, X, out, *args, **kwargs):
        super()._evaluate(X, out)
        out["G"] = np.sum(X == 3, axis=1)[:, None] - MOST


class Third(AllocationProblem):
    """Calls of the last LLM as a third objective."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.n_obj = 3

    def _evaluate(self, X, out, *args, **kwargs):
        super()._evaluate(X, out)
        out["F"] = np.column_stack([out["F"], np.sum(X == 3, axis=1)])


class Dearer(AllocationProblem):
    """Scores cost in its own way; as many objectives and constraints as before."""

    def _evaluate(self, X, out, *args, **kwargs):
        super()._evaluate(X, out)
        out["F"][:, 0] += np.sum(X == 3, axis=1)


class CappedAccuracy(MaxAccuracyProblem):
    """The cap beside a budget."""

    def _evaluate(self, X, out, *args, **kwargs):
        super()._evaluate(X, out)
        out["G"] = np.maximum(out["G"], np.sum(X == 3, axis=1)[:, None] - MOST)


EXTENDED = [Capped, Third, Dearer]
SEARCHES = ["moead", "moead_gen", "mopso", "nsga2", "nsga3", "random_search", "rnsga2", "single_llms", "sms_emoa"]


@pytest.mark.parametrize("start", ["cold", "warm"])
@pytest.mark.parametrize("name", SEARCHES)
def test_baselines_run_them(name, start):
    """What a search returns meets the constraint, has all objectives, and scores as the subclass says."""
    options = {} if name == "single_llms" else {"start": start}
    for kind in EXTENDED:
        problem = kind(*TABLES)
        res = minimize(problem, getattr(baselines, name)(**options), ("n_eval", 200), seed=1, verbose=name == "nsga2")
        assert res.F.shape[1] == problem.n_obj
        scored = problem.evaluate(np.atleast_2d(res.X), return_as_dictionary=True)
        np.testing.assert_array_equal(scored["F"], res.F)
        if kind is Capped:
            assert scored["G"].max() <= 0


@pytest.mark.parametrize("kind", EXTENDED)
@pytest.mark.parametrize(
    ("user", "ask"),
    [
        ("OptLLM", lambda problem: minimize(problem, OptLLM(), seed=1)),
        ("the exact front", lambda problem: problem.supported_front),
        ("the exact front", lambda problem: problem.pareto_front()),
        ("the exact front", lambda problem: problem.pareto_set()),
        ("the exact front", lambda problem: problem.yardstick),
        ("the exact front", lambda problem: CostDestruction().do(problem, np.zeros(40, int), random_state=1)),
        ("the exact front", lambda problem: ExchangeReconstruction().do(problem, np.zeros(40, int), random_state=1)),
        ("the exact front", lambda problem: Plan(problem, np.zeros(40, int)).gap),
        ("a bound on all plans", lambda problem: problem.bound_front()),
        ("a bound on all plans", lambda problem: problem.bound(1.0)),
        ("a bound on all plans", lambda problem: problem.bound_usd(0.5)),
        (r"WithinBudget\(\)", lambda problem: WithinBudget(1.0).plan(problem)),
        (r"AtLeastAccuracy\(\)", lambda problem: AtLeastAccuracy(0.5).do(problem)),
        (r"Knee\(\)", lambda problem: Knee().plan(minimize(problem, baselines.nsga2(), ("n_gen", 2), seed=1))),
        ("MinCostProblem", lambda problem: MinCostProblem(problem, min_accuracy=0.5)),
        ("LambdaSweep", lambda problem: minimize(problem, baselines.lambda_sweep(), seed=1)),
    ],
)
def test_what_would_ignore_them_refuses(kind, user, ask):
    """In one sentence, which names the subclass and what refuses it."""
    message = f"^{kind.__name__} has additional objectives or constraints, which {user} would ignore; [^.]*"
    with pytest.raises(UserError, match=message):
        ask(kind(*TABLES))


def test_one_objective():
    """A subclass with a constraint beside its budget is searched by a genetic algorithm, and certified by nobody."""
    problem = CappedAccuracy(AllocationProblem(*TABLES), budget=0.05)
    res = minimize(problem, baselines.ga(pop_size=30), ("n_eval", 600), seed=1)
    assert np.sum(res.X == 3) <= MOST
    for ask in (lambda: minimize(problem, OptLLM()), problem.relax, problem.solve_priced):
        with pytest.raises(UserError, match="CappedAccuracy has additional objectives or constraints, which "):
            ask()


def test_extremes_are_those_of_the_tables():
    """A warm start may use the cheapest and the most accurate plan of the tables and limits, whatever is added."""
    for options in ({}, {"limits": [Quota("llm3", calls=7)]}):
        plain = AllocationProblem(*TABLES, **options)
        np.testing.assert_array_equal(Dearer(*TABLES, **options).extremes(), plain.extremes())


def test_stays_extended_in_a_pickle():
    """A worker process refuses as well, and scores alike."""
    problem = pickle.loads(pickle.dumps(Third(*TABLES)))
    assert problem.is_extended
    assert not AllocationProblem(*TABLES).is_extended
    X = np.full((1, 40), 3)
    np.testing.assert_array_equal(problem.evaluate(X), Third(*TABLES).evaluate(X))
