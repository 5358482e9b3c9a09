"""Kernels of limits: priced choices against their definitions, moves and exchanges against all there are."""

from __future__ import annotations

from itertools import permutations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from optllm_pymoo.kernels.limits import (
    PricedPlan,
    best_pair,
    fill,
    mend,
    most_exceeded,
    near_cells,
    price_queries,
    sums_by_llm,
)
from optllm_pymoo.limits import Weights
from tests.limits.cases import limited_batches
from tests.strategies import allocations

ROUNDING = 1e-9


def scores(limits, worth):
    """Priced scores (N, M) by their definition, -inf where a query may not go."""
    cells = limits.cells
    table = worth.accuracy[cells.group][:, None] * limits.accuracy - worth.usd * limits.cost - worth.calls
    for prices, extra in zip(worth.extra, limits.extra, strict=True):
        table = table - prices * extra
    return table if limits.allowed is None else np.where(limits.allowed, table, -np.inf)


def drawn_worth(limits, seed):
    """Prices drawn at random, a fifth of them 0."""
    rng = np.random.default_rng(seed)
    prices = rng.random(len(limits)) * (rng.random(len(limits)) < 0.8)
    return limits.coefficients(Weights(rng.random(), rng.random()), prices)


def plan_of(case, seed):
    """A plan (N,) of allowed cells, drawn at random."""
    return allocations(case.given, 1, seed)[0]


@given(limited_batches(), st.integers(0, 1000))
def test_every_query_gets_its_best_priced_llm(case, seed):
    """Choice, score and margin are those of the sorted row of scores; ties go to the lower number."""
    limits = case.limits()
    worth = drawn_worth(limits, seed)
    choice, best, margin = price_queries(limits.cells, worth)
    table = scores(limits, worth)
    np.testing.assert_allclose(best, table.max(axis=1), atol=ROUNDING)
    second = np.sort(np.column_stack([table, np.full(len(table), -np.inf)]), axis=1)[:, -2]
    np.testing.assert_allclose(margin, table.max(axis=1) - second, atol=ROUNDING)
    clear = margin > ROUNDING
    assert choice[clear].tolist() == table.argmax(axis=1)[clear].tolist()


@given(limited_batches(), st.integers(0, 1000), st.floats(-1, 1))
def test_near_cells_are_those_that_reach_the_reference(case, seed, height):
    """By query and LLM in order, masked ones never; scores within rounding of the reference may go either way."""
    limits = case.limits()
    worth = drawn_worth(limits, seed)
    reference = np.full(limits.n_queries, height)
    listed = list(zip(*(cells.tolist() for cells in near_cells(limits.cells, worth, reference)), strict=True))
    table = scores(limits, worth)
    assert listed == sorted(listed)
    assert {tuple(cell) for cell in np.argwhere(table >= height + ROUNDING).tolist()} <= set(listed)
    assert set(listed) <= {tuple(cell) for cell in np.argwhere(table >= height - ROUNDING).tolist()}


@given(limited_batches(), st.integers(0, 1000))
def test_sums_by_llm_add_up_the_cells(case, seed):
    """Calls, US$, tokens and additive tables by LLM and accuracy by group are sums over the queries that go there."""
    limits, X = case.limits(), allocations(case.given, 3, seed)
    by_llm, by_group = sums_by_llm(limits.cells, X, limits.n_groups)
    rows = np.arange(limits.n_queries)
    for x, sums, groups in zip(X, by_llm, by_group, strict=True):
        used = np.column_stack([np.ones(len(x)), *(table[rows, x] for table in (limits.cost, *limits.extra))]).astype(
            float
        )
        np.testing.assert_allclose(sums, [used[x == j].sum(axis=0) for j in range(limits.cost.shape[1])])
        accuracy = limits.accuracy[rows, x].astype(float)
        mine = [accuracy[limits.cells.group == g].sum() for g in range(limits.n_groups + 1)]
        np.testing.assert_allclose(groups, mine)


