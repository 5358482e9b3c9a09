"""Ready-to-run pymoo algorithms to compare with: `ga`, `de` and `pso` for one objective, the others for two or three.

`EVOLUTIONARY`, `SWARMS`, `SWEEPS`, `LOOPS_OF_OTHERS` and `ONE_OBJECTIVE` list all factories in order.
"""

from optllm_pymoo.baselines._moead import moead, moead_gen
from optllm_pymoo.baselines._mopso import cmopso, mopso
from optllm_pymoo.baselines._one_objective import de, ga, pso
from optllm_pymoo.baselines._others import alns_search, pygmo_moead, pygmo_moead_gen, pygmo_nspso
from optllm_pymoo.baselines._proposing import exact_front, random_search, single_llms
from optllm_pymoo.baselines._pymoo import nsga2, nsga3, rnsga2, sms_emoa, unsga3
from optllm_pymoo.baselines._scaled import age_moea, age_moea2, ctaea, rvea, spea2
from optllm_pymoo.baselines._sweeps import carrot, epsilon_constraint, forc, lambda_sweep

EVOLUTIONARY = (
    nsga2, rnsga2, nsga3, unsga3, sms_emoa, spea2, age_moea, age_moea2, rvea, ctaea, moead, moead_gen
)  # fmt: skip
"""Genetic algorithms for two or three objectives, with operators for categories or the published ones."""

SWARMS = (mopso, cmopso)
"""Particle swarms, which move on LLM numbers."""

SWEEPS = (single_llms, lambda_sweep, carrot, epsilon_constraint, forc, exact_front)
"""Deterministic algorithms that end by themselves."""

LOOPS_OF_OTHERS = (alns_search, pygmo_nspso, pygmo_moead, pygmo_moead_gen)
"""Search loops of other packages, installed as extras."""

ONE_OBJECTIVE = (ga, de, pso)
"""For a `MaxAccuracyProblem` or a `MinCostProblem`."""

__all__ = [
    "EVOLUTIONARY",
    "LOOPS_OF_OTHERS",
    "ONE_OBJECTIVE",
    "SWARMS",
    "SWEEPS",
    "age_moea",
    "age_moea2",
    "alns_search",
    "carrot",
    "cmopso",
    "ctaea",
    "de",
    "epsilon_constraint",
    "exact_front",
    "forc",
    "ga",
    "lambda_sweep",
    "moead",
    "moead_gen",
    "mopso",
    "nsga2",
    "nsga3",
    "pso",
    "pygmo_moead",
    "pygmo_moead_gen",
    "pygmo_nspso",
    "random_search",
    "rnsga2",
    "rvea",
    "single_llms",
    "sms_emoa",
    "spea2",
    "unsga3",
]
