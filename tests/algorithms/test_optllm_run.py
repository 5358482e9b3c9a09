"""The search as an algorithm of pymoo: terminations, output, history, options, and how it ends."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from pymoo.core.callback import Callback
from pymoo.core.parameters import flatten, get_params, set_params
from pymoo.optimize import minimize
from pymoo.problems import get_problem
from pymoo.termination import get_termination
from pymoo.termination.default import DefaultMultiObjectiveTermination
from pymoo.termination.max_eval import MaximumFunctionCallTermination
from pymoo.termination.max_gen import MaximumGenerationTermination

from optllm_pymoo import AllocationProblem, MaxAccuracyProblem, OptLLM, Quota, make_problem
from optllm_pymoo.measures.search import hypervolume_ratio
from optllm_pymoo.validation import UserError
from tests.algorithms.runs import distance_to_front, missing_points
from tests.strategies import EDGE_CASES

LONG = ("n_gen", 100_000)


@pytest.mark.parametrize("name", EDGE_CASES)
def test_ends_with_every_point_of_the_front(name):
    """With all the time in the world it ends by itself, once every extreme point is found and nothing else."""
    problem = EDGE_CASES[name].problem()
    res = minimize(problem, OptLLM(4), LONG, seed=1)
    assert res.algorithm.n_iter < 1000
    np.testing.assert_allclose(res.F, problem.supported_front.F, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(problem.evaluate(res.X), res.F)


@pytest.mark.parametrize("family", ["continuous", "tied", "binary", "dominated"])
def test_exhausts_the_front(family):
    """On hundreds of queries, too."""
    problem = make_problem(300, 6, family=family)
    res = minimize(problem, OptLLM(10), LONG, seed=1)
    assert missing_points(res.F, problem.supported_front) == 0
    assert distance_to_front(res.F, problem.supported_front) < 1e-9


def test_one_llm_cheapest_and_best():
    """Where the published code crashes, the one plan comes back."""
    problem = AllocationProblem([[1, 2], [1, 3]], [[0.9, 0.8], [0.7, 0.2]])
    for termination in (None, ("n_gen", 50)):
        res = minimize(problem, OptLLM(), termination, seed=1)
        assert res.X.tolist() == [[0, 0]]
        assert res.F.tolist() == [[2.0, -0.8]]


@pytest.mark.parametrize("n_grid", [1, 2, 10, 50])
@pytest.mark.parametrize("family", ["continuous", "tied", "binary", "dominated"])
def test_ends_after_the_walks(family, n_grid):
    """Without a termination it ends when no gap is wider than the grid in both objectives, except single steps."""
    problem = make_problem(200, 6, family=family)
    res = minimize(problem, OptLLM(n_grid), seed=1)
    front = problem.supported_front
    wide = np.all(np.abs(np.diff(res.F, axis=0)) > np.abs(front.F[-1] - front.F[0]) / n_grid * (1 + 1e-9), axis=1)
    for k in np.flatnonzero(wide):
        assert front.count_steps(res.X[k + 1]) - front.count_steps(res.X[k]) == 1
    assert len(res.F) <= 4 * n_grid
    assert distance_to_front(res.F, front) < 1e-9


def test_result_is_sorted_non_dominated_and_typed():
    """By rising cost and falling loss, plans in the problem's type, scores of the plans."""
    problem = make_problem(200, 6)
    res = minimize(problem, OptLLM(), seed=1)
    assert np.all(np.diff(res.F[:, 0]) > 0)
    assert np.all(np.diff(res.F[:, 1]) < 0)
    assert res.X.dtype == problem.assignment_dtype
    np.testing.assert_array_equal(problem.evaluate(res.X), res.F)


def test_n_gen():
    """It stops after as many iterations as asked for."""
    res = minimize(make_problem(500, 6), OptLLM(rounds_per_iteration=1), ("n_gen", 7), seed=1)
    assert len(res.algorithm.history) == 0
    assert res.algorithm.evaluator.n_eval == 2 + 6 * 2


@pytest.mark.parametrize("termination", [("n_eval", 60), MaximumFunctionCallTermination(60)])
def test_n_eval(termination):
    """It stops at the first iteration that reaches the budget, less than one iteration above it."""
    algorithm = OptLLM(rounds_per_iteration=1)
    res = minimize(make_problem(500, 6), algorithm, termination, seed=1)
    assert 60 <= res.algorithm.evaluator.n_eval < 62


def test_time():
    """It goes on for the seconds it is given, far beyond the walks, and then stops."""
    problem = make_problem(20_000, 8)
    res = minimize(problem, OptLLM(10), get_termination("time", 0.5), seed=1)
    assert 0.5 <= res.exec_time < 5
    assert len(res.F) > len(minimize(problem, OptLLM(10), seed=1).F)


