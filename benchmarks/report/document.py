"""The blocks of a report, for every output format."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import pandas as pd
from matplotlib.figure import Figure

from benchmarks.report.text import slug

DASH = "–"

_HEADING = re.compile(r"^ {0,3}#{1,6}(\s|$)", re.MULTILINE)


@dataclass(frozen=True)
class Text:
    """Paragraphs and lists in Markdown.

    Escape names and messages from data with `benchmarks.report.text.escape` or ``code`` first. Raw HTML is
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
    """Text shown unchanged, such as a traceback; nothing in it is markup."""

    text: str


class Column(NamedTuple):
    """One column of a table.

    Attributes:
        name: Column of the frame.
        form: How a number is printed; ``"code"`` is for names, an empty one for any text.
        title: Its heading.
        short: Heading on the terminal, which leaves out the columns without one.
    """

    name: str
    form: str
    title: str
    short: str = ""


@dataclass(frozen=True)
class TableBlock:
    """A table.

    Attributes:
        frame: One row per line; indexes are not shown.
        columns: The columns shown. NaN and None are shown as a dash.
        caption: Content of the table, in plain text.
        bold: Positions of the rows in bold.
        n_left: Columns aligned left; all others are aligned right. The first column stays visible when scrolling.

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

    def texts(self, columns: Sequence[Column] | None = None, /) -> list[tuple[str, ...]]:
        """Return the cells of all or some columns row by row, as plain text."""

        def text(value: Any, form: str) -> str:
            if value is None or pd.isna(value):
                return DASH
            return str(value) if form in ("", "code") else format(value, form)

        # column by column: rows of a frame would turn integers to floats
        shown = [[text(value, c.form) for value in self.frame[c.name]] for c in columns or self.columns]
        return list(zip(*shown, strict=True))


@dataclass(frozen=True)
class FigureBlock:
    """A picture with one sentence that describes the result, computed from the numbers.

    Attributes:
        name: Name of its file; repeated names are numbered.
        figure: The figure, which must not change after this.
        title: Content in plain text: the title of the picture, and its alternative text.
        sentence: The result, in plain text.

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
        summary: The line that is always visible, in plain text.
        blocks: The content.
    """

    summary: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Section:
    """A part with a heading. Sections within sections get smaller headings, two levels deep.

    Attributes:
        title: Plain text.
        blocks: Blocks in order; inner sections come last.
    """

    title: str
    blocks: Sequence[Block | Section]


Block: TypeAlias = Text | Code | TableBlock | FigureBlock | Details


@dataclass(frozen=True)
class Document:
    """A whole report.

    Attributes:
        title: Plain text.
        summary: Markdown: the runs and their results in brief.
        sections: The content; the first ones have the pictures that answer the report's question.
        printed: Tables that are also printed on the terminal.
    """

    title: str
    summary: str
    sections: Sequence[Section]
    printed: Sequence[TableBlock] = ()

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
    """Give every figure a unique file name, such as ``fronts-mmlu.svg``.

    Returns:
        By ``id`` of the block; a block that is shown twice has one file.
    """
    names: dict[int, str] = {}
    for block in blocks_of(document):
        if isinstance(block, FigureBlock) and id(block) not in names:
            names[id(block)] = slug(block.name, taken=set(names.values()))
    return {key: f"{name}.{suffix}" for key, name in names.items()}
