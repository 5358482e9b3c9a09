"""Parts of the factories: checked options, operator sets, starts and terminations."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, TypeVar

import numpy as np
from pymoo.core.algorithm import Algorithm
from pymoo.core.crossover import Crossover
from pymoo.core.duplicate import DuplicateElimination
from pymoo.core.mutation import Mutation
from pymoo.core.population import Population
from pymoo.core.repair import NoRepair, Repair
from pymoo.core.sampling import Sampling
from pymoo.core.termination import NoTermination, Termination
from pymoo.operators.crossover.sbx import SBX
from pymoo.operators.crossover.ux import UX
from pymoo.operators.mutation.pm import PM
from pymoo.termination.default import DefaultTermination
from pymoo.termination.ftol import MultiObjectiveSpaceTermination
from pymoo.termination.robust import RobustTermination

from optllm_pymoo.algorithms.optllm import FrontOutput
from optllm_pymoo.measures.search import non_dominated, normalise
from optllm_pymoo.operators.categorical import (
    AllowedRepair,
    CategoricalSampling,
    RandomResetMutation,
    RowDuplicateElimination,
)
from optllm_pymoo.validation import UserError

AlgorithmT = TypeVar("AlgorithmT", bound=Algorithm)


def stalled_front() -> Termination:
    """Build pymoo's default termination without its test on X: numbers of LLMs have no distances.

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
    """Construct an algorithm with checked options, a termination and `OptLLM`'s columns.

    pymoo's algorithms pass unknown keywords on until `Algorithm` drops them, and some overwrite a given termination.

    Args:
        algorithm: The class.
        defaults: Options that the factory sets.
        options: Options of the caller, which take precedence.
        factory: Name of the factory, for messages.
        fixed: Options of pymoo that this algorithm ignores; they are refused too.
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


OPERATORS = ("categorical", "published")
STARTS = ("cold", "warm")


@dataclass(frozen=True, kw_only=True)
class NumericVariation:
    """Parameters of simulated binary crossover and polynomial mutation, tuned for one algorithm.

    By default those published for NSGA-II, also for algorithms without published parameters.
    """

    crossover_prob: float = 0.7780
    crossover_eta: float = 7
    mutation_prob: float = 0.8119
    mutation_eta: float = 9
    latin_hypercube: bool = False


@dataclass(frozen=True, kw_only=True)
class OperatorSet:
    """Operators that belong together; the fields are named like the options of pymoo's algorithms."""

    sampling: Sampling
    crossover: Crossover
    mutation: Mutation
    repair: Repair
    eliminate_duplicates: DuplicateElimination

    def options(self, *names: str) -> dict[str, Any]:
        """Return the operators of those names, or all, as options of an algorithm."""
        return {name: getattr(self, name) for name in names or self.__dataclass_fields__}


def operator_set(operators: str, start: str, /, *, published: NumericVariation | None = None) -> OperatorSet:
    """Build fresh operators.

    Args:
        operators: "categorical" treats LLM numbers as categories: uniform crossover, random-reset mutation.
            "published" treats them as numbers, as the paper's baselines did: simulated binary crossover and
            polynomial mutation on floats, then rounding (`AllowedRepair`).
        start: "cold" draws the first population at random; "warm" includes the two extreme plans.
        published: Parameters of the published operators.

    Raises:
        UserError: If a choice is unknown.
    """
    check_choice("operators", operators, OPERATORS)
    sampling = start_sampling(start)
    if operators == "categorical":
        variation: dict[str, Any] = {"crossover": UX(), "mutation": RandomResetMutation(), "repair": NoRepair()}
    else:
        published = published or NumericVariation()
        sampling.stratified = published.latin_hypercube
        variation = {
            # on floats: integer parents would make pymoo truncate the children
            "crossover": SBX(prob=published.crossover_prob, eta=published.crossover_eta, vtype=float),
            "mutation": PM(prob=published.mutation_prob, eta=published.mutation_eta, vtype=float),
            "repair": AllowedRepair(),
        }
    return OperatorSet(sampling=sampling, eliminate_duplicates=RowDuplicateElimination(), **variation)


def start_sampling(start: str, /) -> CategoricalSampling:
    """Build the sampling of a cold or a warm start; UserError for any other."""
    check_choice("start", start, STARTS)
    return CategoricalSampling(extremes=start == "warm")


def check_choice(name: str, value: str, choices: tuple[str, ...], /) -> None:
    """Raise UserError for a value that is none of the choices."""
    if value not in choices:
        raise UserError(f"{name} must be one of {', '.join(map(repr, choices))}; got {value!r}")


def best_front(pop: Population, /) -> Population:
    """Return the non-dominated individuals that meet all constraints, or if there are none, that with least violation.

    Args:
        pop: Evaluated individuals.
    """
    violation = np.reshape(pop.get("CV"), -1)
    met = violation <= 0.0
    kept = pop[met if met.any() else [int(np.argmin(violation))]]
    return kept[non_dominated(kept.get("F"))]


def scaled(F: np.ndarray, problem: Any, pop: Population | None, /) -> np.ndarray:
    """Scale objectives to [0, 1], so that all have the same weight in a search.

    Args:
        F: (n, n_obj) objectives.
        problem: The batch. Its exact front, bound front or surface gives the scale, see `normalise`.
        pop: Gives the scale for a subclass with additional objectives or constraints.
    """
    if not problem.is_extended:
        return normalise(F, problem.yardstick)
    seen = F if pop is None else pop.get("F")
    ranges = np.ptp(seen, axis=0)
    return np.asarray((F - seen.min(axis=0)) / np.where(ranges > 0, ranges, 1.0))
