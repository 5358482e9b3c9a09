"""Needed cells come first, each once; whatever fails takes down only those that need it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest

from benchmarks.cells.cell import key_of
from benchmarks.cells.quotas import quota_search
from benchmarks.cells.rows import RowsCell
from benchmarks.cells.single import optimum
from benchmarks.runner.schedule import Expectation, Schedule, closure, group_of
from tests.benchmarks.runner.made_up import Alone, Failing, InNeed, Leaf, MadeUp, Top


def _schedule(*cells, done=(), seconds=lambda cell: 1.0):
    return Schedule(closure(cells), {key_of(cell) for cell in done}, seconds)


def _taken(schedule, *, exclusive=False):
    taken = []
    while (cell := schedule.take(exclusive=exclusive)) is not None:
        taken.append(cell)
    return taken


def test_closure():
    """The needs of needs are found, each cell comes once and behind its needs."""
    cells = list(closure([Top(0), Leaf(1), Top(0), Top(1)]).values())
    assert cells == [MadeUp(0), *map(Leaf, range(4)), Top(0), MadeUp(1), *map(Leaf, range(4, 8)), Top(1)]


def test_nothing_to_do():
    """No cells: nothing is ready."""
    assert closure([]) == {}
    assert not _schedule().has_ready(exclusive=False)


@dataclass(frozen=True)
class Circular(MadeUp):
    """Needs its neighbour, which needs it."""

    kind: ClassVar[str] = "circular"

    @property
    def needs(self):
        return (Circular(1 - self.place),)


def test_a_circle_is_refused():
    """Cells that need one another can't be put in order."""
    with pytest.raises(ValueError, match="cell 'circular 0' needs itself"):
        closure([Circular(0)])


def test_cells_become_ready():
    """A cell is handed out once all its needs are done, not before, and once."""
    schedule = _schedule(Top(0))
    assert _taken(schedule) == [MadeUp(0)]
    schedule.finish(MadeUp(0))
    assert _taken(schedule) == [Leaf(0), Leaf(1), Leaf(2), Leaf(3)]
    for place in (2, 0, 3):
        schedule.finish(Leaf(place))
        assert _taken(schedule) == []
    schedule.finish(Leaf(1))
    assert _taken(schedule) == [Top(0)]


def test_what_is_done_is_not_handed_out():
    """Stored cells are skipped, and count as met needs."""
    assert _taken(_schedule(Top(0), done=[MadeUp(0), Leaf(0), Leaf(2)])) == [Leaf(1), Leaf(3)]


def test_the_longest_way_comes_first():
    """Seconds of a cell and of what waits for it decide; by hand: root 0 leads to 1 + 2 + 4, alone leaf 9 takes 8."""
    seconds = {"root": 1.0, "leaf": 2.0, "top": 4.0}
    lone = MadeUp(50), MadeUp(51)
    schedule = _schedule(*lone, Top(0), seconds=lambda cell: 8.0 if cell == lone[1] else seconds[cell.kind])
    assert _taken(schedule) == [MadeUp(51), MadeUp(0), MadeUp(50)]


def test_exclusive_cells_are_apart():
    """They are handed out only when asked for."""
    schedule = _schedule(Alone(0), MadeUp(0))
    assert _taken(schedule) == [MadeUp(0)]
    assert schedule.has_ready(exclusive=True)
    assert _taken(schedule, exclusive=True) == [Alone(0)]


def test_failures_take_down_their_dependents_once():
    """Two roots of a tree fail: each dependent is named once, and never handed out."""
    schedule = _schedule(Top(0), Top(1), InNeed(0))
    assert schedule.fail(MadeUp(0)) == [*map(Leaf, range(4)), Top(0), InNeed(0)]
    assert schedule.fail(Failing(0)) == []
    schedule.finish(MadeUp(1))
    assert {cell.kind for cell in _taken(schedule)} == {"root", "leaf", "failing"}


def test_expected_seconds():
    """The mean of the group; of the kind where the group is new; unknown where the kind is new."""
    expectation = Expectation.of([(Leaf(0), 1.0), (Leaf(1), 3.0), (Top(0), 5.0)])
    leaf, other, root = group_of(Leaf(9)), ("leaf", "new algorithm", "new data"), group_of(MadeUp(0))
    assert [expectation.seconds(group) for group in (leaf, other, root)] == [2.0, 2.0, None]
    assert expectation.any_seconds(root) == 3.0
    assert expectation.total({leaf: 2, root: 3}) == (4.0, 3)
    assert Expectation().any_seconds(root) == 1.0


def test_what_is_measured_makes_a_difference():
    """A measurement that was never seen is unknown, however long others of its kind took."""
    quick, slow = RowsCell.of(optimum), RowsCell.of(quota_search)
    expectation = Expectation.of([(quick, 1.0)])
    assert expectation.total({group_of(quick): 3, group_of(slow): 2}) == (3.0, 2)
