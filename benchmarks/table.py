"""Tables of documents, made from results: the README's comparison, and those of predictors and routers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from benchmarks.report.document import Column, TableBlock
from benchmarks.report.markdown import table_markdown
from benchmarks.report.quality import overview_table
from benchmarks.runner.results import load_results
from benchmarks.suites import routers
from benchmarks.suites.predict import ALL, BESIDE, DIFFERENCES, FORECASTS, POOLED, against_constants, beside, forecasts
from optllm_pymoo import UserError

# The best of each kind, and the paper's baselines with the paper's operators.
ROWS = (
    *("optllm", "optllm:walks", "lambda-sweep", "epsilon-constraint", "alns", "single-llms"),
    *("pygmo-moead-gen:warm", "pygmo-nspso:warm", "mopso:warm", "nsga2:warm", "nsga2", "nsga2:published"),
    *("sms-emoa:published", "moead:published", "mopso", "random-search"),
)

COLUMNS = (
    Column("algorithm", "code", "algorithm"),
    Column("at_evaluations", ".4f", "hypervolume ratio, equal evaluations"),
    Column("at_seconds", ".4f", "hypervolume ratio, equal seconds"),
    Column("seconds", ".2g", "seconds"),
    Column("area", ".4f", "realised area"),
)


class DrawnTable(NamedTuple):
    """A table in Markdown."""

    name: str
    """The table's name in the marks of a document."""
    markdown: str

    @property
    def marks(self) -> tuple[str, str]:
        """The lines of a document between which the table is."""
        return f"<!-- {self.name} table -->", f"<!-- end of {self.name} table -->"


def drawn_table(paths: Sequence[Path], /) -> DrawnTable:
    """Write the table for the results, in Markdown.

    Of ``predictors`` against constants it has the rows of the first, and the means of all; of ``routers`` the means of
    all, the best rival of the first on every data set, and where a rival is clearly better; of ``embeddings`` the gain
    of predictors with more features; of ``forecasts`` the means over all data sets; else it is one of ``algorithms``.

    Args:
        paths: ``results.csv`` of the suite `fair`, or of runs of `predict` or `routers`, whose tables are joined:
            data sets can have different shares and numbers of splits.

    Raises:
        FileNotFoundError: There is no such file.
        UserError: One was not written by this program, or they have no rows for a table.
    """
    kinds = [load_results(path) for path in paths]
    if len(kinds) == 1 and ("search" in kinds[0] or "table" not in kinds[0]):
        return DrawnTable("algorithms", readme_table(paths[0]))
    tables = pd.concat([kind.get("table", pd.DataFrame()) for kind in kinds])
    if any("distance" in kind for kind in kinds):
        distances = pd.concat([kind.get("distance", pd.DataFrame()) for kind in kinds]).drop_duplicates()
        return DrawnTable("routers", routers_table(tables[~tables.index.duplicated()], distances))
    if any("forecast" in kind for kind in kinds):
        found = forecasts(pd.concat([kind.get("forecast", pd.DataFrame()) for kind in kinds]))
        block = TableBlock(found[found["data"] == ALL], FORECASTS[2:], "forecasts", n_left=1)
        return DrawnTable("forecasts", table_markdown(block))
    cells, pooled = against_constants(tables[~tables.index.duplicated()])
    if cells.empty:
        raise UserError(f"{paths[0]}: the results have no predictor beside constants; run predict with both")
    if len(more := beside(cells)):
        return DrawnTable("embeddings", table_markdown(TableBlock(more, BESIDE, "embeddings", n_left=3)))
    first = cells[cells["predictor"] == cells["predictor"].iloc[0]]
    rows = table_markdown(TableBlock(first, DIFFERENCES, "predictors", n_left=3))
    means = table_markdown(TableBlock(pooled, POOLED, "means"))
    return DrawnTable("predictors", f"{rows}\n\nMeans over rows, of all predictors:\n\n{means}")


def routers_table(tables: pd.DataFrame, distances: pd.DataFrame, /) -> str:
    """Write the results of the suite `routers` on unchanged texts, in Markdown.

    Args:
        tables: A row per table.
        distances: A row per split and predictor.
    """
    cells = routers.compared(tables, distances)
    main = cells[cells["part"] == "routers"]
    means = table_markdown(TableBlock(routers.pooled(main), routers.POOLED, "means", bold=[0]))
    answers = table_markdown(TableBlock(routers.best_rivals(main), routers.ANSWERS, "best rivals", n_left=2))
    found = "\n".join(f"* {sentence}" for sentence in routers.verdicts(main))
    return f"{means}\n\n{found}\n\nThe best rival on each data set, by area:\n\n{answers}"


def readme_table(path: Path, /) -> str:
    """Write the table in Markdown, with a legend below.

    Args:
        path: ``results.csv`` of the suite `fair`.

    Raises:
        FileNotFoundError: There is no such file.
        UserError: It was not written by this program, or has none of `ROWS`.
    """
    searches = load_results(path).get("search", pd.DataFrame(columns=["algorithm"]))
    if not searches["algorithm"].isin(ROWS).any():
        raise UserError(
            f"{path}: the results hold none of the algorithms {', '.join(ROWS)}; are they those of the suite fair?"
        )
    table = overview_table(searches)
    shown = table[table.index.isin(ROWS)].reset_index()
    return f"{table_markdown(TableBlock(shown, COLUMNS, 'comparison'))}\n\n{legend(searches)}"


def legend(searches: pd.DataFrame, /) -> str:
    """Write the legend of the table, and which algorithms end long before their evaluations are used up.

    Args:
        searches: A row per search.
    """
    evaluations, seconds = searches["max_evaluations"].max(), searches["max_seconds"].max()
    n_data, n_splits = searches["data"].nunique(), searches["split"].nunique()
    limited = searches[searches["max_evaluations"].notna() & searches["algorithm"].isin(ROWS)]
    means = limited.groupby("algorithm", sort=False)[["evaluations", "max_evaluations"]].mean()
    early = means.loc[means["evaluations"] < means["max_evaluations"] / 2, "evaluations"]
    ended = ", ".join(f"`{name}` after {number:,.0f}" for name, number in early.items())
    return (
        f"Means over {n_data} synthetic batches and {n_splits} split{'' if n_splits == 1 else 's'} of each, at"
        f" {evaluations:,.0f} evaluations or {seconds:g} second{'' if seconds == 1 else 's'}. Hypervolume: of all that"
        " was evaluated, as a share of the exact front's. Seconds: for those evaluations."
        f"{f' Ended by themselves: {ended}.' if ended else ''} Realised area: of the returned plans on true outcomes,"
        " as a share of what the best plans in hindsight have."
    )


def with_table(text: str, table: DrawnTable, /) -> str:
    """Put the table between its marks in a text.

    Raises:
        UserError: The text doesn't have each mark once, in order.
    """
    start, end = table.marks
    if text.count(start) != 1 or text.count(end) != 1 or text.index(start) > text.index(end):
        raise UserError(f"the text needs one line {start!r} and below it one line {end!r}")
    before, rest = text.split(start)
    return f"{before}{start}\n{table.markdown}\n{end}{rest.split(end)[1]}"
