"""The multiple-choice knapsack through HiGHS: right by hand and by brute force, silent, and from several threads."""

from __future__ import annotations

import itertools
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optllm_pymoo.solver import Status, solve_multiple_choice

WORTH, WEIGHTS = np.array([3.0, 4.0, 5.0]), np.array([[2.0, 3.0, 4.0]])


def test_the_linear_programme_by_hand():
    """6 units of weight take the first two items and a quarter of the last, which is worth 5/4 per unit."""
    solved = solve_multiple_choice(-WORTH, np.arange(3), WEIGHTS, np.array([6.0]), whole=False)
    assert solved.x == pytest.approx([1.0, 1.0, 0.25])
    assert solved.value == pytest.approx(-8.25)
    assert solved.prices == pytest.approx([1.25])


def test_what_is_exceeded_at_a_penalty():
    """One class: exactly one of the items, of which the lightest weighs 2 for a limit of 1, at 10 per unit."""
    given = -WORTH, np.zeros(3, dtype=int), WEIGHTS, np.array([1.0])
    assert solve_multiple_choice(*given, exactly=True).status is Status.INFEASIBLE
    solved = solve_multiple_choice(*given, exactly=True, penalty=np.array([10.0]))
    assert solved.x.tolist() == [1.0, 0.0, 0.0]
    assert solved.excess.tolist() == [1.0]
    assert solved.value == pytest.approx(-3.0 + 10.0)


def test_no_time_is_no_proof():
    """After no time at all it is told that time was short, not that nothing can be had."""
    rng = np.random.default_rng(0)
    rows, limits = rng.random((2, 4000)), np.array([200.0, 200.0])
    query = np.repeat(np.arange(1000), 4)
    solved = solve_multiple_choice(rng.random(4000), query, rows, limits, exactly=True, seconds=1e-9)
    assert solved.status is Status.OUT_OF_TIME


@given(st.integers(0, 10**6), st.booleans())
def test_whole_choices_are_brute_force(seed: int, exactly: bool):
    """Three classes of three choices and two rows: the optimum is that of all 4³ (or 3³) choices."""
    rng = np.random.default_rng(seed)
    objective, rows = rng.integers(-9, 9, 9).astype(float), rng.integers(0, 9, (2, 9)).astype(float)
    limits = rng.integers(5, 20, 2).astype(float)
    class_of = np.repeat(np.arange(3), 3)
    best = np.inf
    for choice in itertools.product(*([*range(3 * c, 3 * c + 3)] + [None] * (not exactly) for c in range(3))):
        items = [k for k in choice if k is not None]
        if (rows[:, items].sum(axis=1) <= limits).all():
            best = min(best, float(objective[items].sum()))
    solved = solve_multiple_choice(objective, class_of, rows, limits, exactly=exactly)
    if np.isinf(best):
        assert solved.status is Status.INFEASIBLE
    else:
        assert solved.value == pytest.approx(best)


THREADS = """
import threading
from pymoo.optimize import minimize
from optllm_pymoo import make_problem
from optllm_pymoo.baselines import forc

problem = make_problem(60, 4)
problem.supported_front
found = {}
def run(k):
    found[k] = minimize(problem, forc(n_budgets=4), seed=1).F.tolist()
threads = [threading.Thread(target=run, args=(k,)) for k in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert found[0] == found[1] == found[2]
print("heard")
"""


def test_several_threads_are_silent_and_leave_standard_output_alone():
    """Three sweeps of integer programmes at once, and then a line: it is all that reaches standard output."""
    run = subprocess.run([sys.executable, "-c", THREADS], capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    assert run.stdout == "heard\n"
