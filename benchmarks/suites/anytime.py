"""`anytime`: how good each algorithm is at which moment of its run."""

from __future__ import annotations

from benchmarks.experiment.search import Limit
from benchmarks.suites import fair
from benchmarks.suites.base import Options, Plan
from benchmarks.suites.batches import available, plan_of, sources_of
from benchmarks.suites.lists import ANYTIME

SPLITS = 5


def plan(options: Options, /) -> Plan:
    """List the cells for the options given: those of `fair` at equal evaluations, whose traces tell the rest."""
    sources = sources_of(options)
    chosen = available(options.algorithms or ANYTIME)
    limit = Limit(evaluations=options.evaluations or fair.EVALUATIONS)
    found = fair.cells(sources, chosen.algorithms, fair.protocol(options.splits or SPLITS), (limit,))
    return plan_of(found, sources, chosen.notes)
