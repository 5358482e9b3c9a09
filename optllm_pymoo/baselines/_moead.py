"""MOEA/D on normalised objectives, with grid or with random weights."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from pymoo.algorithms.moo.moead import ParallelMOEAD
from pymoo.core.individual import Individual
from pymoo.core.population import Population
from pymoo.decomposition.pbi import PBI
from pymoo.decomposition.tchebicheff import Tchebicheff

from optllm_pymoo.baselines._build import best_front, build, operator_set, scaled
from optllm_pymoo.baselines._pymoo import largest_lattice
from optllm_pymoo.problems import AllocationProblem
from optllm_pymoo.tolerances import SMALLEST_WEIGHT
from optllm_pymoo.validation import UserError

FIXED = ("ref_dirs", "selection", "survival", "eliminate_duplicates")


def moead(
    *, pop_size: int = 100, operators: str = "categorical", start: str = "cold", **options: Any
) -> NormalizedMOEAD:
    """Build MOEA/D with evenly spread weights and penalty boundary intersection (θ = 5).

    Objectives are normalised by the extremes of the exact front, so both have the same weight.

    Args:
        pop_size: Number of weights, one plan each; at least 2.
        operators: "categorical" (uniform crossover, random-reset mutation) or "published" (simulated binary
            crossover and polynomial mutation, rounded; with NSGA-II's parameters, as none were published).
        start: "cold", or "warm" with the cheapest and the most accurate plan in the first population, each at
            the weight nearest to it.
        **options: pymoo's own, for example ``termination``, ``n_neighbors`` (the published 10 by default),
            ``prob_neighbor_mating``, ``decomposition``.

    Returns:
        The algorithm, ready for `minimize`. Without a termination it ends when its front stalls.

    Raises:
        TypeError: If pymoo has no such option.
        UserError: If a choice is unknown, or there are too few weights or neighbours.

    References:
        Zhang, Li (2007), IEEE Transactions on Evolutionary Computation 11(6). Parameters: Liu et al. (2024),
        arXiv 2405.15130.

    Example:
        >>> from pymoo.optimize import minimize
        >>> from optllm_pymoo import make_problem
        >>> res = minimize(make_problem(50, 4), moead(pop_size=20), ("n_eval", 200), seed=1)
        >>> res.algorithm.evaluator.n_eval
        200
    """
    defaults = {
        "pop_size": pop_size,
        "n_neighbors": 10,
        "decomposition": PBI(theta=5),
        **operator_set(operators, start).options("sampling", "crossover", "mutation", "repair"),
    }
    return build(NormalizedMOEAD, defaults, options, factory="moead", fixed=FIXED)


def moead_gen(
    *, pop_size: int = 100, operators: str = "categorical", start: str = "cold", **options: Any
) -> NormalizedMOEAD:
    """Build MOEA/D with random weights, Tchebycheff decomposition and 24 neighbours: MOEA/D-GEN of the paper.

    Everything else is as in `moead`, arguments and errors included. Two of the weights are the single objectives; the
    others are drawn with the seed of the run.

    Args:
        pop_size: Number of weights.
        operators: "categorical" or "published".
        start: "cold" or "warm".
        **options: pymoo's own.

    Example:
        >>> moead_gen(pop_size=50).n_neighbors
        24
    """
    defaults = {
        "pop_size": pop_size,
        "n_neighbors": 24,
        "decomposition": Tchebicheff(),
        "weights": "random",
        **operator_set(operators, start).options("sampling", "crossover", "mutation", "repair"),
    }
    return build(NormalizedMOEAD, defaults, options, factory="moead_gen", fixed=FIXED)


class NormalizedMOEAD(ParallelMOEAD):
    """MOEA/D that evaluates a whole generation at once and compares plans on objectives scaled to [0, 1].

    With limits, less violation comes first. The scale is that of the extremes of the exact front or the bound front,
    with a third objective of the three individual optima, and of the population for a subclass with additional
    objectives or constraints. Children compete at the weight whose neighbourhood their parents are from (pymoo 0.6.2
    pairs them with others when a crossover has two children).

    Args:
        pop_size: Number of weights, one plan each; at least 2. On a grid of three objectives they are the largest
            Das-Dennis lattice of at most so many.
        n_neighbors: Size of a neighbourhood, the weight itself included; at least 2.
        weights: "grid" spreads them evenly, "random" draws all but the first two with the seed of the run.
        **kwargs: pymoo's own.

    Raises:
        UserError: If there are fewer than two weights or neighbours, or ``weights`` is unknown.
    """

    def __init__(self, *, pop_size: int = 100, n_neighbors: int = 20, weights: str = "grid", **kwargs: Any) -> None:
        for name, value in (("pop_size", pop_size), ("n_neighbors", n_neighbors)):
            if value < 2:
                raise UserError(f"{name} must be at least 2, because two neighbours mate; got {value}")
        if weights not in ("grid", "random"):
            raise UserError(f"weights must be one of 'grid', 'random'; got {weights!r}")
        super().__init__(np.zeros((pop_size, 2)), n_neighbors=n_neighbors, **kwargs)
        self.weights = weights

    def _setup(self, problem: AllocationProblem, **kwargs: Any) -> None:
        weights = self._front_weights() if problem.n_obj == 2 else self._surface_weights(problem)
        self.ref_dirs = np.maximum(weights, SMALLEST_WEIGHT)
        # pymoo's setup needs only this of a problem, and refuses constraints, which `_replace` handles
        super()._setup(SimpleNamespace(n_obj=problem.n_obj, has_constraints=lambda: False), **kwargs)

    def _front_weights(self) -> np.ndarray:
        """Spread weights over two objectives; first those of the cheapest and of the most accurate plan."""
        n = self.pop_size - 2
        inner = np.linspace(1, 0, n + 2)[1:-1] if self.weights == "grid" else self.random_state.random(n)
        of_cost = np.concatenate([[1.0, 0.0], inner])
        weights = np.column_stack([of_cost, 1 - of_cost])
        # to PBI they are directions from the ideal point: the cheap end lies along the axis of accuracy
        return weights[:, ::-1] if isinstance(self.decomposition, PBI) else weights

    def _surface_weights(self, problem: AllocationProblem) -> np.ndarray:
        """Spread weights over three or more objectives; those of a warm start's plans come first."""
        is_pbi, n_obj = isinstance(self.decomposition, PBI), problem.n_obj
        weights = largest_lattice(n_obj, self.pop_size)
        if self.weights == "random":
            drawn = self.random_state.dirichlet(np.ones(n_obj), self.pop_size - n_obj)
            weights = np.concatenate([np.eye(n_obj), drawn])
        if problem.is_extended:
            return weights
        # PBI takes them as directions from the ideal point; else an optimum belongs to its own objective's weight
        wanted = self._scaled(problem.scalarisation.optima_F) if is_pbi else np.eye(3)
        for place, direction in enumerate(wanted / np.maximum(wanted.sum(axis=1, keepdims=True), SMALLEST_WEIGHT)):
            nearest = place + int(np.linalg.norm(weights[place:] - direction, axis=1).argmin())
            weights[[place, nearest]] = weights[[nearest, place]]
        return weights

    def _infill(self) -> Population:
        crossover = self.mating.crossover
        self.indices = self.random_state.permutation(len(self.pop))[: self.n_offsprings]
        n = len(self.indices)
        parents = self.selection.do(
            self.problem,
            self.pop,
            n,
            crossover.n_parents,
            neighbors=self.neighbors[self.indices],
            random_state=self.random_state,
        )
        children = self.mating.do(
            self.problem,
            self.pop,
            n * crossover.n_offsprings,
            n_max_iterations=1,
            parents=parents,
            random_state=self.random_state,
        )
        # crossover returns the first children of all matings, then the second ones
        chosen = self.random_state.integers(crossover.n_offsprings, size=n) * n + np.arange(n)
        return children[chosen]

    def _replace(self, k: int, off: Individual) -> None:
        neighbors = self.neighbors[k]
        current, new = (
            self.decomposition.do(
                self._scaled(F), weights=self.ref_dirs[neighbors], ideal_point=self._scaled(self.ideal)
            )
            for F in (self.pop[neighbors].get("F"), off.F[None, :])
        )
        violation = np.reshape(self.pop[neighbors].get("CV"), -1)
        less, equal = off.CV[0] < violation, off.CV[0] == violation
        self.pop[neighbors[less | (equal & (new < current))]] = off

    def _scaled(self, F: np.ndarray) -> np.ndarray:
        return scaled(F, self.problem, self.pop)

    def _set_optimum(self) -> None:
        # one plan may sit at several weights
        self.opt = best_front(self.pop)
