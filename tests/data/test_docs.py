"""Every code block of docs/data.md runs as it stands."""

from pathlib import Path

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

PAGE = Path(__file__).parents[2] / "docs" / "data.md"


def blocks() -> list:
    """The code blocks of the page, each in a fresh document so that none leans on another."""
    read = Sybil(parsers=[PythonCodeBlockParser()]).parse
    return [list(read(PAGE).examples())[position] for position in range(len(list(read(PAGE).examples())))]


@pytest.mark.parametrize("block", blocks(), ids=lambda block: f"line{block.line}")
def test_code_block(block, tmp_path, monkeypatch):
    """The block runs on its own, its assertions hold, and it leaves nothing in the working directory."""
    monkeypatch.chdir(tmp_path)
    block.evaluate()
    assert list(tmp_path.iterdir()) == []


def test_the_page_has_blocks():
    """All Python blocks of the page are among those that run."""
    assert len(blocks()) == PAGE.read_text(encoding="utf-8").count("```python") > 5