def test_default_termination_of_pymoo():
    """Pymoo's own multi-objective default ends the run."""
    res = minimize(make_problem(100, 5), OptLLM(10), DefaultMultiObjectiveTermination(), seed=1)
    assert distance_to_front(res.F, res.problem.supported_front) < 1e-9


def test_termination_as_an_option():
    """A termination may be given to the constructor as well."""
    res = minimize(make_problem(300, 5), OptLLM(10, termination=("n_gen", 3)), seed=1)
    assert res.algorithm.termination.perc >= 1
    assert isinstance(res.algorithm.termination, MaximumGenerationTermination)


@pytest.mark.parametrize("robust", [False, True])
def test_more_time_never_makes_it_worse(robust):
    """Hypervolume never falls from one iteration to the next, and rises beyond what the walks had found."""
    base = make_problem(150, 6, family="tied")
    noise = np.random.default_rng(1).normal(size=base.accuracy.shape) if robust else None
    problem = AllocationProblem(base.cost, base.accuracy, robust_accuracy=noise)
    res = minimize(problem, OptLLM(10), ("n_gen", 40), seed=1, save_history=True)
    volumes = [hypervolume_ratio(entry.opt.get("F"), problem.supported_front) for entry in res.history]
    assert np.all(np.diff(volumes) >= 0)
    walks = hypervolume_ratio(minimize(problem, OptLLM(10), seed=1).F, problem.supported_front)
    assert volumes[-1] > walks


def test_history_holds_the_problem_itself():
    """One entry per iteration, each with its own front, all with the same tables."""
    problem = make_problem(100, 5)
    res = minimize(problem, OptLLM(10, rounds_per_iteration=1), ("n_gen", 6), seed=1, save_history=True)
    assert len(res.history) == 6
    assert all(entry.problem is problem for entry in res.history)
    sizes = [len(entry.opt) for entry in res.history]
    assert sizes == sorted(sizes)
    assert sizes[0] == 2 < sizes[-1]


def test_callback():
    """It is called once per iteration, with the front found so far."""
    seen = []

    class Recording(Callback):
        def notify(self, algorithm):
            seen.append((algorithm.n_iter, len(algorithm.opt), algorithm.evaluator.n_eval))

    minimize(make_problem(100, 5), OptLLM(10, rounds_per_iteration=1), ("n_gen", 5), seed=1, callback=Recording())
    assert [n_iter for n_iter, _, _ in seen] == [1, 2, 3, 4, 5]
    assert [n_eval for _, _, n_eval in seen] == [2, 4, 6, 8, 10]


def test_verbose_columns(capsys):
    """Size, hypervolume ratio and ranges are printed; the last line holds those of the result."""
    problem = make_problem(100, 5)
    res = minimize(problem, OptLLM(20), seed=1, verbose=True)
    lines = [[cell.strip() for cell in line.split("|")] for line in capsys.readouterr().out.splitlines() if "|" in line]
    header = ["n_gen", "n_eval", "n_nds", "hv_ratio", "cost_min", "cost_max", "acc_min", "acc_max"]
    assert lines[0] == header
    last = dict(zip(header, map(float, lines[-1]), strict=True))
    assert last["n_nds"] == len(res.F)
    assert last["hv_ratio"] == pytest.approx(hypervolume_ratio(res.F, problem.supported_front), abs=1e-6)
    assert (last["cost_min"], last["cost_max"]) == pytest.approx(tuple(res.F[[0, -1], 0]), rel=1e-4)
    assert (last["acc_min"], last["acc_max"]) == pytest.approx(tuple(-res.F[[0, -1], 1]), abs=1e-4)


def test_progress_bar(capfd):
    """progress=True draws pymoo's bar and changes no plan."""
    problem = make_problem(100, 5)
    res = minimize(problem, OptLLM(20), seed=1, progress=True)
    np.testing.assert_array_equal(res.X, minimize(problem, OptLLM(20), seed=1).X)
    captured = capfd.readouterr()
    assert "%" in captured.out + captured.err


def test_hyperparameters_are_found_and_set():
    """Pymoo's get_params finds the grid and every share; set_params changes the run."""
    algorithm = OptLLM(30)
    params = flatten(get_params(algorithm))
    assert {name: variable.value for name, variable in params.items()} == {"n_grid": 30, "split.share": 0.5}
    set_params(algorithm, {"n_grid": 5, "split": {"share": 0.25}})
    problem = make_problem(100, 5)
    assert len(minimize(problem, algorithm, seed=1).F) == len(minimize(problem, OptLLM(5), seed=1).F)
    assert algorithm.split.share.value == 0.25


