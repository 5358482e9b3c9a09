"""``python -m benchmarks run constraints``: budgets, targets and what else ties queries together, against targets."""
