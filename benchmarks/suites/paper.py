"""Numbers printed in the OptLLM paper (arXiv 2405.15130), for tables beside ours.

Data sets have the paper's names. Only LogPai is available with its outcomes; the paper's own bills and splits differ
from those of any copy, so its numbers are for orientation, not a target.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Final

import pandas as pd

# Our name of a data set -> the paper's.
SAME_DATA: Final = {"logpai": "LogPai"}

# Our name of an algorithm -> the paper's.
NAMES: Final = {
    "optllm:walks": "OptLLM",
    "nsga2:published": "NSGA-II",
    "mopso": "MOPSO",
    "moead:published": "MOEA/D",
    "rnsga2:published": "R-NSGA-II",
    "sms-emoa:published": "SMS-EMOA",
    "moead-gen:published": "MOEA/D-GEN",
    "pygmo-nspso": "MOPSO",
    "pygmo-moead": "MOEA/D",
    "pygmo-moead-gen": "MOEA/D-GEN",
}


@cache
def printed(table: str, /) -> pd.DataFrame:
    """Return one table of the paper's.

    Args:
        table: ``saving`` at the best single LLM's accuracy, costs in US$; ``highest accuracy`` found; ``cost saving``,
            how much less OptLLM costs at each baseline's best accuracy; ``quality``, IGD in raw dollars and accuracy,
            Δ and minutes; ``n_grid``; ``alpha``, the share of queries whose whole label vector is predicted right;
            ``training share`` and ``ablation``, IGD.

    Returns:
        A row per data set and row of the table, which are the two levels of the index; a column per number.

    Example:
        >>> float(printed("highest accuracy").loc[("LogPai", "OptLLM"), "value"])
        0.71
    """
    text = (files("benchmarks.suites") / "paper.csv").open(encoding="utf-8")
    with text:
        numbers = pd.read_csv(text, dtype=str)
    of = numbers[numbers["table"] == table].set_index(["data", "row", "measure"])["value"]
    frame = of.unstack("measure", sort=False)
    return frame.apply(lambda column: column if column.name == "best_llm" else column.astype(float))
