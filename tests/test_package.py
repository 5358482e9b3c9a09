"""The package as a whole: its public names, its imports, its documents."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import optllm_pymoo
from tests.processes import run_fresh

ROOT = Path(__file__).parents[1]


def test_every_public_name_can_be_had():
    """Each name of ``__all__`` is there, is listed by ``dir`` and stands where it says."""
    assert set(optllm_pymoo.__all__) <= set(dir(optllm_pymoo))
    assert set(optllm_pymoo._HOME) == set(optllm_pymoo.__all__)
    for name in optllm_pymoo.__all__:
        assert getattr(optllm_pymoo, name).__name__ == name


def test_unknown_names_are_refused():
    """Asking for anything else is an AttributeError, as of any module."""
    with pytest.raises(AttributeError, match="has no attribute 'OptLlm'"):
        optllm_pymoo.OptLlm  # noqa: B018


def test_import_is_light():
    """Importing the package alone loads neither compilers nor learners nor plots."""
    heavy = "numba", "sklearn", "matplotlib", "pymoo", "pandas"
    found = run_fresh(f"import sys, optllm_pymoo; print([m for m in {heavy} if m in sys.modules])")
    assert found.strip() == "[]"


MADE = ("reference/", "results/", "gallery/")
"""Folders of docs that building the site makes; the build checks the links to them."""


@pytest.mark.parametrize(
    "page",
    ["README.md", "CONTRIBUTING.md", *(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))],
)
def test_links_between_documents_lead_somewhere(page):
    """Every relative link of README and docs names a file that is there."""
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = [t for t in re.findall(r"\]\(([^)#]+)", text) if not t.startswith("http")]
    targets = [t for t in targets if not t.removeprefix("../").startswith(MADE)]
    missing = [t for t in targets if not ((ROOT / page).parent / t).exists()]
    assert missing == []


def test_rows_of_tables_are_lines():
    """A row of a table in Markdown ends where its line ends: a wrapped one would be two rows."""
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    lines = [(page.name, line) for page in pages for line in page.read_text(encoding="utf-8").splitlines()]
    rows = [(page, line) for page, line in lines if line.startswith("|")]
    assert rows
    assert [row for row in rows if not row[1].endswith("|")] == []


def test_hooks_and_tasks_are_the_gates_own_commands():
    """What pre-commit and hatch run are lines of `.ci/run` and `.ci/site`, so that they can't promise less or more."""
    gate = "".join((ROOT / ".ci" / name).read_text(encoding="utf-8") for name in ("run", "site")).splitlines()
    hooks = re.findall(r"entry: (.+)", (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    section = project.split("[tool.hatch.envs.default.scripts]")[1].split("\n[")[0]
    tasks = [f".venv/bin/{command}" for command in re.findall(r'"([^"]+)"', section)]
    lines = {re.sub(r" --out \S+$", "", line) for line in gate}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert (len(hooks), len(tasks)) == (4, 7)
    assert [command for command in hooks + tasks if command not in lines and f"&& {command}\n" not in readme] == []


def test_citation_names_this_version():
    """Who cites the package cites the version that is here."""
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.findall(r"^version: (.+)", citation, flags=re.MULTILINE) == [optllm_pymoo.__version__]
