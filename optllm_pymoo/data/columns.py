"""Finds the columns of a table with ids, texts, groups and LLMs, and writes the note about unused columns."""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection, Iterable, Sequence
from difflib import SequenceMatcher, get_close_matches
from typing import Final, NamedTuple

from optllm_pymoo.data.source import COST, SCORE, DataFileError, DataFileWarning, Measure, Source
from optllm_pymoo.validation import listed, unknown_name

TEXT_NAMES: Final = ("query", "text", "prompt", "question")
ID_NAMES: Final = ("query_id", "sample_id", "id")
GROUP_NAMES: Final = ("group", "eval_name", "task")
LLM_NAMES: Final = ("llm", "model", "model_name", "model_id")
TOKEN_NAMES: Final = ("input_tokens", "output_tokens", "prompt_tokens", "completion_tokens")
USUAL_NAMES: Final = (*TEXT_NAMES, *ID_NAMES, *GROUP_NAMES)
_LIKE_OUTCOMES: Final = (
    *SCORE.suffixes,
    *("_accuracy", "_acc", "_outcome", "_result", "_passed", "_pass", "_success", "_is_correct"),
)
_LIKE_COST: Final = re.compile(
    r"(.+?)[_ .|](?:costs?|prices?|usd|dollars?)(?:[_ .|].*)?|(?:costs?|prices?|usd)[_ .|](?:of_)?(.+)|(.+)costs?"
)
_LOOKED_AT: Final = 20
"""Largest number of unused columns that are listed and checked for typing errors."""


class Roles(NamedTuple):
    """The columns that describe a query; None where there is no such column."""

    query_id: str | None
    text: str | None
    group: str | None
    beside: tuple[str, ...] = ()
    """Further columns that the caller wants."""

    @property
    def columns(self) -> list[str]:
        """The columns that exist."""
        return list(dict.fromkeys(name for name in (*self[:3], *self.beside) if name is not None))


def roles_of(
    source: Source,
    *,
    text: str | None = None,
    query_id: str | None = None,
    group: str | None = None,
    beside: Sequence[str] = (),
) -> Roles:
    """Find the columns of ids, texts and groups: by the names given, else by the usual ones in any letter case.

    A nameless first column of row numbers is left out, with a warning.

    Raises:
        DataFileError: A column that was named does not exist, or a column without a name is not an index.
    """
    nameless = [position for position, name in enumerate(source.names) if not name]
    for position in nameless:
        problem = f"column {position + 1} has no name"
        if position and source.header_line is not None:
            cause = "if its cells are empty, remove the separator that ends each line, else name it"
            raise DataFileError(source.path, f"{problem}; {cause}", source.header_line)
    if nameless:
        cells = source.read(text=[""])[0][""]
        first = cells[0] if cells[0] in ("0", "1") else "0"
        if any(cell != str(row) for row, cell in enumerate(cells, start=int(first))):
            problem = f"column {nameless[0] + 1} has no name; if it holds the ids, call it 'query_id', else remove it"
            raise DataFileError(source.path, problem, source.header_line)
        note = "the first column has no name and holds row numbers, as pandas saves an index; it was left out"
        warn(source, note)
    source.require(beside)
    found = (_find(source, query_id, ID_NAMES), _find(source, text, TEXT_NAMES), _find(source, group, GROUP_NAMES))
    return Roles(*found, tuple(beside))


def usual(name: str, /) -> str:
    """Return the form in which names of columns are compared.

    Examples:
        >>> usual("Query ID")
        'query_id'
    """
    return name.strip().lower().replace(" ", "_").replace("-", "_")


def llm_column(source: Source, /) -> str | None:
    """Return the column with the LLM of each row, None if there is none."""
    there = {usual(name): name for name in reversed(source.names)}
    return next((there[name] for name in LLM_NAMES if name in there), None)


def measure_column(source: Source, measure: Measure, /) -> tuple[str, float] | None:
    """Return the column of a measure, and the factor that converts its unit to ours; None if there is none."""
    there = {usual(name): name for name in reversed(source.names)}
    return next(((there[name], scale) for name, scale in measure.names.items() if name in there), None)


def is_long(source: Source, measures: Sequence[Measure], /) -> bool:
    """Return whether a table has one row per query and LLM."""
    names = {usual(name) for name in source.names}
    has_measure = any(measure_column(source, measure) for measure in measures) or names & set(TOKEN_NAMES)
    return llm_column(source) is not None and bool(has_measure)


def _find(source: Source, wanted: str | None, usual_names: Sequence[str]) -> str | None:
    if wanted is None:
        there = {usual(name): name for name in reversed(source.names)}
        return next((there[name] for name in usual_names if name in there), None)
    if wanted not in source.names:
        problem = unknown_name(wanted, source.names, kind="column")
        raise DataFileError(source.path, problem, source.header_line)
    return wanted


def warn(source: Source, note: str, /) -> None:
    """Issue a `DataFileWarning` about a file."""
    warnings.warn(f"{source.path}: {note}", DataFileWarning, stacklevel=2)


