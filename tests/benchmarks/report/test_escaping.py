"""Text from data."""

from __future__ import annotations

from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from benchmarks.report.text import code, escape, fenced, slug

letters = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"])
plain = st.text(letters, max_size=30).filter(str.strip)
MARKDOWN = MarkdownIt("commonmark").enable("table")


def shown(markdown: str) -> str:
    """Render a paragraph and take the tags away; none may have come from the data."""
    html = MARKDOWN.render(markdown)
    assert html.startswith("<p>")
    assert html.endswith("</p>\n")
    inner = html[3:-5]
    for tag in ("<code>", "</code>"):
        inner = inner.replace(tag, "")
    assert "<" not in inner
    return unescape(inner)


@given(plain)
def test_text_is_shown_as_it_is(text):
    """Whatever the text, a reader sees it letter by letter, white space aside; as HTML is shown, it isn't markup."""
    assert shown(escape(text)).split() == text.split()


@given(plain)
def test_code_is_shown_as_it_is(text):
    """Backticks within included."""
    assert shown(code(text)).split() == text.split()


@pytest.mark.parametrize(
    "text",
    ["# a", "1. a", "2) b", "- a", "+ a", "> q", "a | b", "---", "&amp;", "<b>", "===", "2.", "-0.5", "2.0", "+"],
)
def test_markup_at_the_start(text):
    """Names that look like markup at the start of a line are no markup."""
    assert shown(escape(text)) == text


def test_fences_hold():
    """A traceback with a fence in it stays inside of its own."""
    html = MARKDOWN.render(fenced("a\n```\n<b>\n````"))
    assert html == '<pre><code class="language-text">a\n```\n&lt;b&gt;\n````\n</code></pre>\n'


@given(st.text(), st.sets(st.sampled_from(["part", "part-2", "a"])))
def test_slugs_are_file_names(text, taken):
    """Letters, digits and hyphens only, never empty, never taken."""
    name = slug(text, taken=taken)
    assert name not in taken
    assert name
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert len(name) <= 63
