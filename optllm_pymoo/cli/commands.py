"""The commands: collect, plan, front, evaluate, convert and demo-data."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from optllm_pymoo.cli import options
from optllm_pymoo.cli.app import app, stages
from optllm_pymoo.validation import UserError

if TYPE_CHECKING:
    from optllm_pymoo.data import Dataset
    from optllm_pymoo.decision import Choice
    from optllm_pymoo.planning import Constraints, Front, PlannedBatch

SYNTHETIC = "Synthetic demo batch: made-up queries, LLMs, prices. Pass your own with --data."


@app.command(context_settings=options.STRAY_ALLOWED)
def plan(
    context: typer.Context,
    data: options.Data = None,
    llms: options.Llms = None,
    drop: options.Drop = None,
    labels: options.Labels = None,
    budget: options.Budget = None,
    accuracy: options.Accuracy = None,
    knee: options.Knee = False,
    quota: options.Quotas = None,
    provider: options.Providers = None,
    floor: options.Floors = None,
    forbid: options.Forbid = None,
    allow: options.Allow = None,
    latency: options.Latency = None,
    max_latency: options.MaxLatency = None,
    promise: options.Promise = None,
    algorithm: options.Algorithm = "exact",
    n_grid: options.NGrid = None,
    seed: options.Seed = 0,
    jobs: options.Jobs = -1,
    out: options.Out = Path("optllm-plan"),
    for_spreadsheet: options.ForSpreadsheet = False,
    json: options.Json = False,
) -> None:
    """Learn from a few labels, find the front and choose a plan: plan.csv, plan.html, front.csv, front.png, mix.png.

    plan.html is a page for any browser, on which one slides along the front.

    Queries with labels are learnt from and not planned: their answers are there already. The outcomes of all others
    are never looked at.

    Quotas, floors and a largest latency are kept by the plan, and the report says what each of them costs.
    """
    options.refuse_stray(context)
    with stages() as stage:
        choice = _choice(budget, accuracy, knee, promise)
        limits = options.constraints_of(quota, provider, floor, latency, max_latency, forbid, allow)
        if promise is not None and latency is not None and max_latency is None and (quota or floor):
            raise typer.BadParameter(
                "doesn't go with --latency as an objective beside quotas or floors; give --max-latency too",
                param_hint="'--promise'",
            )
        from optllm_pymoo.cli import text
        from optllm_pymoo.planning import front_writers, limit_costs, write_files

        # whether a plan is that cheap may depend on what can't be known before learning
        known = budget if limits.quotas or not (limits.floors or choice.promise is not None) else None
        front, synthetic = _front(
            partial(_read, data, llms, drop), labels, limits, algorithm, n_grid, seed, jobs, out, stage, known
        )
        stage("Choosing a plan")
        chosen = front.choose(choice)
        costs = None if front.limits is None else limit_costs(front.limits, chosen)
        front = front.including(chosen)
        stage(f"Writing {out}")
        files = write_files(out, front_writers(front, chosen, for_spreadsheet=for_spreadsheet))
    if json:
        facts = {"synthetic": synthetic, "seed": seed, **text.front_json(front), "plan": text.plan_json(chosen, costs)}
        facts["plan"]["groups"] = text.groups_json(front.by_group(chosen))
        print(text.as_json({**facts, "files": files}))
        return
    _print_head(synthetic, text.front_text(front))
    print(text.plan_text(chosen, costs))
    if front.by_group(chosen):
        print(f"\n{text.groups_text(front.by_group(chosen))}")
    _print_files(files)


@app.command(context_settings=options.STRAY_ALLOWED)
def front(
    context: typer.Context,
    data: options.Data = None,
    llms: options.Llms = None,
    drop: options.Drop = None,
    labels: options.Labels = None,
    quota: options.Quotas = None,
    provider: options.Providers = None,
    floor: options.Floors = None,
    forbid: options.Forbid = None,
    allow: options.Allow = None,
    latency: options.Latency = None,
    max_latency: options.MaxLatency = None,
    algorithm: options.Algorithm = "exact",
    n_grid: options.NGrid = None,
    seed: options.Seed = 0,
    jobs: options.Jobs = -1,
    out: options.Out = Path("optllm-plan"),
    for_spreadsheet: options.ForSpreadsheet = False,
    json: options.Json = False,
) -> None:
    """Find all sensible plans without choosing one: plan.html, front.csv, front.png and mix.png."""
    options.refuse_stray(context)
    with stages() as stage:
        limits = options.constraints_of(quota, provider, floor, latency, max_latency, forbid, allow)
        from optllm_pymoo.cli import text
        from optllm_pymoo.planning import front_writers, write_files

        found, synthetic = _front(
            partial(_read, data, llms, drop), labels, limits, algorithm, n_grid, seed, jobs, out, stage
        )
        stage(f"Writing {out}")
        files = write_files(out, front_writers(found, for_spreadsheet=for_spreadsheet))
    if json:
        facts = {"synthetic": synthetic, "seed": seed, **text.front_json(found)}
        print(text.as_json({**facts, "files": files}))
        return
    _print_head(synthetic, text.front_text(found))
    _print_files(files)


def _choice(
    budget: float | None,
    accuracy: float | None,
    knee: bool,
    promise: float | None,
) -> Choice:
    said = {"--budget": budget is not None, "--accuracy": accuracy is not None, "--knee": knee}
    given = [name for name, is_given in said.items() if is_given]
    if len(given) > 1:
        raise typer.BadParameter(f"{' and '.join(given)} exclude one another; give one of them")
    if promise is not None and budget is None and accuracy is None:
        raise typer.BadParameter("needs --budget or --accuracy beside it", param_hint="'--promise'")
    from optllm_pymoo.decision import AtLeastAccuracy, Knee, WithinBudget

    if budget is not None:
        return WithinBudget(budget, promise=promise)
    if accuracy is not None:
        return AtLeastAccuracy(accuracy, promise=promise)
    return Knee()


def _front(
    read: Callable[[], Dataset],
    labels: float | str | Path | None,
    limits: Constraints,
    algorithm: str,
    n_grid: int | None,
    seed: int,
    jobs: int,
    out: Path,
    stage: Any,
    budget: float | None = None,
) -> tuple[Front, bool]:
    """Check all that can be checked at once, then work; whether the batch is synthetic comes along."""
    _check_algorithm(algorithm, n_grid, is_limited=bool(limits))
    from optllm_pymoo.planning import check_writable, plan_front

    check_writable(out)
    stage("Reading the batch")
    batch = read()
    gaps = int((~batch.tried.all(axis=1)).sum())
    if labels == "all" and gaps:
        raise UserError(
            f"--labels all needs the outcomes of all LLMs on all queries; {gaps:,} of {len(batch):,} queries lack some."
            " Leave --labels out to learn from the known outcomes"
        )
    found = plan_front(
        batch,
        labels,
        algorithm=algorithm,
        n_grid=n_grid,
        random_state=seed,
        n_jobs=jobs,
        constraints=limits,
        budget_usd=budget,
        report=stage,
    )
    return found, bool(batch.about.get("synthetic"))


def _check_algorithm(algorithm: str, n_grid: int | None, *, is_limited: bool) -> None:
    from optllm_pymoo.planning import algorithm_names, normalised
    from optllm_pymoo.planning.front import EXACT, SEARCH

    name = normalised(algorithm)
    if name not in algorithm_names():
        known = ", ".join(algorithm_names()).replace("_", "-")
        raise typer.BadParameter(f"unknown algorithm {algorithm!r}; known are {known}", param_hint="'--algorithm'")
    if n_grid is not None and name != SEARCH and not (is_limited and name == EXACT):
        raise typer.BadParameter(f"{algorithm} has no grid; only optllm has", param_hint="'--n-grid'")


def _read(data: Path | None, llms: list[str] | None, drop: list[str] | None) -> Dataset:
    """Read the batch with the LLMs that were chosen; without data the embedded one."""
    from optllm_pymoo.data import make_dataset, read_table
    from optllm_pymoo.validation import positions_of

    left_out = drop or ()
    if data is not None:
        return read_table(data, allow_missing=True, llms=llms, drop=left_out)
    demo = make_dataset()
    positions_of(left_out, demo.llms)
    return demo.with_llms([name for name in llms or demo.llms if name not in left_out])


def _print_head(synthetic: bool, front: str) -> None:
    from optllm_pymoo.decision.text import wrapped

    print(f"{wrapped(SYNTHETIC)}\n\n{front}" if synthetic else front)


def _print_files(files: list[Path]) -> None:
    from optllm_pymoo.decision.text import wrapped

    print(f"\n{wrapped(f'Written to {files[0].parent}: ' + ', '.join(file.name for file in files))}")


NO_DATA = "--data was not given, so the embedded demo batch was used"
NO_PICTURES = "No pictures: the plan has no columns predicted:<llm>, or some outcomes are not known."


@app.command()
def evaluate(
    plan: Annotated[Path, typer.Argument(help="A plan.csv.", show_default=False)],
    data: options.Data = None,
    llms: options.Llms = None,
    drop: options.Drop = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder for the pictures.  [default: where the plan is]", show_default=False),
    ] = None,
    json: options.Json = False,
) -> None:
    """Compare a plan with true outcomes: accuracy, saving against the best single LLM, realised.png, calibration.png.

    The data hold costs and outcomes of at least the planned queries; those of the chosen LLMs are enough for true
    accuracy and interval. Queries the plan was learnt from are not in it, so they don't count.
    """
    import numpy as np

    from optllm_pymoo.cli import text
    from optllm_pymoo.decision import accuracy_interval
    from optllm_pymoo.measures import comparable_outcomes, realised_front
    from optllm_pymoo.planning import check_writable, write_files

    folder = plan.parent if out is None else out
    check_writable(folder)
    with stages() as stage:
        stage("Reading the batch")
        batch = _read_plan(plan, _read(data, llms, drop), is_demo=data is None)
        outcomes = comparable_outcomes(batch.correct, batch.plan.x)
        found = batch.plan.evaluate(outcomes, paid_usd=batch.paid_usd)
        stage("Drawing")
        writers = _writers(batch)
        files = write_files(folder, writers) if writers else []
    known = ~np.isnan(outcomes.reshape(len(outcomes), -1)).any(axis=1)
    sigma = None if batch.sigma is None else batch.sigma[known]
    given: dict[str, Any] = {"n_labelled": batch.plan.n_labelled, "excess": batch.plan.excess or (0.0, 0.0)}
    interval = accuracy_interval(batch.plan.chosen_accuracy[known], sigma, **given)
    whole = realised_front(batch.plan.problem.supported_front, batch.correct, batch.paid_usd) if files else None
    if json:
        facts = text.evaluation_json(found, interval, whole, batch.plan.problem.llms)
        print(text.as_json({**facts, "files": files}))
        return
    print(text.evaluation_text(found, interval, whole))
    if files:
        _print_files(files)
    else:
        from optllm_pymoo.decision.text import wrapped

        print("\n" + wrapped(NO_PICTURES))


def _read_plan(plan: Path, dataset: Dataset, *, is_demo: bool) -> PlannedBatch:
    import numpy as np

    from optllm_pymoo.planning import read_plan

    try:
        batch = read_plan(plan, dataset)
    except UserError as error:
        if not is_demo:
            raise
        raise UserError(f"{error} ({NO_DATA})") from None
    chosen = np.arange(len(batch.plan.x)), batch.plan.x
    if is_demo and not np.allclose(batch.plan.problem.cost[chosen], batch.paid_usd[chosen]):
        raise UserError(f"{plan} has other costs than the batch; pass its outcomes with --data ({NO_DATA})")
    return batch


def _writers(batch: PlannedBatch) -> dict[str, Any]:
    """Pictures need the accuracies that the whole front was planned on, and all outcomes."""
    import numpy as np

    from optllm_pymoo.planning.files import picture
    from optllm_pymoo.plotting import plot_calibration, plot_realised

    if not batch.has_predictions or np.isnan(batch.correct).any():
        return {}
    problem, correct = batch.plan.problem, batch.correct
    return {
        "realised.png": picture(lambda: plot_realised(problem, correct, plan=batch.plan)),
        "calibration.png": picture(lambda: plot_calibration(problem.accuracy, correct)),
    }


@app.command("collect")
def collect_data(
    runs: Annotated[list[Path], typer.Argument(help="Logs of graded runs, or folders of logs.", show_default=False)],
    queries: options.MoreQueries = None,
    prices: options.Prices = None,
    price: options.PriceKeys = None,
    batch_prices: options.BatchPrices = False,
    columns: options.Map = None,
    key: options.Key = "id",
    errors: options.Errors = "missing",
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the batch.")] = Path("batch"),
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Join logs of graded runs, queries and prices to a batch: queries.csv, calls.csv and llms.csv.

    Logs of evaluation harnesses, gateways, tracers and batch APIs are told by their content. A table says what became
    of the rows of every file.
    """
    _refuse_existing(out, overwrite)
    from optllm_pymoo.cli import text
    from optllm_pymoo.data import PriceTable, collect, save_batch

    with stages() as stage:
        stage("Reading the logs")
        found = collect(
            runs,
            queries=queries,
            prices=None if prices is None else PriceTable.from_file(prices),
            price_keys=dict(price or ()),
            batch_prices=batch_prices,
            columns=columns or {},
            by_text=key == "text",
            errors_are_wrong=errors == "wrong",
        )
        stage(f"Writing {out}")
        save_batch(found.batch, out, overwrite=overwrite)
    if json:
        print(text.as_json({**text.collected_json(found), "files": [out]}))
        return
    print(text.collected_text(found))
    print(f"\nWritten to {out}: queries.csv, calls.csv, llms.csv")


@app.command("convert")
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

    _refuse_existing(target, overwrite)
    dataset = convert(source, target, overwrite=overwrite, llms=llms, drop=drop or (), for_spreadsheet=for_spreadsheet)
    _print_written(target, len(dataset), dataset.n_llms, json)


@app.command("demo-data")
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

    _refuse_existing(target, overwrite)
    write_table(make_dataset(queries, llms, random_state=seed), target, overwrite=overwrite)
    _print_written(target, queries, llms, json)


def _refuse_existing(target: Path, overwrite: bool) -> None:
    if target.exists() and not overwrite:
        raise FileExistsError(f"{target} exists already; pass --overwrite to replace it")


def _print_written(target: Path, queries: int, llms: int, json: bool) -> None:
    from optllm_pymoo.cli.text import as_json
    from optllm_pymoo.decision.text import count

    if json:
        print(as_json({"n_queries": queries, "n_llms": llms, "files": [target]}))
    else:
        print(f"Written to {target}: {count(queries, 'query', 'queries')} on {count(llms, 'LLM', 'LLMs')}")
