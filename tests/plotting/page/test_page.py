"""What plan.html holds."""

from __future__ import annotations

import base64
import json
import re
import uuid
import zlib
from hashlib import sha256
from types import SimpleNamespace

import numpy as np
import pytest

from optllm_pymoo import AllocationProblem, make_problem
from optllm_pymoo.decision import Knee
from optllm_pymoo.plotting import page
from optllm_pymoo.plotting.page import page_html


def facts_in(html: str) -> dict:
    """Read the facts that the script reads."""
    (text,) = re.findall(r'id="facts-of-batch">(.*?)</script>', html, re.DOTALL)
    return json.loads(text)


def tables_in(html: str) -> bytes:
    """Unpack the tables."""
    (text,) = re.findall(r'id="tables">(.*?)</script>', html, re.DOTALL)
    return zlib.decompress(base64.b64decode(text))


def test_only_its_own_script_and_style_may_run() -> None:
    """The policy forbids everything but what hashes to two values, and those are the hashes of what is there."""
    html = page_html(make_problem(20, 3))
    (policy,) = re.findall(r'Content-Security-Policy" content="(.*?)"', html)
    assert policy.startswith("default-src 'none'; ")
    for tag in ("script", "style"):
        (body,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digest = base64.b64encode(sha256(body.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not re.search(r"<[^>]* (src|href|on\w+)=|@import|url\(", html)


def test_names_are_never_markup() -> None:
    """Names that close the script they are in come back as they were, and open nothing."""
    names = ["</script><script>alert(1)</script>", "<!--", "a & b"]
    problem = make_problem(20, 3)
    named = AllocationProblem(
        problem.cost, problem.accuracy, llms=names, query_ids=[f"</script>{k}" for k in range(20)]
    )
    html = page_html(named, groups=["<b>", "</style>"] * 10)
    assert html.count("</script>") == 3
    assert facts_in(html)["llms"] == names
    assert facts_in(html)["groups"] == ["</style>", "<b>"]


@pytest.mark.parametrize("has_long_ids", [False, True])
def test_size_of_thirty_thousand_queries(has_long_ids: bool) -> None:
    """Twelve LLMs: at most 1.5 MB with numbered queries, 2.5 MB with ids like UUIDs."""
    problem = make_problem(30_000, 12)
    rng = np.random.default_rng(0)
    ids = [str(uuid.UUID(bytes=rng.bytes(16))) if has_long_ids else f"q{k}" for k in range(30_000)]
    named = AllocationProblem(problem.cost, problem.accuracy, query_ids=ids)
    assert len(page_html(named, plan=Knee().plan(named)).encode()) < (2.5e6 if has_long_ids else 1.5e6)


def test_ids_that_are_too_long_give_way_to_row_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bytes they may take no id is in the page."""
    problem = make_problem(50, 3)
    named = AllocationProblem(problem.cost, problem.accuracy, query_ids=[f"unmistakable-{k}" for k in range(50)])
    assert b"unmistakable-49" in tables_in(page_html(named))
    monkeypatch.setattr(page, "MAX_ID_BYTES", 20)
    assert facts_in(page_html(named))["id_bytes"] == 0
    assert b"unmistakable" not in tables_in(page_html(named))


def test_hulls_alone_where_tables_are_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cells are those of the hulls, and prices can't be changed."""
    problem = make_problem(50, 6)
    assert facts_in(page_html(problem))["cells"] == 300
    monkeypatch.setattr(page, "TABLE_CELLS", 299)
    facts = facts_in(page_html(problem))
    assert facts["cells"] == 50 + len(problem.supported_front) - 1
    assert not facts["tables"]


def test_plans_of_a_search_that_another_beats_are_left_out() -> None:
    """Of four plans the dearer and worse one isn't shown."""
    problem = AllocationProblem([[1.0, 2.0, 3.0]], [[0.2, 0.5, 0.4]])
    X = np.array([[2], [1], [0]])
    found = SimpleNamespace(X=X, F=problem.evaluate(X, return_values_of=["F"]))
    facts = facts_in(page_html(problem, found=found))
    assert (facts["mode"], facts["points"], facts["exact"]) == ("points", 2, False)


def test_many_groups_are_not_listed() -> None:
    """A name per query is no grouping."""
    assert facts_in(page_html(make_problem(300, 2), groups=[str(k) for k in range(300)]))["groups"] == []
