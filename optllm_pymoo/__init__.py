"""Split a batch of queries over several LLMs with pymoo: cost down, accuracy up."""

from optllm_pymoo.algorithms import OptLLM
from optllm_pymoo.data import load_dataset, make_dataset
from optllm_pymoo.decision import AtLeastAccuracy, Knee, Plan, WithinBudget
from optllm_pymoo.prediction import QueryFeatures, SuccessPredictor
from optllm_pymoo.problems import AllocationProblem, make_problem
from optllm_pymoo.supported_front import SupportedFront

__all__ = [
    "AllocationProblem",
    "AtLeastAccuracy",
    "Knee",
    "OptLLM",
    "Plan",
    "QueryFeatures",
    "SuccessPredictor",
    "SupportedFront",
    "WithinBudget",
    "load_dataset",
    "make_dataset",
    "make_problem",
]

__version__ = "0.1.0"
