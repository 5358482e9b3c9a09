"""Reports as one HTML page, looked at without a browser."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from itertools import pairwise

import pandas as pd
import pytest

from benchmarks.cells.algorithms import VARIANTS
from benchmarks.report.document import Code, Column, Details, Document, Section, TableBlock, Text
from benchmarks.report.html import to_html
from benchmarks.report.markdown import to_markdown
from tests.benchmarks.report.sample import NASTY

VOID = {"meta", "link", "img", "br", "hr", "wbr"}


class Page(HTMLParser):
    """Collects elements with their attributes, checks that tags are balanced, and gathers text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert not self._open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        for tag in set(self._open):
            self.texts[tag][-1] += data

    def all(self, tag: str) -> list[dict]:
        return [attrs for name, attrs in self.elements if name == tag]


@pytest.fixture(scope="module")
def html(report):
    """The sample."""
    return (report / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html):
    """The sample, parsed."""
    return Page(html)


def test_names_are_text(page):
    """The data set that is named like a script adds none, and is read as it is written in title and headings."""
    assert len(page.all("script")) == 1
    assert NASTY in page.texts["title"][0]
    assert NASTY in page.texts["h3"]
    assert NASTY in page.texts["h1"][0]
    assert any(NASTY in caption for caption in page.texts["caption"])
    assert "1 of 870 cells failed: " + NASTY in page.texts["summary"]


def test_nothing_is_asked_for(html, page):
    """Pictures are data, links are the only addresses, and the page's own policy forbids anything else."""
    assert all(attrs["src"].startswith("data:image/svg+xml;base64,") for attrs in page.all("img"))
    assert [attrs["href"] for attrs in page.all("link")] == ["data:,"]
    assert "src" not in page.all("script")[0]
    assert not re.search(r"@import|url\(", html)
    script = re.search(r"<script>(.*?)</script>", html, flags=re.DOTALL)[1]
    policy = page.all("meta")[-1]["content"]
    assert "default-src 'none'" in policy
    assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in policy


def test_headings_and_contents(page):
    """Headings go down one level at a time, anchors are unique, and every line of the contents leads to one."""
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    anchors = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(set(anchors)) == len(anchors)
    links = [attrs["href"][1:] for attrs in page.all("a") if attrs["href"].startswith("#")]
    assert len(links) >= 8
    assert set(links) <= set(anchors)


def test_figures_and_tables_are_described(page):
    """Alternative texts, captions and scopes; language and viewport."""
    assert len(page.all("figure")) == len(page.all("figcaption")) == len(page.all("img")) == 7
    assert all(attrs["alt"].strip() for attrs in page.all("img"))
    assert len(page.all("caption")) == len(page.all("table")) == 2
    scopes = [attrs.get("scope") for attrs in page.all("th")]
    assert scopes.count("col") == 14 + 9
    assert scopes.count("row") == len(VARIANTS) + 3 + 13
    assert page.all("html")[0]["lang"] == "en"
    assert "width=device-width" in page.all("meta")[1]["content"]


def test_raw_html_of_texts_is_shown():
    """A forgotten escape is ugly, not dangerous; nor does a link to a script work."""
    document = Document("t", "<img src=x onerror=alert(1)> [x](javascript:alert(1))", [])
    page = Page(to_html(to_markdown(document), {}))
    assert page.all("img") == []
    assert not any("javascript" in attrs.get("href", "") for attrs in page.all("a"))


def test_html_comes_from_the_same_markdown():
    """Cells, bold rows and code are those of the Markdown; details hold what they hold."""
    frame, columns = pd.DataFrame({"n": ["a|b"], "v": [0.5]}), [Column("n", "code", "n"), Column("v", ".2f", "v")]
    table = TableBlock(frame, columns, "c", bold=[0])
    page = Page(
        to_html(
            to_markdown(Document("t", "s", [Section("a", [Details("more", [table, Text("*x*"), Code("<b>")])])])), {}
        )
    )
    assert page.texts["code"] == ["a|b", "<b>"]
    assert page.texts["strong"] == ["a|b", "0.50"]
    assert page.texts["em"] == ["x"]
    assert page.texts["td"] == ["0.50"]


def test_sections_of_the_same_name():
    """Each has an anchor of its own, and none takes the page's."""
    html = to_html(to_markdown(Document("t", "s", [Section("Top", []), Section("a", []), Section("a", [])])), {})
    assert re.findall(r'<h2 id="(.*?)"', html) == ["top-2", "a", "a-2"]
