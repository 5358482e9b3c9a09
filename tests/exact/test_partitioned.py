"""The front in parts against the front in memory: for every cut, whatever the order of the parts."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optllm_pymoo import PartitionedFront, SupportedFront, UserError, make_problem
from optllm_pymoo.exact import partitioned
from optllm_pymoo.plotting.mix import sums_along_front
from tests.strategies import EDGE_CASES, Tables, tables

SUMMED = [name for name in EDGE_CASES if name not in ("tiny costs", "huge costs")]
"""Costs are summed in units of 1e-18 US$, up to 4e12 US$."""


def parts_of(drawn, cuts):
    """Cut tables into parts, some of them empty."""
    edges = [0, *sorted(cuts), len(drawn.cost)]
    rows = [slice(*pair) for pair in pairwise(edges)]
    return [(drawn.cost[r], drawn.accuracy[r], None if drawn.allowed is None else drawn.allowed[r]) for r in rows]


def plan(front, cut, n_parts):
    """Put the plans of all parts together."""
    return np.concatenate([front.assignment(cut, number) for number in range(n_parts)])


def check_same(drawn, cuts):
    """Hold every point, budget, target and bound of a front in parts against the front in memory."""
    whole, parts = drawn.front(), parts_of(drawn, cuts)
    front = PartitionedFront(parts)
    assert len(front) == len(whole)
    assert (front.n_queries, front.n_llms) == drawn.cost.shape
    np.testing.assert_allclose(front.F, whole.F[front.index], rtol=1e-12, atol=1e-12)
    steps = whole.steps
    for k in range(len(whole)):
        cut = front.cut(k)
        assert cut.index == k
        assert (cut.cost_usd, -cut.accuracy) == pytest.approx(whole.F[k], rel=1e-12, abs=1e-12)
        np.testing.assert_array_equal(plan(front, cut, len(parts)), whole.assignment(k))
        if k < len(whole) - 1:
            price = steps.delta_cost[k] / steps.delta_accuracy[k]
            assert cut.usd_per_correct == pytest.approx(price, rel=1e-9)
    middle = (whole.F[:-1] + whole.F[1:]) / 2
    for budget, mirrored in [*whole.F, *middle, (whole.F[-1, 0] * 2 + 1, whole.F[-1, 1])]:
        assert front.within_budget(budget).index == whole.within_budget(budget)
        assert front.at_least_accuracy(-mirrored).index == whole.at_least_accuracy(-mirrored)
    costs = np.append(middle[:, 0], [whole.F[0, 0], whole.F[-1, 0] + 1])
    np.testing.assert_allclose(front.bound(costs), whole.bound(costs), rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", SUMMED)
def test_edge_cases_for_some_cuts(name):
    """Ties, free and equal LLMs, masks, float32, one query, empty parts: the same front in parts."""
    drawn = EDGE_CASES[name]
    for cuts in ([], [0, len(drawn.cost) // 2, len(drawn.cost)], range(len(drawn.cost))):
        check_same(drawn, cuts)


@given(tables(), st.lists(st.integers(0, 5), max_size=4))
def test_any_table_and_cut(drawn, cuts):
    """The same for any table and any cut, to the single step: ties are taken in the order of parts and rows."""
    check_same(drawn, [min(cut, len(drawn.cost)) for cut in cuts])


@given(tables(), st.lists(st.integers(0, 5), max_size=4), st.randoms(use_true_random=False))
def test_any_order_of_the_parts(drawn, cuts, random):
    """Another order and another cut give the same bytes of F, and plans of the same cost and accuracy but for ties."""
    cuts = [min(cut, len(drawn.cost)) for cut in cuts]
    one, parts = PartitionedFront([tuple(drawn)]), parts_of(drawn, cuts)
    random.shuffle(parts)
    other = PartitionedFront(parts)
    assert one.F.tobytes() == other.F.tobytes()
    np.testing.assert_array_equal(one.index, other.index)
    for budget in np.linspace(one.F[0, 0], one.F[-1, 0], 5):
        assert one.bound(budget) == pytest.approx(other.bound(budget), abs=1e-9)
        cut = other.within_budget(budget)
        X = [other.assignment(cut, number) for number in range(len(parts))]
        cells = [
            [table[np.arange(len(x)), x].sum(dtype=float) for table in part[:2]]
            for part, x in zip(parts, X, strict=True)
            if len(x)
        ]
        cost, accuracy = np.sum(cells, axis=0)
        assert (cost, accuracy / one.n_queries) == pytest.approx((cut.cost_usd, cut.accuracy), rel=1e-9, abs=1e-12)
        assert cost <= budget * (1 + 1e-9)


def test_many_steps_of_one_bucket_and_one_efficiency(monkeypatch):
    """Buckets too full to be listed are split once more; of 5,000 equal steps the first are taken, part by part."""
    monkeypatch.setattr(partitioned, "MAX_EXACT", 10)
    monkeypatch.setattr(partitioned, "BLOCK", 700)
    tied = Tables(np.tile([1.0, 2.0], (5000, 1)), np.tile([0.25, 0.5], (5000, 1)))
    front = PartitionedFront(parts_of(tied, [1000, 1000, 2600]))
    cut = front.within_budget(5000 + 1711.5)
    assert (cut.index, cut.part, cut.n_ties, cut.cost_usd) == (1711, 2, 711, 6711.0)
    np.testing.assert_array_equal(plan(front, cut, 4), np.arange(5000) < 1711)
    # 1 + 1e-9 k: one bucket of 2**44, different efficiencies
    near = Tables(np.tile([0.0, 1.0], (5000, 1)), np.stack([np.zeros(5000), 0.5 + 1e-9 * np.arange(5000)], axis=1))
    whole, front = near.front(), PartitionedFront(parts_of(near, [2000]))
    assert len(front.F) == 2
    for budget in (0.0, 1.0, 1234.5, 4999.0, 5000.0):
        assert front.within_budget(budget).index == whole.within_budget(budget)


def test_a_large_batch_and_sums_along_it():
    """On 3,000 x 6 the same points, and the same queries, US$ and correct answers per LLM and group along the front."""
    problem = make_problem(3000, 6, random_state=0)
    group = np.arange(3000) % 3
    whole = SupportedFront(problem.cost, problem.accuracy)
    rows = [slice(0, 1), slice(1, 2000), slice(2000, 3000)]
    front = PartitionedFront([(problem.cost[r], problem.accuracy[r], None, group[r]) for r in rows], n_groups=3)
    np.testing.assert_allclose(front.F, whole.F[front.index], rtol=1e-12)
    chosen, by_llm, by_group = front.along
    assert {0, len(front.F) - 1} <= set(chosen.tolist())
    usable = [np.full(6, 3000.0), problem.cost.sum(axis=0), problem.accuracy.sum(axis=0)]
    np.testing.assert_allclose(front.singles, np.stack(usable, axis=1), rtol=1e-12)
    for k, values in enumerate((None, problem.cost, problem.accuracy)):
        np.testing.assert_allclose(by_llm[..., k], sums_along_front(whole, front.index[chosen], values), atol=1e-9)
        expected = sums_along_front(whole, front.index[chosen], values, group=group)
        np.testing.assert_allclose(by_group[..., k], expected, atol=1e-9)


def part_of(number):
    """A part that is made where it is needed."""
    problem = make_problem(500, 4, random_state=number)
    return problem.cost, problem.accuracy


def test_engines():
    """A loop, threads, and tasks that went through pickle give the same bytes."""
    parts = [partial(part_of, number) for number in range(4)]
    front = PartitionedFront(parts)
    budget = float(front.F[:, 0].mean())
    cut = front.within_budget(budget)

    def pickled(function, items):
        return [pickle.loads(pickle.dumps(function))(pickle.loads(pickle.dumps(item))) for item in items]

    with ThreadPoolExecutor(3) as threads:
        for engine in (threads.map, pickled):
            other = PartitionedFront(parts, spread=engine)
            assert other.F.tobytes() == front.F.tobytes()
            assert other.within_budget(budget) == cut
            np.testing.assert_array_equal(other.assignment(cut, 3), front.assignment(cut, 3))


def test_refusals():
    """What is wrong is said with the number of the part; budgets, targets and points as by the front in memory."""
    good = [[1.0, 2.0]], [[0.2, 0.7]]
    with pytest.raises(UserError, match=r"part 1: accuracy must lie in \[0, 1\].*accuracy\[0, 1\] = 1.5"):
        PartitionedFront([good, ([[1.0, 2.0]], [[0.2, 1.5]])])
    with pytest.raises(UserError, match="part 1 has 3 LLMs, and those before it 2"):
        PartitionedFront([good, ([[1.0, 2.0, 3.0]], [[0.2, 0.5, 0.7]])])
    with pytest.raises(UserError, match=r"part 0: accuracy has shape \(1, 1\); expected \(1, 2\)"):
        PartitionedFront([([[1.0, 2.0]], [[0.2]])])
    with pytest.raises(UserError, match="no part has a query"):
        PartitionedFront([(np.empty((0, 2)), np.empty((0, 2)))])
    with pytest.raises(UserError, match=r"beyond what is summed exactly, 4.4e\+12 US\$"):
        PartitionedFront([([[1e13, 2e13]], [[0.2, 0.7]])])
    front = PartitionedFront([good, (np.empty((0, 2)), np.empty((0, 2)))])
    with pytest.raises(UserError, match=r"budget 0.5 US\$ is below the cheapest plan, 1 US\$"):
        front.within_budget(0.5)
    with pytest.raises(UserError, match=r"accuracy 0\.8 is above the most accurate plan, 0.7"):
        front.at_least_accuracy(0.8)
    with pytest.raises(UserError, match="point 2 is not on this front; it has points 0 to 1"):
        front.cut(2)
    assert front.cut(-1).index == 1
    assert np.isnan(front.cut(-1).usd_per_correct)
    assert (
        repr(front)
        == "PartitionedFront(2 plans for 1 queries on 2 LLMs in 2 parts, 1 to 2 US$, accuracy 0.2000 to 0.7000)"
    )


@pytest.mark.parametrize("group", [[1, 0], [-1, 0], [0], [0, 0, 0]])
def test_groups_beyond_their_number_are_refused(group):
    """Two queries, one group: another number, or another length, is refused with the number of the part."""
    tables = ([[1.0, 2.0]] * 2, [[0.2, 0.9]] * 2, None, np.array(group))
    with pytest.raises(UserError, match=r"part 0: group must have for each of 2 queries a number from 0 to 0"):
        PartitionedFront([tables], n_groups=1)
