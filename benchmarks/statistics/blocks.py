"""Tables of blocks × algorithms, and what to do about measurements that are missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd


class Complete(NamedTuple):
    """A table without gaps, and what had to go for it."""

    scores: pd.DataFrame
    """Blocks × algorithms, no NaN."""
    algorithms: tuple[str, ...]
    """Left out."""
    blocks: tuple[str, ...]
    """Left out."""

    def sentences(self) -> list[str]:
        """Name what was left out."""
        return [
            f"Left out because of failed measurements: {', '.join(names)} ({kind})."
            for kind, names in (("algorithms", self.algorithms), ("blocks", self.blocks))
            if names
        ]


def blocks_table(frame: pd.DataFrame, value: str, /, *, block: str | Sequence[str], algorithm: str) -> pd.DataFrame:
    """Arrange measurements as blocks × algorithms, the shape that every test here takes.

    Args:
        frame: One row per measurement; several of the same block and algorithm are averaged.
        value: Column that is compared.
        block: Column or columns that say what was measured under equal conditions, such as data set and split.
        algorithm: Column with the algorithm.

    Returns:
        Float table in the order of first appearance, NaN where there is no measurement.

    Raises:
        ValueError: If a column is missing.

    Example:
        >>> runs = pd.DataFrame({"data": ["a", "a", "b"], "algorithm": ["x", "y", "x"], "v": [1.0, 2.0, 3.0]})
        >>> blocks_table(runs, "v", block="data", algorithm="algorithm").to_numpy().tolist()
        [[1.0, 2.0], [3.0, nan]]
    """
    keys = [block] if isinstance(block, str) else list(block)
    missing = [name for name in (*keys, algorithm, value) if name not in frame.columns]
    if missing:
        raise ValueError(f"there is no column {missing[0]!r}; the columns are {', '.join(map(str, frame.columns))}")
    means = frame.groupby([*keys, algorithm], sort=False, dropna=False)[value].mean()
    table = means.unstack(algorithm, sort=False).astype(float)
    return table.rename_axis(columns=None)


def complete(scores: pd.DataFrame, /, *, keep: str | None = None) -> Complete:
    """Leave out algorithms and blocks until nothing is missing.

    In each round the algorithm or block that lacks the largest share of its measurements goes; of equals, the
    algorithm, and the later one.

    Args:
        scores: Blocks × algorithms.
        keep: Algorithm that must stay, whatever it lacks; the blocks go where it failed.

    Example:
        >>> table = pd.DataFrame({"x": [1, 2, 3], "y": [None, None, 1], "z": [3, 4, None]})
        >>> left = complete(table, keep="z")
        >>> list(left.scores.columns), left.algorithms, left.blocks
        (['x', 'z'], ('y',), ('2',))
    """
    absent = scores.isna().reset_index(drop=True)
    algorithms, blocks = [], []
    while absent.to_numpy().any():
        per_algorithm = absent.mean(axis=0).drop(labels=[keep] if keep in absent.columns else [])[::-1]
        per_block = absent.mean(axis=1)[::-1]
        if len(per_algorithm) and per_algorithm.max() >= per_block.max():
            worst = per_algorithm.idxmax()
            algorithms.append(str(worst))
            absent = absent.drop(columns=worst)
        else:
            worst = per_block.idxmax()
            blocks.append(_name(scores.index[worst]))
            absent = absent.drop(index=worst)
    return Complete(scores.iloc[absent.index][list(absent.columns)], tuple(algorithms), tuple(blocks))


def _name(block: object) -> str:
    return " / ".join(map(str, block)) if isinstance(block, tuple) else str(block)
