"""Colours, markers, hatches and names that can be distinguished: in print, by the colour-blind, for many LLMs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from typing import Any, Final, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font
from matplotlib.patheffects import withStroke
from matplotlib.text import Annotation
from matplotlib.ticker import FuncFormatter, MaxNLocator

OKABE_ITO: Final = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#DDDDDD")
"""Okabe and Ito's palette without black, which is used for lines and text; light grey replaces it, because people
without green cones can't distinguish a middle grey from the reddish purple."""

MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X", "p")
HATCHES: Final = ("", "//", "..", "\\\\", "xx", "--", "++", "oo", "||")
BLACK: Final = "#000000"
GREY: Final = "#666666"
STAR: Final[dict[str, Any]] = {"marker": "*", "markersize": 15, "linestyle": "none", "markeredgecolor": BLACK}
"""Style of the marker of a chosen plan."""

LOG_RATIO: Final = 15.0
"""Ratio of the largest to the smallest amount from which the axis of dollars is logarithmic."""

LONGEST: Final = 36
"""Largest number of letters of a name in a picture; the middle of a longer name is left out."""

MISSING: Final = "□"
"""Replaces a letter that no font on this machine has."""

_ANGLES: Final = np.deg2rad([0, 180, 90, 270, 45, 135, 315, 225, 22, 158, 338, 202])
_DISTANCES: Final = (8.0, 14.0, 22.0, 32.0, 44.0, 58.0, 76.0, 100.0, 130.0)  # points
_MARGIN: Final = 2.5  # points; about the radius of a marker
_FAR: Final = 12.0  # points; from this distance, a line connects point and name


class Look(NamedTuple):
    """Colour, marker and hatch of one LLM."""

    colour: str
    marker: str
    hatch: str


class Names(NamedTuple):
    """Names for a picture.

    Attributes:
        texts: Texts for matplotlib, one per name, all different.
        fonts: Font families that have their letters.
    """

    texts: list[str]
    fonts: list[str]


