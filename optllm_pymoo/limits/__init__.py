"""Limits that tie queries together: as given by the user, as rows of one linear form, their relaxation and bound."""

from optllm_pymoo.limits.bound import BoundFront, LimitPrice, least_usd, most_accuracy, price_limits
from optllm_pymoo.limits.feasibility import Feasibility, allowed_by_limits
from optllm_pymoo.limits.limit import Additive, Ceiling, Floor, Kind, Quota
from optllm_pymoo.limits.linear import LinearLimits, Weights
from optllm_pymoo.limits.plans import Certified, best_within, cheapest_reaching, feasible_plan
from optllm_pymoo.limits.relaxation import Relaxation, relax

__all__ = [
    "Additive",
    "BoundFront",
    "Ceiling",
    "Certified",
    "Feasibility",
    "Floor",
    "Kind",
    "LimitPrice",
    "LinearLimits",
    "Quota",
    "Relaxation",
    "Weights",
    "allowed_by_limits",
    "best_within",
    "cheapest_reaching",
    "feasible_plan",
    "least_usd",
    "most_accuracy",
    "price_limits",
    "relax",
]
