"""Layout of the comparison."""

from __future__ import annotations

from rich.console import Console

from benchmarks.cells.algorithms import DEFAULT
from benchmarks.head_to_head import Run, summarise
from benchmarks.report.document import COLUMNS, markdown_comparison, rich_comparison


def _summary():
    """A failed run, and the default algorithms with large numbers, the later the better."""
    numbers = {"evaluations": 10_000, "distinct_plans": 2_498, "seconds": 99.5, "peak_rss_mib": 999.0}
    measures = {"additive_epsilon": 2.3948, "igd_plus": 2.1295, "spread": 0.98, "result_hypervolume_ratio": 0.5}
    runs = [
        Run("batch", name, 1, 50, 10_000, hypervolume_ratio=k / 100, **measures, **numbers)
        for k, name in enumerate(DEFAULT)
    ]
    return summarise([Run("batch", "broken", 1, 50, 10_000, error="ValueError: no"), *runs]).droplevel("data")


def test_it_fits_into_80_columns():
    """On a plain terminal no number is cut off: no ellipsis, one line per algorithm."""
    console = Console(width=80)
    with console.capture() as captured:
        console.print(rich_comparison("batch", _summary()))
    text = captured.get()
    assert "…" not in text
    for name in DEFAULT:
        (line,) = [line for line in text.splitlines() if line.split()[:1] == [name]]
        assert line.split()[-3:] == ["10,000", "99.500", "999"]


def test_rows_are_ranked():
    """The best comes first, what failed last, with as many cells as there are columns."""
    head, rule, *rows = markdown_comparison(_summary()).splitlines()
    names = [row.split("`")[1] for row in rows]
    assert names == [*reversed(DEFAULT), "broken"]
    assert {line.count("|") for line in (head, rule, *rows)} == {len(COLUMNS) + 2}
