"""Stored outcomes of some cells: their table, also with a row for cells that are not done, and their arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from benchmarks.cells.cell import key_of
from benchmarks.cells.search import SearchCell
from benchmarks.runner.plan import Plan
from benchmarks.runner.results import Results

REALISED = ("area", "saving", "highest_accuracy", "accuracy_at_best_cost")
BEST_LLM = ("best_llm", "best_accuracy", "best_cost_usd")
SEARCHED = ("hypervolume_ratio", "additive_epsilon", "igd_plus", "spread", "result_hypervolume_ratio")
COUNTED = ("evaluations", "distinct_plans", "distinct_points")
OTHERS = ("realised_igd_raw", "realised_spread", "seconds", "peak_rss_mib", "n_unproved")
PREDICTED = ("brier", "n_labelled", "n_planned", "fit_seconds", "predict_seconds")


@dataclass(frozen=True)
class Measured:
    """Planned searches and their outcomes.

    Attributes:
        frame: A row per planned search, by key, in the order of the plan: its description, ``limit`` in words,
            ``failed`` if it isn't done, ``budget`` in evaluations (NaN if only seconds count), and the measures, NaN
            where they are missing.
        tables: A row per search, by the same key: measures of the accuracy table that it needs, NaN without one.
        cells: The searches by key.
        results: Source of the arrays.
    """

    frame: pd.DataFrame
    tables: pd.DataFrame
    cells: Mapping[str, SearchCell]
    results: Results

    def arrays(self, name: str, /) -> Iterator[tuple[str, np.ndarray]]:
        """Yield key and array of that name of each search that is done and has one."""
        for key in self.frame.index[~self.frame["failed"]]:
            array = self.results.outcome(self.cells[key]).arrays.get(name)
            if array is not None and len(array):
                yield str(key), array

    def where(self, chosen: pd.Series | np.ndarray, /) -> Measured:
        """Keep some rows."""
        return Measured(self.frame[chosen], self.tables[chosen], self.cells, self.results)


def measured(results: Results, plan: Plan, part: str, /) -> Measured:
    """Gather the searches of one part of a plan; none if the plan has no such part."""
    cells = {key_of(cell): cell for cell in plan.parts.get(part, ()) if isinstance(cell, SearchCell)}
    described = [{**cell.description(), "limit": str(cell.limit)} for cell in cells.values()]
    columns = None if described else ["data", "algorithm", "split", "limit", "max_evaluations", "n_grid", "alpha"]
    planned = pd.DataFrame(described, index=pd.Index(list(cells), dtype=object), columns=columns)
    found = results.frame("search")
    names = [*SEARCHED, *COUNTED, *REALISED, *BEST_LLM, *OTHERS]
    frame = planned.join(found.reindex(index=planned.index, columns=names))
    frame["failed"] = ~frame.index.isin(found.index)
    frame["budget"] = pd.to_numeric(frame["max_evaluations"]).astype(float)
    needed = [key_of(cell.needs[0]) if cell.needs else "" for cell in cells.values()]
    stored = results.frame("table")
    names = [*PREDICTED, *(c for c in stored.columns if c.startswith("labels_right")), *REALISED, *BEST_LLM]
    tables = stored.reindex(index=needed, columns=names).set_axis(frame.index).assign(table=needed)
    return Measured(frame, tables, cells, results)


class Numbers(NamedTuple):
    """Mean and standard deviation of a measure, and the number of values."""

    mean: float
    sd: float
    """NaN for fewer than two."""
    n: int
    of: int


def numbers_of(values: pd.Series, /) -> Numbers:
    """Summarise the values that aren't missing."""
    good = values.dropna().astype(float)
    sd = float(good.std()) if len(good) > 1 else np.nan
    return Numbers(float(good.mean()) if len(good) else np.nan, sd, len(good), len(values))


def with_sd(numbers: Numbers, form: str, /) -> str | None:
    """Write "mean ± sd", the mean alone where there is one value, and None where there is none.

    Example:
        >>> with_sd(Numbers(0.5, 0.01, 3, 3), ".2f"), with_sd(Numbers(0.5, float("nan"), 1, 3), ".2f")
        ('0.50 ± 0.01', '0.50')
    """
    if np.isnan(numbers.mean):
        return None
    mean = format(numbers.mean, form)
    return mean if np.isnan(numbers.sd) else f"{mean} ± {format(numbers.sd, form)}"


def datasets_in(frame: pd.DataFrame, /) -> list[str]:
    """List the data sets in the order of their first appearance."""
    return list(dict.fromkeys(frame["data"]))


def limits_in(frame: pd.DataFrame, /) -> list[str]:
    """List the limits in the order of their first appearance."""
    return list(dict.fromkeys(frame["limit"]))
