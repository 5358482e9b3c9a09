"""Problems: what is to be allocated, and seeded synthetic instances of it."""

from optllm_pymoo.problems.allocation import AllocationProblem
from optllm_pymoo.problems.synthetic import make_problem

__all__ = ["AllocationProblem", "make_problem"]
