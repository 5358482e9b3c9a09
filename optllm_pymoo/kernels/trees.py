"""Forests of regression trees, evaluated for many queries at once."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from optllm_pymoo.kernels.jit import jit, over_queries

_BLOCK: Final = 32  # queries that go down a tree side by side: their features fit into a first-level cache
_PER_THREAD: Final = 512  # queries; with fewer a second thread costs more than it saves
_ONE = np.uint64(1)


class Forest(NamedTuple):
    """Concatenated trees.

    Attributes:
        roots: Node where each tree begins, (T,) uint32.
        depths: Of each tree, (T,) int64.
        features: Feature that each node compares, (n,) uint32.
        thresholds: Queries with a value up to this go left, (n,) float32; infinite at a leaf.
        children: Left and right, (n, 2) uint32. The left one of a leaf is itself, its right one the number of the leaf.
        values: Of the leaves, (L, M) float32.
    """

    roots: np.ndarray
    depths: np.ndarray
    features: np.ndarray
    thresholds: np.ndarray
    children: np.ndarray
    values: np.ndarray


def average_trees(forest: Forest, features: np.ndarray) -> np.ndarray:
    """Average the predictions of the trees of a forest.

    A block of queries descends a tree together, as many steps as the tree is deep; a query that has reached a leaf
    stays there. So the queries don't wait for one another, and there is no branch to mispredict.

    Args:
        forest: T trees.
        features: (N, D) float32, C-contiguous.

    Returns:
        (N, M) float64; sums run over the trees in their order. O(N * (depths + T * M)).
    """
    out = np.zeros((len(features), forest.values.shape[1]))
    over_queries(_add_trees, len(out), forest, features.ravel(), features.shape[1], out, per_thread=_PER_THREAD)
    return np.divide(out, len(forest.roots), out=out)


@jit
def _add_trees(start: int, stop: int, forest: Forest, flat: np.ndarray, width: int, out: np.ndarray) -> None:
    # unsigned: numba then needn't look for negative indices
    features, thresholds, children = forest.features, forest.thresholds, forest.children.ravel()
    nodes = np.empty(_BLOCK, dtype=np.uint32)
    for first in range(start, stop, _BLOCK):
        size = min(_BLOCK, stop - first)
        block = flat[first * width :]
        for tree in range(forest.roots.size):
            nodes[:] = forest.roots[tree]
            for _ in range(forest.depths[tree]):
                row = np.uint64(0)
                for i in range(size):
                    node = np.uint64(nodes[i])
                    goes_right = np.uint64(block[row + features[node]] > thresholds[node])
                    nodes[i] = children[node + node + goes_right]
                    row += np.uint64(width)
            for i in range(size):
                node = np.uint64(nodes[i])
                leaf = children[node + node + _ONE]
                for j in range(out.shape[1]):
                    out[first + i, j] += forest.values[leaf, j]