def unused_columns(names: Iterable[str], used: Iterable[str], roles: Roles, /) -> list[str]:
    """Return the names of the columns that are neither read nor describe a query."""
    taken = {*used, *roles.columns, ""}
    return [name for name in names if name not in taken]


def unused_note(names: Sequence[str], used: Iterable[str], roles: Roles, costs: Collection[str] = (), /) -> str | None:
    """Return a note about the columns of a table that are not used. O(columns).

    Args:
        names: Names of all columns.
        used: Names of the columns that are read.
        roles: Columns of ids, texts and groups.
        costs: Columns that look like costs, but of an LLM without outcomes.

    Returns:
        One line: the columns that are not used; and, if the table has no column of ids, that ids are row numbers. None
        if all columns are used.

    Example:
        >>> roles = Roles("query_id", None, None)
        >>> print(unused_note(["query_id", "small", "small_cost", "difficulty"], ["small", "small_cost"], roles))
        column 'difficulty' is not used
        >>> print(unused_note(["query_id", "total_cost"], [], roles, ["total_cost"]))
        column 'total_cost' is not used: there are no outcomes 'total'; if that is an LLM, name all LLMs with llms=
        (--llms)
    """
    unused = unused_columns(names, used, roles)
    if not unused:
        return None
    note = f"column {listed(unused)} is not used" if len(unused) == 1 else f"columns {listed(unused)} are not used"
    if costs:
        bases = [base for column in costs if (base := cost_base(column))]
        one = len(bases) == 1
        note += f": there are no outcomes {listed(bases)}; if {'that is an LLM' if one else 'those are LLMs'}, name all"
        note += " LLMs with llms= (--llms)"
    if roles.query_id is None:
        meant = [name for name in ID_NAMES if get_close_matches(name, map(usual, unused), n=1, cutoff=0.8)]
        ids = ", ".join(map(repr, ID_NAMES[:-1]))
        note += f". No column is called {ids} or {ID_NAMES[-1]!r}, so the ids are row numbers"
        note += f"; did you mean {', '.join(map(repr, meant))}?" if meant else ""
    return note


def cost_base(column: str, /) -> str:
    """Return the LLM of a column of costs, from the column's name; "" for other columns.

    Examples:
        >>> cost_base("yi|total_cost"), cost_base("gpt-4_Cost"), cost_base("gpt-4")
        ('yi', 'gpt-4', '')
    """
    suffix = next((suffix for suffix in COST.suffixes if column.lower().endswith(suffix)), column)
    return column[: len(column) - len(suffix)]


class Slip(NamedTuple):
    """Two unused columns that nearly have the names of those of an LLM."""

    llm: str
    outcomes: str
    cost: str


def slips(unused: Iterable[str], costs: Collection[str], known: Iterable[str] = (), /) -> list[Slip]:
    """Find pairs of columns that may be those of an LLM, written in another way. O(columns).

    Args:
        unused: The columns that are not used.
        costs: Those that are costs by their names, but of an LLM without outcomes.
        known: LLMs with columns of both.

    Examples:
        >>> slips(["large", "large_price"], [])
        [Slip(llm='large', outcomes='large', cost='large_price')]
        >>> slips(["small_accuracy", "small_cost"], ["small_cost"])
        [Slip(llm='small', outcomes='small_accuracy', cost='small_cost')]
    """
    others = [name for name in unused if name not in costs]
    nearly = {name: base for name in others if not cost_base(name) and (base := _nearly_cost_of(name))}
    outcomes = {usual(name): name for name in others if name not in nearly}
    parts_of_known = tuple(f"{usual(llm)}_" for llm in known)
    found = []
    # a column whose name is almost that of a cost, or that is a cost, and another that looks like its outcomes
    for k, (cost, base) in enumerate([*nearly.items(), *((cost, usual(cost_base(cost))) for cost in costs)]):
        end = next((end for end in _LIKE_OUTCOMES if base + end in outcomes), None)
        if end is not None:
            column = outcomes[base + end]
            found.append(Slip(column[: len(column) - len(end)], column, cost))
        elif k < _LOOKED_AT and not base.startswith(parts_of_known):
            close = get_close_matches(base, outcomes, n=1, cutoff=0.9 if cost in nearly else 0.8)
            found += [Slip(outcomes[name], outcomes[name], cost) for name in close if not name.startswith(f"{base}_")]
    return found


def _nearly_cost_of(column: str) -> str:
    """The LLM, as `usual`, of a column whose name is almost that of a cost; "" for other columns."""
    name = usual(column)
    found = _LIKE_COST.fullmatch(name)
    if found is None:
        base, _, end = name.rpartition("_")
        return base if SequenceMatcher(None, end, "cost").ratio() >= 0.75 else ""
    base = next(filter(None, found.groups()))
    return "" if _LIKE_COST.fullmatch(f"x_{base}") else base
