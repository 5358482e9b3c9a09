"""`scaling`: time and memory of each stage, up to as many queries as memory allows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.util import find_spec
from itertools import chain
from shutil import disk_usage
from tempfile import gettempdir

import numpy as np
import pandas as pd

from benchmarks.cells import parts
from benchmarks.cells.cell import Cell
from benchmarks.cells.probe import available_bytes
from benchmarks.cells.scaling import ScalingCell
from benchmarks.report.document import Block, Column, Details, Document, FigureBlock, Section, TableBlock, Text, bullets
from benchmarks.report.look import legend_below, looks_of, panels, shown_name
from benchmarks.report.setup import whole_document
from benchmarks.report.statistics import Growth, fit_growth
from benchmarks.report.text import explained
from benchmarks.runner.plan import Plan
from benchmarks.runner.results import Results
from benchmarks.suites.base import Options, Suite


def scaling_figure(
    measurements: pd.DataFrame, /, *, size: str, measure: str, name: str, title: str, reference: str | None = None
) -> FigureBlock:
    """Draw a measure over a size per stage, with the fitted power law as a thin line.

    Args:
        measurements: Columns ``stage``, ``size``, ``value``; repeated sizes are drawn and fitted by their median.
            Values that are not positive and finite are left out.
        size: The size that varies, such as "queries N".
        measure: The measure with its unit, such as "seconds".
        name: Name of the picture's file.
        title: Title of the picture.
        reference: Stage that the others are compared with, drawn in black: the pure sort.
    """
    medians = _medians(measurements)
    fits = growth_by_stage(measurements)
    figure, (axes,) = panels(height=4.6)
    looks = looks_of([stage for stage in fits if stage != reference])
    for stage, fit in fits.items():
        rows = medians[medians["stage"] == stage]
        colour, marker = looks.get(stage, ("black", "o"))
        label = f"{shown_name(stage)}, exponent {fit}"
        axes.plot(rows["size"], rows["value"], marker, color=colour, markeredgecolor="black", label=label, zorder=3)
        if np.isfinite(fit.exponent):
            ends = np.array([rows["size"].min(), rows["size"].max()], dtype=float)
            axes.plot(ends, fit.factor * ends**fit.exponent, "--" if stage == reference else "-", color=colour)
    axes.set(xscale="log", yscale="log", xlabel=size, ylabel=measure)
    legend_below(figure, axes, n_columns=2)
    return FigureBlock(name, figure, title, _sentence(medians, fits, size, measure, reference))


def growth_by_stage(measurements: pd.DataFrame, /) -> dict[str, Growth]:
    """Fit a power law to every stage.

    Args:
        measurements: As for `scaling_figure`.
    """
    stages = _medians(measurements).groupby("stage", sort=False)
    return {str(stage): fit_growth(rows["size"].to_numpy(), rows["value"].to_numpy()) for stage, rows in stages}


def _medians(measurements: pd.DataFrame) -> pd.DataFrame:
    good = measurements[(measurements["value"] > 0) & np.isfinite(measurements["value"])]
    return good.groupby(["stage", "size"], sort=False, as_index=False)["value"].median()


def _sentence(medians: pd.DataFrame, fits: dict[str, Growth], size: str, measure: str, reference: str | None) -> str:
    known = {stage: fit for stage, fit in fits.items() if np.isfinite(fit.exponent)}
    if not known:
        return f"There are too few sizes to say how {measure} grow with {size}."
    summary = ", ".join(f"{stage} {fit}" for stage, fit in known.items() if stage != reference)
    parts = [f"With {size} the {measure} grow by the power (± standard error) {summary}"] if summary else []
    if reference in known:
        parts.append(f"{reference} by {known[reference]}")
    sentence = "; ".join(parts) + "."
    table = medians.pivot(index="size", columns="stage", values="value")
    both = table.dropna()
    if reference not in table or table.shape[1] < 2 or both.empty:
        return sentence
    last, size_of_both = both.iloc[-1], f"{both.index[-1]:,.0f}"
    slowest = last.drop(reference).idxmax()
    times = f"{last[slowest] / last[reference]:.3g}"
    return f"{sentence} At {size_of_both}, {slowest} takes {times} × as much as {reference}."


SORT = "sort"
PREDICT = "predict"

METHOD = explained("scaling")

COLUMNS = (
    Column("stage", "", "stage"),
    Column("n_queries", ",d", "queries N"),
    Column("n_llms", ",d", "LLMs M"),
    Column("dtype", "", "tables"),
    Column("seconds", ".3g", "seconds"),
    Column("times_sort", ",.4g", "× the sort"),
    Column("tables_mib", ",.0f", "tables, MiB"),
    Column("peak_mib", ",.0f", "memory beyond, MiB"),
)
GROWTH_COLUMNS = (
    Column("stage", "", "stage"),
    Column("seconds N", "", "seconds over N"),
    Column("peak_mib N", "", "memory over N"),
    Column("seconds M", "", "seconds over M"),
    Column("peak_mib M", "", "memory over M"),
)


def scaling_section(frame: pd.DataFrame, /) -> Section:
    """Draw and tabulate the growth.

    Args:
        frame: Columns ``stage``, ``n_queries``, ``n_llms``, ``dtype``, ``seconds``, ``peak_mib``, ``tables_mib``.
    """
    if frame.empty:
        return Section("Scaling", [Text("No stage is measured yet.")])
    over_n, over_m = sweeps(frame)
    figures = [
        scaling_figure(
            rows.rename(columns={size: "size", measure: "value"}),
            size=label,
            measure=unit,
            reference=SORT,
            name=f"scaling-{measure}-{size}",
            title=f"{title} over {label}",
        )
        for rows, size, label in ((over_n, "n_queries", "queries N"), (over_m, "n_llms", "LLMs M"))
        for measure, unit, title in (("seconds", "seconds", "Time"), ("peak_mib", "MiB", "Memory"))
        if rows[size].nunique() > 1
    ]
    in_parts = frame[frame["stage"].isin(parts.STAGES)]
    figures += [
        scaling_figure(
            in_parts.rename(columns={"n_queries": "size", measure: "value"}),
            size="queries or steps N",
            measure=unit,
            name=f"scaling-{measure}-parts",
            title=f"{title} on Parquet files",
        )
        for measure, unit, title in (("seconds", "seconds", "Time"), ("peak_mib", "MiB", "Memory"))
        if in_parts["n_queries"].nunique() > 1
    ]
    growth = TableBlock(growth_table(over_n, over_m), GROWTH_COLUMNS, "Fitted exponents of growth, ± standard error.")
    caption = "All sizes."
    details = Details(caption, [TableBlock(sizes_table(frame), COLUMNS, caption)])
    blocks: list[Block] = [*figures, Text(METHOD), bullets(sort_sentences(frame)), growth, details]
    return Section("Scaling", blocks)


def sweeps(frame: pd.DataFrame, /) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split the measurements into those at one M and growing N, and those at one N of stages with several M."""
    n_llms = frame.groupby("n_llms")["n_queries"].nunique().idxmax()
    n_queries = frame.groupby("n_queries")["n_llms"].nunique().idxmax()
    over_m = frame[frame["n_queries"] == n_queries]
    return frame[frame["n_llms"] == n_llms], over_m[over_m.groupby("stage")["n_llms"].transform("nunique") > 1]


