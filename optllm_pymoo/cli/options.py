"""Options that several commands have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

Data = Annotated[
    Path | None,
    typer.Option(
        "--data", "-d", help="Folder, or wide CSV or Parquet file. Without it: an embedded synthetic batch.",
        show_default=False,
    ),
]  # fmt: skip


STRAY_ALLOWED: Final = {"allow_extra_args": True}
"""Settings of a command without arguments that calls `refuse_stray`."""


def refuse_stray(context: typer.Context, /) -> None:
    """Say what was probably meant by an argument that stands alone.

    Args:
        context: Of the command.

    Raises:
        typer.BadParameter: If there is one.
    """
    if context.args:
        first = context.args[0]
        raise typer.BadParameter(f"{first} stands alone; if that is the batch, write --data {first}")


def _checked_accuracy(value: float | None) -> float | None:
    if value is not None and not 0 <= value <= 1:
        hint = f"; for {value:g} % write {value / 100:g}" if 1 < value <= 100 else ""
        raise typer.BadParameter(f"a mean accuracy must lie in [0, 1]; got {value:g}{hint}", param_hint="--accuracy")
    return value


Accuracy = Annotated[
    float | None,
    typer.Option(
        "--accuracy",
        metavar="MEAN",
        callback=_checked_accuracy,
        help="Cheapest plan that expects this mean accuracy, in [0, 1].",
        show_default=False,
    ),
]
Labels = Annotated[
    str | None,
    typer.Option(
        "--labels",
        "-l",
        metavar="SHARE|FILE|all",
        help="What to learn from: a share of the labelled queries (0.05), a CSV file of labels, or 'all' to plan on"
        " known outcomes. Default: the outcomes that are there; if all are, a share of 0.05.",
        show_default=False,
    ),
]
Algorithm = Annotated[
    str,
    typer.Option(
        "--algorithm", "-a", help="exact, optllm, or a baseline: nsga2, rnsga2, sms-emoa, moead, mopso, ...",
    ),
]  # fmt: skip
NGrid = Annotated[
    int | None,
    typer.Option("--n-grid", min=1, help="Gaps of OptLLM's grid.  [default: 50]", show_default=False),
]
Seed = Annotated[int, typer.Option("--seed", "-s", min=0, help="Same seed, same result.")]
Jobs = Annotated[int, typer.Option("--jobs", "-j", help="Processors to use; -1 for all. The result is the same.")]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder for the files; those of an earlier run are replaced.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else there.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")]


def parse_labels(text: str | None, /) -> float | str | Path | None:
    """Tell a share from a file.

    Args:
        text: What followed --labels.

    Raises:
        typer.BadParameter: If it is a number outside (0, 1).
    """
    if text is None or text == "all":
        return text
    try:
        share = float(text)
    except ValueError:
        return Path(text)
    if not 0 < share < 1:
        raise typer.BadParameter(f"a share must lie in (0, 1); got {text}. For 5 % write 0.05", param_hint="--labels")
    return share
