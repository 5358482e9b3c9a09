"""Commands about plans and tables: plan, front, convert and demo-data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from optllm_pymoo.cli import options
from optllm_pymoo.cli.app import command, given_to, refuse_existing, stages
from optllm_pymoo.validation import UserError

if TYPE_CHECKING:
    import pandas as pd

    from optllm_pymoo.decision import Choice
    from optllm_pymoo.planning import Constraints, Front


@command()
def plan(
    batch: options.Queries,
    work: options.Work,
    wanted: options.Wanted,
    back: options.Back,
    limits: options.Limits,
    output: options.Output,
    budget_total: Annotated[
        float | None,
        typer.Option(
            "--budget-total",
            metavar="USD",
            parser=options.number("a budget", unit=" US$"),
            show_default=False,
            help="As --budget, but with what was paid before --after included.",
        ),
    ] = None,
    origin: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="FOLDER", show_default=False,
            help="Plan again with what the plan in this folder learnt; its options hold where no other is given. Files"
            " are written with --out only.",
        ),
    ] = None,
) -> None:  # fmt: skip
    """Learn from a few labels, find the front and choose a plan: plan.csv, plan.html, front.csv, front.png, mix.png.

    plan.html is a page for any browser, with sliders along the front.

    Queries with labels are used for learning and not planned: they have answers already. The outcomes of all others are
    not used.

    The plan meets quotas, floors and a largest latency, and the report shows the cost of each.

    With --from nothing is learnt again, so another budget, other prices, fewer LLMs or other limits are planned
    quickly.

    With --after, answered queries stay answered and paid, graded ones are used for learning, and the others are
    planned.
    """
    if budget_total is not None and (back.after is None or wanted.budget is not None):
        raise typer.BadParameter("needs --after beside it, and no --budget", param_hint="'--budget-total'")
    if origin is not None and back.after is not None:
        raise typer.BadParameter("learns from answers; leave --from out", param_hint="'--after'")
    needed = f"compile_kernels(limits={bool(limits.quota or limits.floor)})"
    ahead = f"from optllm_pymoo.planning.front import compile_kernels; {needed}"
    with stages(ahead) as stage:
        calls = back.calls()
        if calls is not None and budget_total is not None:
            from optllm_pymoo.planning.rounds import total_left

            wanted = replace(wanted, budget=total_left(calls, budget_total))
        said = None
        if origin is not None:
            found, given = _found_before(origin, batch, work, wanted, limits, output, stage)
            said = _finish(found, given[2].choice(), output, options.command_line(*given), given[1].seed, stage, origin)
        else:
            kept, choice = limits.constraints(wanted.promise), wanted.choice()
            said = _in_parts(batch, work, kept, choice, output, stage, is_after=calls is not None)
        if said is None:
            # whether any plan costs so little may depend on the predictions
            is_known = kept.quotas or not (kept.floors or wanted.promise is not None)
            found = _front(batch, work, kept, output, stage, wanted.budget if is_known else None, calls)
            written = options.command_line(batch, work, wanted, back, limits)
            said = _finish(found, choice, output, written, work.seed, stage)
    print(said)


def _found_before(
    origin: Path,
    batch: options.Queries,
    work: options.Work,
    wanted: options.Wanted,
    limits: options.Limits,
    output: options.Output,
    stage: Callable[[str], None],
) -> tuple[Front, tuple[options.Queries, options.Work, options.Wanted, options.Limits]]:
    """Find the front of a plan folder's predictions, and return it with all options in force."""
    from optllm_pymoo.planning import check_writable, front_of, read_learnt

    own = (("--data", batch.data), ("--labels", work.labels), ("--features", work.features))
    given = [name for name, value in own if value is not None]
    if given:
        raise typer.BadParameter(
            f"takes what the plan in {origin} has learnt; leave {' and '.join(given)} out", param_hint="'--from'"
        )
    if output.out is not None:
        if output.out.resolve() == origin.resolve():
            raise typer.BadParameter(f"{origin} keeps what was learnt; write to another folder", param_hint="'--out'")
        check_writable(output.out)
    stage(f"Reading {origin}")
    learnt = read_learnt(origin, with_policy=output.out is not None)
    before = given_to("plan", learnt.options)
    work, limits, wanted = options.over(work, before), options.over(limits, before), options.over(wanted, before)
    kept = limits.constraints(wanted.promise)
    work.check(is_limited=bool(kept))
    learnt = learnt.changed(
        llms=batch.llms, drop=batch.drop or (), price_factors=batch.price_factor or (), constraints=kept
    )
    kept.check(learnt.planned)
    found = front_of(
        learnt.planned,
        learnt.prediction,
        learnt.n_labelled,
        algorithm=work.algorithm,
        n_grid=work.n_grid,
        random_state=work.seed,
        constraints=kept,
        report=stage,
    )
    both: dict[str, Any] = {
        name: [*(before[name] or ()), *(getattr(batch, name) or ())] or None for name in ("drop", "price_factor")
    }
    return found, (replace(options.over(batch, before), **both), work, wanted, limits)


@command()
def front(batch: options.Queries, work: options.Work, limits: options.Limits, output: options.Output) -> None:
    """Find all sensible plans without choosing one: plan.html, front.csv, front.png and mix.png."""
    with stages() as stage:
        said = _in_parts(batch, work, limits.constraints(), None, output, stage)
        if said is None:
            found = _front(batch, work, limits.constraints(), output, stage)
            said = _finish(found, None, output, options.command_line(batch, work, limits), work.seed, stage)
    print(said)


