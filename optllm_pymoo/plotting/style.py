"""Colours, markers and hatches that stay apart in print and for the colour-blind."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import FuncFormatter, MaxNLocator

OKABE_ITO: Final = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#DDDDDD")
"""Okabe and Ito's palette without black, which is kept for lines and text; light grey takes its
place, since a middle grey looks like the reddish purple to those without green cones."""

MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X", "p")
HATCHES: Final = ("", "//", "..", "\\\\", "xx", "--", "++", "oo", "||")
BLACK: Final = "#000000"
GREY: Final = "#666666"

LOG_RATIO: Final = 15.0
"""From this ratio of the dearest to the cheapest amount on, dollars are shown on a logarithmic axis."""


class Look(NamedTuple):
    """How one LLM is drawn."""

    colour: str
    marker: str
    hatch: str


def look_of(index: int, /) -> Look:
    """Choose the look of the LLM with a number; colours, markers and hatches don't repeat together.

    Args:
        index: Number of the LLM, >= 0.

    Example:
        >>> look_of(0), look_of(8)
        (Look(colour='#0072B2', marker='o', hatch=''), Look(colour='#0072B2', marker='s', hatch='||'))
    """
    n_colours = len(OKABE_ITO)
    marker = MARKERS[(index + index // n_colours) % len(MARKERS)]
    return Look(OKABE_ITO[index % n_colours], marker, HATCHES[index % len(HATCHES)])


def axes(ax: Axes | None, /, *, size: tuple[float, float] = (7.0, 4.6)) -> Axes:
    """Return the axes given, or those of a new figure.

    Args:
        ax: Axes or None.
        size: Width and height of a new figure, inches.
    """
    if ax is None:
        _, ax = plt.subplots(figsize=size, layout="constrained")
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(True, color="#dddddd", linewidth=0.6)
    ax.set_axisbelow(True)
    return ax


def figure_of(ax: Axes, /) -> Figure:
    """Return the figure that holds the axes, also from within a subfigure.

    Args:
        ax: The axes.
    """
    figure = ax.figure
    while isinstance(figure, SubFigure):
        figure = figure.figure
    return figure


def as_written(name: str, /) -> str:
    r"""Have matplotlib show a name as it is: no mathematics between dollar signs, not hidden for an underscore.

    Args:
        name: Of an LLM, say.

    Example:
        >>> as_written("$mart"), as_written("_draft"), as_written("gpt-4")
        ('\\$mart', ' _draft', 'gpt-4')
    """
    return (" " if name.startswith("_") else "") + name.replace("$", r"\$")


def dollars(ax: Axes, amounts: Any, /) -> None:
    """Make the x axis one of US$: logarithmic if the amounts are all positive and differ by orders of magnitude.

    Args:
        ax: The axes.
        amounts: US$ that are to be seen.
    """
    values = np.asarray(amounts, dtype=float)
    if values.min() > 0 and values.max() / values.min() > LOG_RATIO:
        ax.set_xscale("log")
        ax.xaxis.set_minor_formatter(FuncFormatter(_minor_dollars))
    else:
        ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.xaxis.set_major_formatter(FuncFormatter(_dollars))
    ax.set_xlabel("Total cost (US$)")


def percent(ax: Axes, /, *, axis: str = "y") -> None:
    """Show shares as per cent.

    Args:
        ax: The axes.
        axis: "x" or "y".
    """
    getattr(ax, f"{axis}axis").set_major_formatter(FuncFormatter(_percent))


def _percent(share: float, _: Any = None) -> str:
    """Write as many decimals as the tick needs: 72.5 % is not 73 %."""
    return f"{100 * share:.6g}%"


def _dollars(amount: float, _: Any = None) -> str:
    return f"{amount:.6g}"


def _minor_dollars(amount: float, _: Any = None) -> str:
    """Label 2 and 5 between the powers of ten."""
    leading = f"{amount:e}"[0]
    return _dollars(amount) if leading in "25" else ""
