"""Options that several commands have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    Path | None,
    typer.Option(
        "--data", "-d", help="Folder, or wide CSV or Parquet file. Without it: an embedded synthetic batch.",
        show_default=False,
    ),
]  # fmt: skip
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
