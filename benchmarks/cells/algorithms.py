"""The algorithms that can be compared, by name.

A name is a family with its variants behind colons: ``nsga2`` has categorical operators and a cold start,
``nsga2:published:warm`` the paper's operators and the two extreme plans in its first population.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
from pymoo.core.algorithm import Algorithm

from benchmarks.plugins import joining
from optllm_pymoo import OptLLM, UserError, baselines
from optllm_pymoo.operators import Destruction, RandomDestruction, Reconstruction
from optllm_pymoo.validation import unknown_name

OURS = "optllm"

POP_SIZE = 100
# Where only seconds count: the number of evaluations for algorithms that divide it in advance.
MANY = 100_000

# Integer programmes of a sweep, for any budget of evaluations: each takes seconds.
N_PROGRAMMES = 20

# The same where only seconds count: in an order in which any number of them spreads over the front.
N_PROGRAMMES_IN_TIME = 1_000

# Gap at which they end: the last tenth of a per cent can take minutes where many accuracies are nearly alike.
GAP = 1e-3


class Settings(NamedTuple):
    """Settings that all algorithms of a comparison get.

    Attributes:
        n_grid: Gaps of OptLLM's grid.
        budget: Evaluated plans; the published comparison has 100 generations of 100.
        is_timed: Whether only seconds count, and ``budget`` is `MANY`.
    """

    n_grid: int = 50
    budget: int = 10_000
    is_timed: bool = False


class Variant(NamedTuple):
    """One algorithm with its options.

    Attributes:
        make: Builds the pymoo algorithm.
        what: One line on what it is.
        fills_budget: Whether it continues until the budget is used up; otherwise it ends by itself.
        is_random: Whether seeds change the result.
        requires: Package that must be installed, with the extra of the same name; None if no extra is needed.
    """

    make: Callable[[Settings], Algorithm]
    what: str
    fills_budget: bool = True
    is_random: bool = True
    requires: str | None = None


class Standstill(Destruction):
    """Destroys nothing, so that its walk ends at once, and no gap is split."""

    def _do(self, problem: Any, X: np.ndarray, *, random_state: Any, **kwargs: Any) -> np.ndarray:
        return X


def _walks(up: type[Destruction] | None, down: type[Destruction] | None) -> Callable[[Settings], Algorithm]:
    """OptLLM's walks with other destructions (None for the usual ones), ending after the walks."""

    def make(settings: Settings) -> Algorithm:
        changed = {"destruction_up": up and up(), "destruction_down": down and down(), "split": Standstill()}
        return OptLLM(n_grid=settings.n_grid, **changed)

    return make


_OPERATORS = {"": ("categorical", "categorical operators"), ":published": ("published", "published operators")}
_STARTS = {"": ("cold", "random start"), ":warm": ("warm", "started from the two extreme plans")}


def _n_programmes(settings: Settings) -> int:
    """Return the number of integer programmes of a sweep, if time allows."""
    return N_PROGRAMMES_IN_TIME if settings.is_timed else max(2, min(N_PROGRAMMES, settings.budget))


def _both_starts(
    family: str, factory: Callable[..., Algorithm], title: str, /, *, least: int = 1, **options: Any
) -> dict[str, Variant]:
    """Both starts of one factory, whose population is as large as the budget allows, but not below ``least``."""

    def variant(start: str) -> Callable[[Settings], Algorithm]:
        return lambda settings: factory(pop_size=max(least, min(POP_SIZE, settings.budget)), start=start, **options)

    requires = "pygmo" if family.startswith("pygmo") else None
    title += " of pygmo, published parameters" if requires else ""
    return {
        f"{family}{s}": Variant(variant(start), f"{title}, {from_start}", requires=requires)
        for s, (start, from_start) in _STARTS.items()
    }


def _evolutionary(family: str, factory: Callable[..., Algorithm], title: str) -> dict[str, Variant]:
    """All combinations of operators and start of one factory."""
    found: dict[str, Variant] = {}
    for o, (operators, with_operators) in _OPERATORS.items():
        found |= _both_starts(f"{family}{o}", factory, f"{title}, {with_operators}", operators=operators)
    return found


