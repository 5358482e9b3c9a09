"""Choosing a plan from a front, with its certificate, interval and summary."""

from optllm_pymoo.decision.choices import AtLeastAccuracy, Choice, Knee, WithinBudget
from optllm_pymoo.decision.confidence import accuracy_deviation, accuracy_interval, promised_accuracy, promised_along
from optllm_pymoo.decision.plan import Moves, Plan, next_moves
from optllm_pymoo.decision.robust import RobustPlan, robust_plan

__all__ = [
    "AtLeastAccuracy",
    "Choice",
    "Knee",
    "Moves",
    "Plan",
    "RobustPlan",
    "WithinBudget",
    "accuracy_deviation",
    "accuracy_interval",
    "next_moves",
    "promised_accuracy",
    "promised_along",
    "robust_plan",
]
