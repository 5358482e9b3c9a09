"""``python -m benchmarks constraints``: budgets, targets and what else ties queries together, against targets."""
