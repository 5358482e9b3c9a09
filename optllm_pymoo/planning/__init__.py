"""Everything behind the `optllm-pymoo` command, for scripts: from a batch with a few labels to a plan and its files."""

from optllm_pymoo.planning.constraints import Constraints, QuotaRequest
from optllm_pymoo.planning.front_frame import front_frame
from optllm_pymoo.planning.labels import Split, split_by_known, split_by_share, with_labels_from
from optllm_pymoo.planning.limit_costs import LimitCost, LimitCosts, limit_costs
from optllm_pymoo.planning.outcomes import comparable_outcomes
from optllm_pymoo.planning.outputs import check_writable, front_writers, plan_writers, write_files
from optllm_pymoo.planning.planning import Front, expected_problem, plan_front
from optllm_pymoo.planning.predicting import Prediction, predict_accuracy
from optllm_pymoo.planning.problem import problem_of
from optllm_pymoo.planning.read_plan import PlannedBatch, read_plan
from optllm_pymoo.planning.realised import realised_front
from optllm_pymoo.planning.searching import algorithm_names, find_front, normalised

__all__ = [
    "Constraints",
    "Front",
    "LimitCost",
    "LimitCosts",
    "PlannedBatch",
    "Prediction",
    "QuotaRequest",
    "Split",
    "algorithm_names",
    "check_writable",
    "comparable_outcomes",
    "expected_problem",
    "find_front",
    "front_frame",
    "front_writers",
    "limit_costs",
    "normalised",
    "plan_front",
    "plan_writers",
    "predict_accuracy",
    "problem_of",
    "read_plan",
    "realised_front",
    "split_by_known",
    "split_by_share",
    "with_labels_from",
    "write_files",
]