@pytest.mark.parametrize("value", [0, -3, 7.5])
def test_hyperparameters_out_of_range(value):
    """set_params takes anything, the run doesn't; 1 is the smallest grid."""
    algorithm = OptLLM()
    algorithm.n_grid.value = value
    with pytest.raises(ValueError, match=f"n_grid must be a positive integer; got {value}"):
        minimize(make_problem(20, 3), algorithm)
    set_params(algorithm, {"n_grid": 1})
    assert len(minimize(make_problem(20, 3), algorithm).F) == 2


@pytest.mark.parametrize("option", ["sed", "n_grid"])
def test_misspelt_options_of_minimize(option):
    """Pymoo would write them into the algorithm without a word; its own are taken."""
    problem = make_problem(20, 3)
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{option}'"):
        minimize(problem, OptLLM(), **{option: 3})
    options = {"seed": 3, "save_history": True, "verbose": False, "progress": False, "return_least_infeasible": True}
    assert minimize(problem, OptLLM(), ("n_gen", 2), **options).algorithm.seed == 3


@pytest.mark.parametrize("option", ["ngrid", "n_gird", "rounds", "kwargs", "self_", "pop_size"])
def test_misspelt_options(option):
    """Pymoo would swallow them; here they are refused. pymoo's own are not."""
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{option}'"):
        OptLLM(**{option: 3})
    assert OptLLM(seed=3, save_history=True).seed == 3


@pytest.mark.parametrize("option", ["n_grid", "rounds_per_iteration"])
@pytest.mark.parametrize("value", [0, -1, 2.5, True, "10", None, np.nan, np.inf])
def test_grids_that_are_no_positive_integer(option, value):
    """Refused with the value; one is the smallest, and an integral float or NumPy integer will do."""
    with pytest.raises(ValueError, match=f"{option} must be a positive integer; got {value!r}"):
        OptLLM(**{option: value})
    for good in (1, 1.0, np.int64(1)):
        assert OptLLM(**{option: good}) is not None


def test_other_problems():
    """A problem of another kind is refused, with a hint at the one to build."""
    with pytest.raises(UserError, match=r"OptLLM needs an AllocationProblem; got ZDT1\. Build one with Alloc"):
        minimize(get_problem("zdt1"), OptLLM(), ("n_gen", 2))
    assert minimize(make_problem(5, 2), OptLLM(), ("n_gen", 2)).F is not None


def test_nothing_is_shared_between_instances():
    """Operators, output and termination are each instance's own, and a run leaves its algorithm as it was."""
    one, two = OptLLM(), OptLLM()
    for name in ("destruction_up", "destruction_down", "reconstruction", "split", "termination", "output"):
        assert getattr(one, name) is not getattr(two, name), name
    before = copy.deepcopy(vars(one)).keys()
    minimize(make_problem(50, 4), one, seed=1)
    assert one.problem is None
    assert one.search is None
    assert vars(one).keys() == before


def test_input_tables_are_not_changed():
    """A whole run with mask and robust accuracies leaves all four tables as they were."""
    rng = np.random.default_rng(1)
    tables = [rng.random((60, 4)) for _ in range(3)]
    allowed = rng.random((60, 4)) < 0.7
    allowed[:, 0] = True
    copies = [table.copy() for table in (*tables, allowed)]
    problem = AllocationProblem(tables[0], tables[1], robust_accuracy=tables[2], allowed=allowed)
    res = minimize(problem, OptLLM(10), ("n_gen", 20), seed=1)
    for table, before in zip((*tables, allowed), copies, strict=True):
        np.testing.assert_array_equal(table, before)
    assert allowed[np.arange(60), res.X].all()


@pytest.mark.parametrize("kind", ["front", "limit", "latency", "quota"])
def test_plainest_loop_of_ask_and_tell(kind):
    """As pymoo's guide writes it, without a look at what ``ask`` returns: the outcome is that of ``minimize``."""
    batch = make_problem(60, 4, random_state=1, with_latency=kind == "latency")
    problem = {
        "limit": lambda: MaxAccuracyProblem(batch, budget=float(batch.supported_front.F[:, 0].mean())),
        "quota": lambda: AllocationProblem(batch.cost, batch.accuracy, limits=[Quota("llm3", calls=10)]),
    }.get(kind, lambda: batch)()
    algorithm = OptLLM(n_grid=5)
    algorithm.setup(problem, seed=1)
    while algorithm.has_next():
        infills = algorithm.ask()
        algorithm.evaluator.eval(problem, infills)
        algorithm.tell(infills=infills)
    assert np.array_equal(algorithm.result().F, minimize(problem, OptLLM(n_grid=5), seed=1).F)
