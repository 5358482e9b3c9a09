"""Construction of pymoo algorithms that refuses options which pymoo would swallow."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from typing import Any, TypeVar

from pymoo.core.algorithm import Algorithm
from pymoo.core.termination import NoTermination, Termination
from pymoo.termination.default import DefaultTermination
from pymoo.termination.ftol import MultiObjectiveSpaceTermination
from pymoo.termination.robust import RobustTermination

from optllm_pymoo.algorithms.output import FrontOutput

AlgorithmT = TypeVar("AlgorithmT", bound=Algorithm)


def stalled_front() -> Termination:
    """Build pymoo's default termination without its look at X: numbers of LLMs have no distances.

    Ends when the front has hardly moved for 50 generations, after 1,000 generations or 100,000 evaluations.
    """
    front = RobustTermination(MultiObjectiveSpaceTermination(0.005, only_feas=True, n_skip=5), 50)
    return DefaultTermination(x=NoTermination(), cv=NoTermination(), f=front)


def build(
    algorithm: type[AlgorithmT],
    defaults: Mapping[str, Any],
    options: Mapping[str, Any],
    /,
    *,
    factory: str,
    fixed: Collection[str] = (),
    termination: Callable[[], Termination] = stalled_front,
) -> AlgorithmT:
    """Construct an algorithm with checked options, the termination asked for and `OptLLM`'s columns.

    pymoo's algorithms hand unknown keywords on until `Algorithm` drops them, and some overwrite a termination
    they were given.

    Args:
        algorithm: The class.
        defaults: Options that the factory sets.
        options: Options of the caller, which win.
        factory: Name of the factory, for messages.
        fixed: Options of pymoo's that this algorithm doesn't heed, refused as well.
        termination: Builds the termination if the caller gives none.

    Raises:
        TypeError: If no constructor of the class or its bases takes an option; the message names the closest.
    """
    known = constructor_options(algorithm) - set(fixed)
    for name in options:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise TypeError(f"{factory}() has no option {name!r}; {hint}Options: {', '.join(sorted(known))}")
    made: AlgorithmT = algorithm(**{"output": FrontOutput(), **defaults, **options})
    asked_for = options.get("termination")
    made.termination = termination() if asked_for is None else asked_for
    return made


def constructor_options(algorithm: type, /) -> set[str]:
    """Collect the named parameters of the constructors of a class and its bases."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    names = {
        name
        for base in algorithm.__mro__
        if "__init__" in vars(base) and base is not object
        for name, parameter in inspect.signature(vars(base)["__init__"]).parameters.items()
        if parameter.kind in kinds
    }
    return names - {"self"}
