"""What was run: data sets, algorithms, limits, machines; what was left out, what failed, what is missing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from benchmarks.cells.algorithms import find_variant
from benchmarks.cells.search import SearchCell
from benchmarks.report.document import Block, Code, Column, Details, Section, TableBlock, Text, bullets
from benchmarks.report.text import escape
from benchmarks.runner.results import Results
from benchmarks.suites.base import Plan
from optllm_pymoo.data import Dataset

DATA_COLUMNS = (
    Column("data", "code", "data set"),
    Column("n_queries", ",d", "queries N"),
    Column("n_llms", ",d", "LLMs M"),
    Column("labelled", "", "labelled"),
    Column("planned", "", "planned"),
    Column("best_llm", "code", "best single LLM"),
    Column("best_accuracy", ".4f", "its accuracy"),
    Column("best_cost", ",.4g", "its cost, US$"),
)
ALGORITHM_COLUMNS = (Column("algorithm", "code", "algorithm"), Column("what", "", "what it is"))


def setup_section(results: Results, plan: Plan, /) -> Section:
    """Tell what was run, with what, and what was not."""
    blocks: list[Block] = [bullets([*_what(plan), *completeness(results, plan), *plan.notes])]
    if plan.datasets:
        blocks.append(
            TableBlock(
                datasets_table(plan.datasets, results),
                DATA_COLUMNS,
                "Data sets, and the best single LLM on all queries.",
            )
        )
    names = list(dict.fromkeys(cell.algorithm for cell in plan.cells if isinstance(cell, SearchCell)))
    if names:
        table = pd.DataFrame([(name, find_variant(name).what) for name in names], columns=["algorithm", "what"])
        caption = f"The {len(names)} algorithms."
        blocks.append(Details(caption, [TableBlock(table, ALGORITHM_COLUMNS, caption, n_left=2)]))
    blocks.append(Details("Versions, machine and revision", [bullets(_provenance(results))]))
    return Section("What was run", [*blocks, *_failures(results)])


class Told(NamedTuple):
    """What a report says about cells."""

    total: int
    missing: int = 0
    failed: int = 0
    """Of those that are missing."""


def completeness(results: Results, plan: Plan, /) -> list[str]:
    """Say how much of the plan is measured, and what to do about the rest."""
    missing = results.missing()
    n_failed = sum(failure.was_run for failure in results.failed)
    total = len(results.cells()) + len(missing)
    if not missing:
        return [f"All {total:,} cells are measured."]
    kinds = Counter(cell.kind for cell in missing)
    told = ", ".join(f"{n:,} of kind {kind}" for kind, n in kinds.items())
    failed = f" {n_failed:,} of them failed." if n_failed else " The run was stopped."
    return [
        f"**Incomplete: {len(missing):,} of {total:,} cells are missing** ({told}).{failed}"
        " The same command goes on from here; tables show what there is."
    ]


def completeness_in(report: str, /) -> Told | None:
    """Read from a report in Markdown what `completeness` wrote into it; None if it isn't there."""
    whole = re.search(r"^\* All ([\d,]+) cells are measured\.$", report, re.MULTILINE)
    if whole:
        return Told(_number(whole[1]))
    part = re.search(
        r"^\* \*\*Incomplete: ([\d,]+) of ([\d,]+) cells are missing\*\* \([^)]*\)\.(?: ([\d,]+) of them failed)?",
        report,
        re.MULTILINE,
    )
    return Told(_number(part[2]), _number(part[1]), _number(part[3] or "0")) if part else None


def _number(digits: str) -> int:
    return int(digits.replace(",", ""))


def datasets_table(datasets: Mapping[str, Callable[[], Dataset]], results: Results, /) -> pd.DataFrame:
    """Return a row per data set: its size, how many queries were labelled and planned, and its best single LLM."""
    tables = results.frame("table")
    return pd.DataFrame([_data_row(name, read(), tables) for name, read in datasets.items()])


def _data_row(name: str, dataset: Dataset, tables: pd.DataFrame) -> dict[str, object]:
    accuracy, cost = dataset.correct.mean(axis=0), dataset.cost.sum(axis=0)
    best = int(np.lexsort((cost, -accuracy))[0])
    rows = tables[tables["data"] == name] if "data" in tables else tables
    known = {"labelled": "–", "planned": f"{len(dataset.cost):,}"}
    counts = {c: _span(rows[f"n_{c}"]) for c in ("labelled", "planned")} if len(rows) else known
    best_of = {"best_llm": dataset.llms[best], "best_accuracy": accuracy[best], "best_cost": cost[best]}
    return {"data": name, "n_queries": len(dataset.cost), "n_llms": dataset.cost.shape[1], **counts, **best_of}


def _span(values: pd.Series) -> str:
    low, high = int(values.min()), int(values.max())
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _what(plan: Plan) -> list[str]:
    searches = [cell for cell in plan.cells if isinstance(cell, SearchCell)]
    if not searches:
        return []
    limits = list(dict.fromkeys(str(cell.limit) for cell in searches))
    splits = len({cell.setting.split for cell in searches})
    tables = list(dict.fromkeys(_predicted(cell) for cell in searches))
    return [
        f"{len(searches):,} searches: {len({cell.algorithm for cell in searches})} algorithms on"
        f" {_counted(len(plan.datasets), 'data set')}, {_counted(splits, 'split')} of each.",
        f"Limits of a search: {_listed(limits)}.",
        f"Searched tables: {_listed(tables)}.",
    ]


def _predicted(cell: SearchCell) -> str:
    setting = cell.setting
    if setting.is_known:
        return "known outcomes"
    drawn = {"random": "rows", "text": "distinct texts", "group": "groups"}[setting.drawn]
    return f"predicted by `{setting.predictor}` from {100 * setting.labels:g} % of the {drawn}"


def _counted(n: int, what: str) -> str:
    return f"{n} {what}{'s' * (n != 1)}"


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    return " and ".join(filter(None, ["; ".join(names[:-1]), *names[-1:]]))


def _provenance(results: Results) -> list[str]:
    found = results.provenance()
    lines = [f"{kind.capitalize()}: {escape('; '.join(values))}." for kind, values in found.items() if values]
    return [*lines, *map(escape, results.warnings())] or ["Nothing is measured yet."]


def _failures(results: Results) -> list[Block]:
    ran = [failure for failure in results.failed if failure.was_run]
    if not results.failed:
        return []
    told = Text(
        f"**{_counted(len(ran), 'cell')} failed**, and {len(results.failed) - len(ran)} that need them were not run."
        " The others are not affected."
    )
    return [told, *(Details(f"{f.cell.title()}: {f.reason}", [Code(f.text)]) for f in ran)]
