"""A document as one HTML page that asks for nothing else: style, script and pictures are inside."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from html import escape as plain
from importlib.resources import files as package_files
from string import Template
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

from benchmarks.report.document import Code, Details, Document, FigureBlock, Section, TableBlock, Text
from benchmarks.report.markdown import table_markdown
from benchmarks.report.text import slug

WIDE = 8
"""Tables with more columns than this are set smaller in print."""


def to_html(document: Document, pictures: Mapping[int, bytes], /) -> str:
    """Write a document as HTML.

    Args:
        document: What to write.
        pictures: SVG by ``id`` of each `FigureBlock`.
    """
    page = _Page(pictures)
    body = "\n".join(page.section(section, 2) for section in document.sections)
    style, script = _template("report.css"), _template("report.js")
    return Template(_template("report.html")).substitute(
        title=plain(document.title),
        style=style,
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        summary=_MARKDOWN.render(document.summary),
        contents=page.contents(),
        body=body,
    )


class _Page:
    """Writes blocks, and remembers the headings for the contents."""

    def __init__(self, pictures: Mapping[int, bytes]) -> None:
        self._pictures = pictures
        self._headings: list[tuple[int, str, str]] = []

    def section(self, section: Section, level: int) -> str:
        anchor = slug(section.title, taken={"top", "contents"} | {anchor for _, anchor, _ in self._headings})
        self._headings.append((level, anchor, section.title))
        heading = f'<h{level} id="{anchor}">{plain(section.title)}</h{level}>'
        parts = [
            self.section(block, level + 1) if isinstance(block, Section) else self.block(block)
            for block in section.blocks
        ]
        return "\n".join(['<section aria-labelledby="' + anchor + '">', heading, *parts, "</section>"])

    def block(self, block: Any) -> str:
        if isinstance(block, Text):
            return _MARKDOWN.render(block.markdown)
        if isinstance(block, Code):
            return f'<pre tabindex="0"><code>{plain(block.text.rstrip())}</code></pre>'
        if isinstance(block, TableBlock):
            return _table(block)
        if isinstance(block, FigureBlock):
            return self._figure(block)
        if isinstance(block, Details):
            inside = "\n".join(self.block(inner) for inner in block.blocks)
            return f"<details><summary>{plain(block.summary)}</summary>\n{inside}\n</details>"
        raise TypeError(f"a report consists of Text, Code, TableBlock, FigureBlock and Details; got {block!r}")

    def contents(self) -> str:
        """Write the list of headings, those of the third level below those of the second."""
        lines = [
            f'<li class="level-{level}"><a href="#{anchor}">{plain(title)}</a></li>'
            for level, anchor, title in self._headings
            if level <= 3
        ]
        return "\n".join(lines)

    def _figure(self, block: FigureBlock) -> str:
        data = base64.b64encode(self._pictures[id(block)]).decode()
        width, height = (round(96 * inches) for inches in block.figure.get_size_inches())
        size = f'width="{width}" height="{height}"'
        image = f'<img src="data:image/svg+xml;base64,{data}" alt="{plain(block.title)}" {size}>'
        caption = f"<figcaption><strong>{plain(block.title)}.</strong> {plain(block.sentence)}</figcaption>"
        return f'<figure>\n<div class="picture">{image}</div>\n{caption}\n</figure>'


def _table(table: TableBlock) -> str:
    """Render the table's Markdown, with a caption, headers that say what they head, and a box to scroll in."""
    tokens = _MARKDOWN.parse(table_markdown(table))
    _mark_headers(tokens)
    rendered = _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {})
    caption = plain(table.caption)
    rendered = rendered.replace("<table>", f"<table>\n<caption>{caption}</caption>", 1)
    wide = " wide" if len(table.columns) > WIDE else ""
    return f'<div class="table{wide}" role="region" aria-label="{caption}" tabindex="0">\n{rendered}</div>'


def _mark_headers(tokens: list[Token]) -> None:
    """Turn the first cell of each row into its header, and say whether headers head columns or rows."""
    n_edges = 0
    for token in tokens:
        if token.type == "tr_open":
            n_edges = 0
        elif token.type == "th_open":
            token.attrSet("scope", "col")
        elif token.type in ("td_open", "td_close"):
            n_edges += 1
            if n_edges <= 2:
                token.tag = "th"
            if n_edges == 1:
                token.attrSet("scope", "row")


def _template(name: str) -> str:
    return (package_files("benchmarks.report") / "templates" / name).read_text(encoding="utf-8")


def _code_span(renderer: Any, tokens: list[Token], k: int, options: Any, env: Any) -> str:
    """Let long names of variants break after a colon rather than anywhere."""
    return f"<code>{plain(tokens[k].content).replace(':', ':<wbr>')}</code>"


_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")
_MARKDOWN.add_render_rule("code_inline", _code_span)
