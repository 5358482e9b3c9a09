"""Wide and long tables, read as a grid of queries and LLMs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from optllm_pymoo.data.columns import (
    TOKEN_NAMES,
    USUAL_NAMES,
    Roles,
    cost_base,
    llm_column,
    measure_column,
    slips,
    unused_columns,
    unused_note,
    usual,
    warn,
)
from optllm_pymoo.data.dataset import Dataset
from optllm_pymoo.data.source import COST, LATENCY, SCORE, DataFileError, Measure, Source
from optllm_pymoo.validation import (
    FloatArray,
    UserError,
    first_place,
    listed,
    shown,
    unknown_name,
)

Columns = dict[str, tuple[str, float]]
"""By LLM: its column, and the factor that converts the column's unit to ours."""


class Grid(NamedTuple):
    """The values of a table for N queries and M LLMs.

    Attributes:
        source: The table.
        roles: Its columns of ids, texts and groups.
        llms: M names.
        texts: By column: N strings.
        values: By measure: (N, M), NaN where the table has no value.
        rows: (N, M), the record of each value; -1 where there is no record.
        columns: By measure: M names of columns; "" where there is no column.
    """

    source: Source
    roles: Roles
    llms: list[str]
    texts: dict[str, list[str]]
    values: dict[str, FloatArray]
    rows: np.ndarray
    columns: dict[str, list[str]]

    def of(self, llms: Sequence[str], /) -> Grid:
        """The grid of some LLMs, in the order given; an LLM that is not in the table has only NaN, and no column."""
        where = {llm: j for j, llm in enumerate(self.llms)}
        index = np.array([where.get(llm, -1) for llm in llms])
        values = {name: np.where(index < 0, np.nan, table[:, index]) for name, table in self.values.items()}
        columns = {name: ["" if j < 0 else names[j] for j in index] for name, names in self.columns.items()}
        rows = np.where(index < 0, -1, self.rows[:, index])
        return self._replace(llms=list(llms), values=values, rows=rows, columns=columns)

    def check_complete(self, measure: Measure, /) -> None:
        """Raise an error if a value is missing.

        Raises:
            DataFileError: A value is missing; the message shows its place.
        """
        place = first_place(np.isnan(self.values[measure.name]))
        if place is None:
            return
        i, j = place
        if not self.columns[measure.name][j]:
            problem = (
                f"there is no column {shown(self.llms[j])} of outcomes; pass allow_missing=True if it wasn't tried"
            )
            raise DataFileError(self.source.path, problem, self.source.header_line)
        why = "its cost is to be estimated" if measure is COST else "the LLM was not tried"
        problem = f"expected a number, found an empty cell or NA; pass allow_missing=True if {why}"
        raise self.fault(problem, measure, (i, j))

    def estimated_costs(self) -> tuple[FloatArray, dict[str, int]]:
        """Return costs, in which missing ones are the mean of the LLM's known costs, and the number of these by LLM.

        Raises:
            DataFileError: No cost of an LLM is known.
        """
        cost = self.values[COST.name]
        missing = np.isnan(cost)
        if not missing.any():
            return cost, {}
        for j, llm in enumerate(self.llms):
            if missing[:, j].all():
                problem = (
                    f"no cost of {shown(llm)} is known, so none can be estimated; fill in a few, or leave the LLM out"
                )
                raise self.fault(f"{problem} with drop= (--drop)", COST, (0, j))
        means = np.nanmean(cost, axis=0)
        note = f"{missing.sum():,} of {cost.size:,} costs are missing and estimated"
        warn(self.source, f"{note}, each by the mean of its LLM's known ones")
        counts = {llm: int(count) for llm, count in zip(self.llms, missing.sum(axis=0), strict=True) if count}
        return np.where(missing, means, cost), counts

    def fault(self, problem: str, measure: Measure, place: tuple[int, int]) -> DataFileError:
        """Build the error for a value at (query, LLM)."""
        i, j = place
        column = self.columns[measure.name][j] or None
        if self.rows[i, j] >= 0:
            return self.source.fault(problem, int(self.rows[i, j]), column)
        ids = None if self.roles.query_id is None else self.texts[self.roles.query_id]
        query = i if ids is None else shown(ids[i])
        problem = f"query {query} has no row for {shown(self.llms[j])}; {problem}"
        return DataFileError(self.source.path, problem, column=column)


