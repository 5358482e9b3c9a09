"""Which queries are labelled: chosen so that nothing of them leaks into the rest."""

from __future__ import annotations

from enum import Enum
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray


class Split(str, Enum):
    """What is drawn: a share of distinct texts (with all their repetitions), of whole groups, or of rows."""

    text = "text"
    group = "group"
    random = "random"


def labelled_rows(dataset: Any, share: float, split: Split, seed: int) -> NDArray[np.bool_]:
    """Choose the labelled part of a data set.

    Args:
        dataset: With `texts`, `groups` and `query_ids`.
        share: Share of distinct texts, groups or rows to label, in (0, 1).
        split: What is drawn.
        seed: Seed of the draw.

    Returns:
        Mask of the labelled rows, (N,), with at least one row on either side.

    Raises:
        ValueError: If the share is out of range or there are fewer than two things to draw from.
    """
    if not 0 < share < 1:
        raise ValueError(f"share must lie between 0 and 1, got {share}")
    sources = {Split.text: dataset.texts, Split.group: dataset.groups, Split.random: dataset.query_ids}
    if sources[split] is None:
        raise ValueError(f"the data set has no {split.value}s to split by; choose another split")
    unit = pd.factorize(np.asarray(sources[split], dtype=object))[0]
    n_units = int(unit.max()) + 1
    if n_units < 2:
        raise ValueError(f"a split by {split.value} needs at least two of them, the data set has {n_units}")
    n_labelled = int(np.clip(round(share * n_units), 1, n_units - 1))
    chosen = np.zeros(n_units, dtype=bool)
    chosen[np.random.default_rng(seed).permutation(n_units)[:n_labelled]] = True
    return np.asarray(chosen[unit])