def looks_of(llms: Sequence[int], /) -> list[Look]:
    """Choose the looks of some LLMs; no combination of colour, marker and hatch repeats.

    If there are few LLMs, each has the same look in every picture of a batch; if there are many, neighbours in `llms`
    have different looks.

    Args:
        llms: Their numbers, in the order in which they are drawn.

    Example:
        >>> looks_of([2, 0])[1], looks_of([30, 38])[0] == looks_of([0, 1])[0]
        (Look(colour='#0072B2', marker='o', hatch=''), True)
    """
    n_colours = len(OKABE_ITO)
    places = list(llms) if max(llms, default=0) < n_colours else list(range(len(llms)))
    return [
        Look(OKABE_ITO[k % n_colours], MARKERS[(k + k // n_colours) % len(MARKERS)], HATCHES[k % len(HATCHES)])
        for k in places
    ]


def axes(ax: Axes | None, /, *, size: tuple[float, float] = (7.0, 4.6)) -> Axes:
    """Return the axes given, or those of a new figure without a window; pyplot is not used.

    Args:
        ax: Axes or None.
        size: Width and height of a new figure, inches.
    """
    if ax is None:
        ax = Figure(figsize=size, layout="constrained").subplots()
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(True, color="#dddddd", linewidth=0.6)
    ax.set_axisbelow(True)
    return ax


def figure_of(ax: Axes, /) -> Figure:
    """Return the figure of the axes, also if they are in a subfigure.

    Args:
        ax: The axes.
    """
    figure = ax.figure
    while isinstance(figure, SubFigure):
        figure = figure.figure
    return figure


def as_written(name: str, /) -> str:
    r"""Escape a name, so that matplotlib shows it unchanged, also with dollar signs or a leading underscore.

    Args:
        name: A name, for example of an LLM.

    Example:
        >>> as_written("$mart"), as_written("_draft"), as_written("gpt-4")
        ('\\$mart', ' _draft', 'gpt-4')
    """
    return (" " if name.startswith("_") else "") + name.replace("$", r"\$")


def shown_names(names: Sequence[str], /) -> Names:
    r"""Return names that can be drawn: shortened in the middle, without letters that no font has.

    Names that become equal get a number. O(letters); each font of the machine is read once if a letter isn't in the
    default font.

    Args:
        names: Names, for example of LLMs.

    Example:
        >>> shown_names(["gpt-4", "provider/a-model-with-such-a-very-long-name", "two\nlines"]).texts
        ['gpt-4', 'provider/a-model-w…-a-very-long-name', 'two□lines']
    """
    written = ["".join(letter if letter.isprintable() else MISSING for letter in name) for name in names]
    fonts, missing = _fonts_for(frozenset().union(*written))
    short = [
        name if len(name) <= LONGEST else f"{name[: LONGEST // 2]}…{name[1 - LONGEST // 2 :]}"
        for name in (name.translate(dict.fromkeys(map(ord, missing), MISSING)) for name in written)
    ]
    alike = {name for name in short if short.count(name) > 1}
    texts = [f"{name} ({k + 1})" if name in alike else name for k, name in enumerate(short)]
    return Names([as_written(name) for name in texts], list(fonts))


@lru_cache(maxsize=64)
def _fonts_for(letters: frozenset[str]) -> tuple[tuple[str, ...], frozenset[str]]:
    """Return font families for letters, the default first, and the letters that no family has."""
    missing, fonts = _not_in(findfont(FontProperties()), letters), list(mpl.rcParams["font.family"])
    if not missing:
        return tuple(fonts), missing
    real = (font for font in fontManager.ttflist if font.name != "Last Resort High-Efficiency")
    for font in sorted(real, key=lambda font: (font.name, font.style != "normal", font.weight != 400)):
        left = _not_in(font.fname, missing)
        if len(left) < len(missing):
            fonts.append(font.name)
            missing = left
        if not missing:
            break
    return tuple(fonts), missing


def _not_in(file: str, letters: frozenset[str]) -> frozenset[str]:
    """Return the letters that a font file can't draw; boxes and pictures in their place don't count as drawn."""
    try:
        font = get_font(file)
    except (OSError, RuntimeError):  # removed since matplotlib listed it, or not readable by FreeType
        return letters
    return frozenset(x for x in letters if not font.scalable or not font.get_char_index(ord(x)))


def dollars(ax: Axes, amounts: Any, /) -> None:
    """Make the x axis one of US$: logarithmic if the amounts are all positive and differ by orders of magnitude.

    Args:
        ax: The axes.
        amounts: US$ that must be visible.
    """

    def plain(amount: float, _: Any = None) -> str:
        return f"{amount:.6g}"

    values = np.asarray(amounts, dtype=float)
    if values.min() > 0 and values.max() / values.min() > LOG_RATIO:
        ax.set_xscale("log")
        # between the powers of ten, only the ticks at 2 and 5 have labels
        ax.xaxis.set_minor_formatter(FuncFormatter(lambda amount, _: plain(amount) if f"{amount:e}"[0] in "25" else ""))
    else:
        ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.xaxis.set_major_formatter(FuncFormatter(plain))
    ax.set_xlabel("Total cost (US$)")


def percent_axis(ax: Axes, /, *, axis: str = "y") -> None:
    """Show shares as per cent, with as many decimals as the ticks need: 72.5 % is not 73 %.

    Args:
        ax: The axes.
        axis: "x" or "y".
    """
    getattr(ax, f"{axis}axis").set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.6g}%"))


def label_points(
    ax: Axes, points: Any, names: Names, /, *, avoid: Any = None, fontsize: float = 8.0
) -> list[Annotation | None]:
    """Write a name beside every point that has room for one.

    Greedy: each name gets the nearest place around its point at which it covers as few of the points and of ``avoid``
    as possible. It never covers another name, a line to a name, or the legend, and it is inside the axes.

    Args:
        ax: Axes whose limits and scales are final.
        points: (n, 2) in data coordinates; they get their places in this order.
        names: n names, from `shown_names`.
        avoid: (k, 2) further points that names should not cover, for example along a curve.
        fontsize: In points.

    Returns:
        n annotations, None for a name without a free place. O(n (n + k)).
    """
    figure_of(ax).draw_without_rendering()  # a layout engine moves the axes only when drawing
    places = np.asarray(points, dtype=float).reshape(-1, 2)
    centres = ax.transData.transform(places)
    clear = centres if avoid is None else np.concatenate([centres, ax.transData.transform(np.asarray(avoid))])
    legend = ax.get_legend()
    taken = [] if legend is None else [np.array(legend.get_window_extent().padded(4.0).extents)]
    notes: list[Annotation | None] = []
    for place, centre, text in zip(places, centres, names.texts, strict=True):
        note = ax.annotate(
            text, (place[0], place[1]), xytext=(0, 0), textcoords="offset points", fontsize=fontsize, zorder=6,
            fontfamily=names.fonts, annotation_clip=False, path_effects=[withStroke(linewidth=2, foreground="white")],
        )  # fmt: skip
        extent = note.get_window_extent()
        found = _free_place(ax, centre, np.array([extent.width, extent.height]), taken, clear, centres)
        if found is None:
            note.remove()
            notes.append(None)
            continue
        box, line = found
        taken.append(box)
        pixels_per_point = figure_of(ax).dpi / 72
        shift = (box[:2] - centre) / pixels_per_point
        note.set_position((float(shift[0]), float(shift[1])))
        if len(line):
            clear = np.concatenate([clear, line])
            taken.extend(np.concatenate([end - 1, end + 1]) for end in line[2:-2])
            style = {"arrowstyle": "-", "color": "#888888", "linewidth": 0.6, "shrinkA": 0, "shrinkB": 4}
            end = tuple((line[-1] - centre) / pixels_per_point)
            ax.annotate("", (place[0], place[1]), xytext=end, textcoords="offset points", arrowprops=style, zorder=4)
        notes.append(note)
    return notes


def _free_place(
    ax: Axes, centre: np.ndarray, size: np.ndarray, taken: list[np.ndarray], clear: np.ndarray, centres: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the box (x0, y0, x1, y1) of a name, in pixels, and points along the line to it, none if it is near."""
    unit = figure_of(ax).dpi / 72
    distance, angle = (np.array(values) for values in zip(*product(_DISTANCES, _ANGLES), strict=True))
    direction = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    # a box just touches the circle of its distance
    middle = centre + direction * distance[:, None] * unit
    middle = middle + np.sign(direction.round(6)) * size / 2 * np.abs(direction) ** 0.5
    boxes = np.concatenate([middle - size / 2, middle + size / 2], axis=1)
    wide = boxes + np.array([-1, -1, 1, 1]) * _MARGIN * unit
    share = np.linspace(0, 1, 24)[:, None, None]
    ends = np.clip(centre, boxes[:, :2], boxes[:, 2:])  # the line ends at the nearest point of the box
    lines = centre + (ends - centre) * share  # (24, k, 2)
    inside = (wide[:, :2] >= ax.bbox.min).all(axis=1) & (wide[:, 2:] <= ax.bbox.max).all(axis=1)
    for other in taken:
        inside &= ~((wide[:, :2] < other[2:]) & (wide[:, 2:] > other[:2])).all(axis=1)
        crossed = ((lines > other[:2]) & (lines < other[2:])).all(axis=2).any(axis=0)
        covered = ((centre > other[:2]) & (centre < other[2:])).all()  # then every line begins inside this box
        inside &= ~(crossed & (distance > _FAR) & ~covered)
    if not inside.any():
        return None
    hit = ((clear > wide[:, None, :2]) & (clear < wide[:, None, 2:])).all(axis=2).sum(axis=1)
    others = centres[np.abs(centres - centre).max(axis=1) > _MARGIN * unit]
    touched = (np.abs(lines[..., None, :] - others) < 2 * _MARGIN * unit).all(axis=-1).any(axis=0).sum(axis=1)
    cost = hit / 8 + distance / 1000 + (distance > _FAR) * touched / 4
    best = int(np.argmin(np.where(inside, cost, np.inf)))
    return boxes[best], lines[:, best] if distance[best] > _FAR else np.empty((0, 2))
