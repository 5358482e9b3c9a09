"""Table and pictures of `benchmarks predict`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich.table import Table

from optllm_pymoo.data import replacing

KEYS: Final = ["data", "split", "share", "predictor"]
MEASURES: Final = ["area", "saving", "highest_accuracy", "accuracy_at_best_cost", "brier"]
SECONDS: Final = ["feature_seconds", "fit_seconds", "predict_seconds", "front_seconds"]
_MARKS: Final = "osD^vP*X"


def summarise(rows: pd.DataFrame, /) -> pd.DataFrame:
    """Average over seeds.

    A front that never reaches the best single LLM's accuracy saves nothing: it counts as 0.

    Args:
        rows: One per data set, share, seed and predictor.

    Returns:
        One row per data set, share and predictor: means, `area_sd` over seeds, and how many seeds there were.
    """
    groups = rows.assign(saving=rows["saving"].fillna(0.0)).groupby(KEYS, sort=False)
    summary = groups[["labelled", *MEASURES, *SECONDS]].mean()
    summary["area_sd"] = groups["area"].std().fillna(0.0)
    summary["seeds"] = groups.size()
    return summary.reset_index()


def summary_table(summary: pd.DataFrame, /) -> Table:
    """Lay the summary out for the screen.

    Args:
        summary: From `summarise`.

    Returns:
        A rich table.
    """
    table = Table(title="Realised quality, means over seeds (area: share of the oracle's)")
    for name in ("data", "split", "labels", "predictor"):
        table.add_column(name)
    for name in (
        "n",
        "area",
        "± sd",
        "saving",
        "highest",
        "at best's cost",
        "Brier",
        "features+fit+predict s",
    ):
        table.add_column(name, justify="right")
    last = None
    for row in summary.to_dict("records"):
        if last not in (None, (row["data"], row["share"])):
            table.add_section()
        last = (row["data"], row["share"])
        table.add_row(
            *(row["data"], row["split"], f"{row['share']:.0%}", row["predictor"], f"{row['labelled']:.0f}"),
            *(f"{row['area']:.4f}", f"{row['area_sd']:.4f}", f"{row['saving']:.1%}"),
            *(f"{row['highest_accuracy']:.4f}", f"{row['accuracy_at_best_cost']:.4f}", f"{row['brier']:.4f}"),
            f"{row['feature_seconds']:.1f}+{row['fit_seconds']:.1f}+{row['predict_seconds']:.1f}",
        )
    return table


def _draw(axes: Axes, part: pd.DataFrame, measure: str) -> None:
    for mark, (name, rows) in zip(_MARKS, part.groupby("predictor", sort=False), strict=False):
        axes.plot(100 * rows["share"], rows[measure], marker=mark, label=name)
    axes.set_xscale("log")
    ticks = sorted(100 * part["share"].unique())
    axes.set_xticks(ticks, [f"{tick:g} %" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel("labelled share")
    axes.grid(alpha=0.3)


def write_plots(summary: pd.DataFrame, out: Path, /) -> None:
    """Draw area and saving over the labelled share, one column per data set, into `predict.png`.

    Args:
        summary: From `summarise`.
        out: Folder that exists.
    """
    shown = [name for name in ("area", "saving") if summary[name].notna().any()]
    names = list(dict.fromkeys(summary["data"]))
    figure = Figure(figsize=(4.2 * len(names), 3.4 * len(shown)), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(shown), len(names), squeeze=False)
    visible = summary[summary["predictor"] != "oracle"]
    for row, measure in enumerate(shown):
        for column, name in enumerate(names):
            _draw(grid[row, column], visible[visible["data"] == name], measure)
            grid[row, column].set_title(f"{name}: {measure}")
    grid[0, 0].legend(frameon=False)
    with replacing(out / "predict.png") as temporary:
        figure.savefig(temporary, dpi=150, format="png")
