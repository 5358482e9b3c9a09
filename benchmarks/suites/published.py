"""`published`: the paper's protocol, as far as the data allow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.experiment.search import Limit, SearchCell
from benchmarks.experiment.sources import Source
from benchmarks.splits import Split
from benchmarks.suites.base import Options, Plan
from benchmarks.suites.batches import Protocol, plan_of, refuse_options, searches, sources_of, wanted
from benchmarks.suites.lists import PUBLISHED, PYGMO

EVALUATIONS = 10_000
"""Population 100, 100 generations."""

SPLITS = 10

N_GRID = 50

ALPHA = 1.0
"""Robust accuracies steer the downward walk."""

LABELS = 0.02
"""1 % to train on and 1 % to validate with."""


def protocol(splits: int, /, *, labels: float = LABELS) -> Protocol:
    """Return the paper's way to predict: its predictor, rows drawn at random."""
    return Protocol("published", labels, Split.random.value, splits)


def cells(
    sources: Sequence[Source], algorithms: Sequence[str], how: Protocol, evaluations: int, /
) -> Iterator[SearchCell]:
    """Yield OptLLM as published, once it ends by itself, and the baselines."""
    for source in sources:
        yield from searches(
            how.settings(source), algorithms, Limit(evaluations=evaluations), n_grid=N_GRID, alpha=ALPHA
        )


def plan(options: Options, /) -> Plan:
    """List the cells for the options given.

    Raises:
        ValueError: Seconds are given, of which this suite makes no use.
    """
    refuse_options(options, "published", ("seconds",))
    sources = sources_of(options)
    chosen = wanted(options, ("optllm:walks", *PUBLISHED, *PYGMO))
    how = protocol(options.splits or SPLITS)
    found = cells(sources, chosen.algorithms, how, options.evaluations or EVALUATIONS)
    return plan_of({"published": found}, sources, chosen.notes)
