"""Colours, markers and panels that all figures of a report have in common."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.cells.algorithms import OURS, family_of, known_algorithms
from optllm_pymoo.plotting.style import as_written

# Colours for any kind of colour vision (Okabe and Ito 2008); black is the exact front.
OKABE_ITO = ("#E69F00", "#56B4E9", "#009E73", "#D55E00", "#0072B2", "#CC79A7", "#F0E442")

MARKERS = "osD^vP*<>Xp"
N_LOOKS = len(OKABE_ITO) * len(MARKERS)

# Inches: a figure is shown at about this width, and at half of it on a phone.
WIDTH = 5.8

# Points; never less than 9.
FONT = 10.5

# About the number of letters of a legend that fit in one line.
LETTERS = 76

# Letters of a name; more are left out in its middle.
LONGEST = 30

# Algorithms that one panel can show without confusion: as many as there are colours.
MOST = 7


def look(k: int, /) -> tuple[str, str]:
    """Return colour and marker of algorithm ``k``: colours change first, and no pair comes twice in `N_LOOKS`."""
    return OKABE_ITO[k % len(OKABE_ITO)], MARKERS[(k + k // len(OKABE_ITO)) % len(MARKERS)]


def best_per_family(scores: pd.Series, /, *, higher_is_better: bool = True, most: int = MOST) -> list[str]:
    """Choose the algorithms that a panel shows, if there are more than can be distinguished.

    Args:
        scores: By algorithm; NaN for those that failed, which are not chosen.
        higher_is_better: Direction of the scores.
        most: Algorithms at the most.

    Returns:
        All algorithms if there are few enough; otherwise the best variant of each of the best families, and the
        best variant of OptLLM in any case. In the order of the scores' index.

    Example:
        >>> scores = pd.Series({"nsga2": 0.8, "nsga2:warm": 0.9, "optllm": 1.0, "moead": 0.7})
        >>> best_per_family(scores, most=3), best_per_family(scores, most=2)
        (['nsga2:warm', 'optllm', 'moead'], ['nsga2:warm', 'optllm'])
    """
    good = scores.dropna()
    if len(good) > most:
        ranked = good.sort_values(ascending=not higher_is_better, kind="stable")
        families = pd.Series([family_of(str(name)) for name in ranked.index], ranked.index)
        best = ranked[~families.duplicated()]
        ours = families[best.index] == OURS
        good = pd.concat([best[ours], best[~ours]]).iloc[:most]
    chosen = {str(name) for name in good.index}
    return [str(name) for name in scores.index if str(name) in chosen]


def left_out(shown: Iterable[str], given: Sequence[str], /) -> str:
    """Return a sentence if not all algorithms are drawn, else an empty text."""
    n_shown, n_given = len(set(shown)), len(set(given))
    return "" if n_shown == n_given else f" Of {n_given} algorithms {n_shown} are drawn: the best of their families."


def looks_of(algorithms: Sequence[str], /) -> dict[str, tuple[str, str]]:
    """Assign colours and markers to the algorithms of one figure.

    A family keeps its colour in all figures of a report as long as no other in the same figure has it.

    Example:
        >>> looks_of(["optllm", "nsga2"])["optllm"] == looks_of(["optllm"])["optllm"]
        True
    """
    order = list(dict.fromkeys(map(family_of, known_algorithms())))
    looks: dict[str, tuple[str, str]] = {}
    for name in algorithms:
        family = family_of(name)
        wanted = order.index(family) if family in order else len(order)
        free = [k % N_LOOKS for k in range(wanted, wanted + N_LOOKS) if look(k % N_LOOKS) not in looks.values()]
        fresh = [k for k in free if look(k)[0] not in {colour for colour, _ in looks.values()}]
        looks[name] = look((fresh or free or [wanted])[0])
    return looks


def panels(n: int = 1, /, *, n_columns: int = 1, height: float = 4.2, **options: object) -> tuple[Figure, list[Axes]]:
    """Make a figure with panels below one another or side by side.

    Args:
        n: Panels.
        n_columns: Columns of panels.
        height: Of one row, inches.
        options: For ``Figure.subplots``, such as ``sharex``.

    Returns:
        The figure, which needs no screen, and its n axes in reading order.
    """
    n_rows = ceil(n / n_columns)
    figure = Figure(figsize=(WIDTH, height * n_rows), layout="constrained")
    FigureCanvasAgg(figure)
    grid = np.atleast_1d(figure.subplots(n_rows, n_columns, **options)).ravel()
    for axes in grid[n:]:
        axes.remove()
    for axes in grid[:n]:
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(which="both", labelsize=FONT - 1)
        axes.xaxis.label.set_size(FONT)
        axes.yaxis.label.set_size(FONT)
        axes.title.set_size(FONT + 0.5)
        axes.grid(alpha=0.25)
        axes.set_axisbelow(True)
    return figure, list(grid[:n])


def legend_below(figure: Figure, axes: Axes, /, *, n_columns: int = 3) -> None:
    """Put the legend of a panel below the whole figure, where it covers nothing."""
    handles, names = axes.get_legend_handles_labels()
    if handles:
        columns = max(1, min(n_columns, LETTERS // (max(map(len, names)) + 5), len(names)))
        figure.legend(handles, names, loc="outside lower center", ncols=columns, fontsize=FONT - 1, frameon=False)


def shown_name(name: str, /) -> str:
    """Return a name, shortened in the middle if it is very long."""
    return as_written(name if len(name) <= LONGEST else f"{name[: LONGEST // 2]}…{name[1 - LONGEST // 2 :]}")
