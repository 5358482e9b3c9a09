"""A document as Markdown, in the dialect that GitHub shows."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape as html_escape
from typing import Any

from benchmarks.report.document import (
    DASH,
    Code,
    Details,
    Document,
    FigureBlock,
    Section,
    TableBlock,
    Text,
    picture_files,
)
from benchmarks.report.text import code, escape, fenced

# Folder of the pictures, beside the report.
FOLDER = "figures"


def to_markdown(document: Document, /) -> str:
    """Write a document as Markdown that refers to its pictures in `FOLDER`."""
    files = picture_files(document)
    parts = [f"# {escape(document.title)}", document.summary.strip()]
    for section in document.sections:
        parts += _section(section, 2, files)
    return "\n\n".join(part for part in parts if part) + "\n"


def table_markdown(table: TableBlock, /) -> str:
    """Write the lines of a table, without the caption; all but its first columns are aligned right."""
    titles = [escape(column.title) for column in table.columns]
    lines = [titles, ["---" if k < table.n_left else "---:" for k in range(len(titles))]]
    for k, texts in enumerate(table.texts()):
        # within a table a bar ends the cell even in code
        cells = [
            code(text).replace("|", r"\|") if column.form == "code" and text != DASH else escape(text)
            for text, column in zip(texts, table.columns, strict=True)
        ]
        lines.append([f"**{cell}**" if cell and cell != DASH else cell for cell in cells] if k in table.bold else cells)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _section(section: Section, level: int, files: Mapping[int, str]) -> list[str]:
    """Write a heading and what is below it."""
    parts = [f"{'#' * level} {escape(section.title)}"]
    for block in section.blocks:
        parts += _section(block, level + 1, files) if isinstance(block, Section) else [_block(block, files)]
    return parts


def _block(block: Any, files: Mapping[int, str]) -> str:
    """Write a block."""
    if isinstance(block, Text):
        return block.markdown.strip()
    if isinstance(block, Code):
        return fenced(block.text)
    if isinstance(block, TableBlock):
        return f"*{escape(block.caption)}*\n\n{table_markdown(block)}"
    if isinstance(block, FigureBlock):
        title = escape(block.title)
        return f"![{title}]({FOLDER}/{files[id(block)]})\n**{title}.** {escape(block.sentence)}"
    if isinstance(block, Details):
        inside = "\n\n".join(_block(inner, files) for inner in block.blocks)
        summary = html_escape(" ".join(block.summary.split()))
        return f"<details><summary>{summary}</summary>\n\n{inside}\n\n</details>"
    raise TypeError(f"a report consists of Text, Code, TableBlock, FigureBlock and Details; got {block!r}")
