"""
CO₂ as an objective, and as a limit
===================================

Any table whose chosen cells are summed can be a third objective, or be bounded. Here the grams of CO₂ of each call,
made up from its cost and the power that an LLM runs on.
"""

import matplotlib.pyplot as plt
import numpy as np
from pymoo.optimize import minimize

from optllm_pymoo import Additive, AllocationProblem, Ceiling, OptLLM, WithinBudget, make_problem
from optllm_pymoo.plotting import plot_third

batch = make_problem(400, 5, random_state=5)
rng = np.random.default_rng(5)
# the dearest LLM isn't the dirtiest: it runs where the power is clean
grams = batch.cost / batch.cost.mean() * [0.5, 0.8, 1.0, 1.6, 0.4] * rng.uniform(0.8, 1.2, batch.cost.shape)
co2 = Additive("CO2", grams, unit="g")

# %%
# **As an objective**: the search returns plans of which none is better in all three.
problem = AllocationProblem(batch.cost, batch.accuracy, objectives=[co2], llms=batch.llms)
result = minimize(problem, OptLLM(n_grid=10), seed=1)
print(
    f"{len(result.F)} plans; US$, negated mean accuracy, g CO2 of the first and the last:\n{result.F[[0, -1]].round(3)}"
)
ax = plot_third(problem, F=result.F, ax=plt.subplots(figsize=(7, 4.5))[1])

# %%
# **As a limit**: the best plan for half a dollar may emit no more than two thirds of what it would without.
budget = 0.5
free = WithinBudget(budget).plan(batch)
most = grams[np.arange(400), free.x].sum() * 2 / 3
clean = AllocationProblem(batch.cost, batch.accuracy, limits=[Ceiling(co2, most)], llms=batch.llms)
plan = WithinBudget(budget).plan(minimize(clean, OptLLM(n_grid=20), seed=1))
emitted = grams[np.arange(400), plan.x].sum()
print(f"accuracy {plan.accuracy:.3f} with {emitted:.0f} g of at most {most:.0f}; without the limit {free.accuracy:.3f}")
assert emitted <= most * (1 + 1e-12)
assert plan.accuracy <= free.accuracy

# %%
# What the limit costs: one more gram would be worth so many correct answers.
(price,) = clean.price_limits(budget_usd=budget)
print(f"{price.name}: {price.correct_per_unit:.3g} correct answers per {price.unit}")
