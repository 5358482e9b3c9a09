"""Writing the files of a plan: all of them, or none."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from optllm_pymoo.data.atomic import foreign_entries, recover, replacing_folder
from optllm_pymoo.data.csv import write_csv

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from optllm_pymoo.decision import Plan
    from optllm_pymoo.planning.planning import Front

DPI = 200

OUTPUTS = ("plan.csv", "front.csv", "front.png", "mix.png", "realised.png", "calibration.png")
"""The files of ours in an output folder."""


def check_writable(folder: str | Path, /) -> None:
    """Refuse a folder that can't be written to, before any long work begins, and settle what killed runs left in it.

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
        # asking for the permission is not enough: file systems may be read-only, or take no files at all
        TemporaryFile(dir=there).close()
    except OSError as error:
        raise type(error)(f"can't write to {folder}: {there} is not writable ({error.strerror})") from None
    recover(folder, ours=OUTPUTS)
    for name in foreign_entries(folder, OUTPUTS) if folder.is_dir() else ():
        if name in OUTPUTS:
            raise FileExistsError(f"can't write to {folder}: {name} there is no file; move it away")


def write_files(folder: str | Path, writers: Mapping[str, Callable[[Path], None]], /) -> list[Path]:
    """Write files into a folder: all of them, or none.

    Other files of ours stay, others' files are never touched; how a folder changes says `optllm_pymoo.data.atomic`.

    Args:
        folder: Made if missing. Files of those names are replaced.
        writers: By the name of the file: a function that writes to the path it is given.

    Returns:
        The files.

    Raises:
        OSError: If one can't be written; then what was there before stays.
    """
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with replacing_folder(folder, overwrite=True, ours=(*OUTPUTS, *writers), keep=True) as temporary:
        for name, write in writers.items():
            write(temporary / name)
    return [folder / name for name in writers]


def picture(draw: Callable[[], Axes], /) -> Callable[[Path], None]:
    """Make a writer of a function that draws.

    Args:
        draw: Returns axes of a figure of its own.
    """

    def write(path: Path) -> None:
        from matplotlib import rc_context

        from optllm_pymoo.plotting.style import figure_of

        # whoever has LaTeX draw their own pictures may lack it here
        with rc_context({"text.usetex": False}):
            figure_of(draw()).savefig(path, dpi=DPI, format=path.suffix[1:])

    return write


def front_writers(
    front: Front, plan: Plan | None = None, /, *, for_spreadsheet: bool = False
) -> dict[str, Callable[[Path], None]]:
    """Name the files that tell a front: front.csv, front.png and mix.png.

    With latency front.png colours the plans by it, and mix.png shows those that no other plan beats in both cost and
    accuracy.

    Args:
        front: The front.
        plan: The plan that is to be marked; a search's plans are shown with it.
        for_spreadsheet: See `write_csv`.
    """
    from optllm_pymoo.planning.front_frame import front_frame
    from optllm_pymoo.planning.including import by_cost_and_accuracy
    from optllm_pymoo.plotting import plot_front, plot_latency, plot_mix

    front = front if plan is None else front.including(plan)
    problem, found = front.problem, front.found
    searched = None if front.is_exact else found
    F = None if searched is None else searched.F
    draw = plot_front if problem.latency is None else plot_latency
    mixed = searched if problem.latency is None else by_cost_and_accuracy(searched, plan)
    return {
        "front.csv": lambda path: write_csv(front_frame(problem, found), path, for_spreadsheet=for_spreadsheet),
        "front.png": picture(lambda: draw(problem, plan=plan, F=F)),
        "mix.png": picture(lambda: plot_mix(problem, found=mixed, plan=plan)),
    }


def plan_writers(front: Front, plan: Plan, /, *, for_spreadsheet: bool = False) -> dict[str, Callable[[Path], None]]:
    """Name the files that tell a plan: plan.csv, front.csv, front.png and mix.png.

    plan.csv holds the expected accuracy of every LLM too, so that `read_plan` can make the plan again.

    Args:
        front: The front it was chosen from.
        plan: The plan.
        for_spreadsheet: See `write_csv`; then it can't.
    """
    table = plan.to_frame(predictions=True)
    return {
        "plan.csv": lambda path: write_csv(table, path, for_spreadsheet=for_spreadsheet),
        **front_writers(front, plan, for_spreadsheet=for_spreadsheet),
    }
