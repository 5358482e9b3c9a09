"""Batches in Parquet files: how they are generated, and the measured stages, compared with the same search in SQL.

DuckDB and Polars get the upgrade steps of a batch, not its tables, since neither finds hulls. All ways return the
accuracy per US$ of the first step beyond half of the steps' total US$.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np
from joblib import cpu_count

from optllm_pymoo import Dataset, Knee, WithinBudget, make_dataset
from optllm_pymoo.data import write_table
from optllm_pymoo.exact.partitioned import NOTHING, RADIX, Sums
from optllm_pymoo.kernels.steps import add_exactly
from optllm_pymoo.planning import plan_parts

ROWS_PER_FILE: Final = 3_125_000
"""So that 10⁸ queries are 32 files."""

BUCKETS: Final = 256
"""Per factor of two in efficiency, as `PartitionedFront` has them."""


def write_parts(folder: Path, n_queries: int, n_llms: int, /) -> None:
    """Generate a batch, file by file: float32 costs and known outcomes of queries with ids.

    Args:
        folder: Where the files go.
        n_queries: N.
        n_llms: M; 1 generates upgrade steps instead, with columns ``cost`` and ``efficiency``.
    """
    import pyarrow as pa
    from pyarrow import parquet

    folder.mkdir(parents=True, exist_ok=True)
    for number, first in enumerate(range(0, n_queries, ROWS_PER_FILE)):
        random, n = np.random.default_rng(number), min(ROWS_PER_FILE, n_queries - first)
        columns: dict[str, Any]
        if n_llms == 1:
            columns = {"cost": random.lognormal(-7, 1, n), "efficiency": random.lognormal(4, 1.5, n)}
        else:
            length = random.lognormal(0, 0.7, (n, 1)).astype(np.float32)
            hard = random.normal(0, 0.15, (n, 1)).astype(np.float32)
            cost = np.geomspace(1e-5, 3e-3, n_llms, dtype=np.float32) * length
            cost *= random.uniform(0.8, 1.2, (n, n_llms)).astype(np.float32)
            accuracy = np.linspace(0.35, 0.8, n_llms, dtype=np.float32) - hard
            accuracy = np.clip(accuracy + random.normal(0, 0.1, (n, n_llms)).astype(np.float32), 0, 1)
            columns = {"query_id": np.arange(first, first + n)}
            for j in range(n_llms):
                columns |= {f"llm-{j}": accuracy[:, j], f"llm-{j}_cost": cost[:, j]}
        table = pa.table(columns)
        parquet.write_table(table, folder / f"part-{number:05}.parquet", compression="zstd", row_group_size=1 << 20)


TEXTS_PER_FILE: Final = 100_000
N_LABELS: Final = 500


def write_texts(folder: Path, n_queries: int, n_llms: int, /) -> None:
    """Generate a batch with texts, file by file; some of the first queries are labelled.

    Args:
        folder: Where the files go.
        n_queries: N.
        n_llms: M.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for number, first in enumerate(range(0, n_queries, TEXTS_PER_FILE)):
        drawn = make_dataset(min(TEXTS_PER_FILE, n_queries - first), n_llms, random_state=number)
        correct = drawn.correct.astype(float)
        correct[0 if number else min(N_LABELS, n_queries // 2) :] = np.nan
        ids = [f"{number}-{name}" for name in drawn.query_ids]
        batch = Dataset(drawn.cost, correct, llms=drawn.llms, query_ids=ids, texts=drawn.texts)
        write_table(batch, folder / f"part-{number:05}.parquet")


def files_in(folder: Path, /) -> list[Path]:
    """List the files of a batch."""
    return sorted(folder.glob("*.parquet"))


def read_twice(folder: Path, /) -> int:
    """Read all files twice with pyarrow, one after another: the reference for a plan in parts."""
    from pyarrow import parquet

    return sum(parquet.read_table(file).num_rows for _ in range(2) for file in files_in(folder))


def plan_to_the_step(folder: Path, /) -> float:
    """Front, budget to the single step, plan written: everything that `optllm-pymoo plan` does."""
    files, budget = f"{folder}/*.parquet", _half(folder)
    found = plan_parts(files, "all", out=folder / "plan", choice=WithinBudget(budget), n_jobs=-1)
    assert found.facts is not None
    return found.facts.cost_usd


def plan_from_texts(folder: Path, /) -> float:
    """From texts and a few labels to a plan: features, predictor, predictions, front, knee, plan written."""
    found = plan_parts(f"{folder}/*.parquet", out=folder / "plan", choice=Knee(), n_jobs=-1)
    assert found.facts is not None
    return found.facts.cost_usd


def _half(folder: Path) -> float:
    """A budget in the middle: half of what the first file's dearest column comes to, for all files."""
    from pyarrow import compute, parquet

    first, files = parquet.read_table(files_in(folder)[0]), files_in(folder)
    dearest = [name for name in first.column_names if name.endswith("_cost")][-1]
    n_rows = sum(parquet.read_metadata(file).num_rows for file in files)
    return float(compute.mean(first.column(dearest)).as_py()) * n_rows / 4


def _steps(file: Path, group: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Read Δcost and Δaccuracy of the steps of a row group, and their efficiencies as integers."""
    from pyarrow import parquet

    table = parquet.ParquetFile(file).read_row_group(group, use_threads=False)
    cost = table.column("cost").to_numpy()
    gain = cost * table.column("efficiency").to_numpy()
    np.minimum(gain, 1.0, out=gain)
    return cost, gain, (gain / cost).view(np.int64)


def _histogram(piece: tuple[Path, int]) -> Sums:
    """Sum up steps by the upper bits of their efficiencies, as `PartitionedFront` does."""
    cost, gain, keys = _steps(*piece)
    table = np.zeros((1 << (63 - RADIX[0]), 5), dtype=np.int64)
    keys >>= RADIX[0]
    add_exactly(keys, cost, gain, table)
    used = np.flatnonzero(table[:, 0])
    return Sums(used, table[used])


def _inside(bucket: int, piece: tuple[Path, int]) -> tuple[np.ndarray, np.ndarray]:
    """List Δcost and efficiencies of the steps of one bucket."""
    cost, _, keys = _steps(*piece)
    inside = np.flatnonzero((keys >= bucket << RADIX[0]) & (keys < bucket + 1 << RADIX[0]))
    return cost[inside], keys[inside]


def rate_by_parts(folder: Path, /) -> float:
    """The two passes of `PartitionedFront`, with a thread per core as the others have: exact sums of both Δ."""
    from pyarrow import parquet

    pieces = [(file, g) for file in files_in(folder) for g in range(parquet.read_metadata(file).num_row_groups)]
    with ThreadPoolExecutor(cpu_count()) as threads:
        steps = sum(threads.map(_histogram, pieces), NOTHING)
        totals = steps.values[::-1, 1] * 2.0**-20 + steps.values[::-1, 2] * 2.0**-60
        bucket, left = _ending(steps.keys[::-1].tolist(), totals.tolist())
        found = [np.concatenate(each) for each in zip(*threads.map(partial(_inside, int(bucket)), pieces), strict=True)]
    order = np.argsort(-found[1])
    return float(found[1][order][found[0][order].cumsum() > left][0].view(np.float64))


# the same efficiency as `_steps` finds
EFFICIENCY: Final = "least(cost * efficiency, 1.0) / cost"


def rate_by_duckdb(folder: Path, /) -> float:
    """The same two passes in SQL: sums by bucket, then a running sum in the bucket where the budget ends."""
    connection = import_module("duckdb").connect()
    steps = f"(SELECT cost, {EFFICIENCY} AS e, floor(log2(e) * {BUCKETS}) AS b FROM '{folder}/*.parquet')"
    buckets = connection.execute(f"SELECT b, sum(cost) FROM {steps} GROUP BY b ORDER BY b DESC").fetchall()
    bucket, left = _ending([each for each, _ in buckets], [total for _, total in buckets])
    running = (
        f"SELECT e, sum(cost) OVER (ORDER BY e DESC ROWS UNBOUNDED PRECEDING) AS s FROM {steps} WHERE b = {bucket}"
    )
    return float(connection.execute(f"SELECT max(e) FROM ({running}) WHERE s > {left!r}").fetchone()[0])


def rate_by_sort(folder: Path, /) -> float:
    """DuckDB's running sum over all steps at once."""
    connection = import_module("duckdb").connect()
    steps = f"(SELECT cost, {EFFICIENCY} AS e FROM '{folder}/*.parquet')"
    half = connection.execute(f"SELECT sum(cost) / 2 FROM {steps}").fetchone()[0]
    running = f"SELECT e, sum(cost) OVER (ORDER BY e DESC ROWS UNBOUNDED PRECEDING) AS s FROM {steps}"
    return float(connection.execute(f"SELECT max(e) FROM ({running}) WHERE s > {half!r}").fetchone()[0])


def rate_by_polars(folder: Path, /) -> float:
    """The two passes with Polars' streaming engine."""
    pl = import_module("polars")
    efficiency = pl.min_horizontal(pl.col("cost") * pl.col("efficiency"), 1.0) / pl.col("cost")
    steps = pl.scan_parquet(f"{folder}/*.parquet").select("cost", e=efficiency)
    steps = steps.with_columns(b=(pl.col("e").log(2) * BUCKETS).floor())
    buckets = steps.group_by("b").agg(pl.col("cost").sum()).collect(engine="streaming").sort("b", descending=True)
    bucket, left = _ending(buckets["b"].to_list(), buckets["cost"].to_list())
    inside = steps.filter(pl.col("b") == bucket).collect(engine="streaming").sort("e", descending=True)
    return float(inside.filter(pl.col("cost").cum_sum() > left)["e"][0])


def _ending(buckets: list[float], totals: list[float]) -> tuple[float, float]:
    """Find the bucket in which half of all US$ ends, and the US$ left there."""
    along = np.cumsum(totals)
    at = int(np.searchsorted(along, along[-1] / 2, side="right"))
    return buckets[at], float(along[-1] / 2 - (along[at - 1] if at else 0.0))


STAGES: Final = {
    "parts: read twice": read_twice,
    "parts: plan": plan_to_the_step,
    "texts: plan": plan_from_texts,
    "steps: two passes": rate_by_parts,
    "steps: DuckDB": rate_by_duckdb,
    "steps: Polars": rate_by_polars,
    "steps: DuckDB's sort": rate_by_sort,
}
"""Name and function, of tables, of tables with texts, and of upgrade steps."""