def _in_parts(
    batch: options.Queries,
    work: options.Work,
    limits: Constraints,
    choice: Choice | None,
    output: options.Output,
    stage: Callable[[str], None],
    *,
    is_after: bool = False,
) -> str | None:
    """Plan a batch in several Parquet files part by part; return the report, None for another batch."""
    from optllm_pymoo.data.formats import parquet_files

    if batch.data is None or parquet_files(batch.data) is None:
        return None
    needs_memory = {
        "--algorithm": work.algorithm != "exact",
        "--n-grid": work.n_grid is not None,
        "--price-factor": bool(batch.price_factor),
        "--features": bool(work.features),
        "--for-spreadsheet": output.for_spreadsheet,
        "--after": is_after,
    }
    for name, is_given in needs_memory.items():
        if is_given:
            raise typer.BadParameter("needs the batch in memory, and this one is in parts", param_hint=f"'{name}'")
    from optllm_pymoo.cli import text
    from optllm_pymoo.planning import plan_parts

    found = plan_parts(
        batch.data,
        work.labels,
        out=output.folder,
        choice=choice,
        llms=batch.llms,
        drop=batch.drop or (),
        constraints=limits,
        seed=work.seed,
        n_jobs=work.jobs,
        dask=work.dask,
        report=stage,
    )
    report = text.PartsReport(found)
    if output.json:
        return text.as_json({"synthetic": False, "seed": work.seed, **report.json(), "files": found.files})
    return f"{report.text()}\n\n{text.files_text(found.files)}"


def _front(
    given: options.Queries,
    work: options.Work,
    limits: Constraints,
    output: options.Output,
    stage: Callable[[str], None],
    budget: float | None = None,
    calls: pd.DataFrame | None = None,
) -> Front:
    """Check the options first, then read the batch and find its front."""
    work.check(is_limited=bool(limits))
    from optllm_pymoo.planning import check_writable, plan_front

    check_writable(output.folder)
    stage("Reading the batch")
    if work.features and given.data is None:
        raise typer.BadParameter("names columns of a batch; give --data too", param_hint="'--features'")
    batch = given.read(limits, work.features or ())
    gaps = int((~batch.tried.all(axis=1)).sum())
    if work.labels == "all" and gaps:
        raise UserError(
            f"--labels all needs the outcomes of all LLMs on all queries; {gaps:,} of {len(batch):,} queries lack some."
            " Leave --labels out to learn from the known outcomes"
        )
    return plan_front(
        batch,
        work.labels,
        algorithm=work.algorithm,
        n_grid=work.n_grid,
        random_state=work.seed,
        n_jobs=work.jobs,
        constraints=limits,
        budget_usd=budget,
        calls=calls,
        report=stage,
    )


def _finish(
    found: Front,
    choice: Choice | None,
    output: options.Output,
    given: list[str],
    seed: int,
    stage: Callable[[str], None],
    origin: Path | None = None,
) -> str:
    """Choose a plan if one is wanted, write the files, and return the report."""
    from optllm_pymoo.cli import text
    from optllm_pymoo.planning import Policy, front_writers, limit_costs, write_files

    chosen, costs, policy = None, None, None
    if choice is not None:
        stage("Choosing a plan")
        chosen = found.choose(choice)
        costs = None if found.limits is None else limit_costs(found.limits, chosen)
        found = found.including(chosen)
        if found.learner is not None and found.problem.third is None:
            policy = Policy.of(found, chosen)
    files = []
    if origin is None or output.out is not None:
        stage(f"Writing {output.folder}")
        writers = front_writers(found, chosen, for_spreadsheet=output.for_spreadsheet, options=given, policy=policy)
        files = write_files(output.folder, writers)
    said = None if chosen is None else text.PlanReport(chosen, costs)
    report = text.PlanningReport(found, said, policy, files, seed=seed, given=given, origin=origin)
    return text.as_json(report.json()) if output.json else report.text()


@command("convert")
def convert_data(
    source: Annotated[
        Path, typer.Argument(help="Folder, or table in CSV, TSV, JSON lines or Parquet.", show_default=False)
    ],
    target: Annotated[
        Path, typer.Argument(help="What to write: .csv, .tsv, .csv.gz, .parquet, or a folder.", show_default=False)
    ],
    llms: options.Llms = None,
    drop: options.Drop = None,
    for_spreadsheet: options.ForSpreadsheet = False,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Read a data set in one format and write it in another."""
    from optllm_pymoo.data import convert

    refuse_existing(target, overwrite)
    dataset = convert(source, target, overwrite=overwrite, llms=llms, drop=drop or (), for_spreadsheet=for_spreadsheet)
    _print_written(target, len(dataset), dataset.n_llms, json)


@command("demo-data")
def demo_data(
    target: Annotated[Path, typer.Argument(help="What to write: .csv, .tsv, .csv.gz, .parquet, or a folder.")] = Path(
        "optllm-demo"
    ),
    queries: options.NQueries = 2000,
    llms: options.NLLMs = 6,
    seed: options.Seed = 0,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Write a synthetic batch: made-up questions, LLMs, outcomes and prices."""
    from optllm_pymoo.data import make_dataset, write_table

    refuse_existing(target, overwrite)
    write_table(make_dataset(queries, llms, random_state=seed), target, overwrite=overwrite)
    _print_written(target, queries, llms, json)


def _print_written(target: Path, queries: int, llms: int, json: bool) -> None:
    from optllm_pymoo.cli.text import as_json
    from optllm_pymoo.decision.text import count

    if json:
        print(as_json({"n_queries": queries, "n_llms": llms, "files": [target]}))
    else:
        print(f"Written to {target}: {count(queries, 'query', 'queries')} on {count(llms, 'LLM', 'LLMs')}")
