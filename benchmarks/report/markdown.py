"""A document as Markdown, in the dialect that GitHub shows."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape as html_escape
from typing import Any

import pandas as pd

from benchmarks.report.document import (
    Code,
    Details,
    Document,
    FigureBlock,
    Section,
    TableBlock,
    Text,
    markdown_table,
    picture_files,
)
from benchmarks.report.text import code, escape, fenced

FOLDER = "figures"
"""Where the pictures are, beside the report."""

DASH = "–"


def to_markdown(document: Document, /) -> str:
    """Write a document as Markdown that refers to its pictures in `FOLDER`."""
    files = picture_files(document)
    parts = [f"# {escape(document.title)}", document.summary.strip()]
    for section in document.sections:
        parts += _section(section, 2, files)
    return "\n\n".join(part for part in parts if part) + "\n"


def table_markdown(table: TableBlock, /) -> str:
    """Write the lines of a table, without the caption."""
    # column by column: rows of a frame would turn integers to floats
    columns = [[_cell(value, column.form) for value in table.frame[column.name]] for column in table.columns]
    rows = [
        [_bold(cell) if k in table.bold else cell for cell in cells]
        for k, cells in enumerate(zip(*columns, strict=True))
    ]
    return markdown_table([escape(column.title) for column in table.columns], rows, n_left=table.n_left)


def _section(section: Section, level: int, files: Mapping[int, str]) -> list[str]:
    parts = [f"{'#' * level} {escape(section.title)}"]
    for block in section.blocks:
        parts += _section(block, level + 1, files) if isinstance(block, Section) else [_block(block, files)]
    return parts


def _block(block: Any, files: Mapping[int, str]) -> str:
    if isinstance(block, Text):
        return block.markdown.strip()
    if isinstance(block, Code):
        return fenced(block.text)
    if isinstance(block, TableBlock):
        return f"*{escape(block.caption)}*\n\n{table_markdown(block)}"
    if isinstance(block, FigureBlock):
        picture = f"![{escape(block.title)}]({FOLDER}/{files[id(block)]})"
        return f"**{escape(block.title)}**\n\n{picture}\n\n*{escape(block.sentence)}*"
    if isinstance(block, Details):
        inside = "\n\n".join(_block(inner, files) for inner in block.blocks)
        return f"<details><summary>{_plain_html(block.summary)}</summary>\n\n{inside}\n\n</details>"
    raise TypeError(f"a report consists of Text, Code, TableBlock, FigureBlock and Details; got {block!r}")


def _cell(value: Any, form: str) -> str:
    if value is None or pd.isna(value):
        return DASH
    if form == "code":
        # within a table a bar ends the cell even in code
        return code(value).replace("|", r"\|")
    return escape(value) if not form else escape(format(value, form))


def _bold(cell: str) -> str:
    return f"**{cell}**" if cell and cell != DASH else cell


def _plain_html(text: str) -> str:
    return html_escape(" ".join(text.split()))
