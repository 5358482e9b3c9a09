"""Limits that tie queries together: quotas and floors, their linear relaxation, and plans that meet them."""

from optllm_pymoo.limits.bound_front import BoundFront, find_bound_front
from optllm_pymoo.limits.build import build_limits
from optllm_pymoo.limits.explain import LimitPrice, explain_limits
from optllm_pymoo.limits.feasibility import feasible_plan, nearest_feasible, nearest_value
from optllm_pymoo.limits.linear import LinearLimits
from optllm_pymoo.limits.per_query import allowed_by_limits
from optllm_pymoo.limits.quota import Quota
from optllm_pymoo.limits.relaxation import Relaxation, relax
from optllm_pymoo.limits.within import Certified, best_within, cheapest_reaching

__all__ = [
    "BoundFront",
    "Certified",
    "LimitPrice",
    "LinearLimits",
    "Quota",
    "Relaxation",
    "allowed_by_limits",
    "best_within",
    "build_limits",
    "cheapest_reaching",
    "explain_limits",
    "feasible_plan",
    "find_bound_front",
    "nearest_feasible",
    "nearest_value",
    "relax",
]
