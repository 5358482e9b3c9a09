"""The archive of non-dominated plans, and the choice of gaps between them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pymoo.core.population import Population

from optllm_pymoo.algorithms.archive import NonDominatedArchive
from optllm_pymoo.algorithms.gaps import GapSplitting

points = arrays(np.float64, st.tuples(st.integers(1, 12), st.just(2)), elements=st.sampled_from([0.0, 0.5, 1.0, 2.0]))


def evaluated(F):
    """Build individuals with objective values; X is their number."""
    pop = Population.new(X=np.arange(len(F))[:, None])
    pop.set("F", np.asarray(F, dtype=float))
    return pop


def non_dominated(F):
    """Find the distinct non-dominated rows by comparing all pairs, by rising cost."""
    rows = {tuple(row) for row in F.tolist()}
    return sorted(p for p in rows if not any(q != p and q[0] <= p[0] and q[1] <= p[1] for q in rows))


@given(st.lists(points, min_size=1, max_size=4))
def test_keeps_what_all_pairs_say(batches):
    """After any batches it holds the distinct non-dominated points of all of them, by rising cost."""
    archive = NonDominatedArchive()
    for F in batches:
        archive.add(evaluated(F))
    assert [tuple(row) for row in archive.F.tolist()] == non_dominated(np.concatenate(batches))
    np.testing.assert_array_equal(archive.individuals.get("F"), archive.F)
    assert len(archive) == len(archive.F)


def test_first_of_equals_is_kept():
    """A plan that scores like one that is there doesn't replace it."""
    archive = NonDominatedArchive()
    first, second = evaluated([[1, -1]]), evaluated([[1, -1]])
    archive.add(first)
    archive.add(second)
    assert archive.individuals[0] is first[0]


def test_widest_by_hand():
    """In cells of (1, 0.1) the gaps measure min(3, 1) = 1, min(2, 4) = 2 and min(0.5, 5) = 0.5."""
    F = np.array([[0.0, 0.0], [3.0, -0.1], [5.0, -0.5], [5.5, -1.0]])
    splitting = GapSplitting(np.array([1.0, 0.1]))
    assert splitting.widest(F, 8).tolist() == [1]
    assert not splitting.is_filled(F)
    assert splitting.is_filled(F[:2])
    coarse = GapSplitting(np.array([4.0, 0.4]))
    assert coarse.is_filled(F)
    assert coarse.widest(F, 8).tolist() == [1, 0, 2]
    assert coarse.widest(F, 2).tolist() == [1, 0]
    assert coarse.widest(F[:1], 8).tolist() == []


@pytest.mark.parametrize("n_tries", [1, 3])
def test_gaps_that_stay_are_closed(n_tries):
    """A gap that is still there after as many tries is not tried again; one that was split is forgotten."""
    F = np.array([[0.0, 0.0], [3.0, -0.3], [5.0, -0.5]])
    splitting = GapSplitting(np.array([1.0, 0.1]), n_tries=n_tries)
    for _ in range(n_tries):
        assert splitting.widest(F, 8).tolist() == [0, 1]
        splitting.split(F, np.array([0]))
        splitting.settle(F)
    assert splitting.widest(F, 8).tolist() == [1]
    for _ in range(n_tries):
        splitting.split(F, np.array([1]))
        splitting.settle(np.insert(F, 2, [4.0, -0.4], axis=0))
    assert splitting.widest(F, 8).tolist() == [1]
    splitting.settle(F)
    assert splitting.widest(F, 8).tolist() == [1], "nothing was pending"
