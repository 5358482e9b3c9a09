"""HiGHS without what it prints."""

from __future__ import annotations

import os

import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint

from optllm_pymoo.solver import _standard_output_closed, solve_milp


def test_the_outcome_is_scipys():
    """Of items worth 3, 4 and 5 and weighing 2, 3 and 4, a knapsack of 6 takes the first and the last: 8."""
    found = solve_milp(
        -np.array([3.0, 4.0, 5.0]),
        constraints=LinearConstraint([[2.0, 3.0, 4.0]], -np.inf, 6.0),
        bounds=Bounds(0, 1),
        integrality=np.ones(3),
    )
    assert found.fun == pytest.approx(-8.0)


def test_what_is_written_meanwhile_is_lost_and_nothing_else(capfd):
    """Standard output is back afterwards, also after an exception."""

    def chatter_and_fail():
        with _standard_output_closed():
            os.write(1, b"chatter")
            raise RuntimeError("no solution")

    os.write(1, b"before ")
    with pytest.raises(RuntimeError, match="no solution"):
        chatter_and_fail()
    os.write(1, b"after")
    assert capfd.readouterr().out == "before after"
