"""Which columns of a wide table mean what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from optllm_pymoo.validation import UserError, unknown_name

# The longer one first: it ends in the shorter one
COST_SUFFIXES = ("|total_cost", "_cost")
TEXT_NAMES = ("query", "text", "prompt")
ID_NAMES = ("query_id", "sample_id", "id")
GROUP_NAMES = ("group", "eval_name", "task")
USUAL_NAMES = (*TEXT_NAMES, *ID_NAMES, *GROUP_NAMES)


class WideLayout(NamedTuple):
    """The columns of a wide table; `outcomes[j]` is None where there is no column of outcomes for LLM j."""

    llms: list[str]
    outcomes: list[str | None]
    costs: list[str]
    text: str | None
    query_id: str | None
    group: str | None

    @property
    def texts(self) -> list[str]:
        """The columns that are read as text."""
        return [name for name in (self.text, self.query_id, self.group) if name is not None]

    @property
    def outcome_columns(self) -> list[str]:
        """The columns of outcomes that are there."""
        return [name for name in self.outcomes if name is not None]


def wide_layout(
    columns: Sequence[str],
    /,
    *,
    allow_missing: bool = False,
    text: str | None = None,
    query_id: str | None = None,
    group: str | None = None,
) -> WideLayout:
    """Find LLMs, texts and ids among the columns of a wide table.

    An LLM is there if its cost is: `<llm>_cost` or `<llm>|total_cost`. Its outcomes are in `<llm>`. Other
    columns are left alone.

    Args:
        columns: Names of all columns.
        allow_missing: Accept an LLM without a column of outcomes.
        text: Column of the texts; the first of `TEXT_NAMES` that is there if not given.
        query_id: Column of the ids; the first of `ID_NAMES` that is there if not given.
        group: Column of the groups; the first of `GROUP_NAMES` that is there if not given.

    Raises:
        ValueError: No LLM is found, one has no outcomes, or a column asked for is missing.

    Examples:
        >>> wide_layout(["sample_id", "prompt", "yi-6b", "yi-6b|total_cost", "oracle"])
        WideLayout(llms=['yi-6b'], outcomes=['yi-6b'], costs=['yi-6b|total_cost'],
                   text='prompt', query_id='sample_id', group=None)
    """
    costs: dict[str, str] = {}
    for column in columns:
        llm = _llm_of(column)
        if llm:
            other = costs.setdefault(llm, column)
            if other != column:
                raise UserError(f"{other!r} and {column!r} are both the cost of {llm!r}; expected one")
    if not costs:
        raise UserError(
            "found no LLM: expected a column <llm>_cost or <llm>|total_cost beside each column <llm>; "
            f"there are {', '.join(map(repr, columns))}"
        )
    outcomes = [llm if llm in columns else None for llm in costs]
    if None in outcomes and not allow_missing:
        llm = list(costs)[outcomes.index(None)]
        raise UserError(
            f"there is {costs[llm]!r}, but no column {llm!r} with the outcomes of that LLM; "
            "drop the former, or pass allow_missing=True if the LLM was not tried"
        )
    return WideLayout(
        list(costs),
        outcomes,
        list(costs.values()),
        _find(columns, text, TEXT_NAMES),
        _find(columns, query_id, ID_NAMES),
        _find(columns, group, GROUP_NAMES),
    )


def _llm_of(column: str) -> str:
    for suffix in COST_SUFFIXES:
        if column.endswith(suffix):
            return column.removesuffix(suffix)
    return ""


def _find(columns: Sequence[str], wanted: str | None, usual: Sequence[str]) -> str | None:
    if wanted is None:
        return next((name for name in usual if name in columns), None)
    if wanted not in columns:
        raise UserError(unknown_name(wanted, columns, kind="column"))
    return wanted
