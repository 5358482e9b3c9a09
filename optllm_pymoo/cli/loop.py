"""Commands about what comes before and after a plan: collect, label-next, compare, route, requests and evaluate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from optllm_pymoo.cli import options
from optllm_pymoo.cli.app import command, given_to, refuse_existing, stages
from optllm_pymoo.validation import UserError

if TYPE_CHECKING:
    from optllm_pymoo.planning import PlannedBatch


@command("collect")
def collect_runs(
    runs: Annotated[list[Path], typer.Argument(help="Logs of graded runs, or folders of logs.", show_default=False)],
    joining: options.Joining,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the batch.")] = Path("batch"),
    again: Annotated[
        Path | None,
        typer.Option(
            "--again",
            metavar="FOLDER",
            show_default=False,
            help="Write the requests that failed, expired or are missing there, to be sent again; needs --requests.",
        ),
    ] = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Join logs of graded runs, queries and prices to a batch: queries.csv, calls.csv and llms.csv.

    Logs of evaluation harnesses, gateways, tracers and batch APIs are recognised by their content. A table counts the
    rows of every file, and with --requests another table the requests of every LLM.
    """
    if again is not None and not joining.requests:
        raise typer.BadParameter("needs --requests beside it", param_hint="'--again'")
    refuse_existing(out, overwrite)
    if again is not None and again.exists():
        raise FileExistsError(f"{again} exists already; name another folder, as answers to those requests need it")
    from optllm_pymoo.cli import text
    from optllm_pymoo.data import save_batch

    with stages() as stage:
        stage("Reading the logs")
        found = joining.collect(runs)
        stage(f"Writing {out}")
        n_again = 0 if again is None else found.ledger.write_again(again)
        save_batch(found.batch, out, overwrite=overwrite)
    report = text.CollectedReport(found)
    if json:
        print(text.as_json({**report.json(), "files": [out, *([again] if n_again else [])]}))
        return
    print(report.text())
    print(f"\nWritten to {out}: queries.csv, calls.csv, llms.csv")
    if again is not None:
        print(
            f"Written to {again}: {n_again:,} requests to send again"
            if n_again
            else "No request needs to be sent again"
        )


@command("label-next")
def label_next(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="PLAN|BATCH", help="The folder of a plan, or a batch as --data takes it.", show_default=False
        ),
    ],
    learning: options.Learning,
    back: options.Back,
    number: options.Number = 100,
    llms: options.Llms = None,
    drop: options.Drop = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="File for the queries; one that is there is replaced.")
    ] = Path("label-next.csv"),
    for_spreadsheet: options.ForSpreadsheet = False,
    json: options.Json = False,
) -> None:
    """Draw queries to label next, and say what more labels would bring: how sure plans get, and how good.

    Queries are drawn at random among those without labels, of each group in proportion. Run all LLMs on them and grade
    the answers; collect joins these with what is known. What 1.5, 2 and 4 times as many labels would bring is seen on
    parts of the labels at hand.

    With the folder of a plan its options hold where no other is given.
    """
    from optllm_pymoo.cli import text

    with stages() as stage:
        from optllm_pymoo.data.atomic import replacing
        from optllm_pymoo.data.csv import write_csv
        from optllm_pymoo.planning import LearningCurve, next_to_label, split_by
        from optllm_pymoo.planning.rounds import after

        stage(f"Reading {source}")
        batch, learning, back = _asked(source, options.Queries(llms=llms, drop=drop), learning, back)
        _check_apart(out, source, batch.data, learning.labels, back.after)
        if learning.labels == "all":
            raise typer.BadParameter(
                "takes all outcomes as known, so there is nothing to label", param_hint="'--labels'"
            )
        calls, dataset = back.calls(), batch.read(beside=learning.features or ())
        split = None
        if learning.labels is not None or calls is not None or dataset.tried.any():
            split = split_by(dataset, learning.labels, random_state=learning.seed)
            if calls is not None:
                split, _ = after(split, calls)
        planned = dataset if split is None else split.planned
        drawn = planned.select(next_to_label(planned, number, random_state=learning.seed))
        stage(f"Writing {out}")
        with replacing(out) as temporary:
            write_csv(drawn.to_frames().queries.reset_index(), temporary, for_spreadsheet=for_spreadsheet)
        curve = None
        if split is not None and dataset.texts is not None:  # after writing: it takes long
            curve = LearningCurve.of(split, random_state=learning.seed, n_jobs=learning.jobs, report=stage)
    report = text.LabelsReport(0 if split is None else len(split.labelled), planned, drawn, curve)
    print(text.as_json({**report.json(), "files": [out]}) if json else f"{report.text()}\n\nWritten to {out}")