@given(limited_batches(), st.integers(0, 1000))
def test_mending_lessens_excesses_and_keeps_the_books(case, seed):
    """No limit ends up more exceeded than it was, what is left is up to date, and success means that all are met."""
    limits, x = case.limits(), plan_of(case, seed)
    before, slack = limits.slack(x).left, limits.slack(x)
    is_met = mend(PricedPlan(limits.cells, limits.rules, drawn_worth(limits, seed), slack, x), 50)
    np.testing.assert_allclose(slack.left, limits.slack(x).left, atol=ROUNDING)
    assert np.all(slack.left >= np.minimum(before, 0.0) - slack.tolerance - ROUNDING)
    assert is_met == (most_exceeded(slack) < 0)
    assert limits.allowed is None or limits.allowed[np.arange(len(x)), x].all()


@given(limited_batches(), st.integers(0, 1000))
def test_filling_gains_within_the_limits_until_no_move_does(case, seed):
    """From any plan that meets the limits: they stay met, the score never falls, and no single move is left over."""
    limits, x = case.limits(), plan_of(case, seed)
    worth = drawn_worth(limits, seed)
    slack = limits.slack(x)
    if most_exceeded(slack) >= 0:
        return
    start = limits.accuracy[np.arange(len(x)), x].sum(dtype=float)
    n_moves = fill(PricedPlan(limits.cells, limits.rules, worth, slack, x), limits.scores(Weights(1.0, 0.0)), 100)
    reached = limits.accuracy[np.arange(len(x)), x].astype(float)
    np.testing.assert_allclose(slack.left, limits.slack(x).left, atol=ROUNDING)
    assert limits.are_met(x[None])[0]
    assert (reached.sum() > start) == (n_moves > 0)
    for i, j in np.argwhere(limits.accuracy.astype(float) > reached[:, None]).tolist():
        moved = x.copy()
        moved[i] = j
        is_allowed = limits.allowed is None or limits.allowed[i, j]
        assert not is_allowed or most_exceeded(limits.slack(moved)) >= 0


@given(limited_batches(max_queries=4), st.integers(0, 1000))
def test_the_best_pair_is_the_best_of_all_pairs(case, seed):
    """Where nothing is exceeded: as high a gain as any two moves i: p to q, l: q to r that keep to the limits."""
    limits, x = case.limits(), plan_of(case, seed)
    slack = limits.slack(x)
    if most_exceeded(slack) >= 0:
        return
    table = scores(limits, drawn_worth(limits, seed))
    rows = np.arange(len(x))
    gain = limits.accuracy.astype(float) - limits.accuracy[rows, x].astype(float)[:, None]
    loss = table[rows, x][:, None] - table
    found = best_pair(limits.cells, limits.rules, slack, loss, gain, _all_moves(limits, x))
    best = 0.0
    for i, other in permutations(range(len(x)), 2):
        for r in range(limits.cost.shape[1]):
            moved = x.copy()
            moved[i], moved[other] = x[other], r
            is_allowed = limits.allowed is None or limits.allowed[rows, moved].all()
            if x[i] != x[other] != r and is_allowed and most_exceeded(limits.slack(moved)) < 0:
                best = max(best, gain[i, x[other]] + gain[other, r])
    i, q, other, r = found
    reached = gain[i, q] + gain[other, r] if i >= 0 else 0.0
    np.testing.assert_allclose(reached, best, atol=ROUNDING)


def _all_moves(limits, x):
    """Every allowed move of every query, (M, M, N), -1 where there are no more."""
    n_llms = limits.cost.shape[1]
    moves = np.full((n_llms, n_llms, len(x)), -1, dtype=np.int64)
    for p in range(n_llms):
        for q in range(n_llms):
            may = x == p if limits.allowed is None else (x == p) & limits.allowed[:, q]
            here = np.flatnonzero(may) if p != q else np.zeros(0, dtype=np.int64)
            moves[p, q, : len(here)] = here
    return moves
