"""Options of the predictor at the door."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from optllm_pymoo.validation import UserError


def check_contrasts(contrast: float | Sequence[float], /) -> list[float]:
    """Make a list of the factors that take turns.

    Args:
        contrast: One finite number above 0, or several.

    Returns:
        The factors, at least one.

    Raises:
        ValueError: If there is none, or one is no finite number above 0.

    Examples:
        >>> check_contrasts(3), check_contrasts((1.0, 3.0))
        ([3.0], [1.0, 3.0])
    """
    try:
        contrasts = np.atleast_1d(np.asarray(contrast, dtype=np.float64))
    except (TypeError, ValueError):
        raise UserError(f"contrast must be a number, or several, got {contrast!r}; 1 switches it off") from None
    if contrasts.ndim != 1 or not contrasts.size or not (np.isfinite(contrasts) & (contrasts > 0)).all():
        raise UserError(f"contrast must be above 0 and finite, got {contrast}; 1 switches it off")
    return [float(factor) for factor in contrasts]


def check_alpha(alpha: float, /) -> float:
    """Refuse an alpha that is no finite number.

    Args:
        alpha: Any finite number.

    Returns:
        The same.

    Raises:
        ValueError: If it isn't one.

    Examples:
        >>> check_alpha(-1.0)
        -1.0
    """
    if not isinstance(alpha, Real) or not np.isfinite(float(alpha)):
        raise UserError(f"alpha must be a finite number, got {alpha!r}; 0 gives the mean")
    return float(alpha)


def as_random_state(random_state: Any, /) -> np.random.RandomState:
    """Make the `RandomState` that scikit-learn works with.

    Args:
        random_state: None, a seed, a `RandomState`, or a `Generator`, of which one seed is drawn.

    Returns:
        The state.

    Raises:
        ValueError: If it is something else.

    Examples:
        >>> one, other = (as_random_state(np.random.default_rng(0)) for _ in range(2))
        >>> one.randint(100) == other.randint(100)
        True
    """
    if isinstance(random_state, np.random.Generator):
        random_state = int(random_state.integers(np.iinfo(np.int32).max))
    state: np.random.RandomState = check_random_state(random_state)
    return state