def _check_apart(out: Path, *read: Any) -> None:
    """Refuse to write over a file that is read, or beside one that a folder has under this name in another format."""
    from optllm_pymoo.data.folder import BATCH_FILES, FILES
    from optllm_pymoo.planning.files import OUTPUTS

    ours = {name.partition(".")[0] for name in (*BATCH_FILES, *FILES, *OUTPUTS)}
    for path in (Path(each) for each in read if isinstance(each, (str, Path)) and Path(each).exists()):
        is_of_folder = path.is_dir() and path.resolve() == out.resolve().parent and out.name.partition(".")[0] in ours
        if is_of_folder or (out.exists() and out.samefile(path)):
            problem = f"would replace what is read from {path}; choose another file"
            raise typer.BadParameter(problem, param_hint="'--out'")


def _asked(
    source: Path, batch: options.Queries, learning: options.Learning, back: options.Back
) -> tuple[options.Queries, options.Learning, options.Back]:
    """Of a plan's folder the options that it was made with, where no other is given; of a batch its place."""
    from optllm_pymoo.planning import read_learnt
    from optllm_pymoo.planning.rounds import PLAN_FILES
    from optllm_pymoo.planning.whatif import PREDICTIONS

    if (source / PLAN_FILES).is_dir():
        raise UserError(f"{source} is a plan of files, which has no single batch; pass the batch instead of it")
    if not (source / PREDICTIONS).is_file():
        return replace(batch, data=source), learning, back
    learnt = read_learnt(source)
    before = given_to("plan", learnt.options)
    batch = options.over(batch, before)
    if batch.data is not None and not Path(batch.data).exists():
        raise UserError(f"{source} is a plan of {batch.data}, which isn't there; pass the batch instead of the plan")
    if batch.data is None and batch.read().fingerprint != learnt.planned.about.get("data_sha256"):
        raise UserError(f"{source} doesn't say which batch it is a plan of, as no command made it; pass the batch")
    return batch, options.over(learning, before), options.over(back, before)


@command()
def compare(
    first: Annotated[Path, typer.Argument(help="Folder of a plan, or its plan.csv.", show_default=False)],
    second: Annotated[Path, typer.Argument(help="The other plan: its folder, or its plan.csv.", show_default=False)],
    json: options.Json = False,
) -> None:
    """Compare a second plan with a first: cost, expected accuracy with an interval, and moved queries.

    Only queries that are in both plans count.
    """
    from optllm_pymoo.cli import text
    from optllm_pymoo.planning import compare_plans

    report = text.ComparisonReport(compare_plans(first, second))
    print(text.as_json(report.json()) if json else report.text())


@command()
def route(
    policy: Annotated[
        Path, typer.Argument(help="A policy.npz, or the folder of its plan.", show_default=False)
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
        Path, typer.Option("--out", "-o", help="File for the routes; an existing file is replaced.")
    ] = Path("routed.csv"),
    for_spreadsheet: options.ForSpreadsheet = False,
    json: options.Json = False,
) -> None:  # fmt: skip
    """Route new queries at the prices of a plan, without labels and without planning.

    Costs are estimated by the lengths of the texts. The route of a query doesn't depend on other queries, so quotas and
    floors are met on average, not exactly.
    """
    from optllm_pymoo.cli import text

    with stages() as stage:
        from optllm_pymoo.data.atomic import replacing
        from optllm_pymoo.data.csv import write_csv
        from optllm_pymoo.data.requests import queries_of
        from optllm_pymoo.planning import Policy
        from optllm_pymoo.planning.labels import read_columns

        stage("Reading the queries")
        _check_apart(out, data, policy)
        queries = list(queries_of(data, columns or {}))
        if not queries:
            raise UserError(f"{data} holds no query")
        stage(f"Reading {policy}")
        known = Policy.load(policy)
        stage(f"Routing {len(queries):,} queries")
        groups = [query.group for query in queries]
        beside = None
        if known.learner.beside is not None:
            by_name = read_columns(data, list(known.learner.beside.kinds), query_id=(columns or {}).get("id"))
            beside = {name: [of.get(query.name, "") for query in queries] for name, of in by_name.items()}
        texts = [query.text for query in queries]
        found = known.route(texts, groups=groups if any(groups) else None, columns=beside)
        with replacing(out) as temporary:
            frame = found.to_frame([query.name for query in queries])
            write_csv(frame, temporary, for_spreadsheet=for_spreadsheet)
    report = text.RoutesReport(known, found)
    print(text.as_json({**report.json(), "files": [out]}) if json else f"{report.text()}\n\nWritten to {out}")


