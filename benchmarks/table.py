"""The README's comparison table, drawn from results that are kept in the repository."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from benchmarks.keep import KEPT
from benchmarks.report.document import Column, TableBlock
from benchmarks.report.markdown import table_markdown
from benchmarks.report.quality import overview_table
from optllm_pymoo.data import write_text_atomically

START, END = "<!-- comparison table -->", "<!-- end of comparison table -->"

ROWS = (
    "optllm",
    "optllm:walks",
    "lambda-sweep",
    "epsilon-constraint",
    "alns",
    "single-llms",
    "pygmo-moead-gen:warm",
    "pygmo-nspso:warm",
    "mopso:warm",
    "nsga2:warm",
    "nsga2",
    "nsga2:published",
    "sms-emoa:published",
    "moead:published",
    "mopso",
    "random-search",
)
"""The strongest of each kind, and the paper's baselines with the operators that the paper gave them."""

COLUMNS = (
    Column("algorithm", "code", "algorithm"),
    Column("at_evaluations", ".4f", "hypervolume ratio, equal evaluations"),
    Column("at_seconds", ".4f", "hypervolume ratio, equal seconds"),
    Column("seconds", ".2g", "seconds"),
    Column("area", ".4f", "realised area"),
)


def comparison_table(frame: pd.DataFrame, /) -> str:
    """Write the table in Markdown.

    Args:
        frame: ``results.csv`` of the suite `fair`.

    Raises:
        ValueError: None of `ROWS` is in the results.
    """
    searches = frame[frame["kind"] == "search"]
    table = overview_table(searches)
    shown = table[table.index.isin(ROWS)].reset_index()
    if shown.empty:
        raise ValueError(
            f"the results hold none of the algorithms {', '.join(ROWS)}; are they those of the suite fair?"
        )
    return f"{table_markdown(TableBlock(shown, COLUMNS, 'comparison'))}\n\n{legend(searches)}"


def legend(searches: pd.DataFrame, /) -> str:
    """Say what the table's numbers are of.

    Args:
        searches: A row per search.
    """
    evaluations, seconds = searches["max_evaluations"].max(), searches["max_seconds"].max()
    n_data, n_splits = searches["data"].nunique(), searches["split"].nunique()
    splits = f"{n_splits} split{'' if n_splits == 1 else 's'}"
    return (
        f"Means over {n_data} synthetic batches and {splits} of each, at {evaluations:,.0f} evaluations or"
        f" {seconds:g} second{'' if seconds == 1 else 's'}. Hypervolume: of all that was evaluated, as a share of the"
        f" exact front's. Seconds: for those evaluations.{_ended_early(searches)} Realised area: of the returned plans"
        " on true outcomes, as a share of what the best plans in hindsight have."
    )


def _ended_early(searches: pd.DataFrame) -> str:
    """Name the algorithms of the table that end by themselves long before the evaluations are spent."""
    limited = searches[searches["max_evaluations"].notna() & searches["algorithm"].isin(ROWS)]
    means = limited.groupby("algorithm", sort=False)[["evaluations", "max_evaluations"]].mean()
    early = means.loc[means["evaluations"] < means["max_evaluations"] / 2, "evaluations"]
    if early.empty:
        return ""
    return f" Ended by themselves: {', '.join(f'`{name}` after {number:,.0f}' for name, number in early.items())}."


def with_table(text: str, table: str, /) -> str:
    """Put the table between the markers of a text.

    Raises:
        ValueError: The markers are not there, each once and in order.
    """
    if text.count(START) != 1 or text.count(END) != 1 or text.index(START) > text.index(END):
        raise ValueError(f"the text needs one line {START!r} and below it one line {END!r}")
    before, rest = text.split(START)
    return f"{before}{START}\n{table}\n{END}{rest.split(END)[1]}"


def table_in(text: str, /) -> str:
    """Return what stands between the markers.

    Raises:
        ValueError: As `with_table`.
    """
    with_table(text, "")
    return text.split(START)[1].split(END)[0].strip("\n")


def draw_table(
    results: Annotated[Path, typer.Option(help="results.csv of the suite fair.")] = KEPT / "fair" / "results.csv",
    write: Annotated[
        Path | None, typer.Option(help="Markdown file whose table, between two marks, is replaced; such as README.md.")
    ] = None,
) -> None:
    """Draw the comparison table from kept results, and print it or write it into a file."""
    from benchmarks.table import comparison_table, with_table

    try:
        table = comparison_table(pd.read_csv(results))
        if write is not None:
            write_text_atomically(write, with_table(write.read_text(encoding="utf-8"), table))
    except (OSError, ValueError, KeyError) as error:
        raise typer.BadParameter(f"{results}: {error}" if isinstance(error, KeyError) else str(error)) from None
    typer.echo(table if write is None else f"wrote the table into {write}")
