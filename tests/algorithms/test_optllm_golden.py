"""The published search, plan by plan, on the recorded runs of the authors' implementation."""

from __future__ import annotations

from itertools import chain, zip_longest

import numpy as np
import pytest
from pymoo.optimize import minimize

from optllm_pymoo import AllocationProblem, OptLLM
from optllm_pymoo.measures.search import hypervolume_ratio
from optllm_pymoo.operators import AccuracyDestruction, CostDestruction, ExchangeReconstruction, Gap
from tests.algorithms.runs import distance_to_front, run_by_hand

TIE_FREE = ["a_continuous_60x4", "b_continuous_300x12", "d_robust_noise_300x12"]
TIED = ["e_ties_300x12", "g_logpai_400x8"]


def load(shared, name):
    """Load a recorded run and the problem it was made on."""
    record = np.load(shared / "golden" / f"{name}.npz")
    return record, AllocationProblem(record["cost"], record["accuracy"], robust_accuracy=record["robust"])


@pytest.mark.parametrize("name", TIE_FREE)
@pytest.mark.parametrize("rounds_per_iteration", [1, 7])
def test_every_plan_of_both_walks_in_order(shared, name, rounds_per_iteration):
    """The plans that are scored are the extremes, then the two walks' recorded plans, turn by turn."""
    record, problem = load(shared, name)
    algorithm = OptLLM(int(record["density"]), rounds_per_iteration=rounds_per_iteration)
    _, asked = run_by_hand(problem, algorithm, seed=1)
    np.testing.assert_array_equal(asked[0][:2], [record["x_cheapest"], record["x_accurate"]])
    turns = zip_longest(record["reconstruct_up"], record["reconstruct_down"])
    expected = np.array([x for x in chain.from_iterable(turns) if x is not None])
    plans = np.concatenate(asked[1:])
    np.testing.assert_array_equal(plans[: len(expected)], expected)
    steps = len(problem.supported_front) - 1
    assert steps > 100, "what follows are gaps that are split, not rounds of a walk"
    F = problem.evaluate(expected)
    up, down = len(record["reconstruct_up"]), len(record["reconstruct_down"])
    reference = record["F_reference"]
    order = [*chain.from_iterable(zip_longest(range(up), range(up, up + down)))]
    np.testing.assert_allclose(F, (reference * [1, -1])[[k for k in order if k is not None]], rtol=1e-12)


@pytest.mark.parametrize("name", TIE_FREE)
def test_every_destruction_and_every_reconstruction(shared, name):
    """From each recorded plan the operators give the next recorded one, and stop where the recorded walk stopped."""
    record, problem = load(shared, name)
    n_grid = int(record["density"])
    gap = Gap.between(
        *problem.evaluate(np.stack([record["x_cheapest"], record["x_accurate"]])), len(record["cost"]), n_grid
    )
    for way, operator, steered, x in (
        ("up", AccuracyDestruction(), problem, record["x_cheapest"]),
        ("down", CostDestruction(), problem.robust_problem, record["x_accurate"]),
    ):
        destroyed, reconstructed = record[f"destruct_{way}"], record[f"reconstruct_{way}"]
        for wanted, plan in zip(destroyed, reconstructed, strict=True):
            np.testing.assert_array_equal(operator.do(steered, x, gap=gap, random_state=1), wanted)
            x = ExchangeReconstruction().do(steered, wanted, random_state=1)
            np.testing.assert_array_equal(x, plan)
        if len(reconstructed) < n_grid - 1:
            np.testing.assert_array_equal(operator.do(steered, x, gap=gap, random_state=1), x)


@pytest.mark.parametrize("name", TIED)
def test_values_of_the_extremes_with_ties(shared, name):
    """Which of equal LLMs an extreme takes is free; what the extremes cost and reach is not."""
    record, problem = load(shared, name)
    cheapest, best = (record[f"x_{end}"] for end in ("cheapest", "accurate"))
    np.testing.assert_allclose(problem.evaluate(problem.extremes()[0]), problem.evaluate(cheapest), rtol=1e-12)
    steered, rows = problem.robust_problem, np.arange(len(best))
    ours = steered.extremes()[1]
    for table in (steered.cost, steered.accuracy):
        assert table[rows, ours].sum() == pytest.approx(table[rows, best].sum(), rel=1e-12)


@pytest.mark.parametrize("name", TIED)
def test_every_plan_is_supported_where_ties_mislead_the_published_search(shared, name):
    """Every plan that is scored lies on the exact front, and no gap is wider than the grid in both objectives."""
    record, _ = load(shared, name)
    problem = AllocationProblem(record["cost"], record["accuracy"])
    n_grid = int(record["density"])
    res, asked = run_by_hand(problem, OptLLM(n_grid), seed=1)
    assert distance_to_front(problem.evaluate(np.concatenate(asked)), problem.supported_front) < 1e-9
    check_gaps(res, problem, n_grid)


@pytest.mark.parametrize("name", ["d_robust_noise_300x12", "g_logpai_400x8"])
def test_each_walk_is_supported_on_the_table_that_steers_it(shared, name):
    """With robust accuracies the downward walk lies on their front, the upward walk on the scored one."""
    record, problem = load(shared, name)
    _, asked = run_by_hand(problem, OptLLM(int(record["density"]), rounds_per_iteration=1), seed=1)
    for rounds in asked[1:6]:
        up, down = rounds[0], rounds[1]
        assert distance_to_front(problem.evaluate(up[None]), problem.supported_front) < 1e-9
        steered = problem.robust_problem
        assert distance_to_front(steered.evaluate(down[None]), steered.supported_front) < 1e-9


@pytest.mark.parametrize("name", TIED)
def test_reaches_more_than_the_published_search(shared, name):
    """Scored on one table, the recorded plans of both walks cover less of the exact front than ours do."""
    record, _ = load(shared, name)
    problem = AllocationProblem(record["cost"], record["accuracy"])
    published = problem.evaluate(np.concatenate([record["reconstruct_up"], record["reconstruct_down"]]))
    res = minimize(problem, OptLLM(int(record["density"])), seed=1)
    theirs, ours = (hypervolume_ratio(F, problem.supported_front) for F in (published, res.F))
    assert theirs < ours


def check_gaps(res, problem, n_grid):
    """Assert that only single steps are wider than the grid in both objectives."""
    front = problem.supported_front
    cell = np.abs(front.F[-1] - front.F[0]) / n_grid
    wide = np.flatnonzero(np.all(np.abs(np.diff(res.F, axis=0)) > cell * (1 + 1e-9), axis=1))
    for k in wide:
        assert front.count_steps(res.X[k + 1]) - front.count_steps(res.X[k]) == 1