def as_dataset(
    cost: Grid,
    correct: Grid,
    /,
    *,
    query_ids: Sequence[str],
    roles: Roles,
    texts: Mapping[str, list[str]],
    about: dict[str, Any],
    allow_missing: bool,
) -> Dataset:
    """Make a data set from tables of the same queries and LLMs.

    Args:
        cost: The grid with the costs.
        correct: The grid with the outcomes.
        query_ids: N ids.
        roles: The columns of texts and groups.
        texts: By column: N strings.
        about: Stored in the data set, with the number of estimated costs by LLM if there are any.
        allow_missing: See `read_table`.

    Raises:
        DataFileError: A required value is missing.
    """
    if not allow_missing:
        correct.check_complete(SCORE)
        cost.check_complete(COST)
    costs, counts = cost.estimated_costs()
    if roles.beside:
        about = {**about, "beside": {name: dict(zip(query_ids, texts[name], strict=True)) for name in roles.beside}}
    return Dataset(
        costs,
        correct.values[SCORE.name],
        llms=cost.llms,
        query_ids=query_ids,
        texts=None if roles.text is None else texts[roles.text],
        groups=None if roles.group is None else texts[roles.group],
        about={**about, "estimated_costs": counts} if counts else about,
    )


def read_wide(
    source: Source,
    roles: Roles,
    layout: dict[str, tuple[Measure, Columns]],
    llms: Sequence[str],
    /,
) -> Grid:
    """Read a wide table.

    Args:
        source: The table.
        roles: Columns of ids, texts and groups.
        layout: By measure: the measure, and the columns of LLMs.
        llms: The LLMs wanted, in this order; an LLM without a column has NaN.
    """
    chosen = {
        column: measure
        for measure, columns in layout.values()
        for llm, (column, _) in columns.items()
        if llm in set(llms)
    }
    texts, numbers = source.read(text=roles.columns, numbers=chosen)
    n_rows = len(next(iter(texts.values()), next(iter(numbers.values()), [])))
    values, names = {}, {}
    for name, (_, columns) in layout.items():
        table = np.full((n_rows, len(llms)), np.nan)
        for j, llm in enumerate(llms):
            if llm in columns:
                column, scale = columns[llm]
                table[:, j] = numbers[column] * scale
        values[name] = table
        names[name] = [columns[llm][0] if llm in columns else "" for llm in llms]
    rows = np.broadcast_to(np.arange(n_rows)[:, np.newaxis], (n_rows, len(llms)))
    return Grid(source, roles, list(llms), texts, values, rows, names)


