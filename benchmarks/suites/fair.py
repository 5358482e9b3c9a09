"""`fair`: every algorithm with every chance, at equal evaluations and at equal seconds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.experiment.search import Limit, SearchCell
from benchmarks.experiment.sources import Source
from benchmarks.splits import Split
from benchmarks.suites.base import Options, Plan
from benchmarks.suites.batches import Protocol, plan_of, searches, sources_of, wanted
from benchmarks.suites.lists import FAIR

EVALUATIONS = 10_000
SECONDS = 5.0
SPLITS = 5
LABELS = 0.05


def protocol(splits: int, /) -> Protocol:
    """Return how accuracies are predicted: by this package's predictor, distinct texts drawn."""
    return Protocol("ours", LABELS, Split.text.value, splits)


def cells(
    sources: Sequence[Source], algorithms: Sequence[str], how: Protocol, limits: Sequence[Limit], /
) -> Iterator[SearchCell]:
    """Yield every algorithm on the same tables, under each limit."""
    for limit in limits:
        for source in sources:
            yield from searches(how.settings(source), algorithms, limit)


def plan(options: Options, /) -> Plan:
    """List the cells for the options given."""
    sources = sources_of(options)
    chosen = wanted(options, FAIR)
    limits = (Limit(evaluations=options.evaluations or EVALUATIONS), Limit(seconds=options.seconds or SECONDS))
    found = cells(sources, chosen.algorithms, protocol(options.splits or SPLITS), limits)
    return plan_of({"fair": found}, sources, chosen.notes)
