"""Telling texts from numbers at the door."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optllm_pymoo.validation import UserError


def is_numeric(X: Any, /) -> bool:
    """Say whether X is a table of numbers (an array, sparse matrix or frame of them) and not of texts.

    Args:
        X: Anything that a user may hand over as queries.

    Returns:
        True for two-dimensional numeric input.

    Raises:
        ValueError: If X is a generator.

    Examples:
        >>> is_numeric([[1.0, 2.0]]), is_numeric(["one", "two"])
        (True, False)
    """
    if hasattr(X, "dtypes") and hasattr(X, "select_dtypes"):
        return bool(len(X.columns) == X.select_dtypes(["number", "bool"]).shape[1])
    if hasattr(X, "tocsr"):
        return True
    if isinstance(X, Iterator):
        raise UserError("queries are read more than once, and a generator can't be; wrap it in list(...)")
    if isinstance(X, str):
        return False
    array = np.asarray(X) if hasattr(X, "__array__") else np.asarray(list(X), dtype=object)
    if array.dtype == object:
        return array.ndim == 2 and not isinstance(next(iter(array.flat), ""), (str, bytes))
    return array.dtype.kind in "fiubc"


def as_texts(X: Any, /) -> list[str]:
    """Make a list of strings out of any sequence of texts.

    Args:
        X: N strings: a list, a Series, an array (N,) or one column (N, 1).

    Returns:
        The texts, N strings.

    Raises:
        ValueError: If X is one bare string or an entry is no string, naming its place.

    Examples:
        >>> as_texts(["a", ""])
        ['a', '']
    """
    if isinstance(X, (str, bytes)):
        raise UserError(f"texts must be a sequence of strings, got one bare string {X!r:.40}; wrap it in a list")
    values: Any = X.to_numpy() if hasattr(X, "to_numpy") else X
    if isinstance(values, np.ndarray):
        if values.ndim == 2 and values.shape[1] == 1:
            values = values[:, 0]
        if values.ndim != 1:
            raise UserError(f"texts must be one-dimensional, got an array of shape {values.shape}")
    texts = list(values)
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            raise UserError(f"texts must be strings; texts[{place}] = {text!r:.40}. Write '' for a missing text")
    return texts


def as_matrix(X: Any, /, name: str) -> NDArray[np.float64]:
    """Make a finite dense matrix out of any table of numbers.

    Args:
        X: Array, frame or sparse matrix, (N, D).
        name: What to call it in a message.

    Returns:
        The matrix, (N, D), float64.

    Raises:
        ValueError: If it is not two-dimensional, or holds NaN or infinity, naming the first place.
    """
    matrix = np.asarray(as_dense(X), dtype=np.float64)
    if matrix.ndim != 2:
        raise UserError(f"{name} must have shape (N, D), got {matrix.shape}. Reshape your data: one row per query")
    return check_finite(matrix, name)


def as_dense(X: Any, /) -> Any:
    """Unpack a sparse matrix; anything else stays as it is.

    Args:
        X: Any table.

    Returns:
        A dense one.
    """
    return X.toarray() if hasattr(X, "toarray") else X


def check_finite(matrix: NDArray[np.float64], /, name: str) -> NDArray[np.float64]:
    """Refuse NaN and infinity.

    Args:
        matrix: (N, D).
        name: What to call it in a message.

    Returns:
        The matrix itself.

    Raises:
        ValueError: If an entry is not finite, naming the first place.
    """
    if not np.isfinite(matrix).all():
        row, column = np.argwhere(~np.isfinite(matrix))[0]
        raise UserError(f"{name} must hold neither NaN nor inf; {name}[{row}, {column}] = {matrix[row, column]}")
    return matrix
