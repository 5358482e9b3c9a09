"""Operators on allocations: destruction, reconstruction, and operators for categories that pymoo lacks."""

from optllm_pymoo.operators.base import AllocationOperator
from optllm_pymoo.operators.categorical import (
    AllowedRepair,
    CategoricalSampling,
    RandomResetMutation,
    RowDuplicateElimination,
)
from optllm_pymoo.operators.destruction import (
    AccuracyDestruction,
    CostDestruction,
    Destruction,
    Gap,
    RandomDestruction,
    RelinkDestruction,
)
from optllm_pymoo.operators.reconstruction import (
    ExchangeReconstruction,
    PricedReconstruction,
    Reconstruction,
    RuinAndRecreate,
)

__all__ = [
    "AccuracyDestruction",
    "AllocationOperator",
    "AllowedRepair",
    "CategoricalSampling",
    "CostDestruction",
    "Destruction",
    "ExchangeReconstruction",
    "Gap",
    "PricedReconstruction",
    "RandomDestruction",
    "RandomResetMutation",
    "Reconstruction",
    "RelinkDestruction",
    "RowDuplicateElimination",
    "RuinAndRecreate",
]
