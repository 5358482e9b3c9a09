"""`scaling`: time and memory of each stage, up to as many queries as memory allows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from benchmarks.experiment.cell import Cell
from benchmarks.experiment.scaling import ScalingCell
from benchmarks.memory import available_bytes
from benchmarks.suites.base import Options, Plan, nothing_stored
from benchmarks.suites.batches import plan_of, refuse_options

STAGES = ("sort", "front", "search", "evaluate", "predict")

N_QUERIES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
N_LLMS = (2, 4, 8, 16, 32, 64)
FIXED_N_LLMS = 12
FIXED_N_QUERIES = 100_000

FLOAT64_UP_TO = 1_000_000
"""Beyond so many queries tables are float32."""

PREDICT_UP_TO = 100_000
"""Texts beyond so many take hours."""

SHARE_OF_MEMORY = 0.7


def cells(
    n_queries: Sequence[int] = N_QUERIES,
    n_llms: Sequence[int] = N_LLMS,
    fixed_n_queries: int = FIXED_N_QUERIES,
    predict_up_to: int = PREDICT_UP_TO,
    /,
) -> Iterator[ScalingCell]:
    """Yield each stage at growing N with 12 LLMs, and at growing M."""
    for stage in STAGES:
        for n in n_queries:
            if stage != "predict" or n <= predict_up_to:
                yield ScalingCell(stage, n, FIXED_N_LLMS, "float64" if n <= FLOAT64_UP_TO else "float32")
        if stage != "predict":
            yield from (ScalingCell(stage, fixed_n_queries, m) for m in n_llms)


def plan(options: Options, /) -> Plan:
    """List the sizes that fit into memory.

    Raises:
        ValueError: Data or algorithms are given, of which this suite makes no use.
    """
    refuse_options(options, "scaling", ("data", "algorithms", "splits", "evaluations", "seconds"))
    return plan_within(available_bytes(), cells(), options.is_stored)


def plan_within(
    n_bytes: int, found: Iterator[ScalingCell], is_stored: Callable[[Cell], bool] = nothing_stored, /
) -> Plan:
    """Leave out the sizes that would need more than 70 % of some memory, and say so.

    Those that are stored stay, so that a run that goes on where less memory is free, or one that only writes the
    report, has no smaller table.
    """
    fitting, beyond = [], []
    for cell in found:
        fits = cell.bytes_needed <= SHARE_OF_MEMORY * n_bytes or is_stored(cell)
        (fitting if fits else beyond).append(cell)
    notes = [
        f"{cell.title()} was not run: it may need {cell.bytes_needed / 2**30:.1f} GiB, and"
        f" {n_bytes / 2**30:.1f} GiB were free."
        for cell in beyond
    ]
    return plan_of({"scaling": fitting}, (), notes)
