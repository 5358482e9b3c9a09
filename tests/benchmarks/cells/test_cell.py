"""Cells are seeded by their descriptions alone, and stored by them and by what they measure."""

from __future__ import annotations

import importlib
import json
import pickle
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from benchmarks.cells.algorithms import VARIANTS
from benchmarks.cells.cell import Cell, Outcome, canonical, key_of, seed_of
from benchmarks.cells.definition import Built, definition_of
from benchmarks.cells.predictors import PREDICTORS
from benchmarks.cells.scaling import ScalingCell
from benchmarks.cells.search import Limit, SearchCell
from benchmarks.cells.table import FeatureCell, TableCell
from optllm_pymoo import OptLLM
from optllm_pymoo.baselines import nsga2
from optllm_pymoo.operators import RandomDestruction
from tests.benchmarks.cells.bench import (
    BENCH,
    CELLS,
    LIMIT,
    OTHERS,
    QUESTIONS,
    SETTING,
    TABLES,
    Bench,
    digests,
)
from tests.processes import run_fresh


@dataclass(frozen=True)
class Described(Cell):
    """As much of a cell as keys look at."""

    kind: ClassVar[str] = "described"
    value: Any

    def description(self) -> dict[str, Any]:
        """Return the one value."""
        return {"value": self.value}

    def title(self) -> str:
        """Return the value."""
        return str(self.value)

    def measure(self) -> Outcome:
        """Measure nothing."""
        return Outcome({})


SEARCH = SearchCell(SETTING, "nsga2", LIMIT)

CHANGES = {
    "data": replace(SEARCH, setting=SETTING._replace(data="other")),
    "fingerprint": replace(SEARCH, setting=SETTING._replace(fingerprint="0")),
    "predictor": replace(SEARCH, setting=SETTING._replace(predictor="unshrunk")),
    "labels": replace(SEARCH, setting=SETTING._replace(labels=0.2)),
    "drawn": replace(SEARCH, setting=SETTING._replace(drawn="random")),
    "split": replace(SEARCH, setting=SETTING._replace(split=1)),
    "algorithm": replace(SEARCH, algorithm="moead"),
    "max_evaluations": replace(SEARCH, limit=Limit(evaluations=251)),
    "max_seconds": replace(SEARCH, limit=Limit(seconds=250)),
    "n_grid": replace(SEARCH, n_grid=51),
    "alpha": replace(SEARCH, alpha=0.5),
    "repetition": replace(SEARCH, repetition=1),
    "seed": replace(SEARCH, seed=1),
}


@pytest.mark.parametrize("name", CHANGES)
def test_one_changed_field_is_another_cell(name: str) -> None:
    """Key and seed change with every entry of a description, and there is no entry that isn't tried here."""
    assert {*SEARCH.description(), "seed"} == set(CHANGES)
    assert key_of(CHANGES[name]) != key_of(SEARCH)
    assert seed_of(CHANGES[name]) != seed_of(SEARCH)


def test_equal_descriptions_are_equal_keys() -> None:
    """An equal cell has the key, also if a number is written as another type; a text of digits is something else."""
    assert key_of(replace(SEARCH)) == key_of(SEARCH)
    assert key_of(replace(SEARCH, alpha=0)) == key_of(SEARCH)
    for value in (2, 2.0, np.float64(2.0)):
        assert canonical(Described(value)) == '{"kind":"described","value":2}'
    assert canonical(Described(-0.0)) == canonical(Described(0))
    assert len({key_of(Described(value)) for value in (2, "2", 2.5, None, "", True)}) == 6


