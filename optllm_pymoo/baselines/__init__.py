"""Ready-to-run pymoo algorithms to compare with: `ga`, `de` and `pso` for one objective, the others for two."""

from optllm_pymoo.baselines._alns import alns_search
from optllm_pymoo.baselines._carrot import carrot
from optllm_pymoo.baselines._de import de
from optllm_pymoo.baselines._exact_front import exact_front
from optllm_pymoo.baselines._ga import ga
from optllm_pymoo.baselines._integer_sweep import epsilon_constraint, forc
from optllm_pymoo.baselines._lambda_sweep import lambda_sweep
from optllm_pymoo.baselines._moead import moead, moead_gen
from optllm_pymoo.baselines._mopso import mopso
from optllm_pymoo.baselines._nsga2 import nsga2
from optllm_pymoo.baselines._nsga3 import nsga3
from optllm_pymoo.baselines._pso import pso
from optllm_pymoo.baselines._pygmo import pygmo_moead, pygmo_moead_gen, pygmo_nspso
from optllm_pymoo.baselines._random_search import random_search
from optllm_pymoo.baselines._rnsga2 import rnsga2
from optllm_pymoo.baselines._single_llms import single_llms
from optllm_pymoo.baselines._sms_emoa import sms_emoa

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
