"""Colours, markers and hatches."""

from __future__ import annotations

from itertools import combinations, pairwise

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_rgb

from optllm_pymoo.plotting.style import OKABE_ITO, dollars, look_of, percent

# Machado, Oliveira and Fernandes (2009), severity 1.0: linear RGB of what is seen without L and without M cones
PROTANOPIA = np.array(
    [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
)
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)


def test_colours_stay_apart_for_the_colour_blind() -> None:
    """As seen without red or without green cones, any two colours still differ by a tenth of the range at least."""
    linear = np.array([to_rgb(colour) for colour in OKABE_ITO]) ** 2.2
    for sight in (np.eye(3), PROTANOPIA, DEUTERANOPIA):
        seen = np.clip(linear @ sight.T, 0, 1) ** (1 / 2.2)
        assert min(np.abs(one - other).max() for one, other in combinations(seen, 2)) > 0.1


def test_ticks_say_what_they_stand_for() -> None:
    """A tick at 72.5 % is not called 73 %, and close dollars keep their digits apart."""
    _, ax = plt.subplots()
    ax.set(xlim=(0.032773, 0.032954), ylim=(0.7, 0.8), yticks=[0.7, 0.725, 0.75])
    dollars(ax, [0.032773, 0.032954])
    percent(ax)
    ax.figure.canvas.draw()
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["70%", "72.5%", "75%"]
    boxes = [tick.get_window_extent() for tick in ax.get_xticklabels() if tick.get_text()]
    assert len(boxes) > 2
    assert not any(one.overlaps(other) for one, other in pairwise(boxes))


def test_looks_repeat_late() -> None:
    """72 LLMs can be told apart by colour and hatch together, 64 by colour and marker."""
    assert len({(look_of(j).colour, look_of(j).marker) for j in range(64)}) == 64
    assert len({(look_of(j).colour, look_of(j).hatch) for j in range(72)}) == 72
