"""The page of the support desk, run as its reader would: files, commands and checks in their order."""

from __future__ import annotations

import csv
import hashlib
import re
import shlex
from decimal import Decimal
from pathlib import Path

from typer.testing import CliRunner

from optllm_pymoo.cli import app

PAGE = Path(__file__).parents[2] / "docs" / "loop.md"


def test_page_from_raw_logs_to_a_plan(tmp_path, monkeypatch):
    """Every command ends with 0, every assertion holds, and no row of the logs is lost."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    printed = []
    for kind, block in re.findall(r"```(python|sh)\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL):
        if kind == "python":
            exec(compile(block, str(PAGE), "exec"), names)
            continue
        for line in block.splitlines():
            command, *arguments = shlex.split(line)
            assert command == "optllm-pymoo"
            done = CliRunner().invoke(app, arguments)
            assert done.exit_code == 0, done.output
            printed.append(done.stdout)
    collected, planned, evaluated = printed[:3]
    small, large = (
        next(row for row in collected.splitlines() if name in row) for name in ("small.jsonl", "large.json")
    )
    assert small.split()[-6:] == ["150", "120", "0", "1", "0", "0"]
    assert large.split()[-6:] == ["120", "120", "0", "1", "0", "0"]
    assert "prices.json of 20" in planned, planned
    digest = hashlib.sha256(Path("prices.json").read_bytes()).hexdigest()
    assert f"SHA-256 {digest[:12]}" in planned
    assert f"SHA-256 {digest}" in Path("tonight/plan.html").read_text(encoding="utf-8")
    assert re.search(r"^de +\d+ ", planned, flags=re.MULTILINE)
    assert re.search(r"^Queries +1[45]\d with known outcomes", evaluated, flags=re.MULTILINE), evaluated
    again = next(text for text in printed if "along a plan" in text)
    assert re.search(r"^Answered +1\d\d queries, 60 of them graded; \d+ are open", again, flags=re.MULTILINE), again
    with open("back3/calls.csv") as file:
        bills = sum(Decimal(row["billed_usd"]) for row in csv.DictReader(file) if row["billed_usd"])
    collected = [text for text in printed if "billed in all" in text]
    assert f"billed in all: {bills.normalize()} US$" in collected[-1]
    assert any(re.search(r"of which \S+ US\$ by other prices", " ".join(text.split())) for text in printed)
    assert "40 on" in printed[-1]
