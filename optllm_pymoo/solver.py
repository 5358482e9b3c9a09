"""Solves multiple-choice knapsacks with several rows by HiGHS, as linear or integer programmes; only here."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.sparse import csc_array, csr_array, eye_array, hstack, vstack

from optllm_pymoo.tolerances import HIGHS_LINEAR

if TYPE_CHECKING:
    import highspy

TIGHT = dict.fromkeys(("primal_feasibility_tolerance", "dual_feasibility_tolerance"), HIGHS_LINEAR)
LINEAR: tuple[dict[str, Any], ...] = (
    {"solver": "simplex", **TIGHT, "presolve": "off"},
    {"solver": "simplex", "presolve": "on"},
    {"solver": "ipm", "presolve": "on"},
)
"""Options of HiGHS for linear programmes: if the first, with tight tolerances, fails, the next is tried."""


class Status(Enum):
    """The status of a programme after solving."""

    OPTIMAL = "optimal"
    INFEASIBLE = "infeasible"
    OUT_OF_TIME = "out of time"


class Solved(NamedTuple):
    """The result of a programme."""

    status: Status
    """`Status.OPTIMAL` means: within the gap given."""
    x: np.ndarray | None
    """(V,) shares of the choices, whole in an integer programme; None if none were found."""
    value: float
    """Objective of ``x``, including penalties; NaN if ``x`` is None."""
    excess: np.ndarray
    """(K,) amount by which each row exceeds its limit, at a penalty; zeros if there are no penalties."""
    prices: np.ndarray
    """(K,) multipliers of the rows in a linear programme, per unit of the limit, >= 0; NaN in an integer programme."""


def solve_multiple_choice(
    objective: np.ndarray,
    class_of: np.ndarray,
    rows: Any,
    limits: np.ndarray,
    /,
    *,
    each: Any = 1.0,
    exactly: bool = False,
    lower: Any = 0.0,
    upper: Any = 1.0,
    penalty: np.ndarray | None = None,
    whole: bool = True,
    relative_gap: float = 0.0,
    seconds: float = np.inf,
) -> Solved:
    """Minimise Σ objective·x over choices in classes, subject to rows·x <= limits.

    Each choice is one variable, for example the LLM of a query, or of all queries that are alike. The choices of a
    class sum to its number, at most or exactly. HiGHS checks rows and integrality with tolerances of about 1e-6, so
    the caller must choose units of the rows in which this is small, and must check the result.

    Args:
        objective: (V,) finite.
        class_of: (V,) class of each choice, 0 ... C-1.
        rows: (K, V) dense or sparse; K may be 0.
        limits: (K,) finite, or inf.
        each: Number of choices per class: a number or (C,).
        exactly: Whether exactly this number is chosen, or at most this number.
        lower: Smallest share of a choice: a number or (V,).
        upper: Largest share: a number or (V,).
        penalty: (K,) >= 0, cost of one unit beyond a limit, added to the objective; None: limits are hard.
        whole: Whether shares (and excesses of limits) are integers.
        relative_gap: Gap to its own bound, relative to the value, at which HiGHS ends an integer programme.
        seconds: Time limit of an integer programme.

    Returns:
        See `Solved`.

    Raises:
        RuntimeError: If HiGHS fails; the message has its status.

    Example:
        Items with values 3, 4, 5 and weights 2, 3, 4, capacity 6: the first and the last are chosen.

        >>> weights, worth = np.array([[2.0, 3.0, 4.0]]), np.array([3.0, 4.0, 5.0])
        >>> solved = solve_multiple_choice(-worth, np.arange(3), weights, np.array([6.0]))
        >>> solved.x.tolist(), solved.value
        ([1.0, 0.0, 1.0], -8.0)
    """
    n, n_limits = len(objective), len(limits)
    lower, upper = np.broadcast_to(lower, n).astype(float), np.broadcast_to(upper, n).astype(float)
    sizes = np.bincount(class_of, minlength=int(np.max(class_of, initial=-1)) + 1)
    each = np.broadcast_to(each, len(sizes)).astype(float)
    if not exactly:
        # a class with a single choice needs a bound, not a row
        alone = sizes[class_of] == 1
        upper = np.where(alone, np.minimum(upper, each[class_of]), upper)
    in_rows = np.flatnonzero(sizes > (0 if exactly else 1))
    row_of = np.zeros(len(sizes), dtype=np.int64)
    row_of[in_rows] = np.arange(len(in_rows))
    columns = np.flatnonzero(sizes[class_of] > (0 if exactly else 1))
    shape = (len(in_rows), n)
    one_each = csr_array((np.ones(len(columns)), (row_of[class_of[columns]], columns)), shape=shape)
    matrix = vstack([csr_array(rows).reshape((n_limits, n)), one_each])
    costs = objective
    if penalty is not None:
        beyond = vstack([-eye_array(n_limits), csr_array((len(in_rows), n_limits))])
        matrix, costs = hstack([matrix, beyond]), np.concatenate([objective, penalty])
        lower, upper = np.append(lower, np.zeros(n_limits)), np.append(upper, np.full(n_limits, np.inf))
    least = np.concatenate([np.full(n_limits, -np.inf), each[in_rows] if exactly else np.full(len(in_rows), -np.inf)])
    most = np.concatenate([limits, each[in_rows]])
    options: dict[str, Any] = {"mip_rel_gap": relative_gap, "time_limit": seconds}
    ways = (options,) if whole else LINEAR
    highs, status = _run(costs, csc_array(matrix), (least, most), (lower, upper), whole, ways)
    return _solved(highs, status, n, n_limits, penalty is not None, whole)


def _run(
    costs: np.ndarray,
    matrix: csc_array,
    row_bounds: tuple[np.ndarray, np.ndarray],
    bounds: tuple[np.ndarray, np.ndarray],
    whole: bool,
    ways: tuple[dict[str, Any], ...],
) -> tuple[highspy.Highs, Status]:
    """Solve a programme with the first options that give a result; each try has a new HiGHS without output."""
    import highspy

    programme = highspy.HighsLp()
    programme.num_row_, programme.num_col_ = matrix.shape
    programme.a_matrix_.num_row_, programme.a_matrix_.num_col_ = matrix.shape
    programme.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    programme.a_matrix_.start_ = matrix.indptr.astype(np.int32)
    programme.a_matrix_.index_ = matrix.indices.astype(np.int32)
    programme.a_matrix_.value_ = matrix.data.astype(float)
    programme.col_cost_ = np.asarray(costs, dtype=float)
    programme.col_lower_, programme.col_upper_ = bounds
    programme.row_lower_, programme.row_upper_ = row_bounds
    if whole:
        programme.integrality_ = [highspy.HighsVarType.kInteger] * matrix.shape[1]
    outcomes = {
        highspy.HighsModelStatus.kOptimal: Status.OPTIMAL,
        highspy.HighsModelStatus.kModelEmpty: Status.OPTIMAL,
        highspy.HighsModelStatus.kInfeasible: Status.INFEASIBLE,
        highspy.HighsModelStatus.kTimeLimit: Status.OUT_OF_TIME,
    }
    for options in ways:
        highs = highspy.Highs()
        for name, value in {"output_flag": False, **options}.items():
            highs.setOptionValue(name, value)
        highs.passModel(programme)
        highs.run()
        if (ended := highs.getModelStatus()) in outcomes:
            return highs, outcomes[ended]
    size = f"{programme.num_row_} rows and {programme.num_col_} variables"
    raise RuntimeError(f"HiGHS couldn't solve a programme of {size}: {highs.modelStatusToString(ended)}")


def _solved(highs: highspy.Highs, status: Status, n: int, n_limits: int, has_penalties: bool, whole: bool) -> Solved:
    """Read the result; there may be a solution even if the time is over."""
    unknown = np.full(n_limits, np.nan)
    value = float(highs.getInfo().objective_function_value)
    if status is Status.INFEASIBLE or not np.isfinite(value):
        return Solved(status, None, np.nan, np.zeros(n_limits), unknown)
    solution = highs.getSolution()
    x = np.array(solution.col_value)
    excess = x[n:] if has_penalties else np.zeros(n_limits)
    prices = unknown if whole else np.maximum(0.0, -np.array(solution.row_dual)[:n_limits])
    return Solved(status, x[:n], value, excess, prices)
