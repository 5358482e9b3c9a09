"""
An algorithm of your own in the comparison
==========================================

Any algorithm of pymoo that takes an ``AllocationProblem`` can be compared: at the same number of scored plans, against
the exact front.
"""

import numpy as np
from pymoo.core.algorithm import Algorithm
from pymoo.core.population import Population
from pymoo.optimize import minimize

from optllm_pymoo import OptLLM, make_problem
from optllm_pymoo.baselines import nsga2, random_search
from optllm_pymoo.measures.search import hypervolume_ratio


# %%
# A walk up the price ladder: every round sends a random tenth of the queries to an LLM one step dearer.
class Climb(Algorithm):
    """Climbs from the cheapest plan to the most accurate one, a tenth of the queries at a time."""

    def _initialize_infill(self):
        return Population.new(X=self.problem.extremes())

    def _infill(self):
        x = self.pop[0].X.copy()
        by_price = np.argsort(self.problem.cost, axis=1)
        place = np.argsort(by_price, axis=1)
        rows = self.random_state.choice(self.problem.n_queries, self.problem.n_queries // 10, replace=False)
        x[rows] = by_price[rows, np.minimum(place[rows, x[rows]] + 1, self.problem.n_llms - 1)]
        return Population.new(X=x[None])

    def _advance(self, infills=None, **kwargs):
        self.pop = Population.merge(infills, self.pop)


# %%
# Head to head: 500 scored plans each, three seeds.
problem = make_problem(500, 6, random_state=3)
front = problem.supported_front
contestants = {
    "OptLLM": OptLLM,
    "Climb": Climb,
    "NSGA-II, operators for categories": lambda: nsga2(pop_size=50, start="warm"),
    "random plans": random_search,
}
ratios = {
    name: [hypervolume_ratio(minimize(problem, make(), ("n_eval", 500), seed=seed).F, front) for seed in (1, 2, 3)]
    for name, make in contestants.items()
}
for name, found in ratios.items():
    print(f"{name:35} {np.mean(found):.4f} of the exact front's hypervolume")
assert min(ratios["OptLLM"]) > max(ratios["Climb"])

# %%
# The large comparison, with statistics, reports and many processes, takes the same algorithm as a ``Variant``. An entry
# point of the group ``optllm_pymoo.benchmarks`` in your package's ``pyproject.toml`` is all that it needs:
#
# .. code-block:: toml
#
#    [project.entry-points."optllm_pymoo.benchmarks"]
#    climb = "my_package:CLIMB"
from benchmarks.cells.algorithms import Settings, Variant

CLIMB = Variant(lambda settings: Climb(), "a walk up the price ladder")
print(type(CLIMB.make(Settings(budget=500))).__name__)
