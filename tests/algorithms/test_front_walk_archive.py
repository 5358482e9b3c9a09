"""The archive of non-dominated plans."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pymoo.core.population import Population

from optllm_pymoo.algorithms.front_walk import NonDominatedArchive

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
