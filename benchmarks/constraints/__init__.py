"""Comparisons on problems with limits."""
