"""Names that must be known, or at least differ from one another."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from difflib import get_close_matches

LISTED = 20


def first_duplicate(names: Iterable[Hashable], /) -> tuple[int, int] | None:
    """The first name that has been there before.

    Returns:
        Positions (earlier, later) of the two equal names, or None if all differ.

    Examples:
        >>> first_duplicate(["a", "b", "a"])
        (0, 2)
    """
    seen: dict[Hashable, int] = {}
    for position, name in enumerate(names):
        earlier = seen.setdefault(name, position)
        if earlier != position:
            return earlier, position
    return None


def positions_of(names: Sequence[str], known: Sequence[str], /, *, kind: str = "LLM") -> list[int]:
    """Where each of `names` stands in `known`.

    Args:
        names: The names asked for.
        known: The names there are.
        kind: What the names name, for the message.

    Raises:
        ValueError: One of `names` is not among `known`; the message has the closest and the known ones.

    Examples:
        >>> positions_of(["b"], ["a", "b"])
        [1]
        >>> positions_of(["gpt4"], ["gpt-4", "yi-6b"])
        Traceback (most recent call last):
        ...
        ValueError: unknown LLM 'gpt4'; did you mean 'gpt-4'? Known: 'gpt-4', 'yi-6b'
    """
    where = {name: position for position, name in enumerate(known)}
    for name in names:
        if name not in where:
            raise ValueError(unknown_name(name, known, kind=kind))
    return [where[name] for name in names]


def unknown_name(name: str, known: Sequence[str], /, *, kind: str) -> str:
    """The message for a name that is not among `known`: the closest, and all of them if they are few.

    Examples:
        >>> unknown_name("gpt5", [f"gpt-{version}" for version in range(100)], kind="LLM")
        "unknown LLM 'gpt5'; did you mean 'gpt-5', 'gpt-95', 'gpt-85'? 100 are known"
    """
    few = len(known) <= LISTED
    lower = {str(candidate).lower(): str(candidate) for candidate in reversed(known)}
    close = get_close_matches(str(name).lower(), lower, n=1 if few else 3, cutoff=0.4)
    hint = f"; did you mean {_listed([lower[candidate] for candidate in close])}?" if close else "."
    there = f"Known: {_listed(known)}" if few else f"{len(known)} are known"
    return f"unknown {kind} {name!r}{hint} {there}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names))
