"""Ready-to-run pymoo algorithms for `AllocationProblem`, to compare with."""

from optllm_pymoo.baselines._lambda_sweep import lambda_sweep
from optllm_pymoo.baselines._moead import moead, moead_gen
from optllm_pymoo.baselines._mopso import mopso
from optllm_pymoo.baselines._nsga2 import nsga2
from optllm_pymoo.baselines._nsga3 import nsga3
from optllm_pymoo.baselines._random_search import random_search
from optllm_pymoo.baselines._rnsga2 import rnsga2
from optllm_pymoo.baselines._single_llms import single_llms
from optllm_pymoo.baselines._sms_emoa import sms_emoa

__all__ = [
    "lambda_sweep",
    "moead",
    "moead_gen",
    "mopso",
    "nsga2",
    "nsga3",
    "random_search",
    "rnsga2",
    "single_llms",
    "sms_emoa",
]
