"""Comparison of two plans of the same queries: differences in cost and expected accuracy, and moved queries."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from optllm_pymoo.data.formats import open_source
from optllm_pymoo.data.source import NUMBER, SCORE, Measure
from optllm_pymoo.decision.confidence import Difference, difference_interval
from optllm_pymoo.planning.constraints import groups_of
from optllm_pymoo.planning.rounds import SPREAD, plan_file
from optllm_pymoo.planning.whatif import PREDICTIONS, read_learnt
from optllm_pymoo.tolerances import SUM_ROUNDING
from optllm_pymoo.validation import UserError


class Comparison(NamedTuple):
    """The second of two plans compared with the first, on the queries that are in both."""

    n_queries: int
    n_left_out: tuple[int, int]
    """Number of queries of the first, and of the second plan, that are missing in the other."""
    cost_usd: tuple[float, float]
    """Each at its own prices."""
    repriced_usd: float
    """Part of the difference in cost that is due to other prices of queries that don't move."""
    expected_accuracy: tuple[float, float]
    difference: Difference | None
    """Difference of expected accuracies; None if the two plans expect different accuracies of a query on the same LLM:
    then they weren't learnt together, and no paired interval holds."""
    moves: pd.DataFrame
    """A row per pair of LLMs, ``from_llm`` and ``to_llm``: ``queries``, and the changes ``cost_usd`` and ``correct``,
    of expected correct answers; most queries first."""
    groups: pd.DataFrame
    """A row per group: ``group``, ``queries``, ``moved``, and the changes ``cost_usd`` and ``correct``; empty if
    neither folder knows groups."""


def compare_plans(first: str | Path, second: str | Path, /) -> Comparison:
    """Compare two plans.

    Args:
        first: A folder that `optllm-pymoo plan` has written, or its plan.csv or plan.parquet; ``predictions.npz``
            beside it knows groups.
        second: Likewise.

    Raises:
        FileNotFoundError: If there is no plan.
        UserError: If a file is none, is damaged, or the plans have no query in common.
    """
    plans = [_read(path) for path in (first, second)]
    one, two = plans
    ids = one.index.intersection(two.index)
    if not len(ids):
        raise UserError(f"{first} and {second} have no query in common; compare plans of one batch")
    left_out = len(one) - len(ids), len(two) - len(ids)
    one, two = one.loc[ids], two.loc[ids]
    moved = (one["llm"] != two["llm"]).to_numpy()
    cost, accuracy = (two[name].to_numpy() - one[name].to_numpy() for name in ("cost_usd", "accuracy"))
    difference = None
    if np.all(np.abs(accuracy[~moved]) <= SUM_ROUNDING) and (one["n_labelled"].equals(two["n_labelled"])):
        sigmas = None
        if not (one["sigma"].isna().any() or two["sigma"].isna().any()):
            sigmas = two["sigma"].to_numpy(), one["sigma"].to_numpy()
        n_labelled = one["n_labelled"].min()
        excess, error = (float(two[name].mean() - one[name].mean()) for name in ("excess", "excess_error"))
        difference = difference_interval(
            (two["accuracy"].to_numpy(), one["accuracy"].to_numpy()),
            sigmas,
            differs=moved,
            n_labelled=None if np.isnan(n_labelled) else int(n_labelled),
            excess=(excess, abs(error)),
        )
    changes = pd.DataFrame({"from_llm": one["llm"], "to_llm": two["llm"], "cost_usd": cost, "correct": accuracy})
    of = _groups_of(first) or _groups_of(second)
    names: list[Any] = [of.get(query) for query in ids]
    groups = changes.assign(group=names, moved=moved).dropna(subset="group")
    summed = {"queries": ("correct", "size"), "cost_usd": ("cost_usd", "sum"), "correct": ("correct", "sum")}
    moves = changes[moved].groupby(["from_llm", "to_llm"]).agg(**summed).reset_index()
    by_group = groups.groupby("group").agg(**summed, moved=("moved", "sum")).reset_index()
    return Comparison(
        n_queries=len(ids),
        n_left_out=left_out,
        cost_usd=(float(one["cost_usd"].sum()), float(two["cost_usd"].sum())),
        repriced_usd=float(cost[~moved].sum()),
        expected_accuracy=(float(one["accuracy"].mean()), float(two["accuracy"].mean())),
        difference=difference,
        moves=moves.sort_values(["queries", "from_llm", "to_llm"], ascending=[False, True, True], ignore_index=True),
        groups=by_group.sort_values(["queries", "group"], ascending=[False, True], ignore_index=True),
    )


def _read(path: str | Path) -> pd.DataFrame:
    """Read a plan, indexed by query; a missing spread is NaN, a missing excess 0."""
    file = plan_file(path)
    if not file.exists():
        raise FileNotFoundError(f"there is no plan {file}; `optllm-pymoo plan --out FOLDER` writes one")
    source = open_source(file)
    source.require(["query_id", "llm", "cost_usd", "accuracy"])
    measures: dict[str, Measure] = {"cost_usd": NUMBER, "accuracy": SCORE}
    measures |= {name: NUMBER for name in SPREAD if name in source.names}
    texts, numbers = source.read(text=["query_id", "llm"], numbers=measures)
    source.check_ids(texts["query_id"], "query_id")
    source.check_complete(numbers)
    missing = {"sigma": np.nan, "n_labelled": np.nan, "excess": 0.0, "excess_error": 0.0}
    return (
        pd.DataFrame(texts | numbers)
        .assign(**{k: v for k, v in missing.items() if k not in numbers})
        .set_index("query_id")
    )


def _groups_of(path: str | Path) -> dict[str, str | None]:
    """Return the groups in the folder of a plan, by query; none if it has no predictions."""
    folder = Path(path) if Path(path).is_dir() else Path(path).parent
    if not (folder / PREDICTIONS).is_file():
        return {}
    planned = read_learnt(folder).planned
    return {} if planned.groups is None else dict(zip(planned.query_ids, groups_of(planned), strict=True))
