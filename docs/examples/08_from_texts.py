"""
From texts and a few labels
===========================

Who answers what correctly isn't known before it is asked. A few labelled queries are enough to predict it, and the
outcomes that come in later say how good the predictions were.
"""

import matplotlib.pyplot as plt
import numpy as np

from optllm_pymoo import AllocationProblem, QueryFeatures, SuccessPredictor, WithinBudget, make_dataset
from optllm_pymoo.measures import calibration
from optllm_pymoo.plotting import plot_calibration, plot_realised

data = make_dataset(700, 4, random_state=8)
rng = np.random.default_rng(8)
labelled = rng.permutation(len(data)) < 140
known, new = data.select(np.flatnonzero(labelled)), data.select(np.flatnonzero(~labelled))
print(known.texts[0], known.correct[0])

# %%
# Texts become features, features and labels become probabilities with their uncertainty.
features = QueryFeatures(random_state=0).fit(known.texts)
predictor = SuccessPredictor(random_state=0, n_jobs=1)
predictor.fit(features.transform(known.texts), known.correct, cost=known.cost)
accuracy, sigma = predictor.predict(features.transform(new.texts), return_std=True)

# %%
# The plan says what it expects, and how sure that is.
problem = AllocationProblem(new.cost, accuracy, llms=new.llms)
plan = WithinBudget(0.4 * new.cost[:, -1].sum()).plan(problem, sigma=sigma, n_labelled=len(known))
low, high = plan.interval()
print(f"expected accuracy {plan.accuracy:.3f}, with 95 % probability between {low:.3f} and {high:.3f}")

# %%
# Later the outcomes are known.
outcome = plan.evaluate(new.correct)
print(f"reached {outcome.accuracy:.3f}, {outcome.saving:.0%} cheaper than {outcome.best_llm} for all queries")
error = calibration(accuracy, new.correct).error
print(f"predictions were off by {error:.3f} on average, within groups of equal prediction")
assert low - 0.05 < outcome.accuracy < high + 0.05
assert error < 0.2

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
plot_realised(problem, new.correct, plan=plan, ax=left)
plot_calibration(accuracy, new.correct, ax=right)
figure.tight_layout()