def read_long(
    source: Source,
    roles: Roles,
    measures: Sequence[Measure],
    llms: Sequence[str] | None = None,
    drop: Collection[str] = (),
    /,
) -> Grid:
    """Read a table with one row per query and LLM; queries and LLMs are in the order of their first rows.

    Args:
        source: The table.
        roles: Columns of ids, texts and groups; without ids the text identifies a query.
        measures: The measures to read.
        llms: The LLMs wanted, in this order; all if not given.
        drop: LLMs to leave out.

    Raises:
        DataFileError: A row has no id, a pair of query and LLM occurs twice, texts or groups of a query differ, or an
            LLM is unknown; the message shows the place.
    """
    key, llm_name = roles.query_id or roles.text, llm_column(source)
    assert llm_name is not None
    if key is None:
        problem = "a row per query and LLM needs a column of ids, called 'query_id', to identify queries"
        raise DataFileError(source.path, problem, source.header_line)
    columns = {measure.name: measure_column(source, measure) for measure in measures}
    for measure in measures:
        if columns[measure.name] is None:
            tokens = [name for name in source.names if usual(name) in TOKEN_NAMES]
            hint = "; PriceTable.cost makes costs of tokens" if tokens and measure.name == "cost" else ""
            problem = f"there is no column of the {measure.name}; call it {next(iter(measure.names))!r}{hint}"
            raise DataFileError(source.path, problem, source.header_line)
    found = {name: column for name, column in columns.items() if column is not None}
    chosen = {found[measure.name][0]: measure for measure in measures}
    texts, numbers = source.read(text=[*roles.columns, llm_name], numbers=chosen)
    # no note about unused columns that long tables usually have
    usually = [name for name in source.names if usual(name) in (*TOKEN_NAMES, *LATENCY.names)]
    note = unused_note(source.names, [*chosen, llm_name, *usually], roles)
    if note and len(measures) > 1:
        warn(source, note)
    there = list(dict.fromkeys(texts[llm_name]))
    if "" in there:
        raise source.fault("this row names no LLM", texts[llm_name].index(""), llm_name)
    where = {name: j for j, name in enumerate(chosen_llms(source, there, llms, drop))}
    row_of: dict[str, int] = {}
    first: list[int] = []
    cells: dict[tuple[int, int], int] = {}
    for row, (query, llm) in enumerate(zip(texts[key], texts[llm_name], strict=True)):
        if not query.strip():
            raise source.fault("this row has no id", row, key)
        i = row_of.setdefault(query, len(row_of))
        if i == len(first):
            first.append(row)
        if llm in where:
            earlier = cells.setdefault((i, where[llm]), row)
            if earlier != row:
                problem = f"query {shown(query)} on {shown(llm)} is already {source.place(earlier)}; keep one row"
                raise source.fault(problem, row, llm_name)
        for name in roles.columns:
            if texts[name][row] != texts[name][first[i]]:
                problem = f"this differs from the cell of query {shown(query)} {source.place(first[i])}"
                raise source.fault(problem, row, name)
    rows = np.full((len(first), len(where)), -1)
    for (i, j), row in cells.items():
        rows[i, j] = row
    values = {
        name: np.where(rows < 0, np.nan, numbers[column][rows] * scale) for name, (column, scale) in found.items()
    }
    once = {name: [texts[name][row] for row in first] for name in roles.columns}
    names = {name: [column] * len(where) for name, (column, _) in found.items()}
    return Grid(source, roles, list(where), once, values, rows, names)


def has_llms(source: Source, roles: Roles, /) -> bool:
    """Return whether a table has a column of costs and one of outcomes for at least one LLM."""
    names = [name for name in source.names if name and name not in roles.columns]
    return not _by_llm(source, names, COST).keys().isdisjoint(_by_llm(source, names, SCORE))


def _holds(source: Source, column: str, measure: Measure) -> bool:
    """Whether a column has values of a measure or gaps, and not gaps alone."""
    try:
        values = source.read(numbers={column: measure})[1][column]
    except DataFileError:
        return False
    return not np.isnan(values).all()


def _advice(source: Source, unused: Sequence[str], costs: Sequence[str], known: Sequence[str] = ()) -> str | None:
    """Say how to rename two columns that are those of an LLM by their values and nearly by their names, if any."""
    for llm, outcomes, cost in slips(unused, costs, known):
        if _holds(source, outcomes, SCORE) and _holds(source, cost, COST):
            named = f"{llm!r} and {f'{llm}_cost'!r}"
            return f"{outcomes!r} and {cost!r} look like the outcomes and the US$ per call of an LLM; call them {named}"
    return None


