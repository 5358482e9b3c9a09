"""
Tuning with Optuna, and with pymoo
==================================

Which grid finds most of the front within a few scored plans? The search has few settings, and they are pymoo's own
variables: Optuna sets them from outside, pymoo's ``HyperparameterProblem`` finds them by itself.
"""

import optuna
from pymoo.algorithms.hyperparameters import HyperparameterProblem
from pymoo.core.mixed import MixedVariableGA
from pymoo.core.parameters import flatten, get_params
from pymoo.optimize import minimize

from optllm_pymoo import OptLLM, make_problem
from optllm_pymoo.measures.search import hypervolume_ratio
from optllm_pymoo.operators import RandomDestruction

problem = make_problem(300, 5, family="tied", random_state=7)
front = problem.supported_front


def missed(algorithm):
    """Return the share of the exact front's hypervolume that 60 scored plans miss."""
    return 1 - hypervolume_ratio(minimize(problem, algorithm, ("n_eval", 60), seed=1).F, front)


# %%
# **Optuna** proposes values, we build the algorithm.
def objective(trial):
    """Measure one proposal of Optuna's."""
    shaken = RandomDestruction(trial.suggest_float("share", 0.02, 0.5))
    return missed(OptLLM(n_grid=trial.suggest_int("n_grid", 5, 100), destruction_up=shaken))


optuna.logging.set_verbosity(optuna.logging.WARNING)
study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=1))
study.optimize(objective, n_trials=20)
print(f"Optuna: {study.best_value:.5f} missed with {study.best_params}")

# %%
# **pymoo** finds the variables in the algorithm by itself and searches them with its algorithm for mixed variables.
algorithm = OptLLM()
print(f"to be tuned: {', '.join(flatten(get_params(algorithm)))}")
tuning = HyperparameterProblem(algorithm, lambda candidate: {"F": missed(candidate)})
best = minimize(tuning, MixedVariableGA(pop_size=10), ("n_eval", 20), seed=1)
print(f"pymoo: {best.F[0]:.5f} missed with {best.X}")

# %%
# For comparison, the defaults. A setting that is best on one small batch needn't be best on yours: tune on several
# batches, judge on others.
default = missed(OptLLM())
print(f"defaults: {default:.5f} missed")
assert max(best.F[0], study.best_value) < default
