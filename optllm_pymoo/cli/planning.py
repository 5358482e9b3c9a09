"""`optllm-pymoo plan` and `optllm-pymoo front`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from optllm_pymoo.cli import options
from optllm_pymoo.cli.app import app, with_exit_codes
from optllm_pymoo.cli.progress import stages

if TYPE_CHECKING:
    from optllm_pymoo.data import Dataset
    from optllm_pymoo.decision import Choice
    from optllm_pymoo.pipeline import Front

SYNTHETIC = "Synthetic demo batch: made-up queries, LLMs and prices. Pass your own with --data."


@app.command()
@with_exit_codes
def plan(
    data: options.Data = None,
    labels: options.Labels = None,
    budget: Annotated[
        float | None, typer.Option("--budget", min=0, help="Most accurate plan within so many US$.", show_default=False)
    ] = None,
    accuracy: Annotated[
        float | None,
        typer.Option("--accuracy", min=0, max=1, help="Cheapest plan that expects this mean accuracy.",
                     show_default=False),
    ] = None,
    knee: Annotated[bool, typer.Option("--knee", help="Where more money stops paying (the default choice).")] = False,
    algorithm: options.Algorithm = "exact",
    n_grid: options.NGrid = None,
    seed: options.Seed = 0,
    jobs: options.Jobs = -1,
    out: options.Out = Path("optllm-plan"),
    json: options.Json = False,
) -> None:  # fmt: skip
    """Learn from a few labels, find the front and choose a plan: plan.csv, front.csv, front.png and mix.png.

    Queries with labels are learnt from and not planned: their answers are there already. The outcomes of all others
    are never looked at.
    """
    choice = _choice(budget, accuracy, knee)
    from optllm_pymoo.cli import report
    from optllm_pymoo.pipeline import plan_writers, write_files

    with stages() as stage:
        front, synthetic = _front(data, labels, algorithm, n_grid, seed, jobs, out, stage)
        chosen = front.choose(choice)
        stage(f"Writing {out}")
        files = write_files(out, plan_writers(front, chosen))
    if json:
        facts = {"synthetic": synthetic, "seed": seed, **report.front_facts(front), "plan": report.plan_facts(chosen)}
        print(report.as_json({**facts, "files": files}))
        return
    _print_head(synthetic, report.front_text(front))
    print(chosen.summary())
    _print_files(files)


@app.command()
@with_exit_codes
def front(
    data: options.Data = None,
    labels: options.Labels = None,
    algorithm: options.Algorithm = "exact",
    n_grid: options.NGrid = None,
    seed: options.Seed = 0,
    jobs: options.Jobs = -1,
    out: options.Out = Path("optllm-plan"),
    json: options.Json = False,
) -> None:
    """Find all sensible plans without choosing one: front.csv, front.png and mix.png."""
    from optllm_pymoo.cli import report
    from optllm_pymoo.pipeline import front_writers, write_files

    with stages() as stage:
        found, synthetic = _front(data, labels, algorithm, n_grid, seed, jobs, out, stage)
        stage(f"Writing {out}")
        files = write_files(out, front_writers(found))
    if json:
        facts = {"synthetic": synthetic, "seed": seed, **report.front_facts(found)}
        print(report.as_json({**facts, "files": files}))
        return
    _print_head(synthetic, report.front_text(found))
    _print_files(files)


def _choice(budget: float | None, accuracy: float | None, knee: bool) -> Choice:
    said = {"--budget": budget is not None, "--accuracy": accuracy is not None, "--knee": knee}
    given = [name for name, is_given in said.items() if is_given]
    if len(given) > 1:
        raise typer.BadParameter(f"{' and '.join(given)} exclude one another; give one of them")
    from optllm_pymoo.decision import AtLeastAccuracy, Knee, WithinBudget

    if budget is not None:
        return WithinBudget(budget)
    return Knee() if accuracy is None else AtLeastAccuracy(accuracy)


def _front(
    data: Path | None,
    labels: str | None,
    algorithm: str,
    n_grid: int | None,
    seed: int,
    jobs: int,
    out: Path,
    stage: Any,
) -> tuple[Front, bool]:
    """Check all that can be checked at once, then work; whether the batch is synthetic comes along."""
    learn_from = options.parse_labels(labels)
    _check_algorithm(algorithm, n_grid)
    if jobs == 0:
        raise typer.BadParameter("0 processors do no work; -1 takes all there are", param_hint="--jobs")
    import matplotlib

    from optllm_pymoo.pipeline import check_writable, plan_front

    matplotlib.use("Agg")
    check_writable(out)
    stage("Reading the batch")
    batch = _read(data)
    found = plan_front(
        batch, learn_from, algorithm=algorithm, n_grid=n_grid, random_state=seed, n_jobs=jobs, report=stage
    )
    return found, bool(batch.about.get("synthetic"))


def _check_algorithm(algorithm: str, n_grid: int | None) -> None:
    from optllm_pymoo.pipeline import algorithm_names

    name = algorithm.replace("-", "_").lower()
    if name not in algorithm_names():
        known = ", ".join(algorithm_names()).replace("_", "-")
        raise typer.BadParameter(f"unknown algorithm {algorithm!r}; known are {known}", param_hint="--algorithm")
    if n_grid is not None and name != "optllm":
        raise typer.BadParameter(f"{algorithm} has no grid; only optllm has", param_hint="--n-grid")


def _read(data: Path | None) -> Dataset:
    from optllm_pymoo.data import make_dataset, read_table

    return make_dataset() if data is None else read_table(data, allow_missing=True)


def _print_head(synthetic: bool, front: str) -> None:
    if synthetic:
        print(SYNTHETIC, end="\n\n")
    print(front)


def _print_files(files: list[Path]) -> None:
    print(f"\nWritten to {files[0].parent}: {', '.join(file.name for file in files)}")
