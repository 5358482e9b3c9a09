"""Which cells the suites are made of."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.cells import parts
from benchmarks.cells.algorithms import VARIANTS
from benchmarks.cells.cell import key_of
from benchmarks.cells.predictors import PREDICTORS
from benchmarks.cells.scaling import ScalingCell
from benchmarks.cells.search import Limit
from benchmarks.suites import ablation, anytime, fair, published, quick, scaling
from benchmarks.suites import base as batches
from benchmarks.suites.base import FAIR, PUBLISHED, PYGMO, Options
from benchmarks.suites.registry import SUITES, find_suite
from optllm_pymoo import make_dataset
from optllm_pymoo.data import Dataset, save_dataset

PLANS = {name: find_suite(name).planned for name in SUITES}


@pytest.fixture
def silent(tmp_path):
    """A data set without texts."""
    save_dataset(Dataset([[1, 2], [1, 3]], [[0, 1], [1, 0]]), tmp_path / "silent")
    return tmp_path / "silent"


def test_all_are_there():
    """The suites of the protocol, each with a line on what it is."""
    assert SUITES[:6] == ("published", "fair", "anytime", "ablation", "scaling", "constraints")
    assert SUITES[6:] == ("compare", "predict", "routers", "speed", "quick")
    assert all(find_suite(name).name == name and find_suite(name).what for name in SUITES)


@pytest.mark.parametrize("name", PLANS)
def test_each_cell_is_there_once(name):
    """No two cells of a plan have one key, and the parts are made of the plan's cells and leave none out."""
    plan = PLANS[name](Options())
    keys = [key_of(cell) for cell in plan.cells]
    assert len(set(keys)) == len(keys) > 0
    assert {key_of(cell) for part in plan.parts.values() for cell in part} == set(keys)


@pytest.mark.parametrize("name", ["published", "fair", "anytime", "ablation", "quick"])
def test_every_algorithm_is_known(name):
    """The lists of algorithms hold names that there are."""
    names = {cell.algorithm for cell in PLANS[name](Options()).cells if hasattr(cell, "algorithm")}
    assert names <= set(VARIANTS)


def test_published_is_of_the_papers_size():
    """Three batches, ten splits, OptLLM and the baselines, 10,000 evaluations, the paper's predictor and α."""
    plan = published.SUITE.planned(Options())
    there = [name for name in ("optllm:walks", *PUBLISHED, *PYGMO) if batches.missing_extra(name) is None]
    assert len(plan.cells) == 3 * 10 * len(there)
    assert {cell.limit for cell in plan.cells} == {Limit(evaluations=10_000)}
    assert {(cell.setting.predictor, cell.setting.labels, cell.alpha) for cell in plan.cells} == {
        ("published", 0.02, 1.0)
    }
    assert {cell.setting.split for cell in plan.cells} == set(range(10))


def test_fair_runs_everybody_under_both_limits():
    """Both limits, five splits, three batches, every algorithm: the product, all on the same tables."""
    plan = fair.SUITE.planned(Options())
    there = [name for name in FAIR if batches.missing_extra(name) is None]
    assert len(plan.cells) == 2 * 5 * 3 * len(there)
    tables = {cell.needs for cell in plan.cells}
    assert len(tables) == 3 * 5


def test_options_are_heeded(silent):
    """Data, algorithms, splits, evaluations and seconds, all at once."""
    options = Options((silent,), ("optllm", "nsga2"), 2, 50, 0.25)
    cells = fair.SUITE.planned(options).cells
    assert {cell.setting.data for cell in cells} == {"silent"}
    assert {cell.algorithm for cell in cells} == {"optllm", "nsga2"}
    assert {cell.setting.split for cell in cells} == {0, 1}
    assert {cell.limit for cell in cells} == {Limit(evaluations=50), Limit(seconds=0.25)}
    assert len(cells) == 2 * 2 * 2


