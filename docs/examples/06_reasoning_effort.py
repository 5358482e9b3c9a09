"""
Reasoning effort as columns
===========================

A query is sent to a *column*: an LLM, or an LLM in a mode, written ``LLM@mode``. One model with low, medium and high
effort is three columns with a price and a success rate each, and the front splits the queries over them.
"""

import numpy as np
from pymoo.optimize import minimize

from optllm_pymoo import AllocationProblem, AtLeastAccuracy, OptLLM, Quota, WithinBudget

rng = np.random.default_rng(6)
n = 600
columns = ["small", "thinker@low", "thinker@medium", "thinker@high"]
skill = np.array([-0.5, 0.6, 1.3, 1.8])
output_tokens = np.array([150, 300, 1500, 6000])
usd_per_token = np.array([4e-7, 4e-6, 4e-6, 4e-6])

difficulty = rng.normal(0, 1.6, n)
accuracy = 1 / (1 + np.exp(difficulty[:, None] - skill))
# harder queries make a model think longer
cost = output_tokens * usd_per_token * np.exp(0.25 * difficulty[:, None] * (output_tokens > 200))
problem = AllocationProblem(cost, accuracy, llms=columns)

# %%
# What each further dollar buys: easy queries stay small, hard ones get as much effort as pays.
for share in (0.05, 0.2, 0.6):
    usd = share * cost[:, 3].sum()
    plan = WithinBudget(usd).plan(problem)
    mix = ", ".join(f"{name} {count}" for name, count in zip(columns, np.bincount(plan.x, minlength=4), strict=True))
    print(f"{usd:6.2f} US$: accuracy {plan.accuracy:.3f}; {mix}")

# %%
# Against one effort for all queries: the same accuracy for less.
all_high = accuracy[:, 3].mean()
plan = AtLeastAccuracy(all_high - 0.02).plan(problem)
print(f"all at high effort: {cost[:, 3].sum():.2f} US$; two points less accurate: {plan.cost_usd:.2f} US$")
assert plan.cost_usd < 0.8 * cost[:, 3].sum()

# %%
# A quota of ``thinker`` counts the calls in all its modes.
limited = AllocationProblem(cost, accuracy, llms=columns, limits=[Quota("thinker", calls=200)])
few = WithinBudget(0.4 * cost[:, 3].sum()).plan(minimize(limited, OptLLM(n_grid=20), seed=1))
print(f"{(few.x > 0).sum()} calls of thinker, accuracy {few.accuracy:.3f}, at most {few.bound:.3f}")
assert (few.x > 0).sum() <= 200
