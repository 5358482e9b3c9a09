"""Conformance tests for operators of your own: subclass one, name your operator, run pytest.

Example:
    A test file for a destruction of your own reads

    ```python
    from optllm_pymoo.testing import DestructionConformance

    class TestMyDestruction(DestructionConformance):
        def make_operator(self):
            return MyDestruction()
    ```
"""

from optllm_pymoo.testing.conformance import (
    DestructionConformance,
    MutationConformance,
    ReconstructionConformance,
    edge_cases,
)

__all__ = ["DestructionConformance", "MutationConformance", "ReconstructionConformance", "edge_cases"]