def test_without_texts_nothing_is_predicted(silent):
    """Known outcomes are searched, which a note says, and what needs a predictor is left out of the ablation."""
    plan = ablation.SUITE.planned(Options((silent,)))
    assert all(cell.setting.is_known for cell in plan.cells)
    assert not plan.parts["alpha"]
    assert not plan.parts["labels"]
    assert not plan.parts["predictors"]
    assert plan.parts["n_grid"]
    assert plan.parts["parts"]
    assert any("`silent` has no texts" in note for note in plan.notes)


def test_one_hundredth_of_the_queries_validates():
    """Of 2 % labelled that is one half, the published default; of 6, 11 and 21 % one part in so many."""
    cells = ablation.SUITE.planned(Options()).parts["labels"]
    assert {(cell.setting.labels, cell.setting.predictor) for cell in cells} == {
        (0.02, "published"),
        *((share / 100, f"published:1/{share}") for share in (6, 11, 21)),
    }
    assert PREDICTORS["published:1/11"].build(0).validation_share == 1 / 11


def test_missing_extras_are_noted(monkeypatch):
    """An algorithm whose package isn't there is left out and named; nothing is raised."""
    monkeypatch.setattr(batches, "missing_extra", lambda name: "swarm" if name.startswith("mopso") else None)
    plan = fair.SUITE.planned(Options(algorithms=("optllm", "mopso", "mopso:warm")))
    assert {cell.algorithm for cell in plan.cells} == {"optllm"}
    (note,) = plan.notes
    assert "`mopso`, `mopso:warm`" in note
    assert "optllm-pymoo[swarm]" in note


@pytest.mark.parametrize("name", ["published", "fair", "anytime", "ablation", "quick"])
def test_no_algorithm_can_run(monkeypatch, name):
    """If all that were named need a package that isn't there, the command says so and runs nothing."""
    monkeypatch.setattr(batches, "missing_extra", lambda name: "swarm" if name == "mopso" else None)
    with pytest.raises(ValueError, match=r"none of the algorithms can run here.*optllm-pymoo\[swarm\]"):
        PLANS[name](Options(algorithms=("mopso",)))


@pytest.mark.parametrize(
    ("name", "option"),
    [("published", "seconds"), ("anytime", "seconds"), ("ablation", "seconds"), ("ablation", "evaluations")],
)
def test_options_that_would_be_ignored_are_refused(name, option):
    """By name, before any data is read."""
    with pytest.raises(ValueError, match=f"the suite {name} doesn't use --{option}"):
        PLANS[name](Options(**{option: 3}))


def test_attainment_repeats_the_first_split():
    """Random algorithms search one table as often as there are splits, others once; the first run is shared."""
    plan = anytime.SUITE.planned(Options(algorithms=("optllm", "lambda-sweep"), splits=3))
    repeated = plan.parts["attainment"]
    assert {cell.setting.split for cell in repeated} == {0}
    count = {name: sum(cell.algorithm == name for cell in repeated) for name in ("optllm", "lambda-sweep")}
    assert count == {"optllm": 3 * 3, "lambda-sweep": 3}
    assert len(set(repeated) & set(plan.parts["anytime"])) == 2 * 3


def test_scaling_stops_before_memory_does():
    """With 70 % of memory to be had, what may need more is left out, and told with both numbers."""
    small, large = ScalingCell("front", 1_000, 12), ScalingCell("front", 1_000_000, 12)
    plan = scaling.SUITE.plan_within(large.bytes_needed, iter([small, large]))
    assert plan.cells == (small,)
    (note,) = plan.notes
    assert note.startswith("front at 1,000,000 × 12, float64 was not run: it may need 0.7 GiB, and 0.7 GiB were free")
    enough = scaling.SUITE.plan_within(int(large.bytes_needed / scaling.SHARE_OF_MEMORY) + 1, iter([small, large]))
    assert enough.cells == (small, large)
    assert not enough.notes