def batch_layout(
    source: Source, roles: Roles, llms: Sequence[str] | None, drop: Collection[str], /
) -> tuple[list[str], dict[str, tuple[Measure, Columns]]]:
    """Find the LLMs of a batch: those with a column of costs and one of outcomes, or those in `llms`.

    Returns:
        Names of LLMs, empty if none is found; the columns of costs and outcomes.

    Raises:
        DataFileError: A name is unknown, or two columns have the same measure of an LLM.
    """
    names = [name for name in source.names if name and name not in roles.columns]
    costs, scores = _by_llm(source, names, COST), _by_llm(source, names, SCORE)
    tried = [llm for llm in costs if llm in scores]
    if not tried and llms is None:
        return [], {}
    for llm in llms or ():
        if llm in scores and llm not in costs:
            problem = f"there is no column {f'{llm}_cost'!r} with the costs of {shown(llm)}; there are {listed(names)}"
            raise DataFileError(source.path, problem, source.header_line)
    found = chosen_llms(source, list(costs), tried if llms is None else llms, drop)
    known = {*found, *drop, *(tried if llms is None else ())}
    _check_single(source, costs, known, "cost")
    _check_single(source, scores, known, "outcomes")
    layout = {
        measure.name: (measure, {llm: by_llm[llm][0] for llm in found if llm in by_llm})
        for measure, by_llm in ((COST, costs), (SCORE, scores))
    }
    # LLMs that the user left out need no note
    used = [column for by_llm in (costs, scores) for llm in {*known, *tried} for column, _ in by_llm.get(llm, ())]
    only = [] if llms is not None else [columns[0][0] for llm, columns in costs.items() if llm not in known]
    if llms is None:
        advice = _advice(source, unused_columns(source.names, used, roles), only, tried)
        if advice is not None:
            problem = f"an LLM would be left out: {advice}, or name the LLMs to use with llms= (--llms)"
            raise DataFileError(source.path, problem, source.header_line)
    note = unused_note(source.names, used, roles, only)
    if note:
        warn(source, note)
    return found, layout


def chosen_llms(
    source: Source, found: Sequence[str], llms: Sequence[str] | None, drop: Collection[str], /
) -> list[str]:
    """The LLMs wanted, in their order, without those to leave out.

    Raises:
        DataFileError: A name is not among those found, or no LLM is left.
    """
    for name in (*(llms or ()), *drop):
        if name not in found:
            raise DataFileError(source.path, unknown_name(name, found, kind="LLM"))
    chosen = [name for name in (found if llms is None else dict.fromkeys(llms)) if name not in set(drop)]
    if not chosen:
        raise DataFileError(source.path, f"no LLM is left; there are {listed(found)}")
    return chosen


def no_llm(source: Source, /) -> DataFileError:
    """Build the error for a table without any LLM: with the columns of the table, and the expected ones."""
    costs = [name for name in source.names if cost_base(name)]
    advice = _advice(source, source.names, costs)
    expected = "expected columns <llm> and <llm>_cost for each LLM, or a row per query and LLM with columns 'model',"
    problem = f"found no LLM: {expected} 'score' and 'cost'; there are {listed(source.names)}"
    if advice is not None:
        problem = f"{problem}. {advice}"
    elif costs:
        bases = ",".join(cost_base(name) for name in costs[:5])
        problem = f"found no LLM with outcomes; if {listed(costs[:5])} are the costs of LLMs, name them with"
        problem += f" llms= (--llms {bases})" + ("" if len(costs) <= 5 else ", and so on")
    return DataFileError(source.path, problem, source.header_line)


def known_layout(
    source: Source, roles: Roles, measure: Measure, llms: Sequence[str], /
) -> dict[str, tuple[Measure, Columns]]:
    """Find the columns of one measure for known LLMs: `<llm>`, or `<llm>` with an ending for the measure.

    Raises:
        DataFileError: A column has nearly the name of an LLM without a column, or two columns belong to the same LLM.
    """
    names = [name for name in source.names if name and name not in roles.columns]
    by_llm = _by_llm(source, names, measure)
    if not any(llm in by_llm for llm in llms):
        for name in names:
            by_llm.setdefault(name, [(name, 1.0)])
    _check_single(source, by_llm, set(llms), measure.name)
    columns = {llm: by_llm[llm][0] for llm in llms if llm in by_llm}
    others = {usual(name): name for name in names if name not in {column for column, _ in columns.values()}}
    check_near(source, others, [llm for llm in llms if llm not in columns])
    if measure is SCORE:
        beside = tuple(end for other in (COST, LATENCY) for end in other.suffixes)
        used = [name for name in names if name.lower().endswith(beside)]
        note = unused_note(source.names, [*used, *(column for column, _ in columns.values())], roles)
        if note:
            warn(source, note)
    return {measure.name: (measure, columns)}


