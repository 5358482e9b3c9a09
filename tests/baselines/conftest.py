"""What the tests of the baselines share: one problem with a mask, one without, and all the algorithms."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from optllm_pymoo import AllocationProblem, baselines, make_problem

EVOLUTIONARY = ("nsga2", "rnsga2", "sms_emoa", "moead", "moead_gen")

SEARCHES = {
    f"{name}-{operators}-{start}": partial(
        getattr(baselines, name), pop_size=20, operators=operators, start=start
    )
    for name in EVOLUTIONARY
    for operators in ("categorical", "published")
    for start in ("cold", "warm")
} | {
    f"{name}-{start}": partial(getattr(baselines, name), pop_size=20, start=start)
    for name in ("mopso", "random_search")
    for start in ("cold", "warm")
}
"""All searches that go on for as long as they are let, with 20 evaluations per iteration."""

SWEEPS = {
    "lambda_sweep": partial(baselines.lambda_sweep, n_weights=50, batch_size=20),
    "single_llms": baselines.single_llms,
}
"""All that end by themselves."""


def masked_problem(n_queries=40, n_llms=5, seed=3):
    """Build a batch in which LLM 1 is always allowed, each other one for half of the queries."""
    base = make_problem(n_queries, n_llms)
    allowed = np.random.default_rng(seed).random((n_queries, n_llms)) < 0.5
    allowed[:, 1] = True
    allowed[0] = np.arange(n_llms) == 1
    return AllocationProblem(base.cost, base.accuracy, allowed=allowed)


@pytest.fixture(scope="session")
def problem():
    """Return 40 queries on 5 LLMs."""
    return make_problem(40, 5)


@pytest.fixture(scope="session")
def masked():
    """Return 40 queries on 5 LLMs of which about half are allowed."""
    return masked_problem()
