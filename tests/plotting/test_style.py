"""Colours, markers, hatches, and names that don't collide."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from optllm_pymoo.plotting.style import (
    LONGEST,
    MISSING,
    OKABE_ITO,
    axes,
    dollars,
    figure_of,
    label_points,
    looks_of,
    percent_axis,
    shown_names,
)

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
    ax = axes(None)
    ax.set(xlim=(0.032773, 0.032954), ylim=(0.7, 0.8), yticks=[0.7, 0.725, 0.75])
    dollars(ax, [0.032773, 0.032954])
    percent_axis(ax)
    ax.figure.canvas.draw()
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["70%", "72.5%", "75%"]
    boxes = [tick.get_window_extent() for tick in ax.get_xticklabels() if tick.get_text()]
    assert len(boxes) > 2
    assert not any(one.overlaps(other) for one, other in pairwise(boxes))


def test_looks_repeat_late() -> None:
    """72 LLMs can be told apart by colour and hatch together, 64 by colour and marker."""
    looks = looks_of(range(72))
    assert len({(look.colour, look.marker) for look in looks[:64]}) == 64
    assert len({(look.colour, look.hatch) for look in looks}) == 72


def test_few_llms_look_alike_in_every_picture_and_neighbours_differ() -> None:
    """Below eight the look is the LLM's own; of many, any eight drawn after one another differ in colour."""
    assert looks_of([5, 2])[0] == looks_of([2, 5])[1]
    colours = [look.colour for look in looks_of(range(0, 160, 8))]
    assert all(len(set(colours[k : k + 8])) == 8 for k in range(12))


def square() -> Axes:
    """Empty axes from 0 to 1."""
    ax = axes(None, size=(6, 4))
    ax.set(xlim=(0, 1), ylim=(0, 1))
    return ax


@pytest.mark.parametrize("seed", range(5))
def test_names_of_scattered_points_are_apart(seed: int) -> None:
    """Twelve points at random: no two names overlap, none covers a point, all lie inside."""
    ax, points = square(), np.random.default_rng(seed).random((12, 2))
    notes = label_points(ax, points, shown_names([f"provider/model-{k}" for k in range(12)]))
    boxes = [note.get_window_extent() for note in notes]
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    pixels = ax.transData.transform(points)
    assert not any(box.contains(*pixel) for box in boxes for pixel in pixels)
    assert all(ax.bbox.count_contains(box.corners()) == 4 for box in boxes)


def test_names_of_one_place_are_apart() -> None:
    """Five LLMs with the same cost and accuracy keep five readable names."""
    notes = label_points(square(), np.full((5, 2), 0.5), shown_names(list("abcde")))
    assert not any(one.get_window_extent().overlaps(other.get_window_extent()) for one, other in combinations(notes, 2))


def test_keeps_clear_of_curve_and_legend() -> None:
    """A curve to the right and a legend above leave the left."""
    ax = square()
    ax.plot([], [], label="a legend of some width")
    ax.legend(loc="upper right")
    curve = np.stack([np.full(50, 0.55), np.linspace(0, 1, 50)], axis=1)
    (note,) = label_points(ax, [[0.5, 0.5]], shown_names(["a long name"]), avoid=curve)
    (near,) = label_points(ax, [[0.95, 0.93]], shown_names(["near"]))
    assert note.get_window_extent().x1 < ax.transData.transform((0.55, 0))[0]
    assert not near.get_window_extent().overlaps(ax.get_legend().get_window_extent())


def test_no_points_no_names() -> None:
    """Nothing to label is no error."""
    assert label_points(square(), np.empty((0, 2)), shown_names([])) == []


def test_names_without_room_are_left_out() -> None:
    """Two hundred LLMs of the same cost and accuracy: the names that are written are apart, the others are None."""
    ax = square()
    notes = label_points(ax, np.full((200, 2), 0.5), shown_names([f"provider/model-{k}" for k in range(200)]))
    boxes = [note.get_window_extent() for note in notes if note is not None]
    assert 3 <= len(boxes) < 200
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))


def test_long_names_are_shortened_and_stay_apart() -> None:
    """Eighty letters become 36, those that begin and end alike get their number, short ones stay."""
    names = ["a" * 80, "a" * 40 + "b" * 40, "a" * 79 + "b", "a" * 81, "short"]
    texts = shown_names(names).texts
    assert len(set(texts)) == len(names)
    assert max(map(len, texts)) <= LONGEST + len(" (5)")
    assert texts[0].endswith(" (1)")
    assert texts[3].endswith(" (4)")
    assert texts[4] == "short"


@pytest.mark.filterwarnings("error")
def test_letters_of_every_script_are_drawn() -> None:
    """A letter that only another font has is drawn with that; one that no font has becomes a box; no font is named."""
    names = shown_names(["arc \u2312", "none \U0010fffd", "通义千问", "line\nbreak"])
    assert names.texts[0] == "arc \u2312"
    assert len(names.fonts) > 1
    assert names.texts[1] == f"none {MISSING}"
    assert names.texts[3] == f"line{MISSING}break"
    ax = square()
    label_points(ax, np.random.default_rng(0).random((4, 2)), names)
    figure_of(ax).draw_without_rendering()
