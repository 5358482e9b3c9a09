"""Allocation problems, and seeded synthetic instances."""

from optllm_pymoo.problems.allocation import AllocationProblem, require_allocation_problem
from optllm_pymoo.problems.single import (
    MaxAccuracyProblem,
    MinCostProblem,
    SingleObjectiveProblem,
    allocation_of,
)
from optllm_pymoo.problems.synthetic import make_problem

__all__ = [
    "AllocationProblem",
    "MaxAccuracyProblem",
    "MinCostProblem",
    "SingleObjectiveProblem",
    "allocation_of",
    "make_problem",
    "require_allocation_problem",
]
