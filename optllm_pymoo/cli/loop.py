"""Commands about what comes before and after a plan: collect, compare and route."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from optllm_pymoo.cli import options
from optllm_pymoo.cli.app import command, refuse_existing, stages
from optllm_pymoo.validation import UserError


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


@command()
def route(
    policy: Annotated[
        Path, typer.Argument(help="A policy.npz, or the folder of the plan that it belongs to.", show_default=False)
    ],
    data: Annotated[
        Path,
        typer.Option(
            "--data", "-d", show_default=False,
            help="New queries: a table or JSON lines with ids and texts, or batch requests.",
        ),
    ],
    columns: Annotated[
        Any,
        typer.Option(
            "--map", "-m", metavar="ROLE=FIELD,...", show_default=False, parser=options.fields_by_role,
            help="Fields with unusual names: id=ticket_id,text=body,group=lang.",
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="File for the routes; one that is there is replaced.")
    ] = Path("routed.csv"),
    for_spreadsheet: options.ForSpreadsheet = False,
    json: options.Json = False,
) -> None:  # fmt: skip
    """Send new queries where a plan would have: at its prices, without labels and without planning.

    Costs are estimated by the lengths of the texts. A query goes the same way whatever others come with it, so quotas
    and floors are kept on average and not to the letter.
    """
    from optllm_pymoo.cli import text

    with stages() as stage:
        from optllm_pymoo.data.atomic import replacing
        from optllm_pymoo.data.csv import write_csv
        from optllm_pymoo.data.requests import queries_of
        from optllm_pymoo.planning import Policy

        stage("Reading the queries")
        queries = list(queries_of(data, columns or {}))
        if not queries:
            raise UserError(f"{data} holds no query")
        stage(f"Reading {policy}")
        known = Policy.load(policy)
        stage(f"Routing {len(queries):,} queries")
        groups = [query.group for query in queries]
        found = known.route([query.text for query in queries], groups=groups if any(groups) else None)
        with replacing(out) as temporary:
            frame = found.to_frame([query.name for query in queries])
            write_csv(frame, temporary, for_spreadsheet=for_spreadsheet)
    if json:
        print(text.as_json({**text.routes_json(known, found), "files": [out]}))
        return
    print(f"{text.routes_text(known, found)}\n\nWritten to {out}")
