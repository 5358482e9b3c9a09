"""The suites of ``python -m benchmarks run``: which cells they are made of, and what their reports say."""
