"""Names that don't collide."""

from __future__ import annotations

from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes

from optllm_pymoo.plotting.labels import label_points


def square() -> Axes:
    """Empty axes from 0 to 1."""
    _, ax = plt.subplots(figsize=(6, 4))
    ax.set(xlim=(0, 1), ylim=(0, 1))
    return ax


@pytest.mark.parametrize("seed", range(5))
def test_names_of_scattered_points_are_apart(seed: int) -> None:
    """Twelve points at random: no two names overlap, none covers a point, all lie inside."""
    ax, points = square(), np.random.default_rng(seed).random((12, 2))
    notes = label_points(ax, points, [f"provider/model-{k}" for k in range(12)])
    boxes = [note.get_window_extent() for note in notes]
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    pixels = ax.transData.transform(points)
    assert not any(box.contains(*pixel) for box in boxes for pixel in pixels)
    assert all(ax.bbox.count_contains(box.corners()) == 4 for box in boxes)


def test_names_of_one_place_are_apart() -> None:
    """Five LLMs with the same cost and accuracy keep five readable names."""
    notes = label_points(square(), np.full((5, 2), 0.5), list("abcde"))
    assert not any(one.get_window_extent().overlaps(other.get_window_extent()) for one, other in combinations(notes, 2))


def test_keeps_clear_of_curve_and_legend() -> None:
    """A curve to the right and a legend above leave the left."""
    ax = square()
    ax.plot([], [], label="a legend of some width")
    ax.legend(loc="upper right")
    curve = np.stack([np.full(50, 0.55), np.linspace(0, 1, 50)], axis=1)
    (note,) = label_points(ax, [[0.5, 0.5]], ["a long name"], avoid=curve)
    (near,) = label_points(ax, [[0.95, 0.93]], ["near"])
    assert note.get_window_extent().x1 < ax.transData.transform((0.55, 0))[0]
    assert not near.get_window_extent().overlaps(ax.get_legend().get_window_extent())


def test_no_points_no_names() -> None:
    """Nothing to label is no error."""
    assert label_points(square(), np.empty((0, 2)), []) == []
