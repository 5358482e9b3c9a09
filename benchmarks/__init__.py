"""Comparisons and measurements of `optllm_pymoo`: ``python -m benchmarks`` in a checkout."""
