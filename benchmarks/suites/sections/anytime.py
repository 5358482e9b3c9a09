"""How good each algorithm is at which moment of its run."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.findings import OURS
from benchmarks.reporting.document import Block, Section, TableBlock, Text
from benchmarks.reporting.plots.anytime import anytime_figure, arrivals, median_run
from benchmarks.suites.sections.measured import Measured, datasets_in
from benchmarks.tables import Column

TARGETS = (0.9, 0.99, 0.999)
NOT_WITHIN = "not within its limit"
"""Instead of evaluations or seconds, where half of the runs end before they are as good as that."""
TITLE = "Over evaluations and seconds"

COLUMNS = (
    Column("algorithm", "code", "algorithm"),
    *(Column(f"evaluations {t:g}", "", f"evaluations to {t:g}") for t in TARGETS),
    *(Column(f"seconds {t:g}", "", f"seconds to {t:g}") for t in TARGETS),
    Column("final", ".4f", "in the end"),
)


def anytime_section(found: Measured, /, *, split_name: str = "runs") -> Section:
    """Draw hypervolume ratios over evaluations and seconds, and tell when each target is reached."""
    records = records_of(found)
    if records.empty:
        return Section(TITLE, [Text("No search left a trace.")])
    told = (
        f"Hypervolume ratio of what was found by each moment; median and quartiles over {split_name}. A run keeps its"
        " value until its next record. Seconds include building the exact front for the algorithms that use it."
    )
    return Section(TITLE, [Text(told), *(_of_data(records, data) for data in datasets_in(records))])


def records_of(found: Measured, /) -> pd.DataFrame:
    """Collect the traces: columns ``data``, ``algorithm``, ``run``, ``evaluations``, ``seconds``, ``value``."""
    tables = []
    for key, trace in found.arrays("trace"):
        row = found.frame.loc[key]
        columns = {"data": row["data"], "algorithm": row["algorithm"], "run": key}
        moments = dict(zip(("evaluations", "seconds", "value"), trace.T, strict=True))
        tables.append(pd.DataFrame({**columns, **moments}))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def targets_table(records: pd.DataFrame, /) -> pd.DataFrame:
    """Return the median run's evaluations and seconds to each target, or that half of the runs end before it.

    Args:
        records: Of one data set, as from `records_of`.
    """
    rows = []
    for algorithm, of in records.groupby("algorithm", sort=False):
        runs = [trace for _, trace in of.groupby("run", sort=False)]
        row: dict[str, object] = {"algorithm": algorithm}
        for unit, form in (("evaluations", ",.0f"), ("seconds", ".3g")):
            for target in TARGETS:
                row[f"{unit} {target:g}"] = _told(arrivals(of.rename(columns={unit: "x"}), target), form)
        rows.append({**row, "final": float(np.median([trace["value"].iloc[-1] for trace in runs]))})
    return pd.DataFrame(rows).sort_values("final", ascending=False, kind="stable", ignore_index=True)


def _told(values: np.ndarray, form: str) -> str:
    middle = median_run(values)
    n = int(np.isfinite(values).sum())
    if np.isinf(middle):
        return NOT_WITHIN if n == 0 else f"{NOT_WITHIN} ({n} of {len(values)} do)"
    return format(middle, form)


def _of_data(records: pd.DataFrame, data: str) -> Section:
    of_data = records[records["data"] == data]
    blocks: list[Block] = []
    for unit in ("evaluations", "seconds"):
        drawn = of_data.rename(columns={unit: "x"})[["algorithm", "run", "x", "value"]]
        title = f"{data}: hypervolume ratio over {unit}"
        blocks.append(anytime_figure(drawn, x=unit, name=f"anytime-{data}-{unit}", title=title))
    table = targets_table(of_data)
    bold = [k for k, name in enumerate(table["algorithm"]) if name == OURS]
    caption = (
        f"{data}: when the median run reaches a hypervolume ratio. {NOT_WITHIN.capitalize()}: it used up what it was"
        " given, or ended by itself, before; with more it might get there."
    )
    return Section(data, [*blocks, TableBlock(table, COLUMNS, caption, bold)])
