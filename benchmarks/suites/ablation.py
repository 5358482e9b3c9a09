"""`ablation`: what each part and each setting of OptLLM is good for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.experiment.search import Limit, SearchCell
from benchmarks.experiment.sources import Source
from benchmarks.experiment.split import Setting
from benchmarks.splits import Split
from benchmarks.suites import published
from benchmarks.suites.base import Options, Plan
from benchmarks.suites.batches import Protocol, available, plan_of, searches, sources_of
from benchmarks.suites.lists import WALKS

SPLITS = 3

N_GRIDS = (10, 50, 100, 200)
ALPHAS = (-1.0, 0.0, 1.0)
LABELS = (0.02, 0.06, 0.11, 0.21)
"""The paper's 1, 5, 10 and 20 % to train on, and 1 % to validate with."""

OURS, UNSHRUNK, PUBLISHED, CONSTANTS = "ours", "unshrunk", "published", "constants"
PREDICTORS = (OURS, UNSHRUNK, CONSTANTS)
"""Beside the published one."""

ENDS_BY_ITSELF = Limit(evaluations=published.EVALUATIONS)


def n_grids(settings: Sequence[Setting], /) -> Iterator[SearchCell]:
    """Yield the searches that differ in ``n_grid``."""
    for n_grid in N_GRIDS:
        yield from searches(settings, ("optllm:walks",), ENDS_BY_ITSELF, n_grid=n_grid, alpha=published.ALPHA)


def alphas(settings: Sequence[Setting], /) -> Iterator[SearchCell]:
    """Yield the searches that differ in α."""
    for alpha in ALPHAS:
        yield from searches(settings, ("optllm:walks",), ENDS_BY_ITSELF, alpha=alpha)


def parts(settings: Sequence[Setting], algorithms: Sequence[str], /) -> Iterator[SearchCell]:
    """Yield the searches with parts taken out or exchanged; without the search, single LLMs remain."""
    yield from searches(settings, algorithms, ENDS_BY_ITSELF)


def label_shares(source: Source, splits: int, shares: Sequence[float] = LABELS, /) -> Iterator[SearchCell]:
    """Yield the searches that differ in the labelled share."""
    for share in shares:
        how = published.protocol(splits, labels=share)
        yield from searches(list(how.settings(source)), ("optllm:walks",), ENDS_BY_ITSELF, alpha=published.ALPHA)


def predictors(source: Source, splits: int, /) -> Iterator[SearchCell]:
    """Yield the searches that differ in the predictor, on the paper's splits."""
    for predictor in PREDICTORS:
        how = Protocol(predictor, published.LABELS, Split.random.value, splits)
        yield from searches(list(how.settings(source)), ("exact",), ENDS_BY_ITSELF)


def cells(
    sources: Sequence[Source], algorithms: Sequence[str], splits: int, shares: Sequence[float] = LABELS, /
) -> Iterator[SearchCell]:
    """Yield all of them."""
    for source in sources:
        settings = list(published.protocol(splits).settings(source))
        yield from n_grids(settings)
        yield from parts(settings, algorithms)
        if source.has_texts:
            yield from alphas(settings)
            yield from label_shares(source, splits, shares)
            yield from predictors(source, splits)


def plan(options: Options, /) -> Plan:
    """List the cells for the options given."""
    sources = sources_of(options)
    chosen = available(options.algorithms or (*WALKS, "single-llms", "random-search"))
    return plan_of(cells(sources, chosen.algorithms, options.splits or SPLITS), sources, chosen.notes)
