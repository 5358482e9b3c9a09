"""The options of the commands, their parsers, and the objects built from them."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar, get_args, get_origin, get_type_hints

import typer

from optllm_pymoo.tolerances import LEAST_AMOUNT, ULPS_ABOVE_ONE

if TYPE_CHECKING:
    import pandas as pd

    from optllm_pymoo.data import Collected, Dataset
    from optllm_pymoo.decision import Choice
    from optllm_pymoo.limits import Quota
    from optllm_pymoo.planning.constraints import Constraints

LARGEST: Final = 1e15
"""Largest number that an option accepts; sums near the largest float would overflow."""


UNITS: Final = {"": "calls", "calls": "calls", "call": "calls", "usd": "usd", "us$": "usd", "$": "usd"}


def number(
    what: str, low: float = 0.0, high: float = LARGEST, *, below: bool = False, unit: str = "", least: float = 0.0
) -> Callable[[Any], float]:
    """Build the reader of a number in [low, high], or in [low, high); beside 0 it is at least ``least``."""
    span = f"[{low:g}, {high:g}{')' if below else ']'}{unit}"

    def read(text: Any) -> float:
        try:
            value = float(text)
        except ValueError:
            hint = f"; write the number alone, in{unit}" if unit else ""
            raise typer.BadParameter(f"{what} is a number in {span}; got {text!r}{hint}") from None
        if not below and high < value <= high * (1 + ULPS_ABOVE_ONE * sys.float_info.epsilon):
            return high
        if not low <= value <= high or (below and value == high):
            percent = f"; for {value:g} % write {value / 100:g}" if high == 1 and low <= value / 100 < high else ""
            raise typer.BadParameter(f"{what} must lie in {span}; got {text}{percent if value >= 2 else ''}")
        if 0 < value < least:
            raise typer.BadParameter(f"{what} must be 0 or at least {least:g}{unit}; got {text}")
        return value

    return read


def _labels(text: Any) -> float | str | Path:
    """Parse a share, a file or "all"."""
    if text == "all":
        return "all"
    try:
        share = float(text)
    except ValueError:
        return Path(text)
    if not 0 < share < 1:
        hint = f"for {share:g} % write {share / 100:g}" if 1 <= share < 100 else "for 5 % write 0.05"
        raise typer.BadParameter(f"a share must lie in (0, 1), and 'all' takes all; got {text}; {hint}")
    return share


def _whole(what: str, low: int, high: int, *, or_all: bool = False) -> Callable[[Any], int]:
    """Build the reader of a whole number in [low, high]; -1 may stand for all."""
    span = f"a whole number in [{low}, {high}]{', or -1 for all' if or_all else ''}"

    def read(text: Any) -> int:
        try:
            value = int(text)
        except ValueError:
            raise typer.BadParameter(f"{what} is {span}; got {text!r}") from None
        if not (low <= value <= high or (or_all and value == -1)):
            raise typer.BadParameter(f"{what} is {span}; got {text}")
        return value

    return read


def _names(text: Any) -> list[str]:
    """Split a list of names."""
    names = [name.strip() for name in str(text).split(",")]
    if not all(names) or len(set(names)) < len(names):
        raise typer.BadParameter(f"expected different names, separated by commas; got {text!r}")
    return names


def _pair(left: str, right: str) -> Callable[[Any], tuple[str, str]]:
    """Build the reader of LEFT=RIGHT; the right side may contain "="."""

    def read(text: Any) -> tuple[str, str]:
        name, _, value = (part.strip() for part in str(text).partition("="))
        if not name or not value:
            raise typer.BadParameter(f"{text!r} is no pair; write {left}={right}")
        return name, value

    return read


def fields_by_role(text: Any) -> dict[str, str]:
    """Read ``ROLE=FIELD,...``.

    Args:
        text: The value of --map.

    Raises:
        typer.BadParameter: If a pair is none.

    Example:
        >>> fields_by_role("id=ticket,text=body")
        {'id': 'ticket', 'text': 'body'}
    """
    return dict(map(_pair("ROLE", "FIELD"), str(text).split(",")))


def _one_of(*words: str) -> Callable[[Any], str]:
    """Build the reader of one of some words."""

    def read(text: Any) -> str:
        if text not in words:
            raise typer.BadParameter(f"expected {' or '.join(words)}; got {text!r}")
        return str(text)

    return read


def parse_quota(text: str, /) -> Quota:
    """Read ``NAME=CALLS`` or ``NAME=12.50usd``.

    Args:
        text: The value of --quota; a name may contain "=".

    Raises:
        typer.BadParameter: If there is no name or no amount.

    Example:
        >>> parse_quota("TogetherAI=20000")
        Quota(name='TogetherAI', calls=20000.0, usd=None, tokens=None, llms=None)
        >>> parse_quota("openai/gpt-4=12.5usd").usd
        12.5
    """
    from optllm_pymoo.limits import Quota

    name, _, amount = (part.strip() for part in text.rpartition("="))
    digits = amount.lower().rstrip("abcdefghijklmnopqrstuvwxyz$ ")
    said = amount.lower()[len(digits) :].strip()
    if said == "tokens":
        raise typer.BadParameter(f"{text!r}: the data have no tokens per call; limit calls or US$ (NAME=12.50usd)")
    unit = UNITS.get(said)
    if not name or not digits or unit is None:
        raise typer.BadParameter(f"{text!r} is no quota; write NAME=CALLS, as in TogetherAI=20000, or NAME=12.50usd")
    read = number(f"the quota of {name!r}", unit=" calls" if unit == "calls" else " US$", least=LEAST_AMOUNT)
    limit = read(digits.replace("_", ""))
    if unit == "calls" and limit != math.floor(limit):
        raise typer.BadParameter(f"the quota of {name!r} must be a whole number of calls; got {digits}")
    return Quota(name, calls=limit) if unit == "calls" else Quota(name, usd=limit)


def parse_provider(text: str, /) -> tuple[str, tuple[str, ...]]:
    """Read ``NAME=LLM,LLM``.

    Args:
        text: The value of --provider.

    Raises:
        typer.BadParameter: If there is no name or no LLM.

    Example:
        >>> parse_provider("TogetherAI=yi,mixtral")
        ('TogetherAI', ('yi', 'mixtral'))
    """
    name, _, listed = text.partition("=")
    llms = tuple(llm.strip() for llm in listed.split(",") if llm.strip())
    if not name.strip() or not llms:
        raise typer.BadParameter(f"{text!r} is no provider; write NAME=LLM,LLM")
    return name.strip(), llms


def parse_floor(text: str, /) -> tuple[str | None, float]:
    """Read ``MEAN`` or ``GROUP=MEAN``.

    Args:
        text: The value of --floor.

    Returns:
        The group, None for every group; the mean accuracy.

    Raises:
        typer.BadParameter: If it is no mean accuracy in [0, 1].

    Example:
        >>> parse_floor("0.6"), parse_floor("code=0.7")
        ((None, 0.6), ('code', 0.7))
    """
    group, equals, value = (part.strip() for part in text.rpartition("="))
    if not value or (equals and not group):
        raise typer.BadParameter(f"{text!r} is no floor; write 0.6, or GROUP=0.6")
    return group or None, number("a floor", high=1.0)(value)


Llms = Annotated[
    Any,
    typer.Option(
        "--llms", metavar="A,B,...", parser=_names, help="Use these LLMs of the batch only.", show_default=False
    ),
]
Drop = Annotated[
    list[str] | None,
    typer.Option("--drop", metavar="LLM", help="Leave out an LLM of the batch. Repeatable.", show_default=False),
]
Seed = Annotated[
    int,
    typer.Option(
        "--seed", "-s", metavar="INTEGER", parser=_whole("a seed", 0, 2**32 - 1), help="Same seed, same result.",
    ),
]  # fmt: skip
NQueries = Annotated[
    int,
    typer.Option(
        "--queries", metavar="INTEGER", parser=_whole("the number of queries", 1, 10**7), help="Number of queries.",
    ),
]  # fmt: skip
NLLMs = Annotated[
    int,
    typer.Option("--llms", metavar="INTEGER", parser=_whole("the number of LLMs", 1, 10**4), help="Number of LLMs."),
]
Number = Annotated[
    int,
    typer.Option(
        "--number", "-n", metavar="INTEGER", parser=_whole("the number of queries", 1, 10**7), help="Queries to draw.",
    ),
]  # fmt: skip
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else there.")]
ForSpreadsheet = Annotated[
    bool,
    typer.Option(
        "--for-spreadsheet",
        help="Put an apostrophe before text in CSV files that a spreadsheet takes for a formula. It becomes part of"
        " names: evaluate needs files without.",
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")]


def parse_factor(text: str, /) -> tuple[str, float]:
    """Read ``NAME=FACTOR``.

    Args:
        text: The value of --price-factor.

    Raises:
        typer.BadParameter: If there is no name or no factor.

    Example:
        >>> parse_factor("anthropic/*=1.2")
        ('anthropic/*', 1.2)
    """
    name, _, factor = (part.strip() for part in text.rpartition("="))
    if not name:
        raise typer.BadParameter(f"{text!r} is no price factor; write NAME=FACTOR, as in anthropic/*=1.2")
    return name, number(f"the price factor of {name!r}", high=1e6)(factor)


def command_line(*groups: Any) -> list[str]:
    """Write groups of options as a command line, without default values.

    Args:
        *groups: Instances of the groups of this module.

    Example:
        >>> command_line(Queries(drop=["a b"], price_factor=[("acme/*", 1.2)]), Wanted(budget=2.0, knee=False))
        ['--drop', 'a b', '--price-factor', 'acme/*=1.2', '--budget', '2']
    """

    def as_text(value: Any) -> str:
        if isinstance(value, float):
            return f"{value:.15g}"
        if isinstance(value, list):
            return ",".join(value)
        if isinstance(value, tuple):
            return "=".join(
                as_text(list(part) if isinstance(part, tuple) else part) for part in value if part is not None
            )
        if hasattr(value, "calls"):
            return f"{value.name}={value.usd:.15g}usd" if value.calls is None else f"{value.name}={value.calls:.15g}"
        return str(value)

    tokens: list[str] = []
    for group in groups:
        hints = get_type_hints(type(group), include_extras=True)
        for option in fields(group):
            value = getattr(group, option.name)
            kind, info = get_args(hints[option.name])[:2]
            if value == option.default:
                continue
            repeated = any(get_origin(each) is list for each in get_args(kind))
            name = next(each for each in (info.default, *(info.param_decls or ())) if str(each).startswith("--"))
            for each in value if repeated else [value]:
                tokens += [name] if each is True else [name, as_text(each)]
    return tokens


Group = TypeVar("Group", "Queries", "Learning", "Work", "Wanted", "Back", "Limits")
_EXCLUSIVE: Final = ("budget", "accuracy", "knee")


def over(now: Group, before: Mapping[str, Any], /) -> Group:
    """Return options with former values where the new ones are defaults.

    Args:
        now: Options; default values count as not given.
        before: Values by option.
    """
    said = {each.name: getattr(now, each.name) for each in fields(now) if getattr(now, each.name) != each.default}
    earlier = {each.name: before[each.name] for each in fields(now)}
    if said.keys() & _EXCLUSIVE:
        earlier = {name: value for name, value in earlier.items() if name not in _EXCLUSIVE}
    return replace(now, **{**earlier, **said})


# Groups of options: a command that takes one as a parameter has all its options, see `app.command`.


@dataclass(frozen=True, kw_only=True)
class Queries:
    """Queries and LLMs."""

    data: Annotated[
        Path | None,
        typer.Option(
            "--data", "-d", help="Folder, or table in CSV, TSV, JSON lines or Parquet; a folder of Parquet files, a"
            " pattern or an address such as s3://bucket/parts is planned part by part. Without it: an embedded"
            " synthetic batch.", show_default=False,
        ),
    ] = None  # fmt: skip
    llms: Llms = None
    drop: Drop = None
    price_factor: Annotated[
        list[Any] | None,
        typer.Option(
            "--price-factor", metavar="NAME=FACTOR", parser=parse_factor, show_default=False,
            help="Multiply the costs of an LLM, a provider or a pattern: 'anthropic/*=1.2'. Repeatable.",
        ),
    ] = None  # fmt: skip

    def read(self, constraints: Constraints | None = None, beside: Sequence[str] = ()) -> Dataset:
        """Read the batch with the LLMs that were chosen; without data the embedded one.

        Args:
            constraints: Knows providers beside those of the data.
            beside: Columns that say more of the queries, see `read_table`.

        Raises:
            UserError: As `read_table`; or if an LLM is unknown.
        """
        from optllm_pymoo.data import make_dataset, read_table
        from optllm_pymoo.validation import positions_of

        left_out = self.drop or ()
        if self.data is not None:
            found = read_table(self.data, allow_missing=True, llms=self.llms, drop=left_out, beside=beside)
        else:
            found = make_dataset()
            positions_of(left_out, found.llms)
            found = found.with_llms([name for name in self.llms or found.llms if name not in left_out])
        if not self.price_factor:
            return found
        from optllm_pymoo.planning.constraints import NO_CONSTRAINTS
        from optllm_pymoo.planning.whatif import priced

        return priced(found, self.price_factor, constraints or NO_CONSTRAINTS)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """How a plan is chosen."""

    budget: Annotated[
        float | None,
        typer.Option(
            "--budget", metavar="USD", parser=number("a budget", unit=" US$"),
            help="Most accurate plan within so many US$.", show_default=False,
        ),
    ] = None  # fmt: skip
    accuracy: Annotated[
        float | None,
        typer.Option(
            "--accuracy", metavar="MEAN", parser=number("a mean accuracy", high=1.0),
            help="Cheapest plan with this expected mean accuracy, in [0, 1].", show_default=False,
        ),
    ] = None  # fmt: skip
    knee: Annotated[
        bool,
        typer.Option(
            "--knee", help="The knee of the front: beyond it, accuracy costs more than on average (the default)."
        ),
    ] = False
    promise: Annotated[
        float | None,
        typer.Option(
            "--promise", metavar="PROBABILITY", parser=number("a probability", 0.5, 1.0, below=True),
            help="Plan for the accuracy reached with this probability (0.95), not the expected one; needs --budget or"
            " --accuracy.",
            show_default=False,
        ),
    ] = None  # fmt: skip

    def choice(self) -> Choice:
        """Build the choice.

        Raises:
            typer.BadParameter: If two choices were given, or a promise without a budget or an accuracy.
        """
        said = {"--budget": self.budget is not None, "--accuracy": self.accuracy is not None, "--knee": self.knee}
        given = [name for name, is_given in said.items() if is_given]
        if len(given) > 1:
            raise typer.BadParameter(f"{' and '.join(given)} exclude one another; give one of them")
        if self.promise is not None and self.budget is None and self.accuracy is None:
            raise typer.BadParameter("needs --budget or --accuracy beside it", param_hint="'--promise'")
        from optllm_pymoo.decision import AtLeastAccuracy, Knee, WithinBudget

        if self.budget is not None:
            return WithinBudget(self.budget, promise=self.promise)
        if self.accuracy is not None:
            return AtLeastAccuracy(self.accuracy, promise=self.promise)
        return Knee()


@dataclass(frozen=True, kw_only=True)
class Back:
    """Answers of an earlier plan."""

    after: Annotated[
        Path | None,
        typer.Option(
            "--after", metavar="CALLS", show_default=False,
            help="A folder made by collect, or a log: answered queries are not planned again.",
        ),
    ] = None  # fmt: skip

    def calls(self) -> pd.DataFrame | None:
        """Read the calls; None without --after.

        Raises:
            UserError: As `read_calls`.
        """
        from optllm_pymoo.planning.rounds import read_calls

        return None if self.after is None else read_calls(self.after)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits that plans have to meet."""

    quota: Annotated[
        list[Any] | None,
        typer.Option(
            "--quota", metavar="NAME=CALLS", parser=parse_quota,
            help="At most so many calls of an LLM or a provider: TogetherAI=20000. Dollars: NAME=12.50usd. Repeatable.",
            show_default=False,
        ),
    ] = None  # fmt: skip
    provider: Annotated[
        list[Any] | None,
        typer.Option(
            "--provider", metavar="NAME=LLM,LLM", parser=parse_provider,
            help="The LLMs of a provider, if neither about.json nor names like provider/model give them. Repeatable.",
            show_default=False,
        ),
    ] = None  # fmt: skip
    floor: Annotated[
        list[Any] | None,
        typer.Option(
            "--floor", metavar="[GROUP=]MEAN", parser=parse_floor,
            help="Expected mean accuracy, in [0, 1], that every group of queries reaches, or one group. Repeatable.",
            show_default=False,
        ),
    ] = None  # fmt: skip
    forbid: Annotated[
        list[str] | None,
        typer.Option(
            "--forbid", metavar="LLM[:GROUP]", show_default=False,
            help="Send no query to this LLM with its modes, provider or pattern; or none of a group. Repeatable.",
        ),
    ] = None  # fmt: skip
    allow: Annotated[
        list[str] | None,
        typer.Option(
            "--allow", metavar="LLM[:GROUP]", show_default=False,
            help="Send queries to this LLM only, or those of a group; several add up. Repeatable.",
        ),
    ] = None  # fmt: skip
    latency: Annotated[
        Path | None,
        typer.Option(
            "--latency", metavar="FILE",
            help="CSV of mean seconds per call (query_id and a column per LLM): a third objective, unless"
            " --max-latency bounds it.",
            show_default=False,
        ),
    ] = None  # fmt: skip
    max_latency: Annotated[
        float | None,
        typer.Option(
            "--max-latency", metavar="SECONDS",
            parser=number("a mean latency", high=1e9, unit=" s", least=LEAST_AMOUNT),
            help="Largest mean latency of the plan; needs --latency.", show_default=False,
        ),
    ] = None  # fmt: skip

    def constraints(self, promise: float | None = None) -> Constraints:
        """Combine all constraints.

        Args:
            promise: The value of --promise.

        Raises:
            typer.BadParameter: If a group has two floors, --max-latency stands without --latency, or a promise doesn't
                go with them.
        """
        from optllm_pymoo.planning.constraints import Constraints

        if self.max_latency is not None and self.latency is None:
            raise typer.BadParameter("needs --latency, a file of mean seconds per call", param_hint="'--max-latency'")
        by_group: dict[str | None, float] = {}
        for group, floor in self.floor or ():
            if group in by_group:
                whose = "all groups" if group is None else repr(group)
                raise typer.BadParameter(f"two floors for {whose}; give one", param_hint="'--floor'")
            by_group[group] = floor
        is_objective = self.latency is not None and self.max_latency is None
        if promise is not None and is_objective and (self.quota or self.floor):
            raise typer.BadParameter(
                "doesn't go with --latency as an objective beside quotas or floors; give --max-latency too",
                param_hint="'--promise'",
            )
        return Constraints(
            quotas=tuple(self.quota or ()),
            providers=dict(self.provider or ()),
            floors=by_group,
            latency=self.latency,
            max_latency=self.max_latency,
            forbidden=tuple(self.forbid or ()),
            allowed=tuple(self.allow or ()),
        )


