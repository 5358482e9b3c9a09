"""ALNS with this package's operators: what it reaches, how much it evaluates, and what happens without it."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from pymoo.optimize import minimize

from optllm_pymoo import make_problem
from optllm_pymoo.baselines import alns_search
from optllm_pymoo.measures.search import hypervolume_ratio


def test_missing_package_is_told_when_it_is_asked_for(monkeypatch):
    """The factory names what to install."""
    for module in [name for name in sys.modules if name.partition(".")[0] == "alns"] or ["alns"]:
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, "alns", None)
    with pytest.raises(ImportError, match=r'needs alns; install it with: pip install "optllm-pymoo\[alns\]"'):
        alns_search()


@pytest.fixture
def alns():
    """Give alns, or skip."""
    return pytest.importorskip("alns", reason="the extra `alns` is not installed")


def test_evaluates_the_extremes_and_so_many_plans_per_weight(alns, problem):
    """Two, and five times twenty; then it ends by itself."""
    res = minimize(problem, alns_search(n_weights=5, n_iterations=20), seed=1)
    assert res.algorithm.evaluator.n_eval == 2 + 5 * 20


def test_repaired_plans_are_supported(alns, masked):
    """Every answer lies on the exact front, and its ends are among them."""
    res = minimize(masked, alns_search(n_weights=5, n_iterations=10), seed=1)
    front = masked.supported_front
    np.testing.assert_allclose(front.bound(res.F[:, 0]), -res.F[:, 1], atol=1e-9)
    np.testing.assert_allclose(res.F[[0, -1]], front.F[[0, -1]])


def test_a_longer_search_covers_more_of_the_front(alns):
    """A budget of 50 plans against one of 500."""
    problem = make_problem(100, 5)
    few, many = (minimize(problem, alns_search(n_weights=20), ("n_eval", n), seed=1).F for n in (50, 500))
    front = problem.supported_front
    assert hypervolume_ratio(many, front) > hypervolume_ratio(few, front)
    assert len(many) > 2 * len(few)


def test_operators_are_chosen_by_alns(alns, monkeypatch, problem):
    """All three destructions are called, none every time."""
    from optllm_pymoo.operators import AccuracyDestruction, CostDestruction, RandomDestruction

    called = []
    for operator in (AccuracyDestruction, CostDestruction, RandomDestruction):

        def counted(self, *args, _original=operator._do, **kwargs):
            called.append(type(self).__name__)
            return _original(self, *args, **kwargs)

        monkeypatch.setattr(operator, "_do", counted)
    minimize(problem, alns_search(n_weights=5, n_iterations=20), seed=1)
    assert len(called) == 100
    assert set(called) == {"AccuracyDestruction", "CostDestruction", "RandomDestruction"}


def test_sizes_that_make_no_search_are_refused(alns):
    """One λ or no iteration is refused."""
    with pytest.raises(ValueError, match="n_weights must be at least 2, the two extremes of the sweep; got 1"):
        alns_search(n_weights=1)
    with pytest.raises(ValueError, match="n_iterations must be at least 1; got 0"):
        alns_search(n_iterations=0)
