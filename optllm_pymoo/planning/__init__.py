"""Everything behind the `optllm-pymoo` command, for scripts: from a batch with a few labels to a plan and its files."""

from optllm_pymoo.planning.choose import LimitCosts, limit_costs
from optllm_pymoo.planning.compare import Comparison, compare_plans
from optllm_pymoo.planning.constraints import Constraints, problem_of
from optllm_pymoo.planning.curve import LearningCurve, next_to_label, usd_per_label
from optllm_pymoo.planning.files import check_writable, front_frame, front_writers, write_files
from optllm_pymoo.planning.front import Front, algorithm_names, find_front, front_of, normalised, plan_front
from optllm_pymoo.planning.labels import (
    Prediction,
    Split,
    predict_accuracy,
    split_by,
    split_by_known,
    split_by_share,
    with_labels_from,
)
from optllm_pymoo.planning.partitions import PartsPlan, plan_parts
from optllm_pymoo.planning.policy import Policy, Routes
from optllm_pymoo.planning.rounds import PlannedBatch, read_plan
from optllm_pymoo.planning.whatif import Learnt, priced, read_learnt

__all__ = [
    "Comparison",
    "Constraints",
    "Front",
    "LearningCurve",
    "Learnt",
    "LimitCosts",
    "PartsPlan",
    "PlannedBatch",
    "Policy",
    "Prediction",
    "Routes",
    "Split",
    "algorithm_names",
    "check_writable",
    "compare_plans",
    "find_front",
    "front_frame",
    "front_of",
    "front_writers",
    "limit_costs",
    "next_to_label",
    "normalised",
    "plan_front",
    "plan_parts",
    "predict_accuracy",
    "priced",
    "problem_of",
    "read_learnt",
    "read_plan",
    "split_by",
    "split_by_known",
    "split_by_share",
    "usd_per_label",
    "with_labels_from",
    "write_files",
]
