"""From query texts and a few labels to the probability that each LLM answers correctly."""

from optllm_pymoo.prediction.averages import ConstantPredictor
from optllm_pymoo.prediction.features import QueryFeatures
from optllm_pymoo.prediction.predictor import SuccessPredictor
from optllm_pymoo.prediction.texts import TfidfSVD

__all__ = [
    "ConstantPredictor",
    "QueryFeatures",
    "SuccessPredictor",
    "TfidfSVD",
]
