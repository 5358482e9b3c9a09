"""Ready-to-run pymoo algorithms to compare with: `ga`, `de` and `pso` for one objective, the others for two."""

from optllm_pymoo.baselines._alns import alns_search
from optllm_pymoo.baselines._integer_sweep import epsilon_constraint, forc
from optllm_pymoo.baselines._moead import moead, moead_gen
from optllm_pymoo.baselines._mopso import mopso
from optllm_pymoo.baselines._one_objective import de, ga, pso
from optllm_pymoo.baselines._proposing import exact_front, random_search, single_llms
from optllm_pymoo.baselines._pygmo import pygmo_moead, pygmo_moead_gen, pygmo_nspso
from optllm_pymoo.baselines._pymoo import nsga2, nsga3, rnsga2, sms_emoa
from optllm_pymoo.baselines._sweeps import carrot, lambda_sweep

__all__ = [
    "alns_search",
    "carrot",
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
    "single_llms",
    "sms_emoa",
]
