"""The command ``python -m benchmarks table``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from benchmarks.keep_command import KEPT
from optllm_pymoo.data import write_text_atomically


def draw_table(
    results: Annotated[Path, typer.Option(help="results.csv of the suite fair.")] = KEPT / "fair" / "results.csv",
    write: Annotated[
        Path | None, typer.Option(help="Markdown file whose table, between two marks, is replaced; such as README.md.")
    ] = None,
) -> None:
    """Draw the comparison table from kept results, and print it or write it into a file."""
    from benchmarks.comparison_table import comparison_table, with_table

    try:
        table = comparison_table(pd.read_csv(results))
        if write is not None:
            write_text_atomically(write, with_table(write.read_text(encoding="utf-8"), table))
    except (OSError, ValueError, KeyError) as error:
        raise typer.BadParameter(f"{results}: {error}" if isinstance(error, KeyError) else str(error)) from None
    typer.echo(table if write is None else f"wrote the table into {write}")
