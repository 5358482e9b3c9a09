"""`optllm-pymoo convert` and `optllm-pymoo demo-data`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from optllm_pymoo.cli import options
from optllm_pymoo.cli.app import app, with_exit_codes


@app.command()
@with_exit_codes
def convert(
    source: Annotated[Path, typer.Argument(help="Folder, or wide CSV or Parquet file.", show_default=False)],
    target: Annotated[
        Path, typer.Argument(help="What to write: .csv, .csv.gz, .parquet, or a folder.", show_default=False)
    ],
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Read a data set in one format and write it in another."""
    from optllm_pymoo.data import convert as convert_table

    _refuse_existing(target, overwrite)
    dataset = convert_table(source, target, overwrite=overwrite)
    _print_written(target, len(dataset), dataset.n_llms, json)


@app.command("demo-data")
@with_exit_codes
def demo_data(
    target: Annotated[Path, typer.Argument(help="What to write: .csv, .csv.gz, .parquet, or a folder.")] = Path(
        "optllm-demo"
    ),
    queries: Annotated[int, typer.Option("--queries", min=1, help="Number of queries.")] = 2000,
    llms: Annotated[int, typer.Option("--llms", min=1, help="Number of LLMs.")] = 6,
    seed: options.Seed = 0,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Write a synthetic batch: made-up questions, LLMs, outcomes and prices."""
    from optllm_pymoo.data import make_dataset, write_table

    _refuse_existing(target, overwrite)
    write_table(make_dataset(queries, llms, random_state=seed), target, overwrite=overwrite)
    _print_written(target, queries, llms, json)


def _refuse_existing(target: Path, overwrite: bool) -> None:
    if target.exists() and not overwrite:
        raise FileExistsError(f"{target} exists already; pass --overwrite to replace it")


def _print_written(target: Path, queries: int, llms: int, json: bool) -> None:
    from optllm_pymoo.cli.report import as_json

    if json:
        print(as_json({"n_queries": queries, "n_llms": llms, "files": [target]}))
    else:
        print(f"Written to {target}: {queries:,} queries on {llms} LLMs")
