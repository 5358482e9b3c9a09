"""What is written where."""

from __future__ import annotations

import re

import pytest

from benchmarks.report import writer as render
from benchmarks.report.document import Document, FigureBlock, Section
from benchmarks.report.look import panels
from benchmarks.report.writer import write_report


def small(n_figures: int = 1) -> Document:
    """A document with lines for figures."""
    blocks = []
    for k in range(n_figures):
        figure, (axes,) = panels()
        axes.plot([1, 2 + k])
        blocks.append(FigureBlock(f"line {k}", figure, "Line", f"It ends at {2 + k}."))
    return Document("Small", "One.", [Section("Only", blocks)])


def test_files(tmp_path):
    """Markdown and page, and the pictures that the Markdown refers to."""
    files = write_report(small(2), tmp_path / "new" / "folder")
    names = [str(file.relative_to(tmp_path / "new" / "folder")) for file in files]
    assert names == ["report.md", "report.html", "figures/line-0.svg", "figures/line-1.svg"]
    assert re.findall(r"\]\((.*?)\)", files[0].read_text()) == names[2:]
    assert all(file.read_bytes().startswith(b"<?xml") for file in files[2:])


def test_same_document_same_bytes(tmp_path):
    """No date, no random names in the pictures."""
    first, again = (write_report(small(2), tmp_path / name) for name in "ab")
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in again]


def test_old_pictures_go(tmp_path):
    """A report with fewer figures leaves none of the last one's behind."""
    write_report(small(3), tmp_path)
    write_report(small(1), tmp_path)
    assert [file.name for file in (tmp_path / "figures").iterdir()] == ["line-0.svg"]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["figures", "report.html", "report.md"]


def test_a_fault_leaves_the_last_report(tmp_path, monkeypatch):
    """If a picture can't be drawn, all is as it was."""
    files = write_report(small(), tmp_path)
    before = {file: file.read_bytes() for file in files}

    def fail(figure):
        raise RuntimeError("no ink")

    monkeypatch.setattr(render, "svg_of", fail)
    with pytest.raises(RuntimeError, match="no ink"):
        write_report(small(2), tmp_path)
    assert {file: file.read_bytes() for file in tmp_path.rglob("*.*")} == before
