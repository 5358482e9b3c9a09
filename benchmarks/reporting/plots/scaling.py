"""How time and memory grow with the size, on logarithmic axes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.reporting.document import FigureBlock
from benchmarks.reporting.plots.look import legend_below, looks_of, panels, shown_name
from benchmarks.statistics.growth import Growth, fit_growth


def scaling_figure(
    measurements: pd.DataFrame, /, *, size: str, measure: str, name: str, title: str, reference: str | None = None
) -> FigureBlock:
    """Draw a measure over a size per stage, with the fitted power law as a thin line.

    Args:
        measurements: Columns ``stage``, ``size``, ``value``; sizes that come several times are drawn and fitted by
            their median. Values that are not positive and finite are left out.
        size: What is varied, such as "queries N".
        measure: What is measured, with its unit, such as "seconds".
        name: Of the picture's file.
        title: What is drawn.
        reference: Stage that the others are compared with, drawn in black: the pure sort.
    """
    medians = _medians(measurements)
    fits = growth_by_stage(measurements)
    figure, (axes,) = panels(height=4.6)
    looks = looks_of([stage for stage in fits if stage != reference])
    for stage, fit in fits.items():
        rows = medians[medians["stage"] == stage]
        colour, marker = looks.get(stage, ("black", "o"))
        label = f"{shown_name(stage)}, exponent {fit}"
        axes.plot(rows["size"], rows["value"], marker, color=colour, markeredgecolor="black", label=label, zorder=3)
        if np.isfinite(fit.exponent):
            ends = np.array([rows["size"].min(), rows["size"].max()], dtype=float)
            axes.plot(ends, fit.factor * ends**fit.exponent, "--" if stage == reference else "-", color=colour)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set(xlabel=size, ylabel=measure)
    legend_below(figure, axes, n_columns=2)
    return FigureBlock(name, figure, title, _sentence(medians, fits, size, measure, reference))


def growth_by_stage(measurements: pd.DataFrame, /) -> dict[str, Growth]:
    """Fit a power law to every stage.

    Args:
        measurements: As for `scaling_figure`.
    """
    stages = _medians(measurements).groupby("stage", sort=False)
    return {str(stage): fit_growth(rows["size"].to_numpy(), rows["value"].to_numpy()) for stage, rows in stages}


def _medians(measurements: pd.DataFrame) -> pd.DataFrame:
    good = measurements[(measurements["value"] > 0) & np.isfinite(measurements["value"])]
    return good.groupby(["stage", "size"], sort=False, as_index=False)["value"].median()


def _sentence(medians: pd.DataFrame, fits: dict[str, Growth], size: str, measure: str, reference: str | None) -> str:
    known = {stage: fit for stage, fit in fits.items() if np.isfinite(fit.exponent)}
    if not known:
        return f"There are too few sizes to say how {measure} grow with {size}."
    told = ", ".join(f"{stage} {fit}" for stage, fit in known.items() if stage != reference)
    parts = [f"With {size} the {measure} grow by the power (± standard error) {told}"] if told else []
    if reference in known:
        parts.append(f"{reference} by {known[reference]}")
    return "; ".join(parts) + "." + _ratio(medians, reference)


def _ratio(medians: pd.DataFrame, reference: str | None) -> str:
    """Compare with the reference at the largest size that both have, where it is the slowest stage."""
    table = medians.pivot(index="size", columns="stage", values="value")
    if reference not in table or table.shape[1] < 2:
        return ""
    both = table.dropna()
    if both.empty:
        return ""
    last = both.iloc[-1]
    slowest = last.drop(reference).idxmax()
    return f" At {both.index[-1]:,.0f}, {slowest} takes {last[slowest] / last[reference]:.3g} × as much as {reference}."
