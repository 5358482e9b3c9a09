"""
An operator of your own
=======================

OptLLM destroys a plan and makes it efficient again. Both halves can be swapped. Here a destruction that spreads what it
changes over the groups of a batch, so that no language is changed more than another.
"""

import numpy as np
from pymoo.optimize import minimize

from optllm_pymoo import OptLLM, make_problem
from optllm_pymoo.measures.search import hypervolume_ratio
from optllm_pymoo.operators import Destruction
from optllm_pymoo.testing import DestructionConformance


# %%
# ``_do`` gets a copy of the plans, (n, N) numbers of LLMs, that it may change in place. ``gap.cost_usd`` is how much is
# to be saved, ``random_state`` the generator of the run.
class PerGroup(Destruction):
    """Sends queries to their cheapest LLM, the same share of each group, until the gap is saved."""

    def __init__(self, n_groups):
        super().__init__()
        self.n_groups = n_groups

    def _do(self, problem, X, *, random_state, gap, **kwargs):
        rows = np.arange(problem.n_queries)
        cheapest = problem.supported_front.ends[0].x
        for x in X:
            saving = problem.cost[rows, x] - problem.cost[rows, cheapest]
            order = random_state.permutation(problem.n_queries)
            # every group in turn: first the first of each group, then the second of each, and so on
            turn = np.empty(problem.n_queries, dtype=int)
            for group in range(self.n_groups):
                members = order[order % self.n_groups == group]
                turn[members] = np.arange(len(members))
            order = np.argsort(turn, kind="stable")
            n_moved = np.searchsorted(np.cumsum(saving[order]), gap.cost_usd) + 1
            x[order[:n_moved]] = cheapest[order[:n_moved]]
        return X


# %%
# It is passed to the search by name.
problem = make_problem(1000, 6, random_state=2)
result = minimize(problem, OptLLM(destruction_down=PerGroup(4)), seed=1)
ratio = hypervolume_ratio(result.F, problem.supported_front)
print(f"{len(result.F)} plans, {ratio:.4f} of the exact front's hypervolume")
assert ratio > 0.99


# %%
# The tests that the package's own operators pass. In a file of tests this class is all there is to write; pytest finds
# the tests that it brings.
class TestPerGroup(DestructionConformance):
    """What every destruction has to keep to."""

    def make_operator(self):
        """Build the operator to be tested."""
        return PerGroup(4)


print("\n".join(name for name in dir(TestPerGroup) if name.startswith("test_")))
