"""What a report consists of, whatever it is written as."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

import pandas as pd
from matplotlib.figure import Figure
from rich import box
from rich.table import Table

from benchmarks.cells.algorithms import OURS
from benchmarks.report.text import slug

_HEADING = re.compile(r"^ {0,3}#{1,6}(\s|$)", re.MULTILINE)


@dataclass(frozen=True)
class Text:
    """Paragraphs and lists in Markdown.

    Names and messages from data go through `benchmarks.report.text.escape` or ``code`` first. Raw HTML is
    shown as it is written, and headings belong to sections.

    Raises:
        ValueError: If it has a heading.
    """

    markdown: str

    def __post_init__(self) -> None:
        heading = _HEADING.search(self.markdown)
        if heading:
            line = self.markdown[heading.start() :].splitlines()[0]
            raise ValueError(f"text has a heading, {line!r}; begin a Section instead, so that contents stay in order")


def bullets(sentences: Sequence[str], /) -> Text:
    """Make a list of sentences in Markdown."""
    return Text("\n".join(f"* {sentence}" for sentence in sentences))


@dataclass(frozen=True)
class Code:
    """Text shown letter by letter, such as a traceback; nothing in it is markup."""

    text: str


@dataclass(frozen=True)
class TableBlock:
    """A table.

    Attributes:
        frame: One row per line; indexes are not shown.
        columns: What is shown of it: column of the frame, format and title. The format ``"code"`` is for names, an
            empty one for any text; both are escaped. NaN and None are shown as a dash.
        caption: What it shows, in plain text.
        bold: Positions of the rows that stand out.
        n_left: Columns aligned left; all others are aligned right. The first column stays in sight.

    Raises:
        ValueError: If the caption is empty, or the frame lacks a column.
    """

    frame: pd.DataFrame
    columns: Sequence[Column]
    caption: str
    bold: Collection[int] = ()
    n_left: int = 1

    def __post_init__(self) -> None:
        if not self.caption.strip():
            raise ValueError("a table needs a caption that says what it shows; got an empty one")
        missing = [column.name for column in self.columns if column.name not in self.frame.columns]
        if missing:
            have = ", ".join(map(str, self.frame.columns))
            raise ValueError(f"table {self.caption!r}: the frame has no column {missing[0]!r}; it has {have}")


@dataclass(frozen=True)
class FigureBlock:
    """A picture with the one sentence that says what it shows, drawn from the numbers.

    Attributes:
        name: Its file is called after it; names that come twice are numbered.
        figure: Not changed any more once it is here.
        title: What is drawn, in plain text: the title over it, and its alternative text.
        sentence: What can be seen, in plain text.

    Raises:
        ValueError: If title or sentence is empty.
    """

    name: str
    figure: Figure = field(repr=False)
    title: str
    sentence: str

    def __post_init__(self) -> None:
        for what in ("title", "sentence"):
            if not getattr(self, what).strip():
                raise ValueError(f"figure {self.name!r} has no {what}; say in one what it shows, from the numbers")


@dataclass(frozen=True)
class Details:
    """Blocks that are folded away on the screen, and shown in print.

    Attributes:
        summary: The line that is always seen, in plain text.
        blocks: The rest.
    """

    summary: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Section:
    """A part with a heading. Sections within sections get smaller headings, two levels deep.

    Attributes:
        title: Plain text.
        blocks: In order; sections within come last.
    """

    title: str
    blocks: Sequence[Block | Section]


Block: TypeAlias = Text | Code | TableBlock | FigureBlock | Details


@dataclass(frozen=True)
class Document:
    """A whole report.

    Attributes:
        title: Plain text.
        summary: Markdown: what was run, and what came of it.
        sections: The rest.
    """

    title: str
    summary: str
    sections: Sequence[Section]

    def __post_init__(self) -> None:
        Text(self.summary)


def blocks_of(document: Document, /) -> Iterator[Block | Section]:
    """Go through all sections and blocks, outer before inner, in reading order."""
    stack: list[Block | Section] = list(document.sections)[::-1]
    while stack:
        block = stack.pop()
        yield block
        if isinstance(block, Section | Details):
            stack += list(block.blocks)[::-1]


def picture_files(document: Document, /, *, suffix: str = "svg") -> dict[int, str]:
    """Give every figure a file name of its own, such as ``fronts-mmlu.svg``.

    Returns:
        By ``id`` of the block; a block that is shown twice has one file.
    """
    names: dict[int, str] = {}
    for block in blocks_of(document):
        if isinstance(block, FigureBlock) and id(block) not in names:
            names[id(block)] = slug(block.name, taken=set(names.values()))
    return {key: f"{name}.{suffix}" for key, name in names.items()}


class Column(NamedTuple):
    """One column of the comparison."""

    name: str
    """Column of the summary."""
    form: str
    """How a number is printed."""
    title: str
    short: str = ""
    """Title on the terminal; columns without one are left out there."""


COLUMNS = (
    Column("hypervolume_ratio", ".4f", "hypervolume ratio ↑", "HV\nratio"),
    Column("hypervolume_sd", ".4f", "± sd"),
    Column("additive_epsilon", ".4f", "ε+ ↓", "ε+"),
    Column("igd_plus", ".4f", "IGD+ ↓", "IGD+"),
    Column("spread", ".3f", "Δ ↓", "Δ"),
    Column("distinct_points", ",.0f", "points"),
    Column("result_hypervolume_ratio", ".4f", "own set: hypervolume ratio", "own\nHV"),
    Column("distinct_plans", ",.0f", "own set: distinct plans", "own\nplans"),
    Column("evaluations", ",.0f", "evaluations", "evalu-\nations"),
    Column("seconds", ".3f", "seconds", "sec-\nonds"),
    Column("peak_rss_mib", ",.0f", "peak memory so far, MiB", "peak\nMiB"),
    Column("n_seeds", ".0f", "seeds"),
)

LEGEND = (
    "HV: hypervolume, 1 is the exact front's. ε+, IGD+, Δ: smaller is better. Measured on all that was"
    " evaluated; own: on what the algorithm returned. Peak memory is the whole process's, so far."
)


def ranked(summary: pd.DataFrame, /) -> pd.DataFrame:
    """Sort the rows of one batch by falling hypervolume ratio; what failed comes last."""
    return summary.sort_values("hypervolume_ratio", ascending=False, kind="stable", na_position="last")


def rich_comparison(title: str, summary: pd.DataFrame, /) -> Table:
    """Lay out the rows of one batch for the terminal."""
    table = Table(
        title=title,
        caption=LEGEND,
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=0,
    )
    columns = [column for column in COLUMNS if column.short]
    table.add_column("algorithm", no_wrap=True)
    for column in columns:
        table.add_column(column.short, justify="right", no_wrap=True)
    for name, row in ranked(summary).iterrows():
        table.add_row(str(name), *_cells(row, columns), style="bold" if name == OURS else None)
    return table


def markdown_comparison(summary: pd.DataFrame, /) -> str:
    """Lay out the rows of one batch as a Markdown table."""
    rows = [(f"`{name}`", *_cells(row, COLUMNS)) for name, row in ranked(summary).iterrows()]
    return markdown_table(("algorithm", *(column.title for column in COLUMNS)), rows)


def markdown_table(titles: Sequence[str], rows: Sequence[Sequence[str]], /, *, n_left: int = 1) -> str:
    """Write a Markdown table; all but the first ``n_left`` columns are aligned right."""
    rule = ["---" if k < n_left else "---:" for k in range(len(titles))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (titles, rule, *rows))


def _cells(row: pd.Series, columns: Sequence[Column]) -> list[str]:
    if row["n_seeds"] == 0:
        return ["failed", *["–"] * (len(columns) - 1)]
    return [format(row[column.name], column.form) for column in columns]
