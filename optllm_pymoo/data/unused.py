"""Columns of a wide table that nothing was made of: often a slip of the pen in a name."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from optllm_pymoo.data.wide_layout import COST_SUFFIXES, ID_NAMES, WideLayout
from optllm_pymoo.validation import Notice

LISTED = 8


class UnusedColumnsWarning(Notice):
    """Columns of a wide table were left alone, or none of them was taken for the ids."""


def unused_note(columns: Sequence[str], layout: WideLayout, /) -> str | None:
    """Say what a wide table was not read for.

    Args:
        columns: Names of all columns.
        layout: What was made of them.

    Returns:
        One line: columns that are not used, with what may have been meant, and that rows have numbers for ids if
        there are columns left and none of them is one of ids. None if all columns are used.

    Example:
        >>> columns = ["query_id", "small", "small_cost", "large", "large_costs"]
        >>> layout = WideLayout(["small"], ["small"], ["small_cost"], None, "query_id", None)
        >>> print(unused_note(columns, layout))
        columns 'large', 'large_costs' are not used; did you mean 'large_cost'?
    """
    used = {*layout.outcome_columns, *layout.costs, *layout.texts}
    unused = [column for column in columns if column not in used]
    if not unused:
        return None
    names = ", ".join(map(repr, unused[:LISTED]))
    more = f" and {len(unused) - LISTED} more" if len(unused) > LISTED else ""
    note = f"column {names} is not used" if len(unused) == 1 else f"columns {names}{more} are not used"
    meant = _meant(unused, layout)
    if meant:
        note += f"; did you mean {', '.join(map(repr, meant))}?"
    if layout.query_id is None:
        ids = ", ".join(map(repr, ID_NAMES[:-1]))
        note += f"{'' if meant else ';'} none is called {ids} or {ID_NAMES[-1]!r}, so the ids are row numbers"
    return note


def _meant(unused: Sequence[str], layout: WideLayout) -> list[str]:
    """Names that would have been understood and are close to an unused one."""
    # a column beside another that looks like its cost is an LLM
    costs = [f"{column}{suffix}" for column in unused for suffix in COST_SUFFIXES]
    outcomes = [llm for llm, column in zip(layout.llms, layout.outcomes, strict=True) if column is None]
    ids = list(ID_NAMES) if layout.query_id is None else []
    meant: list[str] = []
    for column in unused:
        known = [name for name in (*costs, *outcomes, *ids) if name not in (f"{column}{s}" for s in COST_SUFFIXES)]
        lower = {name.lower(): name for name in reversed(known)}
        close = get_close_matches(column.lower(), lower, n=1, cutoff=0.8)
        meant += [lower[name] for name in close if lower[name] not in meant]
    return meant