def check_near(source: Source, others: Mapping[str, str], llms: Sequence[str], /) -> None:
    """Refuse names that are close to those of LLMs without a column: a typing error would lose their values.

    Args:
        source: The table.
        others: Names in the table, by their usual form.
        llms: Known LLMs that are not in the table.

    Raises:
        DataFileError: A name is close; the message shows it and the LLM.
    """
    for llm in llms:
        near = get_close_matches(usual(llm), others, n=1, cutoff=0.85)
        if near:
            raise DataFileError(source.path, unknown_name(others[near[0]], llms, kind="LLM"), source.header_line)


def _by_llm(source: Source, names: Sequence[str], measure: Measure) -> dict[str, list[tuple[str, float]]]:
    """Return the columns of a measure by LLM, found by their endings; with the ending "", every column is one."""
    found: dict[str, list[tuple[str, float]]] = {}
    for name in names:
        lower = name.lower()
        suffix = next((end for end in measure.suffixes if end and lower.endswith(end) and lower != end), None)
        if suffix is not None:
            found.setdefault(name[: len(name) - len(suffix)].strip(), []).append((name, measure.suffixes[suffix]))
        if "" in measure.suffixes:
            found.setdefault(name, []).append((name, 1.0))
    return found


def _check_single(source: Source, by_llm: dict[str, list[tuple[str, float]]], llms: Collection[str], what: str) -> None:
    for llm in llms:
        columns = [column for column, _ in by_llm.get(llm, [])]
        if len(columns) > 1:
            both = f"{shown(columns[0])} and {shown(columns[1])} are both the {what} of {shown(llm)}"
            raise DataFileError(source.path, f"{both}; remove or rename one", source.header_line)


def wide_frame(dataset: Dataset, /) -> pd.DataFrame:
    """Return a data set as one wide frame: `query_id`, `query`, `group` if known, then `<llm>`, `<llm>_cost`, ….

    Raises:
        UserError: The name of an LLM has another meaning in a wide table.

    Examples:
        >>> wide_frame(Dataset([[0.1, 2.0]], [[0, 1]], llms=["small", "large"], query_ids=["q1"]))
          query_id  small  small_cost  large  large_cost
        0       q1      0         0.1      1         2.0
    """
    known = {"query_id": dataset.query_ids, "query": dataset.texts, "group": dataset.groups}
    columns: dict[str, Any] = {name: values for name, values in known.items() if values is not None}
    outcomes = outcomes_frame(dataset.correct, dataset.llms)
    for j, llm in enumerate(dataset.llms):
        endings = tuple(end for measure in (COST, SCORE) for end in measure.suffixes if end)
        if usual(llm) in USUAL_NAMES or llm.lower().endswith(endings):
            raise UserError(f"an LLM can't be called {shown(llm)} in a wide table: it means something else there")
        columns[llm] = outcomes.iloc[:, j]
        columns[f"{llm}_cost"] = dataset.cost[:, j]
    return pd.DataFrame(columns)


def outcomes_frame(correct: FloatArray, llms: tuple[str, ...], /) -> pd.DataFrame:
    """Return outcomes (N, M) as a frame for writing: integers if all are 0 or 1, an empty cell for NaN."""
    known = correct[~np.isnan(correct)]
    frame = pd.DataFrame(correct, columns=list(llms))
    return frame.astype("Int8") if np.isin(known, (0.0, 1.0)).all() else frame