def sizes_table(frame: pd.DataFrame, /) -> pd.DataFrame:
    """Add the ratio of each stage's seconds to those of the sort of the same size."""
    sort = frame[frame["stage"] == SORT].drop_duplicates(["n_queries", "n_llms"]).set_index(["n_queries", "n_llms"])
    pairs = pd.MultiIndex.from_frame(frame[["n_queries", "n_llms"]])
    ratio = frame["seconds"].to_numpy() / sort["seconds"].reindex(pairs).to_numpy()
    table = frame.assign(times_sort=ratio).astype({"n_queries": int, "n_llms": int})
    return table.sort_values(["n_queries", "n_llms"], kind="stable", ignore_index=True)


def growth_table(over_n: pd.DataFrame, over_m: pd.DataFrame, /) -> pd.DataFrame:
    """Fit time and memory of each stage over N and over M."""
    columns = {}
    for rows, size, name in ((over_n, "n_queries", "N"), (over_m, "n_llms", "M")):
        for measure in ("seconds", "peak_mib"):
            fits = growth_by_stage(rows.rename(columns={size: "size", measure: "value"})[["stage", "size", "value"]])
            summary = {stage: None if np.isnan(fit.exponent) else str(fit) for stage, fit in fits.items()}
            columns[f"{measure} {name}"] = summary
    return pd.DataFrame(columns).reindex(dict.fromkeys(over_n["stage"])).rename_axis("stage").reset_index()


