"""From single runs to one line per algorithm."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields

import pandas as pd

from benchmarks.head_to_head import Run

NOT_REPRODUCIBLE = ("seconds", "peak_rss_mib")
"""Columns that differ from run to run; all others are the same wherever the same cells are run."""

MEASURES = ("hypervolume_ratio", "additive_epsilon", "igd_plus", "spread", "result_hypervolume_ratio")
COUNTS = ("distinct_plans", "distinct_points", "evaluations", "budget")


def to_frame(runs: Iterable[Run], /) -> pd.DataFrame:
    """Put runs into a table, one row each, with the columns that vary at the end."""
    columns = [field.name for field in fields(Run) if field.name not in ("trace", "F", *NOT_REPRODUCIBLE)]
    columns += NOT_REPRODUCIBLE
    return pd.DataFrame([{name: getattr(run, name) for name in columns} for run in runs], columns=columns)


def summarise(runs: Sequence[Run], /) -> pd.DataFrame:
    """Average over the seeds that succeeded.

    Returns:
        Indexed by data and algorithm, in the order in which they were run: means of `MEASURES`, `COUNTS` and
        seconds, ``peak_rss_mib`` the maximum, ``hypervolume_sd`` the standard deviation over seeds (0 for
        one), ``n_seeds`` how many succeeded, ``n_failed`` how many didn't. NaN where all failed.
    """
    frame = to_frame(runs)
    summary = averages(frame.assign(failed=frame["error"] != ""), ["data", "algorithm"])
    return summary.fillna({"hypervolume_sd": 0.0})


def averages(frame: pd.DataFrame, keys: Sequence[str], /) -> pd.DataFrame:
    """Average the runs that succeeded.

    Args:
        frame: One row per run: the columns ``keys``, `MEASURES`, `COUNTS`, ``seconds``, ``peak_rss_mib`` and
            ``failed``.
        keys: What tells apart runs that are not averaged; the last is the algorithm.

    Returns:
        As `summarise`, but the standard deviation of a single run is NaN.
    """
    frame = frame.assign(failed=frame["failed"].astype(bool), succeeded=~frame["failed"].astype(bool))
    keys = list(keys)
    counts = frame.groupby(keys, sort=False).agg(n_seeds=("succeeded", "sum"), n_failed=("failed", "sum"))
    good = frame[frame["succeeded"]].groupby(keys, sort=False)
    means = good[[*MEASURES, *COUNTS, "seconds"]].mean()
    means["hypervolume_sd"] = good["hypervolume_ratio"].std()
    means["peak_rss_mib"] = good["peak_rss_mib"].max()
    return counts.join(means)
