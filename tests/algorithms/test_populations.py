"""Populations of plans: what pymoo's own say, read and written directly."""

from __future__ import annotations

import numpy as np
import pytest
from pymoo.core.population import Population

from optllm_pymoo.algorithms.front_walk import Plans

X = np.array([[0, 1], [1, 1], [2, 0]], dtype=np.int8)


def test_what_is_written_is_read_as_by_a_population_of_pymoo() -> None:
    """The same columns set in both, by name and by keyword, are the same columns: attributes, data, and neither."""
    ours, theirs = Plans.of(X, scored=[True, False, True]), Population.new(X=X, scored=[True, False, True])
    for plans in (ours, theirs):
        plans.set("n_gen", 3, "F", np.array([[1.0, -0.5], [2.0, -0.6], [3.0, -0.7]]))
        plans.set(G=np.zeros((3, 0)), label="same for all")
    for name in ("X", "F", "G", "CV", "FEAS", "n_gen", "scored", "label", "unknown"):
        np.testing.assert_array_equal(ours.get(name), theirs.get(name))
    assert ours.get("X").dtype == np.int8
    for one, two in zip(ours.get("X", "n_gen"), theirs.get("X", "n_gen"), strict=True):
        np.testing.assert_array_equal(one, two)


def test_rows_are_copies_and_parts_stay_plans() -> None:
    """A change of the table doesn't reach the individuals; a part of the population is one of its kind."""
    table = X.copy()
    plans = Plans.of(table)
    table[:] = 0
    np.testing.assert_array_equal(plans[1:].get("X"), X[1:])
    assert isinstance(plans[[0, 2]], Plans)
    assert Plans().get("F").shape == (0,)


def test_too_few_values_are_refused() -> None:
    """Two values for three individuals are no column."""
    with pytest.raises(ValueError, match="zip"):
        Plans.of(X).set(F=np.zeros((2, 2)))
