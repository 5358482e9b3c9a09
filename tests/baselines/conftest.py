"""What the tests of the baselines share: one problem with a mask and one without."""

from __future__ import annotations

import numpy as np
import pytest

from optllm_pymoo import AllocationProblem, make_problem


@pytest.fixture(scope="session")
def problem():
    """Return 40 queries on 5 LLMs."""
    return make_problem(40, 5)


@pytest.fixture(scope="session")
def masked():
    """Return 40 queries on 5 LLMs: 1 is always allowed, the others for half of them, not for query 0."""
    base = make_problem(40, 5)
    allowed = np.random.default_rng(3).random((40, 5)) < 0.5
    allowed[0] = False
    allowed[:, 1] = True
    return AllocationProblem(base.cost, base.accuracy, allowed=allowed)
