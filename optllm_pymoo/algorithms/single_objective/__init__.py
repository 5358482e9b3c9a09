"""`OptLLM` with one objective and one limit: from the supported neighbours of the limit to the optimum."""

from optllm_pymoo.algorithms.single_objective.certificate import Certificate
from optllm_pymoo.algorithms.single_objective.limited import LimitedRefinement
from optllm_pymoo.algorithms.single_objective.refinement import Refinement

__all__ = ["Certificate", "LimitedRefinement", "Refinement"]
