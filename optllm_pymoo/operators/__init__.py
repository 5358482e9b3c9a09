"""Operators on allocations."""
