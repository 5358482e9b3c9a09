"""Names beside points, placed so that they cover neither one another nor the points."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

from optllm_pymoo.plotting.style import as_written, figure_of

_ANGLES: Final = np.deg2rad([0, 180, 90, 270, 45, 135, 315, 225, 22, 158, 338, 202])
_DISTANCES: Final = (8.0, 14.0, 22.0, 32.0, 44.0, 58.0)  # points
_MARGIN: Final = 2.5  # points; about the radius of a marker
_FAR: Final = 12.0  # points; from there on a line leads to the name


def label_points(
    ax: Axes, points: Any, names: Sequence[str], /, *, avoid: Any = None, fontsize: float = 8.0
) -> list[Annotation]:
    """Write a name beside every point.

    Greedy: each name takes the nearest free place around its point, where it covers no other name, no point, not
    the legend and nothing of ``avoid``, and lies inside the axes. If there is none, the place that covers least.

    Args:
        ax: Axes whose limits and scales are final.
        points: (n, 2) in data coordinates.
        names: n names.
        avoid: (k, 2) further places to keep clear, for example points along a curve.
        fontsize: In points.

    Returns:
        The n annotations.
    """
    figure_of(ax).draw_without_rendering()  # a layout engine moves the axes only now
    centres = ax.transData.transform(np.asarray(points, dtype=float).reshape(-1, 2))
    others = centres if avoid is None else np.concatenate([centres, ax.transData.transform(np.asarray(avoid))])
    legend = ax.get_legend()
    taken = [] if legend is None else [legend.get_window_extent().padded(4.0)]
    return [
        _label(ax, place, name, taken, others, fontsize)
        for place, name in zip(np.asarray(points, dtype=float), names, strict=True)
    ]


def overlap(box: Bbox, taken: Sequence[Bbox], points: np.ndarray, inside: Bbox, /) -> float:
    """Measure how much a name would cover: other names and points, and how much of it sticks out.

    Args:
        box: Where the name would be, pixels.
        taken: Where names are already.
        points: (n, 2) to keep clear, pixels.
        inside: Where names may be.

    Returns:
        0 if nothing; else in units of covered area, a point counting as much as an eighth of the name.

    Example:
        >>> overlap(Bbox([[0, 0], [2, 1]]), [Bbox([[1, 0], [3, 1]])], np.empty((0, 2)), Bbox([[0, 0], [9, 9]]))
        0.5
    """
    covered = sum(_shared(box, other) for other in taken) / (box.width * box.height)
    hit = np.count_nonzero(np.all((points > box.min) & (points < box.max), axis=1)) / 8
    return float(covered + hit + 4 * (1 - _shared(box, inside) / (box.width * box.height)))


def _label(
    ax: Axes, place: np.ndarray, name: str, taken: list[Bbox], points: np.ndarray, fontsize: float
) -> Annotation:
    at = (float(place[0]), float(place[1]))
    note = ax.annotate(as_written(name), at, xytext=(0, 0), textcoords="offset points", fontsize=fontsize, zorder=6)
    note.set_annotation_clip(False)
    size = note.get_window_extent()
    pixels_per_point = ax.figure.dpi / 72
    centre = ax.transData.transform(place)
    best, best_cost = (_DISTANCES[0], 0.0), np.inf
    for distance, angle in product(_DISTANCES, _ANGLES):
        box = _box(centre, size, distance * pixels_per_point, angle).padded(_MARGIN * pixels_per_point)
        cost = overlap(box, taken, points, ax.bbox) + distance / 1000
        if cost < best_cost:
            best, best_cost = (distance, angle), cost
    box = _box(centre, size, best[0] * pixels_per_point, best[1])
    taken.append(box.padded(1.0))
    shift = (box.min - centre) / pixels_per_point
    note.set_position((float(shift[0]), float(shift[1])))
    if best[0] > _FAR:
        _lead(ax, place, shift + np.array([box.width, box.height]) / 2 / pixels_per_point)
    return note


def _lead(ax: Axes, place: np.ndarray, middle: np.ndarray) -> None:
    line = {"arrowstyle": "-", "color": "#888888", "linewidth": 0.6, "shrinkA": 7, "shrinkB": 4}
    ax.annotate("", (place[0], place[1]), xytext=tuple(middle), textcoords="offset points", arrowprops=line, zorder=4)


def _box(centre: np.ndarray, size: Bbox, distance: float, angle: float) -> Bbox:
    """Put a box of that size so that it just touches the circle of that distance, in that direction."""
    direction = np.array([np.cos(angle), np.sin(angle)])
    half = np.array([size.width, size.height]) / 2
    middle = centre + direction * distance + np.sign(direction.round(6)) * half * np.abs(direction) ** 0.5
    return Bbox([middle - half, middle + half])


def _shared(one: Bbox, other: Bbox) -> float:
    common = Bbox.intersection(one, other)
    return 0.0 if common is None else float(common.width * common.height)