@dataclass(frozen=True, kw_only=True)
class Learning:
    """What is learnt from."""

    labels: Annotated[
        Any,
        typer.Option(
            "--labels", "-l", metavar="SHARE|FILE|all", parser=_labels,
            help="What to learn from: a share of the labelled queries (0.05), a CSV file of labels, or 'all' to plan on"
            " known outcomes. Default: the outcomes that are there; if all are, a share of 0.05.",
            show_default=False,
        ),
    ] = None  # fmt: skip
    features: Annotated[
        Any,
        typer.Option(
            "--features", metavar="COLUMN,...", parser=_names, show_default=False,
            help="Columns of categories or numbers to learn from beside the text: lang,product.",
        ),
    ] = None  # fmt: skip
    seed: Seed = 0
    jobs: Annotated[
        int,
        typer.Option(
            "--jobs", "-j", metavar="INTEGER", parser=_whole("the number of processors", 1, 1024, or_all=True),
            help="Processors to use; -1 for all. The result is the same.",
        ),
    ] = -1  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Work(Learning):
    """How a front is found."""

    algorithm: Annotated[
        str,
        typer.Option(
            "--algorithm", "-a", help="exact, optllm, or a baseline: nsga2, rnsga2, sms-emoa, moead, mopso, ...",
        ),
    ] = "exact"  # fmt: skip
    n_grid: Annotated[
        int | None,
        typer.Option(
            "--n-grid", metavar="INTEGER", parser=_whole("the number of gaps", 1, 10**6),
            help="Gaps of OptLLM's grid.  [default: 50]", show_default=False,
        ),
    ] = None  # fmt: skip
    dask: Annotated[
        str | None,
        typer.Option(
            "--dask", metavar="ADDRESS",
            help="Plan a batch in parts on the Dask cluster of this scheduler, as tcp://10.0.0.1:8786; local starts"
            " one here.",
            show_default=False,
        ),
    ] = None  # fmt: skip

    def check(self, *, is_limited: bool) -> None:
        """Refuse an algorithm that is unknown, or that has no grid, and a cluster for a batch in memory.

        Args:
            is_limited: Whether there are limits, under which OptLLM takes the place of "exact".

        Raises:
            typer.BadParameter: If one is given wrongly.
        """
        from optllm_pymoo.planning import algorithm_names, normalised
        from optllm_pymoo.planning.front import EXACT, SEARCH

        if self.dask is not None:
            raise typer.BadParameter(
                "needs a batch in several Parquet files: --data with a folder of them", param_hint="'--dask'"
            )
        name = normalised(self.algorithm)
        if name not in (EXACT, SEARCH) and name not in algorithm_names():
            known = ", ".join(algorithm_names()).replace("_", "-")
            raise typer.BadParameter(
                f"unknown algorithm {self.algorithm!r}; known are {known}", param_hint="'--algorithm'"
            )
        if self.n_grid is not None and name != SEARCH and not (is_limited and name == EXACT):
            raise typer.BadParameter(f"{self.algorithm} has no grid; only optllm has", param_hint="'--n-grid'")


