"""A report's Markdown as one HTML page that loads no other file: style, script and pictures are inside."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from html import escape as plain
from importlib.resources import files as package_files
from itertools import pairwise
from string import Template

from markdown_it import MarkdownIt
from markdown_it.token import Token

from benchmarks.report.text import slug

# Tables with more columns than this are set smaller in print.
WIDE = 8

_DETAILS = re.compile(r"<details><summary>[^<>]*</summary>|</details>")
_SIZE = re.compile(rb' (?:width|height)="([\d.]+)pt"')


def to_html(markdown: str, pictures: Mapping[str, bytes], /) -> str:
    """Turn a report in Markdown into a page.

    Args:
        markdown: From `benchmarks.report.markdown.to_markdown`.
        pictures: SVG by the name of the file in the Markdown.
    """
    return _Page(pictures).write(_MARKDOWN.parse(markdown))


class _Page:
    """Embeds the pictures of the Markdown in the page, and adds anchors."""

    def __init__(self, pictures: Mapping[str, bytes]) -> None:
        self._pictures = pictures

    def write(self, tokens: list[Token]) -> str:
        """Fill the template: the title, the text before the first section, and the sections."""
        contents = self._mark_headings(tokens)
        tokens = self._with_captions(tokens)
        heads = (k for k, token in enumerate(tokens) if token.type == "heading_open" and token.tag == "h2")
        begin = next(heads, len(tokens))
        style, script = (self._template(f"report.{kind}") for kind in ("css", "js"))
        return Template(self._template("report.html")).substitute(
            title=plain(_words(tokens[1])),
            heading=_render([tokens[1]]),
            style=style,
            script=script,
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
            summary=_render(tokens[3:begin]),
            contents="\n".join(contents),
            body=_render(tokens[begin:]),
        )

    @staticmethod
    def _template(name: str) -> str:
        return (package_files("benchmarks.report") / "templates" / name).read_text(encoding="utf-8")

    @staticmethod
    def _mark_headings(tokens: list[Token]) -> list[str]:
        """Give each heading an anchor, and return the lines of the contents: the second and third level."""
        anchors, contents = {"top", "contents"}, []
        for opening, inline in pairwise(tokens):
            if opening.type == "heading_open" and opening.tag != "h1":
                words = _words(inline)
                anchor = slug(words, taken=anchors)
                anchors.add(anchor)
                opening.attrSet("id", anchor)
                if opening.tag in ("h2", "h3"):
                    contents.append(f'<li class="level-{opening.tag[1]}"><a href="#{anchor}">{plain(words)}</a></li>')
        return contents

    def _with_captions(self, tokens: list[Token]) -> list[Token]:
        """Turn paragraphs that begin with a picture into figures, and those before a table into its caption."""
        found: list[Token] = []
        k = 0
        while k < len(tokens):
            inner = tokens[k + 1].children or [] if tokens[k].type == "paragraph_open" else []
            if inner and inner[0].type == "image":
                found.append(Token("box", "", 0, content=self._figure(inner)))
                k += 3
            elif inner and k + 3 < len(tokens) and tokens[k + 3].type == "table_open":
                end = next(j for j in range(k, len(tokens)) if tokens[j].type == "table_close")
                found += self._table(tokens[k + 3 : end + 1], plain(_words(tokens[k + 1])))
                k = end + 1
            else:
                found.append(tokens[k])
                k += 1
        return found

    def _figure(self, inner: list[Token]) -> str:
        """Put a picture into the page, as large as it says."""
        picture = self._pictures[str(inner[0].attrGet("src"))]
        sizes = [round(float(points) * 96 / 72) for points in _SIZE.findall(picture[:2000])[:2]]
        size = 'width="{}" height="{}"'.format(*sizes) if len(sizes) == 2 else ""
        data, alt = base64.b64encode(picture).decode(), plain(_words(inner[0]))
        image = f'<img src="data:image/svg+xml;base64,{data}" alt="{alt}" {size}>'
        caption = _MARKDOWN.renderer.renderInline(inner[2:], _MARKDOWN.options, {})
        return f'<figure>\n<div class="picture">{image}</div>\n<figcaption>{caption}</figcaption>\n</figure>\n'

    @staticmethod
    def _table(tokens: list[Token], caption: str) -> list[Token]:
        """Put a table into a box to scroll in, and turn the first cell of each row into its header."""
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
        wide = " wide" if sum(token.type == "th_open" for token in tokens) > WIDE else ""
        box = f'<div class="table{wide}" role="region" aria-label="{caption}" tabindex="0">\n<table>\n'
        begin = Token("box", "", 0, content=f"{box}<caption>{caption}</caption>\n")
        return [begin, *tokens[1:], Token("box", "", 0, content="</div>\n")]


def _words(inline: Token) -> str:
    """Return the text of a heading, a caption or a picture, as it is read."""
    return "".join(child.content for child in inline.children or () if child.type != "softbreak")


def _render(tokens: list[Token]) -> str:
    return _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {})


def _raw(content: str) -> str:
    """Let what folds away through, and show any other tag letter by letter: a forgotten escape is not dangerous."""
    return content if _DETAILS.fullmatch(content.strip()) else plain(content)


# How the content of some kinds of tokens is written; all others are written as markdown-it does.
_RULES: Mapping[str, Callable[[str], str]] = {
    "box": str,
    "html_block": _raw,
    "html_inline": _raw,
    # long names of variants break after a colon rather than anywhere
    "code_inline": lambda content: f"<code>{plain(content).replace(':', ':<wbr>')}</code>",
    # the keyboard can scroll it
    "fence": lambda content: f'<pre tabindex="0"><code>{plain(content.rstrip())}</code></pre>\n',
}

_MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable("table")
for _kind, _rule in _RULES.items():
    _MARKDOWN.add_render_rule(_kind, lambda renderer, tokens, k, options, env, rule=_rule: rule(tokens[k].content))
