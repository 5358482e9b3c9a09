"""`ablation`: what each part and each setting of OptLLM is good for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.experiment.search import Limit, SearchCell
from benchmarks.experiment.sources import Source
from benchmarks.experiment.split import Setting
from benchmarks.suites import published
from benchmarks.suites.base import Options, Plan
from benchmarks.suites.batches import Protocol, plan_of, refuse_options, searches, sources_of, wanted
from benchmarks.suites.lists import WALKS

SPLITS = 3

N_GRIDS = (10, 50, 100, 200)
ALPHAS = (-1.0, 0.0, 1.0)
LABELS = (0.02, 0.06, 0.11, 0.21)
"""The paper's 1, 5, 10 and 20 % to train on, and 1 % to validate with."""

PREDICTORS = ("ours", "unshrunk", "constants")
"""Beside the published one."""

ALGORITHMS = (*WALKS, "single-llms", "random-search")

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
    yield from searches(settings, algorithms, ENDS_BY_ITSELF, alpha=published.ALPHA)


def label_shares(source: Source, how: Protocol, shares: Sequence[float] = LABELS, /) -> Iterator[SearchCell]:
    """Yield the searches that differ in the labelled share, all with one hundredth of the queries to validate with."""
    for share in shares:
        predictor = how.predictor if share == published.LABELS else f"{how.predictor}:1/{round(100 * share)}"
        settings = how._replace(labels=share, predictor=predictor).settings(source)
        yield from searches(settings, ("optllm:walks",), ENDS_BY_ITSELF, alpha=published.ALPHA)


def predictors(source: Source, how: Protocol, /) -> Iterator[SearchCell]:
    """Yield the searches that differ in the predictor, on the paper's splits."""
    for predictor in (how.predictor, *PREDICTORS):
        settings = how._replace(predictor=predictor).settings(source)
        yield from searches(settings, ("exact",), ENDS_BY_ITSELF)


def cells(
    sources: Sequence[Source], algorithms: Sequence[str], how: Protocol, shares: Sequence[float] = LABELS, /
) -> dict[str, list[SearchCell]]:
    """Return all of them, by what they are about; what needs a prediction is left out for data without texts."""
    found: dict[str, list[SearchCell]] = {name: [] for name in ("n_grid", "parts", "alpha", "labels", "predictors")}
    for source in sources:
        settings = list(how.settings(source))
        found["n_grid"] += n_grids(settings)
        found["parts"] += parts(settings, algorithms)
        if source.has_texts:
            found["alpha"] += alphas(settings)
            found["labels"] += label_shares(source, how, shares)
            found["predictors"] += predictors(source, how)
    return found


def plan(options: Options, /) -> Plan:
    """List the cells for the options given.

    Raises:
        ValueError: Evaluations or seconds are given, of which this suite makes no use.
    """
    refuse_options(options, "ablation", ("evaluations", "seconds"))
    sources = sources_of(options)
    chosen = wanted(options, ALGORITHMS)
    how = published.protocol(options.splits or SPLITS)
    return plan_of(cells(sources, chosen.algorithms, how), sources, chosen.notes)
