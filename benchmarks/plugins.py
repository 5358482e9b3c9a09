"""Objects of other installed packages: entry points of the group ``optllm_pymoo.benchmarks``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from optllm_pymoo import UserError

GROUP = "optllm_pymoo.benchmarks"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._+-]*")


@cache
def joined() -> dict[str, Any]:
    """Load the entry points by name, once in each process, also in workers.

    Raises:
        UserError: One can't be loaded, two have one name, or a name has other letters than A-Z, a-z, 0-9 and ``:._+-``.
    """
    found: dict[str, Any] = {}
    for entry in entry_points(group=GROUP):
        place = f"entry point {entry.name!r} ({entry.value}) of the group {GROUP}"
        if not _NAME.fullmatch(entry.name):
            raise UserError(f"{place}: its name may have letters A-Z, digits and :._+- only; rename it")
        if entry.name in found:
            raise UserError(f"{place}: there are two of that name; rename one or uninstall its package")
        try:
            found[entry.name] = entry.load()
        except (ImportError, AttributeError) as error:
            raise UserError(f"{place} can't be loaded: {error}; mend or uninstall its package") from error
    return found


def joining(is_wanted: Callable[[Any], bool], taken: Iterable[str], /) -> dict[str, Any]:
    """Return the entry points of one kind.

    Args:
        is_wanted: Whether an object is of the kind.
        taken: Names of this package.

    Raises:
        UserError: One has a name of this package; or as for `joined`.
    """
    found = {name: thing for name, thing in joined().items() if is_wanted(thing)}
    for name in set(taken) & found.keys():
        raise UserError(f"entry point {name!r} of the group {GROUP} has a name of our own; rename it")
    return found