def _alns(settings: Settings) -> Algorithm:
    """A hundred plans for each of as many scalarisations as the budget has room for."""
    return baselines.alns_search(n_weights=max(2, settings.budget // 100))


# Every algorithm, in the order in which tables show them.
VARIANTS: dict[str, Variant] = {
    "optllm": Variant(
        lambda settings: OptLLM(n_grid=settings.n_grid),
        "OptLLM: both walks, then splitting the widest gaps until the budget is spent",
    ),
    "optllm:walks": Variant(
        lambda settings: OptLLM(n_grid=settings.n_grid),
        "OptLLM as it ends by itself, once no gap is wider than its grid",
        fills_budget=False,
    ),
    "optllm:up": Variant(_walks(None, Standstill), "OptLLM's upward walk alone", fills_budget=False),
    "optllm:down": Variant(_walks(Standstill, None), "OptLLM's downward walk alone", fills_budget=False),
    "optllm:random-destruction": Variant(
        _walks(RandomDestruction, RandomDestruction),
        "OptLLM's walks, a tenth of the queries destroyed at random in each round",
        fills_budget=False,
    ),
    "exact": Variant(
        lambda settings: baselines.exact_front(n_points=settings.budget),
        "the exact front itself, as many of its points as the budget has evaluations",
        is_random=False,
    ),
    "lambda-sweep": Variant(
        lambda settings: baselines.lambda_sweep(n_weights=settings.budget),
        "argmax accuracy - λ·cost for as many λ as the budget has evaluations: samples of the exact front",
        is_random=False,
    ),
    "single-llms": Variant(
        lambda settings: baselines.single_llms(),
        "every query to the same LLM, one plan per LLM",
        fills_budget=False,
        is_random=False,
    ),
    "random-search": Variant(lambda settings: baselines.random_search(), "independent random allocations"),
    **_evolutionary("nsga2", baselines.nsga2, "NSGA-II"),
    **_evolutionary("rnsga2", baselines.rnsga2, "R-NSGA-II, reference points at the two extremes"),
    **_evolutionary("nsga3", baselines.nsga3, "NSGA-III"),
    **_evolutionary("unsga3", baselines.unsga3, "U-NSGA-III"),
    **_evolutionary("sms-emoa", baselines.sms_emoa, "SMS-EMOA"),
    **_evolutionary("spea2", baselines.spea2, "SPEA2"),
    **_evolutionary("age-moea", baselines.age_moea, "AGE-MOEA"),
    **_evolutionary("age-moea2", baselines.age_moea2, "AGE-MOEA-II"),
    **_evolutionary("rvea", baselines.rvea, "RVEA"),
    **_evolutionary("ctaea", baselines.ctaea, "C-TAEA"),
    **_evolutionary("moead", baselines.moead, "MOEA/D, boundary intersection, normalised objectives"),
    **_evolutionary("moead-gen", baselines.moead_gen, "MOEA/D-GEN, Tchebycheff, normalised objectives"),
    **_both_starts("mopso", baselines.mopso, "MOPSO with the published parameters"),
    **_both_starts("cmopso", baselines.cmopso, "CMOPSO, on LLM numbers"),
    "carrot": Variant(
        lambda settings: baselines.carrot(n_weights=settings.budget),
        "CARROT: weighted sums of cost and error, as many evenly spaced weights as the budget has evaluations",
        is_random=False,
    ),
    "epsilon-constraint": Variant(
        lambda settings: baselines.epsilon_constraint(n_points=_n_programmes(settings), relative_gap=GAP),
        "minimum cost for each of 20 accuracies, or as many as there is time for at equal seconds, by"
        " integer programming to a gap of 0.1 %",
        is_random=False,
    ),
    "forc": Variant(
        lambda settings: baselines.forc(n_budgets=_n_programmes(settings), relative_gap=GAP),
        "FORC: maximum accuracy for each of 20 budgets, or as many as there is time for at equal seconds, by"
        " integer programming to a gap of 0.1 %",
        is_random=False,
    ),
    "alns": Variant(_alns, "adaptive large neighbourhood search with OptLLM's operators", requires="alns"),
    **_both_starts("pygmo-nspso", baselines.pygmo_nspso, "Particle swarm NSPSO", least=5),
    **_both_starts("pygmo-moead", baselines.pygmo_moead, "MOEA/D, boundary intersection,", least=5),
    **_both_starts("pygmo-moead-gen", baselines.pygmo_moead_gen, "MOEA/D-GEN, Tchebycheff,", least=5),
}


def is_operator(thing: Any, /) -> bool:
    """Whether an object is a class of operators for OptLLM's walks."""
    return isinstance(thing, type) and issubclass(thing, (Destruction, Reconstruction))


def joining_algorithms() -> dict[str, Variant]:
    """Return the algorithms of other packages, by name."""
    return joining(lambda thing: isinstance(thing, Variant), VARIANTS)


def joining_operators() -> dict[str, Variant]:
    """Return OptLLM's walks with the operators of other packages; an operator x gives ``optllm:x``."""

    def maker(operator: type[Destruction] | type[Reconstruction]) -> Callable[[Settings], Algorithm]:
        names = ("destruction_up", "destruction_down") if issubclass(operator, Destruction) else ("reconstruction",)
        return lambda settings: OptLLM(n_grid=settings.n_grid, **{name: operator() for name in names})

    return {
        f"{OURS}:{name}": Variant(maker(operator), f"OptLLM's walks with {operator.__name__}", fills_budget=False)
        for name, operator in joining(is_operator, ()).items()
    }


def known_algorithms() -> dict[str, Variant]:
    """Return every algorithm by name, ours and those of other packages."""
    return VARIANTS | joining_algorithms() | joining_operators()


def find_variant(name: str, /) -> Variant:
    """Look an algorithm up.

    Raises:
        UserError: If there is none of that name; the message has the closest and the known ones.
    """
    known = known_algorithms()
    if name not in known:
        raise UserError(unknown_name(name, list(known), kind="algorithm"))
    return known[name]


def parse_algorithms(text: str, /) -> tuple[str, ...]:
    """Read a list of names.

    Args:
        text: Names with commas between them, or "all".

    Returns:
        The names, each once, in the order given.

    Raises:
        UserError: If a name is unknown, or there is none.
    """
    if text.strip() == "all":
        return tuple(known_algorithms())
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names:
        raise UserError(f"no algorithm in {text!r}; known: {', '.join(known_algorithms())}")
    for name in names:
        find_variant(name)
    return names


def missing_extra(name: str, /) -> str | None:
    """Return the extra that an algorithm needs and that isn't installed; None if it can run.

    Raises:
        UserError: If there is no algorithm of that name.
    """
    package = find_variant(name).requires
    return package if package is not None and find_spec(package) is None else None


def family_of(name: str, /) -> str:
    """Return the part of a name before its variants."""
    return name.split(":")[0]
