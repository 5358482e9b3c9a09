"""Budgets, targets, quotas, latency and promises: what constraints cost, against their yardsticks."""