def sort_sentences(frame: pd.DataFrame, stages: Sequence[str] | None = None, /) -> list[str]:
    """Compare the seconds of each stage that allocates, or of some, with the sort, at the largest N of both."""
    table = sizes_table(frame)
    sentences = []
    allocating = ~table["stage"].isin((SORT, PREDICT)) if stages is None else table["stage"].isin(stages)
    for stage, rows in table[allocating].groupby("stage", sort=False):
        both = rows[rows["times_sort"].notna()]
        if len(both):
            last = both.iloc[-1]
            ratio = format(last["times_sort"], ",.0f" if last["times_sort"] >= 100 else ".3g")
            size = f"{last['n_queries']:,} × {last['n_llms']}"
            sentences.append(f"*{stage}* takes {last['seconds']:.3g} s at {size}, {ratio} times the sort.")
    return sentences or ([] if stages else ["The sort was not measured, so nothing can be compared with it."])


STAGES = ("sort", "front", "search", "evaluate", "predict")

N_QUERIES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
N_LLMS = (2, 4, 8, 16, 32, 64)
FIXED_N_LLMS = 12
FIXED_N_QUERIES = 100_000

# Above this number of queries tables are float32.
FLOAT64_UP_TO = 1_000_000

# More texts take hours.
PREDICT_UP_TO = 100_000

SHARE_OF_MEMORY = 0.7

# Of batches in Parquet files, and of upgrade steps in such files.
N_IN_PARTS = (100_000, 1_000_000, 10_000_000, 100_000_000)
N_LLMS_IN_PARTS = 8
TEXTS_UP_TO = 1_000_000


class Scaling(Suite):
    """How do time and memory grow?"""

    name = "scaling"
    what = "how time and memory grow"

    def plan(self, options: Options, /) -> Plan:
        """List the sizes that fit into memory."""
        found = chain(self.cells(), self.cells_in_parts())
        return self.plan_within(available_bytes(), found, options.is_stored, disk_usage(gettempdir()).free)

    @staticmethod
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

    @staticmethod
    def cells_in_parts(n_queries: Sequence[int] = N_IN_PARTS, /) -> Iterator[ScalingCell]:
        """Yield each stage on Parquet files at growing N; those of packages that aren't installed are left out."""
        for stage in parts.STAGES:
            n_llms = 1 if stage.startswith("steps") else N_LLMS_IN_PARTS
            sizes = [n for n in n_queries if n <= TEXTS_UP_TO or not stage.startswith("texts")]
            needed = [name for name in ("duckdb", "polars") if name in stage.lower()]
            if all(map(find_spec, needed)):
                yield from (ScalingCell(stage, n, n_llms, "float32" if n_llms > 1 else "float64") for n in sizes)

    @staticmethod
    def plan_within(
        n_bytes: int,
        found: Iterable[ScalingCell],
        is_stored: Callable[[Cell], bool] = lambda cell: False,
        n_bytes_on_disk: float = math.inf,
        /,
    ) -> Plan:
        """Leave out the sizes that would need more than 70 % of the memory or of the disk, with a note on each.

        Stored sizes stay, so that the table doesn't get smaller if a run continues with less free memory, or only
        writes the report.
        """
        fitting, beyond = [], []
        for cell in found:
            fits = cell.bytes_needed <= SHARE_OF_MEMORY * n_bytes
            fits &= cell.disk_needed <= SHARE_OF_MEMORY * n_bytes_on_disk
            (fitting if fits or is_stored(cell) else beyond).append(cell)
        notes = [
            f"{cell.title()} was not run: it may need {cell.bytes_needed / 2**30:.1f} GiB"
            + (f" and {cell.disk_needed / 2**30:.1f} GiB on disk" if cell.disk_needed else "")
            + f", and {n_bytes / 2**30:.1f} GiB"
            + (f" and {n_bytes_on_disk / 2**30:.1f} GiB" if cell.disk_needed else "")
            + " were free."
            for cell in beyond
        ]
        return Plan.of({"scaling": fitting}, (), notes)

    def report(self, results: Results, plan: Plan, /) -> Document:
        """Report the growth of time and memory."""
        frame = results.frame("scaling")
        summary = self.headlines(frame)
        return whole_document("Growth with the size", summary, results, plan, [scaling_section(frame)])

    @staticmethod
    def headlines(frame: pd.DataFrame, /) -> list[str]:
        """Summarise how time grows for the exact front and the search."""
        if frame.empty:
            return []
        table = growth_table(*sweeps(frame)).set_index("stage")["seconds N"].dropna()
        grown_by = [f"*{stage}* by {exponent}" for stage, exponent in table.items() if stage != SORT]
        summary = [f"Time grows with the power of the number of queries: {', '.join(grown_by)}."] if grown_by else []
        return [*summary, *sort_sentences(frame, ["front"])]


SUITE = Scaling()
