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


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))])
def test_links_between_documents_lead_somewhere(page):
    """Every relative link of README and docs names a file that is there."""
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = [t for t in re.findall(r"\]\(([^)#]+)", text) if not t.startswith("http")]
    missing = [t for t in targets if not ((ROOT / page).parent / t).exists()]
    assert missing == []