def test_kinds_with_equal_fields_differ() -> None:
    """The table of a setting and the features of its data aren't each other's, nor of another data set."""
    keys = [key_of(cell) for cell in (*CELLS, *OTHERS, TableCell(SETTING._replace(fingerprint="0")))]
    assert len(set(keys)) == len(keys)
    assert FeatureCell("a", "1").description() == FeatureCell("a", "1").description()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_equal_nothing_are_refused(value: float) -> None:
    """NaN and infinity have no place in JSON."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        key_of(Described(value))


def test_numpy_integers_are_refused() -> None:
    """A description holds plain values."""
    with pytest.raises(TypeError, match="int64"):
        key_of(Described(np.int64(1)))


@pytest.mark.parametrize("cell", [*CELLS, *OTHERS], ids=lambda cell: cell.title())
def test_cells_travel(cell: Any) -> None:
    """They survive pickling, can be put into sets, and describe themselves in plain values and one line."""
    copy = pickle.loads(pickle.dumps(cell))
    assert copy == cell
    assert {cell, copy} == {cell}
    assert key_of(copy) == key_of(cell)
    assert 0 <= seed_of(cell) < 1 << 32
    assert len(key_of(cell)) == 20
    assert {type(value) for value in cell.description().values()} <= {int, float, str, bool, type(None)}
    assert "\n" not in cell.title()


def test_reproducible_and_exclusive_by_declaration() -> None:
    """A race against the clock isn't reproducible; measuring the machine needs it alone."""
    assert all(cell.is_reproducible and not cell.is_exclusive for cell in CELLS)
    timed, scaling = OTHERS
    assert not timed.is_reproducible
    assert scaling.is_exclusive
    assert not ScalingCell("front", 10, 2).is_reproducible


def test_same_in_a_fresh_process_and_in_any_order() -> None:
    """Keys, seeds, measures and arrays are the same with another hash seed, and with the cells the other way round."""
    here = digests(BENCH, CELLS)
    again = Bench(QUESTIONS, TABLES)
    again.outcomes[key_of(CELLS[0])] = BENCH.outcome(CELLS[0])  # the fresh process computes it again
    assert digests(again, CELLS[::-1]) == here
    code = (
        "import json; from tests.benchmarks.cells.bench import BENCH, CELLS, digests; "
        "print(json.dumps(digests(BENCH, CELLS[::-1])))"
    )
    assert json.loads(run_fresh(code).splitlines()[-1]) == here


def test_what_is_defined_otherwise_is_another_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    """An algorithm's parameter changes its key, not its seed, and no other's; a predictor's, all on its table."""
    other, table = replace(SEARCH, algorithm="optllm"), TableCell(SETTING)
    before = [key_of(cell) for cell in (SEARCH, other, table)]
    variant = VARIANTS["nsga2"]
    monkeypatch.setitem(VARIANTS, "nsga2", variant._replace(make=lambda settings: nsga2(pop_size=20)))
    assert [key_of(cell) for cell in (other, table)] == before[1:]
    assert key_of(SEARCH) != before[0]
    assert seed_of(SEARCH) == seed_of(replace(SEARCH))
    monkeypatch.setitem(VARIANTS, "nsga2", variant)
    assert key_of(SEARCH) == before[0]
    monkeypatch.setitem(PREDICTORS, "constants", PREDICTORS["ours"])
    assert not set(before) & {key_of(cell) for cell in (SEARCH, other, table)}


def test_definitions_look_at_sources_and_parameters() -> None:
    """Same parameters, same digits; a parameter deep inside, a default, a closure or another body changes them."""

    def maker(size: int, share: float = 0.5) -> Any:
        return lambda: (size, share)

    found = [
        definition_of(Built(nsga2, ())),
        definition_of(Built(OptLLM)),
        definition_of(Built(lambda: OptLLM(destruction_up=RandomDestruction(0.1)))),
        definition_of(Built(lambda: OptLLM(destruction_up=RandomDestruction(0.2)))),
        definition_of(maker(1)),
        definition_of(maker(2)),
        definition_of(maker),
        definition_of(Described),
    ]
    assert len(set(found)) == len(found)
    assert definition_of(maker(1)) == found[4]
    assert definition_of(Built(nsga2, ())) == found[0]


def test_words_about_a_class_do_not_change_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another docstring or comment leaves the definition as it is; another line of code doesn't."""
    monkeypatch.syspath_prepend(tmp_path)
    found = []
    for words, code in [("One.", "return 1"), ("Two.", "return 1  # one"), ("One.", "return 2")]:
        lines = ["class Rival:", f'    """{words}"""', "", "    def do(self):", f"        {code}", ""]
        (tmp_path / "made_up_rival.py").write_text("\n".join(lines))
        importlib.invalidate_caches()
        sys.modules.pop("made_up_rival", None)
        found.append(definition_of(importlib.import_module("made_up_rival").Rival))
    assert found[0] == found[1] != found[2]
