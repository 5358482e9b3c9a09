"""Long tables: a row per query and LLM."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

import numpy as np

from optllm_pymoo.data.columns import Roles, unused_note, usual, warn
from optllm_pymoo.data.source import LATENCY, DataFileError, Measure, Source
from optllm_pymoo.data.wide import Grid, chosen_llms
from optllm_pymoo.validation import shown

LLM_NAMES: Final = ("llm", "model", "model_name", "model_id")
_TOKEN_NAMES: Final = ("input_tokens", "output_tokens", "prompt_tokens", "completion_tokens")


def _llm_column(source: Source, /) -> str | None:
    """The column that names the LLM of each row, None if there is none."""
    there = {usual(name): name for name in reversed(source.names)}
    return next((there[name] for name in LLM_NAMES if name in there), None)


def _measure_column(source: Source, measure: Measure, /) -> tuple[str, float] | None:
    """The column of a measure, and what turns its unit into ours; None if there is none."""
    there = {usual(name): name for name in reversed(source.names)}
    return next(((there[name], scale) for name, scale in measure.names.items() if name in there), None)


def is_long(source: Source, measures: Sequence[Measure], /) -> bool:
    """Whether a table has a row per query and LLM."""
    names = {usual(name) for name in source.names}
    has_measure = any(_measure_column(source, measure) for measure in measures) or names & set(_TOKEN_NAMES)
    return _llm_column(source) is not None and bool(has_measure)


def read_long(
    source: Source,
    roles: Roles,
    measures: Sequence[Measure],
    llms: Sequence[str] | None = None,
    drop: Collection[str] = (),
    /,
) -> Grid:
    """Read a table with a row per query and LLM; queries and LLMs come in the order of their first row.

    Args:
        source: The table.
        roles: Columns of ids, texts and groups; without ids the text tells queries apart.
        measures: What to read.
        llms: The LLMs wanted, in this order; all if not given.
        drop: LLMs to leave out.

    Raises:
        DataFileError: With the place: no id, a query and LLM twice, texts or groups that differ within a query, an
            LLM that is unknown.
    """
    key, llm_name = roles.query_id or roles.text, _llm_column(source)
    assert llm_name is not None
    if key is None:
        problem = "a row per query and LLM needs a column of ids, called 'query_id', to tell queries apart"
        raise DataFileError(source.path, problem, source.header_line)
    columns = {measure.name: _measure_column(source, measure) for measure in measures}
    for measure in measures:
        if columns[measure.name] is None:
            tokens = [name for name in source.names if usual(name) in _TOKEN_NAMES]
            hint = "; PriceTable.cost makes costs of tokens" if tokens and measure.name == "cost" else ""
            problem = f"there is no column of the {measure.name}; call it {next(iter(measure.names))!r}{hint}"
            raise DataFileError(source.path, problem, source.header_line)
    found = {name: column for name, column in columns.items() if column is not None}
    chosen = {found[measure.name][0]: measure for measure in measures}
    texts, numbers = source.read(text=[*roles.columns, llm_name], numbers=chosen)
    # nobody misses what long tables usually have
    usually = [name for name in source.names if usual(name) in (*_TOKEN_NAMES, *LATENCY.names)]
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
                problem = f"this differs from what is said of query {shown(query)} {source.place(first[i])}"
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
