"""The suites by name."""

from __future__ import annotations

from importlib import import_module

from benchmarks.cells.algorithms import Variant, is_operator
from benchmarks.cells.predictors import Recipe
from benchmarks.plugins import GROUP, joined, joining
from benchmarks.suites.base import Suite
from optllm_pymoo import UserError
from optllm_pymoo.validation import unknown_name

# Ours, in the order in which they are listed: each is ``SUITE`` in the module of its name.
SUITES = (
    *("published", "fair", "anytime", "ablation", "scaling", "constraints"),
    *("compare", "predict", "routers", "speed", "quick"),
)


def known_suites() -> list[str]:
    """Return the names of all suites: ours, and those that other packages bring.

    Raises:
        UserError: An entry point leads to something that can't join.
    """
    for name, thing in joined().items():
        if not (isinstance(thing, (Suite, Variant, Recipe)) or is_operator(thing)):
            raise UserError(
                f"entry point {name!r} of the group {GROUP} leads to a {type(thing).__name__}; expected a Suite,"
                " Variant or Recipe, or a class of destructions or reconstructions"
            )
    return [*SUITES, *_joining()]


def find_suite(name: str, /) -> Suite:
    """Look a suite up; its module, and with it what draws pictures, is loaded here.

    Raises:
        UserError: There is none of that name; the message has the closest and the known ones.
    """
    if name not in known_suites():
        raise UserError(unknown_name(name, known_suites(), kind="suite"))
    suite: Suite = _joining()[name] if name not in SUITES else import_module(f"benchmarks.suites.{name}").SUITE
    return suite


def _joining() -> dict[str, Suite]:
    return joining(lambda thing: isinstance(thing, Suite), SUITES)
