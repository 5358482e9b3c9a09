"""`quick`: a cut through all suites, within a minute."""

from __future__ import annotations

from benchmarks.experiment.search import Limit
from benchmarks.experiment.sources import Source, synthetic_texts
from benchmarks.suites import ablation, fair, published, scaling
from benchmarks.suites.base import Options, Plan
from benchmarks.suites.batches import Protocol, available, plan_of, sources_of
from benchmarks.suites.lists import PUBLISHED

EVALUATIONS = 1_000
SECONDS = 0.3
SPLITS = 2

PREDICTOR = "published-10"
"""The paper's predictor with ten bootstraps, not a hundred."""

ALGORITHMS = (
    "optllm",
    "optllm:walks",
    "lambda-sweep",
    "forc",
    "random-search",
    "nsga2",
    "nsga2:warm",
    "moead",
    "mopso",
)
PARTS = ("optllm:up", "optllm:down", "optllm:random-destruction", "exact")


def own_batches() -> list[Source]:
    """Return two small synthetic batches of questions."""
    return [synthetic_texts(400, 4), synthetic_texts(600, 6, random_state=1)]


def plan(options: Options, /) -> Plan:
    """List the cells for the options given."""
    sources = sources_of(options, own_batches)
    splits, evaluations = options.splits or SPLITS, options.evaluations or EVALUATIONS
    chosen = available(options.algorithms or ALGORITHMS)
    limits = (Limit(evaluations=evaluations), Limit(seconds=options.seconds or SECONDS))
    paper = Protocol(PREDICTOR, published.LABELS, published.protocol(splits).drawn, splits)
    found = [
        *published.cells(sources, ("optllm:walks", *PUBLISHED), paper, evaluations),
        *fair.cells(sources, chosen.algorithms, fair.protocol(splits), limits),
    ]
    for source in sources:
        settings = list(paper.settings(source))
        found += [*ablation.n_grids(settings), *ablation.alphas(settings), *ablation.parts(settings, PARTS)]
    sizes = scaling.plan_within(scaling.available_bytes(), scaling.cells((1_000, 10_000), (2, 8), 10_000))
    return plan_of([*found, *sizes.cells], sources, (*chosen.notes, *sizes.notes))
