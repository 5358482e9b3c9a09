"""The files of a plan and of a front, written all or none."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from optllm_pymoo.data.atomic import foreign_entries, recover, replacing_folder
from optllm_pymoo.data.csv import write_csv
from optllm_pymoo.decision import Plan
from optllm_pymoo.exact.front import SupportedFront
from optllm_pymoo.planning.rounds import PLAN_FILES
from optllm_pymoo.problems import AllocationProblem

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from optllm_pymoo.planning.front import Front
    from optllm_pymoo.planning.policy import Policy

DPI = 200

OUTPUTS = (
    *("plan.csv", "front.csv", "front.png", "mix.png", "plan.html", "predictions.npz", "policy.npz"),
    *("realised.png", "calibration.png"),
    f"{PLAN_FILES}/part-*.parquet",
)
"""Names of this package's files in an output folder."""


def check_writable(folder: str | Path, /) -> None:
    """Refuse an unwritable folder before any long work, and clean up the files of killed runs in it.

    Args:
        folder: Where files are to go; it and its parents may be missing.

    Raises:
        OSError: If there is something else of that name or in the place of a file, or it may not be written to.
    """
    folder = Path(folder)
    there = folder.absolute()
    while not os.path.lexists(there) and there != there.parent:
        there = there.parent
    if there.is_symlink() and not there.exists():
        raise FileNotFoundError(f"can't write to {folder}: {there} is a link that leads nowhere; remove it")
    if not there.is_dir():
        raise NotADirectoryError(f"can't write to {folder}: {there} is not a folder")
    try:
        # permissions don't suffice: file systems may be read-only, or accept no files
        TemporaryFile(dir=there).close()
    except OSError as error:
        raise type(error)(f"can't write to {folder}: {there} is not writable ({error.strerror})") from None
    recover(folder, ours=OUTPUTS)
    for name in foreign_entries(folder, OUTPUTS) if folder.is_dir() else ():
        if name in OUTPUTS:
            raise FileExistsError(f"can't write to {folder}: {name} there is no file; move it away")


def write_files(folder: str | Path, writers: Mapping[str, Callable[[Path], None]], /) -> list[Path]:
    """Write files into a folder: all of them, or none.

    Other files of this package are kept, and foreign files are never changed; see `optllm_pymoo.data.atomic`.

    Args:
        folder: Created if missing. Files of those names are replaced.
        writers: By the name of the file: a function that writes to the path it is given.

    Returns:
        The files.

    Raises:
        OSError: If one can't be written; then the folder doesn't change.
    """
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with replacing_folder(folder, overwrite=True, ours=(*OUTPUTS, *writers), keep=True) as temporary:
        for name, write in writers.items():
            write(temporary / name)
    return [folder / name for name in writers]


def picture(draw: Callable[[], Axes], /) -> Callable[[Path], None]:
    """Turn a function that draws into a writer.

    Args:
        draw: Returns axes of a figure of its own.
    """

    def write(path: Path) -> None:
        from matplotlib import rc_context

        from optllm_pymoo.plotting.style import figure_of

        # the user's matplotlib may be set to LaTeX, which may be missing
        with rc_context({"text.usetex": False}):
            figure_of(draw()).savefig(path, dpi=DPI, format=path.suffix[1:])

    return write


def front_writers(
    front: Front,
    plan: Plan | None = None,
    /,
    *,
    for_spreadsheet: bool = False,
    options: Sequence[str] = (),
    policy: Policy | None = None,
) -> dict[str, Callable[[Path], None]]:
    """Name the files of a front: front.csv, front.png, mix.png, plan.html, predictions.npz; of a plan also plan.csv.

    With a third objective front.png colours the plans by it, and mix.png shows the plans that are non-dominated in cost
    and accuracy. plan.csv holds the expected accuracy of every LLM too, so that `read_plan` can rebuild the plan.

    Args:
        front: The front.
        plan: The plan chosen from it, if any; it is marked, and a search's plans are shown with it.
        for_spreadsheet: See `write_csv`; then `read_plan` can't.
        options: Of the command that plans, see `optllm_pymoo.planning.whatif`.
        policy: That of the plan, if it has one.
    """
    from optllm_pymoo.planning.choose import by_cost_and_accuracy
    from optllm_pymoo.planning.policy import POLICY
    from optllm_pymoo.planning.whatif import PREDICTIONS, write_learnt
    from optllm_pymoo.plotting import plot_front, plot_mix, plot_third
    from optllm_pymoo.plotting.page import page_html

    front = front if plan is None else front.including(plan)
    problem, found = front.problem, front.found
    searched = None if front.is_exact else found
    F = None if searched is None else searched.F
    draw = plot_front if problem.third is None else plot_third
    mixed = searched if problem.third is None else by_cost_and_accuracy(searched, plan)

    def page(path: Path) -> None:
        text = page_html(problem, found=mixed, plan=plan, groups=front.groups, prices=front.prices)
        path.write_text(text, encoding="utf-8")

    def table(frame: pd.DataFrame) -> Callable[[Path], None]:
        return lambda path: write_csv(frame, path, for_spreadsheet=for_spreadsheet)

    return {
        **({} if plan is None else {"plan.csv": table(plan.to_frame(predictions=True))}),
        "front.csv": table(front_frame(problem, found)),
        "front.png": picture(lambda: draw(problem, plan=plan, F=F)),
        "mix.png": picture(lambda: plot_mix(problem, found=mixed, plan=plan)),
        "plan.html": page,
        PREDICTIONS: lambda path: write_learnt(path, front, options),
        **({} if policy is None else {POLICY: policy.save}),
    }


def front_frame(problem: AllocationProblem, found: Any, /) -> pd.DataFrame:
    """Tabulate a front, a row per plan, cheapest first.

    The exact front is written step by step: each row but the first moves one query of the plan above it.

    Args:
        problem: The batch.
        found: Its `SupportedFront`, or pymoo's result.

    Returns:
        Columns ``cost_usd`` and expected ``accuracy``. Of an exact front also ``query_id``, ``from_llm``, ``to_llm``
        (missing in the first row) and ``usd_per_correct``, the price of that step per expected correct answer; of
        other fronts ``gap``, the mean accuracy that the bound at that cost lies above the plan, and the
        amount of a third objective, called by its `Additive.key`; the bound is of any such amount.
    """
    if isinstance(found, SupportedFront):
        steps, names, ids = found.steps, np.array([*problem.llms], object), np.array([*problem.query_ids], object)
        moves = {"query_id": ids[steps.query], "from_llm": names[steps.from_llm], "to_llm": names[steps.to_llm]}
        return pd.DataFrame(
            {
                "cost_usd": found.F[:, 0],
                "accuracy": -found.F[:, 1],
                **{name: np.concatenate([[None], values]) for name, values in moves.items()},
                "usd_per_correct": np.concatenate([[np.nan], steps.delta_cost / steps.delta_accuracy]),
            }
        )
    F = np.atleast_2d(found.F)
    F = F[np.lexsort((F[:, 1], F[:, 0]))]
    front = problem.bounding_front
    gap = np.maximum(front.bound(np.maximum(F[:, 0], front.F[0, 0])) + F[:, 1], 0)
    third = {} if problem.third is None else {problem.third.key: problem.third.amount(F[:, 2])}
    return pd.DataFrame({"cost_usd": F[:, 0], "accuracy": -F[:, 1], **third, "gap": gap})
