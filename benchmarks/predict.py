"""`python -m benchmarks predict`: what plans made from a few labels are worth on the true outcomes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any, NamedTuple

import numpy as np
import pandas as pd
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.predict_report import summarise, summary_table, write_plots
from benchmarks.predictors import NAMES, ORACLE, Floats, run_predictor
from benchmarks.splits import Split, labelled_rows
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
        list[Path] | None, typer.Option(help="Folder, wide CSV or Parquet file; repeat it. None: synthetic.")
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
