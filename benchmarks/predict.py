"""`python -m benchmarks predict`: what plans made from a few labels are worth on the true outcomes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any, Final, NamedTuple

import numpy as np
import pandas as pd
import typer
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks.cells.predictors import NAMES, ORACLE, Floats, run_predictor
from benchmarks.cells.split import Split, labelled_rows
from optllm_pymoo import SupportedFront
from optllm_pymoo.data import Dataset, make_dataset, read_table, replacing
from optllm_pymoo.measures import Path as Walk
from optllm_pymoo.measures import realised_area, realised_quality
from optllm_pymoo.prediction import QueryFeatures


class Prepared(NamedTuple):
    """A data set with its features, computed once from all texts and no labels."""

    name: str
    dataset: Any
    features: Floats
    seconds: float


class Cell(NamedTuple):
    """One split of one data set."""

    prepared: Prepared
    share: float
    seed: int
    split: Split


def _read(path: Path) -> Dataset:
    dataset = read_table(path)
    if dataset.texts is None:
        raise ValueError(f"{path} has no query texts, so nothing can be predicted")
    return dataset


def _prepare(name: str, dataset: Dataset) -> Prepared:
    started = perf_counter()
    features = QueryFeatures(random_state=0).fit_transform(dataset.texts)
    return Prepared(name, dataset, features, perf_counter() - started)


def run_cell(cell: Cell, names: tuple[str, ...], n_jobs: int) -> Iterator[dict[str, Any]]:
    """Measure predictors on one split.

    Args:
        cell: The split.
        names: Predictors.
        n_jobs: Jobs of each predictor.

    Yields:
        One row per predictor: the cell, the measures, the Brier score and seconds per stage.
    """
    name, data, features, feature_seconds = cell.prepared
    labelled = labelled_rows(data, cell.share, cell.split, cell.seed)
    cost, correct = data.cost[~labelled], data.correct[~labelled]
    oracle = realised_area(cost, correct, Walk.along(SupportedFront(cost, correct)))
    for predictor in names:
        accuracy, fit_seconds, predict_seconds = correct, 0.0, 0.0
        if predictor != ORACLE:
            accuracy, fit_seconds, predict_seconds = run_predictor(
                predictor,
                features[labelled],
                data.correct[labelled],
                features[~labelled],
                seed=cell.seed,
                n_jobs=n_jobs,
            )
        started = perf_counter()
        path = Walk.along(SupportedFront(cost, accuracy))
        front_seconds = perf_counter() - started
        found = realised_quality(cost, correct, path, oracle_area=oracle)
        yield {
            **{"data": name, "split": cell.split.value, "share": cell.share, "seed": cell.seed},
            **{"predictor": predictor, "labelled": int(labelled.sum()), "planned": len(cost)},
            **found._asdict(),
            "brier": float(np.mean((accuracy - correct) ** 2)),
            **{"feature_seconds": feature_seconds, "fit_seconds": fit_seconds},
            **{"predict_seconds": predict_seconds, "front_seconds": front_seconds},
        }


def _numbers(text: str, option: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise typer.BadParameter(
            f"expected numbers with commas between them, got {text!r}", param_hint=option
        ) from None


def _names(text: str) -> tuple[str, ...]:
    names = tuple(part.strip() for part in text.split(","))
    for name in names:
        if name not in NAMES:
            raise typer.BadParameter(f"unknown {name!r}; choose from {', '.join(NAMES)}", param_hint="--predictors")
    return names


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console)


def _write(rows: list[dict[str, Any]], path: Path) -> None:
    with replacing(path) as temporary:
        pd.DataFrame(rows).to_csv(temporary, index=False)


def run_predict(
    data: Annotated[
        list[Path] | None, typer.Option(help="Folder, or table in a file; repeat it. None: synthetic.")
    ] = None,
    shares: Annotated[str, typer.Option(help="Labelled shares, commas between.")] = "0.02,0.05,0.2",
    seeds: Annotated[int, typer.Option(min=1, help="Splits per share, seeds 0, 1, ...")] = 5,
    predictors: Annotated[str, typer.Option(help="Of " + ", ".join(NAMES))] = "ours,published,constants,oracle",
    split: Annotated[Split, typer.Option(help="What the labelled share is drawn from.")] = Split.text,
    out: Annotated[Path, typer.Option(help="Folder for predict.csv and plots.")] = Path("benchmark-predict"),
    n_jobs: Annotated[int, typer.Option(help="Jobs of each predictor.")] = 1,
) -> None:
    """Compare predictors by the true accuracy along the fronts that their predictions lead to."""
    names, wanted = _names(predictors), _numbers(shares, "--shares")
    try:
        batches = [(path.name, _read(path)) for path in data] if data else [("synthetic", make_dataset())]
        for (_, batch), share in product(batches, wanted):
            labelled_rows(batch, share, split, 0)
    except (OSError, ValueError) as error:
        raise typer.BadParameter(str(error)) from None
    console = Console() if sys.stdout.isatty() else Console(width=140)
    out.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    with _progress(console) as progress:
        task = progress.add_task("predict", total=len(batches) * len(wanted) * seeds * len(names))
        for name, batch in batches:
            progress.update(task, description=f"{name}: features")
            prepared = _prepare(name, batch)
            for share, seed in product(wanted, range(seeds)):
                progress.update(task, description=f"{prepared.name}: {share:g}, seed {seed}")
                for row in run_cell(Cell(prepared, share, seed, split), names, n_jobs):
                    rows.append(row)
                    progress.advance(task)
                _write(rows, out / "predict.csv")
    summary = summarise(pd.DataFrame(rows))
    console.print(summary_table(summary))
    write_plots(summary, out)
    console.print(f"Written: {out / 'predict.csv'} and the plots beside it")


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
