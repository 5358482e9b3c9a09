"""`constraints`: budgets, targets, quotas, latency and promises, against targets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from benchmarks.cells.measurements import RowsCell
from benchmarks.cells.sources import Source, Subset, from_files, synthetic_tables
from benchmarks.cells.speed import data_folders
from benchmarks.suites.base import Options, Plan, gathered, refuse_options
from optllm_pymoo.problems.synthetic import FAMILIES

N_QUERIES, N_LLMS = 2_117, 12
PROVED = (50, 150, 500)
"""Queries of the batches on which HiGHS proves the optimum of the whole problem."""

N_LIMITS = 20
MILLION = 1_000_000
LOGPAI = (32_000, 8)
SECONDS_RATIO = 100.0
SECONDS = 2.0
"""What OptLLM gets at most where NSGA-II is its rival."""

MAX_PREDICTED = 6_000
"""Queries at most in a batch whose outcomes are predicted."""

DRAWS = {30: 15, 100: 10}
"""Synthetic batches by the number of labelled queries."""


def own_batches() -> list[Source]:
    """Return the four families of synthetic tables, and the data sets that a variable of the environment points at."""
    synthetic = [synthetic_tables(family, N_QUERIES, N_LLMS) for family in FAMILIES]
    return [*synthetic, *from_files(data_folders())]


def plan(options: Options, /) -> Plan:
    """List the cells for the data given, and those of fixed sizes.

    Raises:
        ValueError: Options are given of which this suite makes no use.
    """
    refuse_options(options, "constraints", ("algorithms", "splits", "evaluations", "seconds"))
    sources = from_files(options.data) if options.data else own_batches()
    return gathered(parts(sources), sources)


def parts(sources: Sequence[Source], /) -> Mapping[str, list[RowsCell]]:
    """List the cells of each part of the report."""
    return {
        "single": [*optima(sources), *gaps(sources), *_single_sizes()],
        "quotas": [*quotas(sources), _sized("quota speed", *LOGPAI, target=10.0)],
        "latency": list(surfaces(N_QUERIES, N_LLMS)),
        "promises": list(promises(sources)),
    }


def tables(source: Source, max_queries: int | None = None, /) -> list[Subset]:
    """Return a data set's queries; labels from files, which tie, also blurred."""
    blurred = (False, True) if not is_synthetic(source) else (False,)
    return [Subset.of(source, max_queries, is_blurred=each) for each in blurred]


def is_synthetic(source: Source, /) -> bool:
    """Whether it is one of `own_batches` that needs no file."""
    return source.name in {f"{family}-{N_QUERIES}x{N_LLMS}" for family in FAMILIES}


def optima(sources: Sequence[Source], sizes: Sequence[int] = PROVED, n_limits: int = N_LIMITS, /) -> Iterator[RowsCell]:
    """Yield the comparisons with HiGHS's optimum on the whole problem."""
    for n_queries in sizes:
        for source in sources:
            for subset in tables(source, n_queries):
                for limit in ("budget", "target"):
                    yield RowsCell.of("optimum", subset, limit=limit, n_limits=n_limits)


def gaps(sources: Sequence[Source], n_limits: int = N_LIMITS, /) -> Iterator[RowsCell]:
    """Yield the certified gaps on whole batches."""
    for source in sources:
        for subset in tables(source):
            yield RowsCell.of("gap", subset, n_limits=n_limits, target=1e-5)


def quotas(sources: Sequence[Source], seconds_ratio: float = SECONDS_RATIO, /) -> Iterator[RowsCell]:
    """Yield gaps under quotas on whole batches, and the searches: on the files, and on one synthetic batch."""
    for source in sources:
        yield RowsCell.of("quota gap", Subset.of(source), target=1e-3)
    synthetic = [source for source in sources if is_synthetic(source)]
    for source in [*synthetic[:1], *(source for source in sources if not is_synthetic(source))]:
        yield RowsCell.of("quota search", Subset.of(source, N_QUERIES), seconds=SECONDS, seconds_ratio=seconds_ratio)


def surfaces(n_queries: int, n_llms: int, /) -> Iterator[RowsCell]:
    """Yield the measurements with three objectives."""
    for family in FAMILIES:
        yield _sized("surface", n_queries, n_llms, family=family, target=0.98)
    for times in (1.0, 30.0):
        yield _sized("surface search", n_queries, n_llms, times=times)


def promises(sources: Sequence[Source], draws: Mapping[int, int] = DRAWS, n_draws: int = 5, /) -> Iterator[RowsCell]:
    """Yield the counts of promises that are kept, where something can be predicted."""
    for n_labelled, n_seeds in draws.items():
        yield RowsCell.of("promise", n_labelled=n_labelled, n_seeds=n_seeds)
    for source in sources:
        if source.has_texts:
            yield RowsCell.of("promise of data set", Subset.of(source, MAX_PREDICTED), labels=0.05, n_seeds=n_draws)


def _single_sizes() -> Iterator[RowsCell]:
    yield _sized("speed", N_QUERIES, N_LLMS, n_limits=5, target=50.0)
    for family in FAMILIES:
        yield _sized("large gap", MILLION, N_LLMS, family=family, n_limits=3, target=1e-7)
    yield _sized("seconds", MILLION, N_LLMS, target=2.0)


def _sized(measurement: str, n_queries: int, n_llms: int, /, **options: float | str) -> RowsCell:
    return RowsCell.of(measurement, n_queries=n_queries, n_llms=n_llms, **options)
