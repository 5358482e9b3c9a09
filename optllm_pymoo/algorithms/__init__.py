"""OptLLM as a pymoo algorithm."""

from optllm_pymoo.algorithms.optllm import OptLLM

__all__ = ["OptLLM"]
