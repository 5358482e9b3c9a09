"""Base of all allocation problems: checked plans, cheap copies, detection of extensions."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from pymoo.core.problem import LoopedElementwiseEvaluation, Problem

from optllm_pymoo.validation import UserError, read_only


class PlanProblem(Problem):
    """A pymoo problem whose variables are the LLMs of N queries.

    A deep copy is the problem itself. A pickle holds the tables and the arguments; everything else is built again on
    request, read-only, because numba would compile again for writable arrays.

    A subclass may score plans differently, by its own `_evaluate`, ``n_obj`` or ``n_ieq_constr``. pymoo's algorithms
    accept it; exact and certified methods refuse it.

    Args:
        n_queries: N.
        n_llms: M.
        n_obj: Number of objectives.
        n_ieq_constr: Number of constraints.
    """

    _tables: ClassVar[tuple[str, ...]] = ()
    """Attributes that hold tables, or None."""

    def __init__(self, n_queries: int, n_llms: int, /, *, n_obj: int, n_ieq_constr: int) -> None:
        self._sizes = (n_obj, n_ieq_constr, 0)
        super().__init__(n_var=n_queries, n_obj=n_obj, n_ieq_constr=n_ieq_constr, xl=0, xu=n_llms - 1, vtype=int)

    @property
    def is_extended(self) -> bool:
        """Whether a subclass has additional objectives or constraints."""
        sizes = (self.n_obj, self.n_ieq_constr, self.n_eq_constr)
        return sizes != self._sizes or not type(self)._evaluate.__module__.startswith("optllm_pymoo.")

    def refuse_extended(self, user: str, /) -> None:
        """Raise UserError if a subclass has additional objectives or constraints.

        Args:
            user: Name of the method that would ignore them.
        """
        if self.is_extended:
            raise UserError(
                f"{type(self).__name__} has additional objectives or constraints, which {user} would ignore; search it"
                " with an algorithm that only uses F and G, such as optllm_pymoo.baselines.nsga2()"
            )

    @property
    def elementwise_runner(self) -> Any:
        """The runner of pymoo for single plans, in a subclass that evaluates them one by one."""
        return self.__dict__["elementwise_runner"]

    @elementwise_runner.setter
    def elementwise_runner(self, runner: Any) -> None:
        if not isinstance(runner, LoopedElementwiseEvaluation) and not self.is_extended:
            raise UserError(
                f"{type(self).__name__} scores all plans of a population at once and doesn't use an elementwise_runner;"
                " leave it out"
            )
        self.__dict__["elementwise_runner"] = runner

    def evaluate(self, X: Any, *args: Any, **kwargs: Any) -> Any:
        """Score allocations: pymoo's method, after a check of the shape.

        Args:
            X: (n, N) or (N,) LLM per query: any integer type, or floats with integral values.
            *args: pymoo's.
            **kwargs: pymoo's, for example ``return_as_dictionary``.

        Returns:
            F (n, n_obj), and with constraints G (n, n_ieq_constr), met if G <= 0; one dimension less for a single plan
            (N,).

        Raises:
            UserError: If X is no array of plans of this problem.
        """
        X = np.asarray(X)
        _check_plan_shape(X, self.n_var)
        return super().evaluate(X, *args, **kwargs)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self

    def __getstate__(self) -> dict[str, Any]:
        derived = {"cache", "xl", "xu"}
        for base in type(self).__mro__:
            derived.update(name for name, value in vars(base).items() if isinstance(value, cached_property))
        state = {name: value for name, value in self.__dict__.items() if name not in derived}
        return {**state, "_n_llms": int(self.xu[0]) + 1}

    def __setstate__(self, state: dict[str, Any]) -> None:
        n_llms = state.pop("_n_llms")
        self.__dict__.update(state)
        self.xl, self.xu = np.zeros(self.n_var), np.full(self.n_var, n_llms - 1.0)
        for name in self._tables:
            if state[name] is not None:
                self.__dict__[name] = read_only(state[name])


def _check_plan_shape(X: Any, n_queries: int, /) -> None:
    """Raise UserError unless X has one entry per query: (n, N) or (N,)."""
    shape = np.shape(X)
    if len(shape) not in (1, 2) or shape[-1] != n_queries:
        raise UserError(
            f"an allocation has one LLM per query; expected shape (n, {n_queries}) or ({n_queries},), got {shape}"
        )


def as_allocations(X: Any, n_queries: int, n_llms: int, dtype: np.dtype[Any], /) -> np.ndarray:
    """Check shape, integrality and range of allocations once, and cast them once.

    Args:
        X: (n, N) or (N,) LLM per query.
        n_queries: N.
        n_llms: M.
        dtype: int8 or int32, the type to return.

    Returns:
        (n, N) C-contiguous; X itself if it already has this form.

    Raises:
        UserError: If the values are not numbers (Booleans are refused); if the shape is wrong, or an entry is not
            an integer in 0 ... M-1.
    """
    raw = np.asarray(X)
    _check_plan_shape(raw, n_queries)
    if raw.ndim == 1:
        raw = raw[None]
    if raw.dtype.kind not in "iuf":
        raise UserError(f"an allocation holds LLM numbers 0 to {n_llms - 1}; got values of type {raw.dtype}")
    if raw.dtype == np.int8 and raw.size:
        # as unsigned integers, negative numbers are large: one reduction checks both bounds
        in_range = int(raw.view(np.uint8).max()) < n_llms
    else:
        in_range = raw.size == 0 or (raw.min() >= 0 and raw.max() < n_llms)
    if not in_range:
        bad = ~((raw >= 0) & (raw < n_llms))
        p, i = np.argwhere(bad)[0].tolist()
        raise UserError(f"an allocation holds LLM numbers 0 to {n_llms - 1}; X[{p}, {i}] = {raw[p, i]}")
    if raw.dtype == dtype and raw.flags.c_contiguous:
        return raw
    plans = np.ascontiguousarray(raw, dtype=dtype)
    if raw.dtype.kind == "f" and not np.array_equal(plans, raw):
        p, i = np.argwhere(plans != raw)[0].tolist()
        raise UserError(
            f"an allocation holds integers; X[{p}, {i}] = {raw[p, i]}; round or repair it first (AllowedRepair), or"
            " give pymoo's algorithm operators for categories: sampling=CategoricalSampling(), crossover=UX(),"
            " mutation=RandomResetMutation()"
        )
    return plans
