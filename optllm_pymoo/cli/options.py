"""The options of the commands, and how their texts are read."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from optllm_pymoo.planning.constraints import Constraints, QuotaRequest

Data = Annotated[
    Path | None,
    typer.Option(
        "--data", "-d", help="Folder, or wide CSV or Parquet file. Without it: an embedded synthetic batch.",
        show_default=False,
    ),
]  # fmt: skip


STRAY_ALLOWED: Final = {"allow_extra_args": True}
"""Settings of a command without arguments that calls `refuse_stray`."""


def refuse_stray(context: typer.Context, /) -> None:
    """Say what was probably meant by an argument that stands alone.

    Args:
        context: Of the command.

    Raises:
        typer.BadParameter: If there is one.
    """
    if context.args:
        first = context.args[0]
        raise typer.BadParameter(f"{first} stands alone; if that is the batch, write --data {first}")


def _checked_accuracy(value: float | None) -> float | None:
    if value is not None and not 0 <= value <= 1:
        hint = f"; for {value:g} % write {value / 100:g}" if 1 < value <= 100 else ""
        raise typer.BadParameter(f"a mean accuracy must lie in [0, 1]; got {value:g}{hint}", param_hint="--accuracy")
    return value


Accuracy = Annotated[
    float | None,
    typer.Option(
        "--accuracy",
        metavar="MEAN",
        callback=_checked_accuracy,
        help="Cheapest plan that expects this mean accuracy, in [0, 1].",
        show_default=False,
    ),
]
Labels = Annotated[
    str | None,
    typer.Option(
        "--labels",
        "-l",
        metavar="SHARE|FILE|all",
        help="What to learn from: a share of the labelled queries (0.05), a CSV file of labels, or 'all' to plan on"
        " known outcomes. Default: the outcomes that are there; if all are, a share of 0.05.",
        show_default=False,
    ),
]
Algorithm = Annotated[
    str,
    typer.Option(
        "--algorithm", "-a", help="exact, optllm, or a baseline: nsga2, rnsga2, sms-emoa, moead, mopso, ...",
    ),
]  # fmt: skip
NGrid = Annotated[
    int | None,
    typer.Option("--n-grid", min=1, help="Gaps of OptLLM's grid.  [default: 50]", show_default=False),
]
Seed = Annotated[int, typer.Option("--seed", "-s", min=0, help="Same seed, same result.")]
Jobs = Annotated[int, typer.Option("--jobs", "-j", help="Processors to use; -1 for all. The result is the same.")]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder for the files; those of an earlier run are replaced.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else there.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")]


def parse_labels(text: str | None, /) -> float | str | Path | None:
    """Tell a share from a file.

    Args:
        text: What followed --labels.

    Raises:
        typer.BadParameter: If it is a number outside (0, 1).
    """
    if text is None or text == "all":
        return text
    try:
        share = float(text)
    except ValueError:
        return Path(text)
    if not 0 < share < 1:
        raise typer.BadParameter(f"a share must lie in (0, 1); got {text}. For 5 % write 0.05", param_hint="--labels")
    return share


UNITS = {"calls": "calls", "call": "calls", "usd": "usd", "us$": "usd", "$": "usd", "tokens": "tokens"}

Quotas = Annotated[
    list[str] | None,
    typer.Option(
        "--quota", metavar="NAME=CALLS",
        help="At most so many calls of an LLM or a provider: TogetherAI=20000. Dollars: NAME=12.50usd. Repeatable.",
        show_default=False,
    ),
]  # fmt: skip
Providers = Annotated[
    list[str] | None,
    typer.Option(
        "--provider", metavar="NAME=LLM,LLM",
        help="The LLMs of a provider, where about.json and names like provider/model don't say. Repeatable.",
        show_default=False,
    ),
]  # fmt: skip
Floors = Annotated[
    list[str] | None,
    typer.Option(
        "--floor", metavar="[GROUP=]MEAN",
        help="Expected mean accuracy, in [0, 1], that every group of queries reaches, or one group. Repeatable.",
        show_default=False,
    ),
]  # fmt: skip
Latency = Annotated[
    Path | None,
    typer.Option(
        "--latency", metavar="FILE",
        help="CSV of mean seconds per call (query_id and a column per LLM): a third objective.",
        show_default=False,
    ),
]  # fmt: skip
MaxLatency = Annotated[
    float | None,
    typer.Option(
        "--max-latency", min=0, metavar="SECONDS", help="Largest mean latency of the plan; needs --latency.",
        show_default=False,
    ),
]  # fmt: skip
Promise = Annotated[
    float | None,
    typer.Option(
        "--promise", metavar="PROBABILITY",
        help="Plan for the accuracy reached with this probability (0.95), not the expected one; needs --budget or"
        " --accuracy.",
        show_default=False,
    ),
]  # fmt: skip


def constraints_of(
    quotas: list[str] | None, providers: list[str] | None, floors: list[str] | None, latency: Path | None, /
) -> Constraints:
    """Read all constraints.

    Args:
        quotas: What followed each --quota.
        providers: What followed each --provider.
        floors: What followed each --floor.
        latency: What followed --latency.

    Raises:
        typer.BadParameter: If a text can't be read, a name is given twice, or the options exclude one another.
    """
    from optllm_pymoo.planning.constraints import Constraints

    if latency is not None and (quotas or floors):
        other = "--quota" if quotas else "--floor"
        raise typer.BadParameter(f"{other} and --latency exclude one another; give one of them")
    read_floors: dict[str | None, float] = {}
    for text in floors or ():
        group, value = parse_floor(text)
        if group in read_floors:
            whose = "all groups" if group is None else repr(group)
            raise typer.BadParameter(f"two floors for {whose}; give one", param_hint="--floor")
        read_floors[group] = value
    return Constraints(
        quotas=tuple(parse_quota(text) for text in quotas or ()),
        providers=dict(parse_provider(text) for text in providers or ()),
        floors=read_floors,
        latency=latency,
    )


def parse_quota(text: str, /) -> QuotaRequest:
    """Read ``NAME=CALLS`` or ``NAME=12.50usd``.

    Args:
        text: What followed --quota; a name may hold "=" itself.

    Raises:
        typer.BadParameter: If there is no name or no amount.

    Example:
        >>> parse_quota("TogetherAI=20000"), parse_quota("openai/gpt-4=12.5usd")[1:]
        (QuotaRequest(name='TogetherAI', limit=20000.0, unit='calls'), (12.5, 'usd'))
    """
    from optllm_pymoo.planning.constraints import QuotaRequest

    name, _, amount = (part.strip() for part in text.rpartition("="))
    digits = amount.lower().rstrip("abcdefghijklmnopqrstuvwxyz$ ") if amount else ""
    unit = UNITS.get(amount.lower()[len(digits) :].strip() or "calls")
    limit = _number(digits)
    if not name or unit is None or limit is None or not 0 <= limit < math.inf:
        raise typer.BadParameter(
            f"{text!r} is no quota; write NAME=CALLS, as in TogetherAI=20000, or NAME=12.50usd", param_hint="--quota"
        )
    if unit == "tokens":
        raise typer.BadParameter(
            f"{text!r}: the data have no tokens per call; limit calls or US$ (NAME=12.50usd)", param_hint="--quota"
        )
    return QuotaRequest(name, limit, unit)


def parse_provider(text: str, /) -> tuple[str, tuple[str, ...]]:
    """Read ``NAME=LLM,LLM``.

    Args:
        text: What followed --provider.

    Raises:
        typer.BadParameter: If there is no name or no LLM.

    Example:
        >>> parse_provider("TogetherAI=yi,mixtral")
        ('TogetherAI', ('yi', 'mixtral'))
    """
    name, _, listed = text.partition("=")
    llms = tuple(llm.strip() for llm in listed.split(",") if llm.strip())
    if not name.strip() or not llms:
        raise typer.BadParameter(f"{text!r} is no provider; write NAME=LLM,LLM", param_hint="--provider")
    return name.strip(), llms


def parse_floor(text: str, /) -> tuple[str | None, float]:
    """Read ``MEAN`` or ``GROUP=MEAN``.

    Args:
        text: What followed --floor.

    Returns:
        The group, None for every group; the mean accuracy.

    Raises:
        typer.BadParameter: If it is no mean accuracy in [0, 1].

    Example:
        >>> parse_floor("0.6"), parse_floor("code=0.7")
        ((None, 0.6), ('code', 0.7))
    """
    group, equals, value = (part.strip() for part in text.rpartition("="))
    floor = _number(value)
    if floor is None or (equals and not group):
        raise typer.BadParameter(f"{text!r} is no floor; write 0.6, or GROUP=0.6", param_hint="--floor")
    if not 0 <= floor <= 1:
        hint = f"; for {floor:g} % write {floor / 100:g}" if 1 < floor <= 100 else ""
        raise typer.BadParameter(f"a floor is a mean accuracy in [0, 1]; got {floor:g}{hint}", param_hint="--floor")
    return group or None, floor


def check_promise(promise: float | None, *, has_choice: bool) -> None:
    """Refuse a probability out of range, or without a budget or a target.

    Args:
        promise: What followed --promise.
        has_choice: Whether --budget or --accuracy is given.

    Raises:
        typer.BadParameter: If so.
    """
    if promise is None:
        return
    if not 0.5 <= promise < 1:
        hint = f"; for {promise:g} % write {promise / 100:g}" if 50 <= promise < 100 else ""
        raise typer.BadParameter(f"a probability must lie in [0.5, 1); got {promise:g}{hint}", param_hint="--promise")
    if not has_choice:
        raise typer.BadParameter("needs --budget or --accuracy beside it", param_hint="--promise")


def check_max_latency(max_latency: float | None, latency: Path | None, *, has_choice: bool) -> None:
    """Refuse a largest latency without latencies, or without a budget or a target.

    Args:
        max_latency: What followed --max-latency.
        latency: What followed --latency.
        has_choice: Whether --budget or --accuracy is given.

    Raises:
        typer.BadParameter: If so.
    """
    if max_latency is None:
        return
    if latency is None:
        raise typer.BadParameter("needs --latency, a file of mean seconds per call", param_hint="--max-latency")
    if not has_choice:
        raise typer.BadParameter("needs --budget or --accuracy beside it", param_hint="--max-latency")


def _number(text: str) -> float | None:
    try:
        return float(text.replace("_", ""))
    except ValueError:
        return None
