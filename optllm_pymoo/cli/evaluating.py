"""`optllm-pymoo evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from optllm_pymoo.cli import options
from optllm_pymoo.cli.app import app, with_exit_codes
from optllm_pymoo.cli.progress import stages
from optllm_pymoo.validation import UserError

if TYPE_CHECKING:
    from optllm_pymoo.data import Dataset
    from optllm_pymoo.planning import PlannedBatch

NO_PICTURES = "No pictures: the plan has no columns predicted:<llm>, or some outcomes are not known."


@app.command()
@with_exit_codes
def evaluate(
    plan: Annotated[Path, typer.Argument(help="A plan.csv.", show_default=False)],
    data: options.Data = None,
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
    import matplotlib
    import numpy as np

    matplotlib.use("Agg")
    from optllm_pymoo.cli import report
    from optllm_pymoo.data import make_dataset, read_table
    from optllm_pymoo.decision import accuracy_interval
    from optllm_pymoo.planning import check_writable, comparable_outcomes, realised_front, write_files

    folder = plan.parent if out is None else out
    check_writable(folder)
    with stages() as stage:
        stage("Reading the batch")
        dataset = make_dataset() if data is None else read_table(data, allow_missing=True)
        batch = _read_plan(plan, dataset, is_demo=data is None)
        outcomes = comparable_outcomes(batch)
        found = batch.plan.evaluate(outcomes)
        stage("Drawing")
        writers = _writers(batch)
        files = write_files(folder, writers) if writers else []
    known = ~np.isnan(outcomes.reshape(len(outcomes), -1)).any(axis=1)
    sigma = None if batch.sigma is None else batch.sigma[known]
    interval = accuracy_interval(batch.plan.chosen_accuracy[known], sigma, n_labelled=batch.plan.n_labelled)
    whole = realised_front(batch.plan.problem, batch.correct) if files else None
    if json:
        front = None if whole is None else report.realised_facts(whole, batch.plan.problem.llms)
        facts = {**report.evaluation_facts(found), "front": front}
        print(report.as_json({**facts, "interval_95": interval, "files": files}))
        return
    print(report.evaluation_text(found, interval, whole))
    print(f"\nWritten to {folder}: {', '.join(file.name for file in files)}" if files else f"\n{NO_PICTURES}")


def _read_plan(plan: Path, dataset: Dataset, *, is_demo: bool) -> PlannedBatch:
    from optllm_pymoo.planning import read_plan

    try:
        return read_plan(plan, dataset)
    except ValueError as error:
        if not is_demo:
            raise
        raise UserError(f"{error} (--data was not given, so the embedded demo batch was used)") from None


def _writers(batch: PlannedBatch) -> dict[str, Any]:
    """Pictures need the accuracies that the whole front was planned on, and all outcomes."""
    import numpy as np

    from optllm_pymoo.planning.outputs import picture
    from optllm_pymoo.plotting import plot_calibration, plot_realised

    if not batch.has_predictions or np.isnan(batch.correct).any():
        return {}
    problem, correct = batch.plan.problem, batch.correct
    return {
        "realised.png": picture(lambda: plot_realised(problem, correct, plan=batch.plan)),
        "calibration.png": picture(lambda: plot_calibration(problem.accuracy, correct)),
    }
