"""Forests: kernel against twin, around the borders of blocks and on threads."""

from __future__ import annotations

import numpy as np
import pytest

from optllm_pymoo.kernels.trees import Forest, average_trees
from optllm_pymoo.prediction.members import Trees
from tests import twins


def test_by_hand() -> None:
    """X <= 1 goes left to 2.0, beyond right to 4.0; the second tree is a leaf of 6.0: means 4 and 5."""
    forest = Forest(
        roots=np.array([0, 3], dtype=np.uint32),
        depths=np.array([1, 0]),
        features=np.zeros(4, dtype=np.uint32),
        thresholds=np.array([1, np.inf, np.inf, np.inf], dtype=np.float32),
        children=np.array([[1, 2], [1, 0], [2, 1], [3, 2]], dtype=np.uint32),
        values=np.array([[2], [4], [6]], dtype=np.float32),
    )
    features = np.array([[1], [np.nextafter(np.float32(1), np.float32(2))]], dtype=np.float32)
    assert average_trees(forest, features).tolist() == twins.average_trees(forest, features).tolist() == [[4], [5]]


@pytest.mark.parametrize("n", [0, 1, 31, 32, 33, 1100])
def test_equal_the_twin(n: int) -> None:
    """Around the borders of blocks, and of the queries of a thread, none is lost or changed."""
    rng = np.random.default_rng(0)
    forest = Trees(5, random_state=0).fit(rng.normal(size=(40, 3)), rng.random((40, 2))).forest_
    features = rng.normal(size=(n, 3)).astype(np.float32)
    np.testing.assert_array_equal(average_trees(forest, features), twins.average_trees(forest, features))
