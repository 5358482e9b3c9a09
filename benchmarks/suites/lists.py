"""Lists of algorithms that suites compare."""

from __future__ import annotations

from itertools import product

EVOLUTIONARY = ("nsga2", "rnsga2", "sms-emoa", "moead", "moead-gen")

PAPER = ("nsga2", "mopso", "moead", "rnsga2", "sms-emoa", "moead-gen")
"""The paper's baselines, in the order of its tables."""

PUBLISHED = tuple(name if name == "mopso" else f"{name}:published" for name in PAPER)
"""The same with the operators that the paper gave them."""

PYGMO = ("pygmo-nspso", "pygmo-moead", "pygmo-moead-gen")
"""What the paper ran of pygmo."""

SWEEPS = ("lambda-sweep", "carrot", "epsilon-constraint", "forc")
"""Samplers of the exact front, or nearly so."""

FAIR = (
    "optllm",
    "optllm:walks",
    "exact",
    *SWEEPS,
    "alns",
    "single-llms",
    "random-search",
    *("".join(name) for name in product(EVOLUTIONARY, ("", ":published"), ("", ":warm"))),
    "mopso",
    "mopso:warm",
    *("".join(name) for name in product(PYGMO, ("", ":warm"))),
)
"""Every algorithm, with both kinds of operators and both starts."""

ANYTIME = ("optllm", "lambda-sweep", "alns", "random-search", "nsga2", "nsga2:warm", "sms-emoa:warm", "moead", "mopso")
"""Enough to see how fast each kind gets how far."""

WALKS = ("optllm:walks", "optllm:up", "optllm:down", "optllm:random-destruction", "exact")
"""OptLLM as it ends by itself, with parts taken out or exchanged, and the exact front alone."""
