"""Split a batch of queries over several LLMs with pymoo: cost down, accuracy up."""

__version__ = "0.1.0"