@dataclass(frozen=True, kw_only=True)
class Output:
    """Output files."""

    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", show_default=False,
            help="Folder for the files; those of an earlier run are replaced.  [default: optllm-plan]",
        ),
    ] = None  # fmt: skip
    for_spreadsheet: ForSpreadsheet = False
    json: Json = False

    @property
    def folder(self) -> Path:
        """The folder for the files."""
        return Path("optllm-plan") if self.out is None else self.out


@dataclass(frozen=True, kw_only=True)
class Sending:
    """Texts and parameters of requests."""

    queries: Annotated[
        Path,
        typer.Option(
            "--queries", "-q", metavar="BATCH|FILE", show_default=False,
            help="Texts of the planned queries: a batch, or a table or JSON lines with ids and texts.",
        ),
    ]  # fmt: skip
    template: Annotated[
        Path | None,
        typer.Option(
            "--template", "-t", metavar="FILE", show_default=False,
            help="JSON file of fields of requests beside model and messages, for all or by provider, LLM or @mode.",
        ),
    ] = None  # fmt: skip
    provider: Annotated[
        list[Any] | None,
        typer.Option(
            "--provider", metavar="NAME=LLM,LLM", parser=parse_provider, show_default=False,
            help="The LLMs of a provider, if neither the batch nor names like provider/model give them. Repeatable.",
        ),
    ] = None  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Joining:
    """How logs of runs, queries and prices are joined."""

    queries: Annotated[
        Path | None,
        typer.Option(
            "--queries", "-q", metavar="FILE", show_default=False,
            help="More queries, with or without runs: a table or JSON lines with ids and texts, or batch"
            " requests.",
        ),
    ] = None  # fmt: skip
    prices: Annotated[
        Path | None,
        typer.Option(
            "--prices", "-p", metavar="FILE", show_default=False,
            help="Prices of tokens: LiteLLM's or OpenRouter's JSON, or a CSV file of US$ per million tokens.",
        ),
    ] = None  # fmt: skip
    price: Annotated[
        list[Any] | None,
        typer.Option(
            "--price", metavar="LLM=KEY", parser=_pair("LLM", "KEY"), show_default=False,
            help="The name of an LLM in the file of prices, if it differs. Repeatable.",
        ),
    ] = None  # fmt: skip
    batch_prices: Annotated[
        bool, typer.Option("--batch-prices", help="Add a column LLM@batch for every LLM that has batch prices.")
    ] = False
    columns: Annotated[
        Any,
        typer.Option(
            "--map", "-m", metavar="ROLE=FIELD,...", show_default=False,
            parser=fields_by_role,
            help="Fields with unusual names: id=ticket_id,text=body,group=lang, also llm, score and system.",
        ),
    ] = None  # fmt: skip
    key: Annotated[
        Any,
        typer.Option(
            "--key", metavar="id|text", parser=_one_of("id", "text"),
            help="Whether logs are joined by the ids of queries or by their texts.",
        ),
    ] = "id"  # fmt: skip
    errors: Annotated[
        Any,
        typer.Option(
            "--errors", metavar="missing|wrong", parser=_one_of("missing", "wrong"),
            help="How a call counts that ended in an error.",
        ),
    ] = "missing"  # fmt: skip
    requests: Annotated[
        list[Path] | None,
        typer.Option(
            "--requests", metavar="FOLDER", show_default=False,
            help="Requests whose answers the logs hold, a folder made by requests. Repeatable.",
        ),
    ] = None  # fmt: skip

    def collect(self, runs: list[Path]) -> Collected:
        """Join them to a batch.

        Args:
            runs: Logs, or folders of logs.

        Raises:
            UserError: As `optllm_pymoo.data.collect`.
        """
        from optllm_pymoo.data import PriceTable, collect

        return collect(
            runs,
            queries=self.queries,
            prices=None if self.prices is None else PriceTable.from_file(self.prices),
            price_keys=dict(self.price or ()),
            batch_prices=self.batch_prices,
            columns=self.columns or {},
            by_text=self.key == "text",
            errors_are_wrong=self.errors == "wrong",
            requests=self.requests or (),
        )
