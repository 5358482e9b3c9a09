"""
AGE-MOEA, SPEA2, RVEA and C-TAEA on the same problem
====================================================

The problem is a plain problem of pymoo, so pymoo's algorithms run on it. Those in ``optllm_pymoo.baselines`` come with
operators for categories: the number of an LLM is a name, and neighbours are no more alike than others.
"""

import matplotlib.pyplot as plt
import numpy as np
from pymoo.optimize import minimize

from optllm_pymoo import OptLLM, make_problem
from optllm_pymoo.baselines import age_moea, ctaea, rvea, spea2
from optllm_pymoo.measures.search import hypervolume_ratio

problem = make_problem(200, 5, random_state=4)
front = problem.supported_front

# %%
# 1,500 scored plans each, from a first population that holds the cheapest and the most accurate plan.
makers = {"AGE-MOEA": age_moea, "SPEA2": spea2, "RVEA": rvea, "C-TAEA": ctaea}
results = {
    name: minimize(problem, make(pop_size=60, start="warm"), ("n_eval", 1500), seed=1) for name, make in makers.items()
}
results["OptLLM"] = minimize(problem, OptLLM(), seed=1)

figure, ax = plt.subplots(figsize=(7, 4.5))
ax.plot(front.F[:, 0], -front.F[:, 1], color="0.6", label="exact front")
for (name, result), marker in zip(results.items(), "os^Dx", strict=True):
    ratio = hypervolume_ratio(result.F, front)
    n_eval = result.algorithm.evaluator.n_eval
    ax.plot(*(result.F.T * [[1], [-1]]), marker, ms=4, ls="", label=f"{name}: {ratio:.3f} after {n_eval:,} plans")
ax.set(xlabel="total cost, US$", ylabel="mean accuracy")
ax.legend()

# %%
# What the legend says: which share of the exact front's hypervolume each has found. All of these algorithms treat the
# objectives as unknown functions; OptLLM knows that they are sums over queries.
best_of_others = max(hypervolume_ratio(results[name].F, front) for name in makers)
assert hypervolume_ratio(results["OptLLM"].F, front) > best_of_others
print(f"best of pymoo's four: {best_of_others:.3f}")
assert np.isfinite(front.F).all()
