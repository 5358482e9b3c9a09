"""The contract of operators that turn allocations into allocations."""

from __future__ import annotations

import abc
from typing import Any, TypeVar

import numpy as np
from pymoo.core.operator import Operator
from pymoo.core.population import Population
from pymoo.core.repair import NoRepair, Repair

from optllm_pymoo.problems import AllocationProblem
from optllm_pymoo.validation import UserError

OperatorT = TypeVar("OperatorT", bound="AllocationOperator")


class AllocationOperator(Operator, abc.ABC):
    """Base of `Destruction` and `Reconstruction`: `do` checks and copies, a subclass writes ``_do``.

    Subclasses write ``_do(problem, X, *, random_state, **kwargs)`` on plain arrays. It is called with a fresh
    (n, N) copy of the allocations that it may change in place, and returns (n, N) allocations again; `do` checks them
    before it returns them. ``_do`` keeps no state between calls, so a pickled run continues unchanged.

    Args:
        name: Its name in messages; by default the class name.
        repair: A pymoo repair for what ``_do`` returns, called with the run's random state.
        vtype: Refused: plans have the problem's ``assignment_dtype``.

    Raises:
        UserError: If ``repair`` is no repair, or there is a ``vtype``.

    Example:
        >>> from optllm_pymoo import make_problem
        >>> class ToTheFirst(AllocationOperator):
        ...     def _do(self, problem, X, *, random_state, **kwargs):
        ...         X[:, :2] = 0
        ...         return X
        >>> ToTheFirst().do(make_problem(4, 3), np.ones((1, 4), dtype=int), random_state=np.random.default_rng(1))
        array([[0, 0, 1, 1]], dtype=int8)
    """

    def __init__(self, *, name: str | None = None, repair: Repair | None = None, vtype: Any = None) -> None:
        super().__init__(name=name)
        if vtype is not None:
            raise UserError(
                f"{self.name} takes no vtype: plans have the problem's assignment_dtype; got {vtype!r}, leave it out"
            )
        if repair is not None and not isinstance(repair, Repair):
            raise UserError(f"repair must be a pymoo Repair, such as AllowedRepair(); got {repair!r:.60}")
        self.mend = repair or NoRepair()
        # built-in operators keep the contract, and the evaluation checks their results
        self._is_trusted = (type(self)._do.__module__ or "").startswith("optllm_pymoo.") and repair is None
        # pymoo's own ``repair`` stays empty: its `__call__` would repair a second time, without a random state

    def do(self, problem: AllocationProblem, elem: Any, *args: Any, random_state: Any, **kwargs: Any) -> Any:
        """Apply the operator.

        Args:
            problem: The batch.
            elem: A Population, an array (n, N) of allocations or one allocation (N,). It is not changed.
            *args: Passed on to ``_do``.
            random_state: Generator or seed. Required: with a generator of its own, an operator couldn't be reproduced.
            **kwargs: Passed on to ``_do``.

        Returns:
            The type of ``elem``: a new, unevaluated Population, or an array of the same shape.

        Raises:
            UserError: If ``_do`` returns anything but (n, N) LLM numbers; the message names the operator; if
                ``random_state`` is None.
        """
        if random_state is None:
            raise UserError(f"{self.name} needs a random_state, a Generator or a seed; got None")
        is_population = isinstance(elem, Population)
        given = elem.get("X") if is_population else np.asarray(elem)
        rng = np.random.default_rng(random_state)
        changed = self.apply(problem, problem.as_allocations(given), *args, random_state=rng, **kwargs)
        if is_population:
            return Population.new(X=changed)
        return changed.reshape(given.shape)

    def apply(
        self, problem: AllocationProblem, X: np.ndarray, *args: Any, random_state: np.random.Generator, **kwargs: Any
    ) -> np.ndarray:
        """Apply the operator to allocations that have been checked, as algorithms do in every round.

        Args:
            problem: The batch.
            X: (n, N) allocations as `AllocationProblem.as_allocations` returns them; not changed.
            *args: Passed on to ``_do``.
            random_state: The run's generator.
            **kwargs: Passed on to ``_do``.

        Returns:
            (n, N) new, checked allocations.

        Raises:
            UserError: If ``_do`` returns anything but (n, N) LLM numbers.
        """
        changed = self._do(problem, X.copy(), *args, random_state=random_state, **kwargs)
        if self._is_trusted:
            return changed
        if np.shape(changed) == X.shape and not isinstance(self.mend, NoRepair):
            changed = self.mend.do(problem, Population.new(X=changed), random_state=random_state).get("X")
        return self._check(problem, X.shape, changed)

    def _check(self, problem: AllocationProblem, shape: tuple[int, ...], changed: Any) -> np.ndarray:
        """Check the result of ``_do`` against the contract."""
        if np.shape(changed) != shape:
            raise UserError(
                f"{self.name}._do must return allocations of its input's shape {shape}; got {np.shape(changed)}"
            )
        try:
            return problem.as_allocations(changed)
        except UserError as error:
            raise UserError(f"{self.name}._do returned bad allocations: {error}") from error

    @abc.abstractmethod
    def _do(
        self, problem: AllocationProblem, X: np.ndarray, *args: Any, random_state: np.random.Generator, **kwargs: Any
    ) -> np.ndarray:
        """Change allocations; see the subclass for its contract."""


def of_family(name: str, operator: OperatorT, family: type, /) -> OperatorT:
    """Return an operator if it belongs to a family, or raise UserError.

    Args:
        name: Name of the option, for the message.
        operator: Its value.
        family: `Destruction` or `Reconstruction`.
    """
    if isinstance(operator, family):
        return operator
    if isinstance(operator, type):
        raise UserError(f"{name} must be an instance; got the class {operator.__name__}, pass {operator.__name__}()")
    raise UserError(f"{name} must be a {family.__name__}; got {operator!r:.60}")
