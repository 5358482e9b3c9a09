"""Packages of others join: an algorithm, an operator and a suite of a made-up one, installed as any other."""

from __future__ import annotations

import sys
import textwrap

import pytest

from benchmarks import plugins
from benchmarks.cells.algorithms import find_variant, known_algorithms
from benchmarks.runner.run import run_cells
from benchmarks.runner.store import Store
from benchmarks.suites.ablation import SUITE as ABLATION
from benchmarks.suites.base import Options
from benchmarks.suites.fair import SUITE as FAIR
from benchmarks.suites.registry import find_suite, known_suites
from optllm_pymoo import UserError, make_dataset
from optllm_pymoo.data import Dataset, save_dataset

MODULE = """
from benchmarks.cells.algorithms import Variant
from benchmarks.cells.search import Limit, SearchCell
from benchmarks.cells.sources import synthetic_tables
from benchmarks.cells.split import Setting
from benchmarks.report.document import Column, Document, Section, TableBlock
from benchmarks.report.realised import dots_figure, with_ranges
from benchmarks.report.setup import whole_document
from benchmarks.runner.plan import Plan
from benchmarks.suites.base import Suite
from optllm_pymoo.baselines import nsga2
from optllm_pymoo.operators import RandomDestruction

SMALL = Variant(lambda settings: nsga2(pop_size=POP_SIZE), "NSGA-II with a small population")


class Shaken(RandomDestruction):
    '''Destroys more.'''


class Tiny(Suite):
    name, what = "tiny", "one algorithm on one batch"

    def plan(self, options):
        source = synthetic_tables("tied", 20, 3)
        cell = SearchCell(Setting.of(source), "single-llms", Limit(evaluations=10))
        return Plan.of({"tiny": [cell]}, [source])

    def report(self, results, plan):
        frame = results.frame("search")
        ratios = with_ranges(frame, "hypervolume_ratio")
        drawn = dots_figure(ratios, name="tiny", title="Tiny", measure="hypervolume ratio", form=".3f")
        table = TableBlock(frame, [Column("algorithm", "code", "who"), Column("evaluations", "d", "plans")], "Tiny.")
        return whole_document("Tiny", [], results, plan, [Section("All", [drawn, table])], [table])


TINY = Tiny()
"""

ENTRIES = {"small": "SMALL", "shaken": "Shaken", "tiny": "TINY"}


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install the package with a size of the population, and anything else as an entry point."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)

    def installed(pop_size, **entries):
        (site / "made_up_rivals.py").write_text(f"POP_SIZE = {pop_size}\n{textwrap.dedent(MODULE)}")
        info = site / "made_up_rivals-1.0.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: made-up-rivals\nVersion: 1.0\n")
        lines = [f"{name} = {value}" for name, value in entries.items()]
        lines += [f"{name} = made_up_rivals:{what}" for name, what in ENTRIES.items()]
        (info / "entry_points.txt").write_text("\n".join([f"[{plugins.GROUP}]", *lines]))
        sys.modules.pop("made_up_rivals", None)
        plugins.joined.cache_clear()

    yield installed
    sys.modules.pop("made_up_rivals", None)
    plugins.joined.cache_clear()


@pytest.mark.slow
def test_an_algorithm_joins_fair_and_alone_is_measured_anew(install, tmp_path):
    """In two worker processes and on a local Dask cluster; after a change of its parameter no other is measured."""
    pytest.importorskip("distributed", reason="needs dask and distributed (extra: dask)")
    batch = make_dataset(30, 3, random_state=0)
    save_dataset(Dataset(batch.cost, batch.correct), tmp_path / "few")  # without texts nothing is predicted
    install(pop_size=10)
    assert "small" in {cell.algorithm for cell in FAIR.planned(Options()).cells}
    options = Options((tmp_path / "few",), ("small", "single-llms"), 1, 30, 0.01)

    def run(**where):
        plan = FAIR.planned(options)
        return run_cells(plan.cells, datasets=plan.datasets, store=Store(tmp_path / "cells"), **where)

    first = run(jobs=2)
    assert not first.failed
    assert {cell.algorithm for cell in first.done if cell.kind == "search"} == {"small", "single-llms"}
    assert not run().done
    install(pop_size=20)
    again = run(jobs=1, dask="local")
    assert not again.failed
    assert {cell.algorithm for cell in again.done} == {"small"}
    assert len(again.done) == 2


def test_operators_and_suites_join(install, tmp_path):
    """An operator is a variant of OptLLM in the ablation; a suite of one file has table and picture."""
    install(pop_size=10)
    assert find_variant("optllm:shaken").what == "OptLLM's walks with Shaken"
    assert "optllm:shaken" in {cell.algorithm for cell in ABLATION.planned(Options()).parts["parts"]}
    assert "tiny" in known_suites()
    suite = find_suite("tiny")
    plan = suite.planned(Options())
    from benchmarks.report.writer import write_report
    from benchmarks.runner.results import Results

    store = Store(tmp_path / "cells")
    run_cells(plan.cells, datasets=plan.datasets, store=store)
    write_report(suite.report(Results(plan.cells, store), plan), tmp_path / "out")
    report = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "![Tiny](figures/tiny.svg)" in report
    assert "| `single-llms` | 3 |" in report


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"broken": "made_up_rivals:GONE"}, "entry point 'broken' .* can't be loaded: .* mend or uninstall"),
        ({"absent": "no_such_module:X"}, "can't be loaded: No module named 'no_such_module'"),
        ({"nsga2": "made_up_rivals:SMALL"}, "entry point 'nsga2' .* has a name of our own; rename it"),
        ({"a|b": "made_up_rivals:SMALL"}, "its name may have letters A-Z, digits"),
        ({"number": "made_up_rivals:POP_SIZE"}, "leads to a int; expected a Suite, Variant or Recipe"),
    ],
)
def test_what_can_not_join_is_refused(install, entries, message):
    """By name and in words, with what to do."""
    install(10, **entries)
    with pytest.raises(UserError, match=message):
        (known_algorithms(), known_suites())
