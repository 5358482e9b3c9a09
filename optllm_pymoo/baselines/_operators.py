"""The two operator sets and the two starts that all baselines choose from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pymoo.core.crossover import Crossover
from pymoo.core.duplicate import DuplicateElimination
from pymoo.core.mutation import Mutation
from pymoo.core.repair import NoRepair, Repair
from pymoo.core.sampling import Sampling
from pymoo.operators.crossover.sbx import SBX
from pymoo.operators.crossover.ux import UX
from pymoo.operators.mutation.pm import PM

from optllm_pymoo.operators.duplicates import RowDuplicateElimination
from optllm_pymoo.operators.mutation import RandomResetMutation
from optllm_pymoo.operators.repair import AllowedRepair
from optllm_pymoo.operators.sampling import CategoricalSampling
from optllm_pymoo.validation import UserError

OPERATORS = ("categorical", "published")
STARTS = ("cold", "warm")


@dataclass(frozen=True, kw_only=True)
class NumericVariation:
    """Parameters of simulated binary crossover and polynomial mutation, tuned for one algorithm.

    By default those published for NSGA-II, which also serve where none were published.
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
        start: "cold" draws the first population; "warm" has the two extreme plans in it.
        published: Parameters of the published operators.

    Raises:
        ValueError: If a choice is unknown.
    """
    check_choice("operators", operators, OPERATORS)
    sampling = start_sampling(start)
    if operators == "categorical":
        variation: dict[str, Any] = {
            "crossover": UX(),
            "mutation": RandomResetMutation(),
            "repair": NoRepair(),
        }
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
    """Build the sampling of a cold or a warm start; ValueError for any other."""
    check_choice("start", start, STARTS)
    return CategoricalSampling(extremes=start == "warm")


def check_choice(name: str, value: str, choices: tuple[str, ...], /) -> None:
    """Raise ValueError for a value that is none of the choices."""
    if value not in choices:
        raise UserError(f"{name} must be one of {', '.join(map(repr, choices))}; got {value!r}")
