"""`quick`: a cut through all suites, within a minute."""

from __future__ import annotations

from benchmarks.cells.probe import available_bytes
from benchmarks.cells.search import Limit
from benchmarks.cells.sources import Source, synthetic_texts
from benchmarks.suites import ablation, anytime, fair, published, scaling
from benchmarks.suites.base import PUBLISHED, Options, Plan, Protocol, available, plan_of, sources_of, wanted

EVALUATIONS = 1_000
N_QUERIES, N_LLMS = (1_000, 10_000), (2,)
PREDICT_UP_TO = 0
"""Each size is a process of its own, which takes seconds; predicting takes longest, and `fair` tells how long."""

SECONDS = 0.2
SPLITS = 2

PREDICTOR = "published-10"
"""The paper's predictor with ten bootstraps, not a hundred."""

ALGORITHMS = (
    "optllm",
    "optllm:walks",
    "lambda-sweep",
    "random-search",
    "nsga2",
    "nsga2:warm",
    "moead",
    "mopso",
)
REPEATED = ("optllm", "nsga2:warm", "moead")
REPETITIONS = 3
SHARES = (published.LABELS, 0.11)
PARTS = ("optllm:up", "optllm:down", "optllm:random-destruction", "exact", "single-llms")


def own_batches() -> list[Source]:
    """Return two small synthetic batches of questions."""
    return [synthetic_texts(400, 4), synthetic_texts(600, 6, random_state=1)]


def plan(options: Options, /) -> Plan:
    """List the cells for the options given."""
    sources = sources_of(options, own_batches)
    splits, evaluations = options.splits or SPLITS, options.evaluations or EVALUATIONS
    chosen, pieces = wanted(options, ALGORITHMS), available(PARTS)
    limits = (Limit(evaluations=evaluations), Limit(seconds=options.seconds or SECONDS))
    paper = Protocol(PREDICTOR, published.LABELS, published.protocol(splits).drawn, splits)
    in_time = list(fair.cells(sources, chosen.algorithms, fair.protocol(splits), limits))
    repeated = [name for name in REPEATED if name in chosen.algorithms] or chosen.algorithms[:1]
    found = scaling.cells(N_QUERIES, N_LLMS, N_QUERIES[-1], PREDICT_UP_TO)
    sizes = scaling.plan_within(available_bytes(), found, options.is_stored)
    parts = {
        "published": list(published.cells(sources, ("optllm:walks", *PUBLISHED), paper, evaluations)),
        "fair": in_time,
        "anytime": [cell for cell in in_time if cell.limit == limits[0]],
        "attainment": list(anytime.repeated(sources[0], repeated, REPETITIONS, evaluations)),
        **ablation.cells(sources[:1], pieces.algorithms, paper, SHARES),
        "scaling": sizes.cells,
    }
    return plan_of(parts, sources, (*chosen.notes, *pieces.notes, *sizes.notes))
