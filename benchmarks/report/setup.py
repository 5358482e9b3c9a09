"""The report's section on the run: data sets, algorithms, limits, machines; left out, failed and missing cells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from benchmarks.cells.algorithms import find_variant
from benchmarks.cells.search import SearchCell
from benchmarks.report.document import Block, Code, Column, Details, Document, Section, TableBlock, Text, bullets
from benchmarks.report.text import escape, listed
from benchmarks.runner.plan import Plan
from benchmarks.runner.results import Results
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


def whole_document(
    title: str,
    sentences: Sequence[str],
    results: Results,
    plan: Plan,
    sections: Sequence[Section],
    printed: Sequence[TableBlock] = (),
) -> Document:
    """Make a report: results first, the list of what was run last.

    Args:
        title: Plain text.
        sentences: Sentences in Markdown for the top.
        results: Stored outcomes of the plan.
        plan: The plan of the run.
        sections: Sections between; those with the pictures that answer the report's question come first.
        printed: Tables for the terminal.
    """
    missing = completeness(results) if results.missing() else []
    summary = bullets([*missing, *sentences]).markdown or "What was run, and what came of it."
    return Document(title, summary, [*sections, setup_section(results, plan)], printed)


def setup_section(results: Results, plan: Plan, /) -> Section:
    """List what was run, with which versions, and what was not run."""
    searches = [cell for cell in plan.cells if isinstance(cell, SearchCell)]
    what: list[str] = []
    if searches:
        tables = {}
        for cell in searches:
            setting, drawn = cell.setting, {"random": "rows", "text": "distinct texts", "group": "groups"}
            predicted = (
                f"predicted by `{setting.predictor}` from {100 * setting.labels:g} % of the {drawn[setting.drawn]}"
            )
            tables["known outcomes" if setting.is_known else predicted] = True
        n_data, n_splits = len(plan.datasets), len({cell.setting.split for cell in searches})
        limits = dict.fromkeys(str(cell.limit) for cell in searches)
        what = [
            f"{len(searches):,} searches: {len({cell.algorithm for cell in searches})} algorithms on {n_data} data"
            f" set{'s' * (n_data != 1)}, {n_splits} split{'s' * (n_splits != 1)} of each.",
            f"Limits of a search: {listed(limits, '; ')}.",
            f"Searched tables: {listed(tables, '; ')}.",
        ]
    blocks: list[Block] = [bullets([*what, *completeness(results), *plan.notes])]
    if plan.datasets:
        caption = "Data sets, and the best single LLM on all queries."
        blocks.append(TableBlock(datasets_table(plan.datasets, results), DATA_COLUMNS, caption))
    names = list(dict.fromkeys(cell.algorithm for cell in searches))
    if names:
        table = pd.DataFrame([(name, find_variant(name).what) for name in names], columns=["algorithm", "what"])
        caption = f"The {len(names)} algorithms."
        blocks.append(Details(caption, [TableBlock(table, ALGORITHM_COLUMNS, caption, n_left=2)]))
    found = results.provenance()
    lines = [f"{kind.capitalize()}: {escape('; '.join(values))}." for kind, values in found.items() if values]
    lines = [*lines, *map(escape, results.warnings())] or ["Nothing is measured yet."]
    blocks.append(Details("Versions, machine and revision", [bullets(lines)]))
    ran = [failure for failure in results.failed if failure.was_run]
    if results.failed:
        failed = f"**{len(ran)} cell{'s' * (len(ran) != 1)} failed**"
        rest = f"{len(results.failed) - len(ran)} that need them were not run. The others are not affected."
        blocks.append(Text(f"{failed}, and {rest}"))
        blocks += [Details(f"{failure.cell.title()}: {failure.reason}", [Code(failure.text)]) for failure in ran]
    return Section("What was run", blocks)


def completeness(results: Results, /) -> list[str]:
    """Return a sentence on how much of the plan is measured, and how to continue."""
    missing = results.missing()
    n_failed = sum(failure.was_run for failure in results.failed)
    total = len(results.cells()) + len(missing)
    if not missing:
        return [f"All {total:,} cells are measured."]
    summary = ", ".join(f"{n:,} of kind {kind}" for kind, n in Counter(cell.kind for cell in missing).items())
    failed = f" {n_failed:,} of them failed." if n_failed else " The run was stopped."
    return [
        f"**Incomplete: {len(missing):,} of {total:,} cells are missing** ({summary}).{failed}"
        " The same command continues from here; tables show the cells that are done."
    ]


def datasets_table(datasets: Mapping[str, Callable[[], Dataset]], results: Results, /) -> pd.DataFrame:
    """Return a row per data set: its size, how many queries were labelled and planned, and its best single LLM."""
    tables = results.frame("table")
    rows = []
    for name, read in datasets.items():
        dataset = read()
        accuracy, cost = dataset.correct.mean(axis=0), dataset.cost.sum(axis=0)
        best = int(np.lexsort((cost, -accuracy))[0])
        known: dict[str, object] = {"data": name, "n_queries": len(dataset.cost), "n_llms": dataset.cost.shape[1]}
        counts = {"labelled": "–", "planned": f"{len(dataset.cost):,}"}
        of = tables[tables["data"] == name] if "data" in tables else tables
        if len(of):
            ends = {count: (of[f"n_{count}"].min(), of[f"n_{count}"].max()) for count in counts}
            counts = {
                c: f"{low:,.0f}" if low == high else f"{low:,.0f} to {high:,.0f}" for c, (low, high) in ends.items()
            }
        best_of = {"best_llm": dataset.llms[best], "best_accuracy": accuracy[best], "best_cost": cost[best]}
        rows.append({**known, **counts, **best_of})
    return pd.DataFrame(rows)