@command()
def requests(
    plan: Annotated[Path, typer.Argument(help="A plan.csv, or the folder that has one.", show_default=False)],
    sending: options.Sending,
    back: options.Back,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the files; a new one.")] = Path("requests"),
    json: options.Json = False,
) -> None:
    """Write the requests of a plan as files for the batch APIs of its providers, and requests.csv, a table of all.

    OpenAI and compatible providers, Anthropic and Gemini get their own form, others JSON lines; files are split at
    their limits. The id of a request contains its query and LLM, or requests.csv maps it to them.
    """
    from optllm_pymoo.cli import text
    from optllm_pymoo.data import write_requests
    from optllm_pymoo.planning.rounds import answered_queries

    with stages() as stage:
        stage("Reading the plan")
        calls, owners = back.calls(), dict(sending.provider or ())
        answered = [] if calls is None else answered_queries(calls)
        stage(f"Writing {out}")
        found = write_requests(
            plan, sending.queries, out, template=sending.template, providers=owners, answered=answered
        )
    report = text.RequestsReport(found)
    if json:
        print(text.as_json({**report.json(), "files": [out]}))
        return
    print(report.text())
    print(f"\nWritten to {out}: requests.csv and {sum(len(each.files) for each in found):,} files of requests")


NO_DATA = "--data was not given, so the embedded demo batch was used"


@command()
def evaluate(
    plan: Annotated[
        Path, typer.Argument(help="A plan.csv or plan.parquet, or the folder that has one.", show_default=False)
    ],
    batch: options.Queries,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder for the pictures.  [default: where the plan is]", show_default=False),
    ] = None,
    json: options.Json = False,
) -> None:
    """Compare a plan with its answers: US$ planned and paid, accuracy expected and true, missing answers.

    The data are a folder made by collect, of answers with or without grades, or costs and outcomes of planned queries,
    as many as are known. With the outcomes of all LLMs, the plan is compared with the best single LLM, and realised.png
    shows the whole front; calibration.png shows the predictions. Labelled queries are not in the plan, so they don't
    count.
    """
    import numpy as np

    from optllm_pymoo.cli import text
    from optllm_pymoo.decision import accuracy_interval
    from optllm_pymoo.measures import comparable_outcomes, realised_front
    from optllm_pymoo.planning import check_writable, write_files
    from optllm_pymoo.planning.files import picture
    from optllm_pymoo.planning.rounds import plan_file
    from optllm_pymoo.plotting import plot_calibration, plot_realised

    plan = plan_file(plan)
    folder = plan.parent if out is None else out
    check_writable(folder)
    with stages() as stage:
        stage("Reading the batch")
        planned = _read_plan(plan, batch)
        problem, correct, x = planned.plan.problem, planned.correct, planned.plan.x
        chosen = correct[np.arange(len(x)), x]
        stage("Drawing")
        found, interval, whole, writers = None, (np.nan, np.nan), None, {}
        if not np.isnan(chosen).all() or not planned.is_answered.any():
            outcomes = comparable_outcomes(correct, x)
            found = planned.plan.evaluate(outcomes, paid_usd=planned.paid_usd)
            known = ~np.isnan(outcomes.reshape(len(outcomes), -1)).any(axis=1)
            sigma = None if planned.sigma is None else planned.sigma[known]
            given: dict[str, Any] = {"n_labelled": planned.plan.n_labelled, "excess": planned.plan.excess or (0.0, 0.0)}
            interval = accuracy_interval(planned.plan.chosen_accuracy[known], sigma, **given)
            pairs = planned.plan.chosen_accuracy, chosen
            # the picture of the whole front needs the accuracies that it was planned on, and all outcomes
            if planned.has_predictions and not np.isnan(correct).any():
                pairs = problem.accuracy, correct
                whole = realised_front(problem.supported_front, correct, planned.paid_usd)
                writers["realised.png"] = picture(lambda: plot_realised(problem, correct, plan=planned.plan))
            writers["calibration.png"] = picture(lambda: plot_calibration(*pairs))
        files = write_files(folder, writers) if writers else []
    report = text.EvaluationReport(planned, found, interval, whole)
    if json:
        print(text.as_json({**report.json(), "files": files}))
        return
    print("\n\n".join([report.text(), *([text.files_text(files)] if files else [])]))


def _read_plan(plan: Path, batch: options.Queries) -> PlannedBatch:
    """Read a plan and its answers: calls in a folder of collect, or costs and outcomes."""
    import numpy as np

    from optllm_pymoo.data import load_batch
    from optllm_pymoo.data.folder import is_batch
    from optllm_pymoo.planning import read_plan
    from optllm_pymoo.planning.rounds import read_calls, returned

    if batch.data is not None and is_batch(batch.data):
        calls = read_calls(batch.data)
        wanted = calls["llm"].isin(batch.llms or calls["llm"]) & ~calls["llm"].isin(batch.drop or ())
        return returned(plan, calls[wanted], load_batch(batch.data).queries)
    try:
        planned = read_plan(plan, batch.read())
    except UserError as error:
        if batch.data is not None:
            raise
        raise UserError(f"{error} ({NO_DATA})") from None
    chosen = np.arange(len(planned.plan.x)), planned.plan.x
    same = np.allclose(planned.plan.problem.cost[chosen], planned.paid_usd[chosen]) and planned.is_answered.all()
    if batch.data is None and not same:
        raise UserError(f"{plan} has other costs than the batch; pass its outcomes with --data ({NO_DATA})")
    return planned
