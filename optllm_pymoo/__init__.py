"""Split a batch of queries over several LLMs with pymoo: cost down, accuracy up.

The public names are loaded when they are first used: whoever only asks the command for help, or only reads data,
doesn't wait for compilers and learners.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optllm_pymoo.algorithms import OptLLM
    from optllm_pymoo.data import Dataset, load_dataset, make_dataset
    from optllm_pymoo.decision import AtLeastAccuracy, Knee, Plan, WithinBudget
    from optllm_pymoo.exact import PartitionedFront, SupportedFront
    from optllm_pymoo.limits import Additive, BoundFront, Ceiling, Floor, Quota, allowed_by_limits
    from optllm_pymoo.planning import Policy
    from optllm_pymoo.prediction import QueryFeatures, SuccessPredictor
    from optllm_pymoo.problems import AllocationProblem, MaxAccuracyProblem, MinCostProblem, make_problem
    from optllm_pymoo.validation import UserError

__all__ = [
    "Additive",
    "AllocationProblem",
    "AtLeastAccuracy",
    "BoundFront",
    "Ceiling",
    "Dataset",
    "Floor",
    "Knee",
    "MaxAccuracyProblem",
    "MinCostProblem",
    "OptLLM",
    "PartitionedFront",
    "Plan",
    "Policy",
    "QueryFeatures",
    "Quota",
    "SuccessPredictor",
    "SupportedFront",
    "UserError",
    "WithinBudget",
    "allowed_by_limits",
    "load_dataset",
    "make_dataset",
    "make_problem",
]

__version__ = "0.1.0"

_HOMES = {
    "algorithms": ("OptLLM",),
    "data": ("Dataset", "load_dataset", "make_dataset"),
    "decision": ("AtLeastAccuracy", "Knee", "Plan", "WithinBudget"),
    "exact": ("PartitionedFront", "SupportedFront"),
    "limits": ("Additive", "BoundFront", "Ceiling", "Floor", "Quota", "allowed_by_limits"),
    "planning": ("Policy",),
    "prediction": ("QueryFeatures", "SuccessPredictor"),
    "problems": ("AllocationProblem", "MaxAccuracyProblem", "MinCostProblem", "make_problem"),
    "validation": ("UserError",),
}
_HOME = {name: f"{__name__}.{module}" for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Load a public name from its module when it is first asked for (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOME[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
