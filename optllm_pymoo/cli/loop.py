"""Commands about what comes before and after a plan: collect and compare."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from optllm_pymoo.cli import options
from optllm_pymoo.cli.app import command, refuse_existing, stages


@command()
def collect(
    runs: Annotated[list[Path], typer.Argument(help="Logs of graded runs, or folders of logs.", show_default=False)],
    joining: options.Joining,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the batch.")] = Path("batch"),
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Join logs of graded runs, queries and prices to a batch: queries.csv, calls.csv and llms.csv.

    Logs of evaluation harnesses, gateways, tracers and batch APIs are told by their content. A table says what became
    of the rows of every file.
    """
    refuse_existing(out, overwrite)
    from optllm_pymoo.cli import text
    from optllm_pymoo.data import save_batch

    with stages() as stage:
        stage("Reading the logs")
        found = joining.collect(runs)
        stage(f"Writing {out}")
        save_batch(found.batch, out, overwrite=overwrite)
    if json:
        print(text.as_json({**text.collected_json(found), "files": [out]}))
        return
    print(text.collected_text(found))
    print(f"\nWritten to {out}: queries.csv, calls.csv, llms.csv")


@command()
def compare(
    first: Annotated[Path, typer.Argument(help="Folder of a plan, or its plan.csv.", show_default=False)],
    second: Annotated[Path, typer.Argument(help="Likewise: the other plan.", show_default=False)],
    json: options.Json = False,
) -> None:
    """Hold a second plan against a first: cost, expected accuracy and how sure the difference is, and what moves.

    Only queries that are in both plans count.
    """
    from optllm_pymoo.cli import text
    from optllm_pymoo.planning import compare_plans

    found = compare_plans(first, second)
    print(text.as_json(text.comparison_json(found)) if json else text.comparison_text(found))
