"""`anytime`: how good each algorithm is at which moment of its run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.experiment.search import Limit, SearchCell
from benchmarks.experiment.sources import Source
from benchmarks.suites import fair
from benchmarks.suites.base import Options, Plan
from benchmarks.suites.batches import plan_of, refuse_options, searches, sources_of, wanted
from benchmarks.suites.lists import ANYTIME

SPLITS = 5


def repeated(source: Source, algorithms: Sequence[str], repetitions: int, evaluations: int, /) -> Iterator[SearchCell]:
    """Yield several searches of one table, that of the first split: attainment is about one problem."""
    setting = next(fair.protocol(1).settings(source))
    yield from searches([setting], algorithms, Limit(evaluations=evaluations), repetitions=repetitions)


def plan(options: Options, /) -> Plan:
    """List the cells for the options given: those of `fair` at equal evaluations, whose traces tell the rest.

    Raises:
        ValueError: Seconds are given, of which this suite makes no use.
    """
    refuse_options(options, "anytime", ("seconds",))
    sources = sources_of(options)
    chosen = wanted(options, ANYTIME)
    evaluations, splits = options.evaluations or fair.EVALUATIONS, options.splits or SPLITS
    limits = (Limit(evaluations=evaluations),)
    parts = {
        "anytime": list(fair.cells(sources, chosen.algorithms, fair.protocol(splits), limits)),
        "attainment": [cell for source in sources for cell in repeated(source, chosen.algorithms, splits, evaluations)],
    }
    return plan_of(parts, sources, chosen.notes)
