"""Row duplicates against pymoo's own elimination by distances."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pymoo.core.duplicate import DefaultDuplicateElimination
from pymoo.core.population import Population

from optllm_pymoo.operators.categorical import RowDuplicateElimination

DTYPES = [np.int8, np.int16, np.int32, np.int64, np.uint8, np.float64]


def rows(n):
    """Draw (n, 2) small allocations of some integer type: duplicates are common."""
    return st.sampled_from(DTYPES).flatmap(lambda d: arrays(d, (n, 2), elements=st.integers(0, 2).map(d)))


@settings(deadline=None, max_examples=150)
@given(st.integers(1, 8).flatmap(rows), st.integers(1, 5).flatmap(rows), st.integers(1, 5).flatmap(rows))
def test_decides_as_pymoo_does(X, Y, Z):
    """The same individuals survive, in the same order, whatever integer types meet in the populations."""
    pops = [Population.new(X=values) for values in (X, Y, Z)]
    for others in ([], pops[1:2], pops[1:]):
        ours = RowDuplicateElimination().do(pops[0], *others, return_indices=True)
        theirs = DefaultDuplicateElimination().do(pops[0], *others, return_indices=True)
        assert list(ours[0]) == list(theirs[0])
        assert ours[1:] == theirs[1:]


def test_types_mixed_within_one_population():
    """int8 and int64 rows with the same LLMs are the same allocation."""
    pop = Population.merge(
        Population.new(X=np.array([[1, 100]], dtype=np.int8)),
        Population.new(X=np.array([[1, 100], [1, 356]])),
    )
    assert RowDuplicateElimination().do(pop).get("X").tolist() == [[1, 100], [1, 356]]


def test_minus_zero_is_zero():
    """Rounding -0.2 leaves -0.0, which is LLM 0 all the same."""
    pop = Population.new(X=np.array([[0.0, 1.0], [np.rint(-0.2), 1.0]]))
    assert len(RowDuplicateElimination().do(pop)) == 1


@pytest.mark.parametrize("n", [0, 1])
def test_nothing_to_compare(n):
    """Empty populations and single plans pass, also against an empty other population."""
    pop = Population.new(X=np.zeros((n, 3), dtype=np.int8))
    assert len(RowDuplicateElimination().do(pop, Population.empty())) == n
