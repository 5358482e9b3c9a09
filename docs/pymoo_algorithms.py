"""Print the table of docs/extending.md: which multi-objective algorithms of pymoo fit categories, by running them.

usage: python docs/pymoo_algorithms.py < /dev/null
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from pymoo.algorithms.moo.dnsga2 import DNSGA2
from pymoo.algorithms.moo.gde3 import GDE3
from pymoo.algorithms.moo.kgb import KGB
from pymoo.algorithms.moo.nsde import NSDE
from pymoo.algorithms.moo.nsder import NSDER
from pymoo.algorithms.moo.omni import OmniOptimizer
from pymoo.algorithms.moo.pinsga2 import PINSGA2
from pymoo.algorithms.moo.rnsga3 import RNSGA3
from pymoo.core.algorithm import Algorithm
from pymoo.optimize import minimize

from optllm_pymoo import AllocationProblem, Quota, baselines, make_problem
from optllm_pymoo.baselines._build import operator_set
from optllm_pymoo.baselines._pymoo import largest_lattice
from optllm_pymoo.measures.search import hypervolume_ratio
from optllm_pymoo.operators import AllowedRepair, CategoricalSampling

N_EVAL = 1000
TWO = make_problem(100, 6)
THREE = make_problem(100, 6, with_latency=True)
LIMITED = AllocationProblem(TWO.cost, TWO.accuracy, limits=[Quota("llm5", calls=10)])


def categorical() -> dict[str, Any]:
    """Build operators for categories."""
    return operator_set("categorical", "cold").options("sampling", "crossover", "mutation", "eliminate_duplicates")


def numeric() -> dict[str, Any]:
    """Build a first population of whole numbers, and rounding."""
    return {"sampling": CategoricalSampling(), "repair": AllowedRepair()}


OTHERS: dict[str, tuple[Callable[[], Algorithm], str]] = {
    "R-NSGA-III": (
        lambda: RNSGA3(TWO.supported_front.F[[0, -1]], 49, **categorical()),
        "its reference points are in dollars, and it returns only plans near them; `rnsga2` does that too",
    ),
    "Omni-optimizer": (
        lambda: OmniOptimizer(pop_size=100, **categorical()),
        "parents and survivors are chosen by distances between LLM numbers, which mean nothing",
    ),
    "GDE3": (
        lambda: GDE3(pop_size=100, **numeric()),
        "its steps are differences of LLM numbers; `mopso` is the baseline for those",
    ),
    "NSDE": (lambda: NSDE(pop_size=100, **numeric()), "as GDE3"),
    "NSDE-R": (lambda: NSDER(ref_dirs=largest_lattice(2, 100), pop_size=100, **numeric()), "as GDE3"),
    "D-NSGA-II": (
        lambda: DNSGA2(pop_size=100, **categorical()),
        "for problems that change: this one doesn't, so it is NSGA-II that scores a tenth of its plans again",
    ),
    "KGB-DMOEA": (lambda: KGB(pop_size=100, **categorical()), "as D-NSGA-II"),
    "PI-NSGA-II": (
        lambda: PINSGA2(pop_size=100, **categorical()),
        "asks a person, again and again, which plan is better",
    ),
}
"""Algorithms of pymoo that are no baselines: how to build them, and why they aren't."""


def outcome(make: Callable[[], Algorithm], problem: AllocationProblem) -> str:
    """Run an algorithm twice; return its share of the hypervolume, and what went over the budget."""
    try:
        runs = [minimize(problem, make(), ("n_eval", N_EVAL), seed=1) for _ in range(2)]
    except EOFError:
        return "waits for an answer"
    first, second = runs
    if first.F is None:
        return "no plan"
    outcome_text = f"{hypervolume_ratio(first.F, problem.yardstick):.3f}"
    beyond = first.algorithm.evaluator.n_eval - N_EVAL
    outcome_text += f", +{beyond} evaluations" if beyond > 0 else ""
    return outcome_text if np.array_equal(first.F, second.F) else f"{outcome_text}, another result with the same seed"


def rows() -> Iterator[str]:
    """Run everything, and make a row of each."""
    for make in (*baselines.EVOLUTIONARY, *baselines.SWARMS):
        for name in ("categorical", "published") if make in baselines.EVOLUTIONARY else ("",):
            options = {"operators": name} if name else {}
            outcome_text = [outcome(partial(make, **options), problem) for problem in (TWO, THREE, LIMITED)]
            yield (f"| `{make.__name__}` | {name or 'LLM numbers, rounded'} | {' | '.join(outcome_text)} | |")
    for name, (make, reason) in OTHERS.items():
        kind = "LLM numbers, rounded" if "difference" in reason or reason == "as GDE3" else "categorical"
        yield (f"| {name} | {kind} | {outcome(make, TWO)} | | | {reason} |")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print("| algorithm | operators | two objectives | with latency | with a quota | no baseline, because |")
    print("|---|---|---|---|---|---|")
    for row in rows():
        print(row, flush=True)
