"""Reports as Markdown."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from markdown_it import MarkdownIt
from matplotlib.figure import Figure

from benchmarks.cells.algorithms import VARIANTS
from benchmarks.report.document import Code, Column, Details, Document, FigureBlock, Section, TableBlock, Text, bullets
from benchmarks.report.markdown import table_markdown, to_markdown

FRAME = pd.DataFrame({"name": ["a|b", "_x_", None], "v": [1234.5, float("nan"), 2.0]})


def test_a_table_letter_by_letter():
    """Bars are escaped, NaN and None are dashes, bold rows have all their cells bold but no bold dash."""
    table = TableBlock(FRAME, [Column("name", "code", "who"), Column("v", ",.1f", "value | US$")], "c", bold=[0, 1])
    assert table_markdown(table) == "\n".join([
        r"| who | value \| US\$ |",
        "| --- | ---: |",
        r"| **`a\|b`** | **1,234.5** |",
        "| **`_x_`** | – |",
        "| – | 2.0 |",
    ])  # fmt: skip


def test_numbers_keep_their_kind():
    """Whole numbers beside fractions stay whole; a table without rows has its head."""
    frame = pd.DataFrame({"n": [3], "v": [0.5]})
    columns = [Column("n", "d", "n"), Column("v", "+.1f", "v")]
    assert table_markdown(TableBlock(frame, columns, "c")).splitlines()[-1] == "| 3 | +0.5 |"
    assert len(table_markdown(TableBlock(frame[:0], columns, "c")).splitlines()) == 2


def test_a_document_letter_by_letter():
    """One of each kind."""
    document = Document(
        "T<b>",
        "Sum.",
        [
            Section("One", [Section("Inner", [Text("text\n")]), bullets(["a", "b"])]),
            Section("Two", [FigureBlock("Fig 1", Figure(), "Title*", "It shows."), Details("<i>", [Code("x <b>")])]),
        ],
    )
    assert to_markdown(document) == "\n\n".join([
        r"# T\<b\>", "Sum.", "## One", "### Inner", "text", "* a\n* b", "## Two",
        "![Title\\*](figures/fig-1.svg)\n**Title\\*.** It shows.",
        "<details><summary>&lt;i&gt;</summary>", "```text\nx <b>\n```", "</details>\n",
    ])  # fmt: skip


def test_structure_of_the_sample(document):
    """Each table keeps its number of cells whatever the names, and no tag of the data's is left unescaped."""
    text = to_markdown(document)
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    cells = [len(re.split(r"(?<!\\)\|", row)) - 2 for row in rows]
    assert cells == [14] * (2 + len(VARIANTS) + 3) + [9] * 15
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(text)
    raw = [part.content for token in tokens for part in (token, *(token.children or ())) if "html" in part.type]
    assert [line.split(">")[0] for line in raw] == ["<details", "</details"]
    assert text.count("](figures/") == 7


def test_unknown_blocks_are_refused():
    """The message names what there is."""
    with pytest.raises(TypeError, match=r"a report consists of Text, Code, .* got 'plain'"):
        to_markdown(Document("t", "s", [Section("1", ["plain"])]))
