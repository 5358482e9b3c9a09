"""`anytime`: how good each algorithm is at each moment of its run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from benchmarks.cells.algorithms import OURS
from benchmarks.cells.search import Limit, SearchCell
from benchmarks.cells.sources import Source
from benchmarks.report.document import Block, Column, Document, FigureBlock, Section, TableBlock, Text
from benchmarks.report.fronts import attainment_section
from benchmarks.report.look import best_per_family, left_out, legend_below, looks_of, panels, shown_name
from benchmarks.report.measured import Measured, datasets_in, measured
from benchmarks.report.setup import whole_document
from benchmarks.runner.plan import Plan
from benchmarks.runner.results import Results
from benchmarks.suites import fair
from benchmarks.suites.base import Options, Suite, plan_of_searches, searches, sources_of, wanted

# Places along the axis at which the runs of an algorithm are compared.
POINTS = 160

TARGET = 0.99


class Curve(NamedTuple):
    """Quality of the runs of one algorithm over evaluations or seconds.

    Attributes:
        x: (n,) evaluations or seconds, rising.
        quartiles: (3, n) lower quartile, median, upper quartile.
    """

    x: np.ndarray
    quartiles: np.ndarray


def curve_of(runs: pd.DataFrame, /) -> Curve:
    """Summarise the runs of one algorithm.

    A run keeps its value until its next record, and its last one to the end. The curve begins where all runs have
    a value.

    Args:
        runs: Columns ``run``, ``x`` > 0 and ``value``; one row per record.
    """
    traces = [trace.sort_values("x", kind="stable")[["x", "value"]].to_numpy() for _, trace in runs.groupby("run")]
    start, end = max(trace[0, 0] for trace in traces), max(trace[-1, 0] for trace in traces)
    x = np.geomspace(start, end, POINTS) if end > start else np.array([start])
    x[0], x[-1] = start, end
    values = [trace[np.searchsorted(trace[:, 0], x, side="right") - 1, 1] for trace in traces]
    return Curve(x, np.quantile(values, (0.25, 0.5, 0.75), axis=0))


def arrivals(runs: pd.DataFrame, target: float, /) -> np.ndarray:
    """Return the first x at which each run reaches a target, in rising order; infinite for runs that never do.

    Args:
        runs: As in `curve_of`.
        target: Value to reach.
    """
    return np.sort(runs["x"].where(runs["value"] >= target, np.inf).groupby(runs["run"]).min())


def median_run(values: np.ndarray, /) -> float:
    """Return the arrival of the median run; for an even number of runs the later of the two in the middle.

    So no value is averaged with an infinite one.

    Args:
        values: As `arrivals` returns them.
    """
    return float(values[len(values) // 2])


def anytime_figure(
    records: pd.DataFrame,
    /,
    *,
    x: Literal["evaluations", "seconds"],
    name: str,
    title: str,
    measure: str = "hypervolume ratio",
    target: float = TARGET,
) -> FigureBlock:
    """Draw quality over evaluations or seconds, on a logarithmic axis.

    Args:
        records: Columns ``algorithm``, ``run``, ``x``, ``value``; one row per record of a run. Records at x <= 0 or
            without a value are left out. Where there are many algorithms, the best variants of the best families
            are drawn.
        x: Unit of the axis.
        name: Name of the picture's file.
        title: Title of the picture.
        measure: Name of the values; larger is better.
        target: Value; the sentence has the moment at which it is reached.
    """
    good = records[(records["x"] > 0) & records["value"].notna()]
    runs_of = {str(a): runs for a, runs in good.groupby("algorithm", sort=False)}
    curves = {a: curve_of(runs) for a, runs in runs_of.items()}
    final = pd.Series({a: curve.quartiles[1, -1] for a, curve in curves.items()}, dtype=float)
    shown = best_per_family(final)
    figure, (axes,) = panels(height=4.6)
    for algorithm, (colour, marker) in looks_of(shown).items():
        at, (low, median, high) = curves[algorithm]
        axes.fill_between(at, low, high, step="post", color=colour, alpha=0.2, linewidth=0)
        line = {"drawstyle": "steps-post", "color": colour, "linewidth": 1.7, "label": shown_name(algorithm)}
        dots = {"marker": marker, "markevery": 0.12, "markersize": 5, "markeredgecolor": "black"}
        axes.plot(at, median, markeredgewidth=0.4, **line, **dots)
    axes.set(xscale="log", xlabel=x, ylabel=f"{measure}\n(median, quartiles)")
    legend_below(figure, axes)
    at = pd.Series({a: median_run(arrivals(runs_of[a], target)) for a in final.index}, dtype=float)
    sentence = _sentence(at.sort_values(kind="stable"), final, x, measure, target)
    return FigureBlock(name, figure, title, sentence + left_out(shown, list(final.index)))


def _sentence(at: pd.Series, final: pd.Series, unit: str, measure: str, target: float) -> str:
    if final.empty:
        return "No run left a record."
    arrived = at[np.isfinite(at)]
    if arrived.empty:
        return (
            f"No algorithm's median run reaches a {measure} of {target:g};"
            f" {final.idxmax()} ends highest with {final.max():.4f}."
        )
    n_short = int(np.isinf(at).sum())
    count = f"{n_short} of {len(at)} end before they do" if n_short else f"all {len(at)} do in the end"
    first = f"{arrived.index[0]} is the first whose median run reaches a {measure} of {target:g}"
    summary = f"{first}, after {_amount(arrived.iloc[0], unit)}"
    if len(arrived) > 1:
        return f"{summary}, then {arrived.index[1]} after {_amount(arrived.iloc[1], unit)}; {count}."
    rest = final.drop(arrived.index[0])
    return (
        f"{summary}; {f'of the others {rest.idxmax()} ends highest with {rest.max():.4f}' if len(rest) else 'alone'}."
    )


def _amount(value: float, unit: str) -> str:
    return f"{value:,.0f} {unit}" if unit == "evaluations" or value >= 100 else f"{value:.3g} {unit}"


TARGETS = (0.9, 0.99, 0.999)
# Instead of evaluations or seconds, where half of the runs end before they reach the target.
NOT_WITHIN = "not within its limit"
TITLE = "Over evaluations and seconds"

COLUMNS = (
    Column("algorithm", "code", "algorithm"),
    *(Column(f"evaluations {t:g}", "", f"evaluations to {t:g}") for t in TARGETS),
    *(Column(f"seconds {t:g}", "", f"seconds to {t:g}") for t in TARGETS),
    Column("final", ".4f", "in the end"),
)


SPLITS = 5

# One or two of each kind.
ANYTIME = ("optllm", "lambda-sweep", "alns", "random-search", "nsga2", "nsga2:warm", "sms-emoa:warm", "moead", "mopso")


def repeated(source: Source, algorithms: Sequence[str], repetitions: int, evaluations: int, /) -> Iterator[SearchCell]:
    """Yield several searches of one table, that of the first split: attainment needs repeated runs on one problem."""
    setting = next(fair.Fair().protocol(1).settings(source))
    yield from searches([setting], algorithms, Limit(evaluations=evaluations), repetitions=repetitions)


class Anytime(Suite):
    """How good is each algorithm at each moment?"""

    name = "anytime"
    what = "how good each algorithm is at each moment"
    uses = ("data", "algorithms", "splits", "evaluations")

    def plan(self, options: Options, /) -> Plan:
        """List the cells of `fair` at equal evaluations; their traces have the values at each moment."""
        sources = sources_of(options)
        chosen = wanted(options, ANYTIME)
        evaluations, splits = options.evaluations or fair.EVALUATIONS, options.splits or SPLITS
        limits, names = (Limit(evaluations=evaluations),), chosen.algorithms
        parts = {
            "anytime": list(fair.Fair().cells(sources, names, fair.Fair().protocol(splits), limits)),
            "attainment": [cell for source in sources for cell in repeated(source, names, splits, evaluations)],
        }
        return plan_of_searches(parts, sources, chosen.notes)

    def report(self, results: Results, plan: Plan, /) -> Document:
        """Draw quality over evaluations and seconds, and attainment."""
        found = measured(results, plan, "anytime")
        summary, sections = fair.Fair().headlines(found), self.sections(found, results, plan)
        return whole_document("Quality along the search", summary, results, plan, sections)

    @staticmethod
    def sections(found: Measured, results: Results, plan: Plan, /) -> list[Section]:
        """Compose the sections."""
        several = measured(results, plan, "attainment")
        return [Anytime.anytime_section(found, split_name="splits"), attainment_section(several, plan)]

    @staticmethod
    def anytime_section(found: Measured, /, *, split_name: str = "runs") -> Section:
        """Draw hypervolume ratios over evaluations and seconds, and tabulate when each target is reached."""
        records = Anytime.records_of(found)
        if records.empty:
            return Section(TITLE, [Text("No search left a trace.")])
        summary = (
            f"Hypervolume ratio of the plans found so far; median and quartiles over {split_name}. A run keeps"
            " its value until its next record. Seconds include building the exact front for the algorithms that use it."
        )
        return Section(TITLE, [Text(summary), *(Anytime._of_data(records, data) for data in datasets_in(records))])

    @staticmethod
    def records_of(found: Measured, /) -> pd.DataFrame:
        """Collect the traces: columns ``data``, ``algorithm``, ``run``, ``evaluations``, ``seconds``, ``value``."""
        tables = []
        for key, trace in found.arrays("trace"):
            row = found.frame.loc[key]
            columns = {"data": row["data"], "algorithm": row["algorithm"], "run": key}
            moments = dict(zip(("evaluations", "seconds", "value"), trace.T, strict=True))
            tables.append(pd.DataFrame({**columns, **moments}))
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()

    @staticmethod
    def arrivals_table(records: pd.DataFrame, /) -> pd.DataFrame:
        """Return the median run's evaluations and seconds to each target, or that half of the runs end before it.

        Args:
            records: Of one data set, as from `records_of`.
        """

        def written(values: np.ndarray, form: str) -> str:
            middle, n = median_run(values), int(np.isfinite(values).sum())
            if np.isfinite(middle):
                return format(middle, form)
            return NOT_WITHIN if n == 0 else f"{NOT_WITHIN} ({n} of {len(values)} do)"

        rows = []
        for algorithm, of in records.groupby("algorithm", sort=False):
            runs = [trace for _, trace in of.groupby("run", sort=False)]
            row: dict[str, object] = {"algorithm": algorithm}
            for unit, form in (("evaluations", ",.0f"), ("seconds", ".3g")):
                for target in TARGETS:
                    row[f"{unit} {target:g}"] = written(arrivals(of.rename(columns={unit: "x"}), target), form)
            rows.append({**row, "final": float(np.median([trace["value"].iloc[-1] for trace in runs]))})
        return pd.DataFrame(rows).sort_values("final", ascending=False, kind="stable", ignore_index=True)

    @staticmethod
    def _of_data(records: pd.DataFrame, data: str) -> Section:
        of_data = records[records["data"] == data]
        blocks: list[Block] = []
        for unit in ("evaluations", "seconds"):
            drawn = of_data.rename(columns={unit: "x"})[["algorithm", "run", "x", "value"]]
            title = f"{data}: hypervolume ratio over {unit}"
            blocks.append(anytime_figure(drawn, x=unit, name=f"anytime-{data}-{unit}", title=title))
        table = Anytime.arrivals_table(of_data)
        bold = [k for k, name in enumerate(table["algorithm"]) if name == OURS]
        caption = (
            f"{data}: when the median run reaches a hypervolume ratio. {NOT_WITHIN.capitalize()}: it used up what it"
            " was given, or ended by itself, before; with more it might get there."
        )
        return Section(data, [*blocks, TableBlock(table, COLUMNS, caption, bold)])


SUITE = Anytime()
