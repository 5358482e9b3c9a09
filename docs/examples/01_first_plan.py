"""
A first plan
============

Some hundred queries, a few LLMs at different prices, and a budget: which query goes where?
"""

import matplotlib.pyplot as plt

from optllm_pymoo import Knee, WithinBudget, make_problem
from optllm_pymoo.plotting import plot_front, plot_mix

# %%
# The batch. ``make_problem`` draws a synthetic one; with numbers of your own it is
# ``AllocationProblem(cost, accuracy, llms=[...])`` of two (N, M) tables: US$ per call, and the probability that an LLM
# answers a query correctly.
problem = make_problem(800, 6, random_state=1)

# %%
# The most accurate plan that half a dollar pays for. The summary says what it costs, what it reaches, what the next
# correct answer would cost, and how far any plan at this price can be ahead.
plan = WithinBudget(0.5).plan(problem)
print(plan.summary())

# %%
# ``plan.x`` is the plan itself: a number of an LLM for each query. ``plan.to_csv(path)`` writes it.
print(plan.to_frame().head())

# %%
# The whole front: from the cheapest plan to the most accurate one, single LLMs for comparison, and the chosen plan.
ax = plot_front(problem, plan=plan, ax=plt.subplots(figsize=(7, 4.5))[1])

# %%
# Which LLMs take over as there is more to spend.
ax = plot_mix(problem, plan=plan, ax=plt.subplots(figsize=(7, 4.5))[1])

# %%
# Without a budget in mind: the plan beyond which a further dollar buys much less.
knee = Knee().plan(problem)
print(f"{knee.cost_usd:.4g} US$ for a mean accuracy of {knee.accuracy:.3f}")