def test_what_is_stored_stays_when_memory_is_short():
    """A size that was measured before is neither left out of the table nor said not to have been run."""
    small, large = ScalingCell("front", 1_000, 12), ScalingCell("front", 1_000_000, 12)
    plan = scaling.SUITE.plan_within(large.bytes_needed, iter([small, large]), lambda cell: cell == large)
    assert plan.cells == (small, large)
    assert not plan.notes


def test_scaling_has_no_use_for_options(tmp_path):
    """An option that would be ignored is refused by name."""
    with pytest.raises(ValueError, match="doesn't use --splits"):
        scaling.SUITE.planned(Options(splits=3))
    with pytest.raises(ValueError, match="doesn't use --data"):
        scaling.SUITE.planned(Options((tmp_path,)))


def test_large_tables_are_single_precision():
    """Above a million queries."""
    widths = {cell.n_queries: cell.dtype for cell in scaling.SUITE.cells()}
    assert widths[1_000_000] == "float64"
    assert widths[10_000_000] == "float32"


def test_quick_has_something_of_each():
    """All parts of the other suites, none empty."""
    plan = quick.SUITE.planned(Options())
    assert set(plan.parts) == {
        *("published", "fair", "anytime", "attainment"),
        *("n_grid", "parts", "alpha", "labels", "predictors", "scaling"),
    }
    assert all(plan.parts.values())


def test_two_data_sets_of_one_name_are_refused(tmp_path):
    """Results are kept by name."""
    for parent in ("a", "b"):
        (tmp_path / parent).mkdir()
        save_dataset(make_dataset(20, 3, random_state=0), tmp_path / parent / "batch")
    with pytest.raises(ValueError, match="two data sets are named 'batch'"):
        fair.SUITE.planned(Options((tmp_path / "a" / "batch", tmp_path / "b" / "batch")))


def test_the_docs_list_every_algorithm():
    """Each family of `fair` with its operators and starts, as it is built; none that isn't there."""
    text = (Path(__file__).parents[3] / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1:-1] for line in text.split("## Algorithms")[1].split("## Conditions")[0].splitlines()]
    listed = {}
    for names, _, operators, starts in (row for row in rows if len(row) == 4 and "`" in row[0]):
        variants = [""] + [":published"] * ("categorical, published" in operators)
        ends = ["", ":warm"] if "warm" in starts else [""]
        listed |= {f"{name}{o}{s}": True for name in re.findall("`(.*?)`", names) for o in variants for s in ends}
    assert set(listed) == set(FAIR)


def test_stages_on_parquet_files_find_the_same_step(tmp_path):
    """Two passes over made-up steps, SQL and streaming frames find one step; sizes beyond the disk are left out."""
    pytest.importorskip("pyarrow")
    parts.write_parts(tmp_path / "steps", 5000, 1)
    expected = parts.rate_by_parts(tmp_path / "steps")
    for name, run in parts.STAGES.items():
        if name.startswith("steps") and all(map(find_spec, [x for x in ("duckdb", "polars") if x in name.lower()])):
            assert run(tmp_path / "steps") == expected
    parts.write_parts(tmp_path / "tables", 300, 3)
    assert parts.read_twice(tmp_path / "tables") == 600
    assert [file.name for file in parts.files_in(tmp_path / "tables")] == ["part-00000.parquet"]
    parts.write_texts(tmp_path / "texts", 120, 2)
    assert parts.plan_from_texts(tmp_path / "texts") > 0
    assert len(pd.read_parquet(tmp_path / "texts" / "plan" / "plan.parquet")) == 60, "half of them are labelled"
    cells = list(scaling.SUITE.cells_in_parts((1000, 10**9)))
    plan = scaling.SUITE.plan_within(2**50, cells, lambda cell: False, 2**30)
    assert {cell.n_queries for cell in plan.cells} == {1000}
    assert "GiB on disk" in plan.notes[0]
