"""What OptLLM is to reach beside the baselines, and whether it does."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from benchmarks.algorithms import family_of
from benchmarks.findings import OURS
from benchmarks.reporting.document import Section, TableBlock, Text
from benchmarks.suites.lists import EVOLUTIONARY, PYGMO
from benchmarks.suites.sections.measured import datasets_in, limits_in
from benchmarks.tables import Column

GENERAL = (*EVOLUTIONARY, "mopso", *PYGMO)
"""Families of evolutionary algorithms and swarms, which OptLLM is to beat."""

SWEEPS = ("lambda-sweep", "epsilon-constraint")
"""Samplers of the exact front, of which OptLLM is to stay within `WITHIN`."""

WITHIN = 0.005

COLUMNS = (
    Column("data", "", "data"),
    Column("limit", "", "at equal"),
    Column("target", "", "target"),
    Column("ours", ".4f", "OptLLM"),
    Column("rival", "code", "rival"),
    Column("theirs", ".4f", "rival's"),
    Column("margin", "+.2%", "OptLLM ahead by"),
    Column("reached", "", "reached"),
)


class Judged(NamedTuple):
    """One target on one data set under one limit; hypervolume ratios, means over splits."""

    data: str
    limit: str
    target: str
    ours: float
    rival: str
    theirs: float
    margin: float
    """Share by which OptLLM's ratio is larger."""
    reached: str


def targets(frame: pd.DataFrame, ours: str = OURS, /) -> list[Judged]:
    """Judge OptLLM beside the best evolutionary algorithm or swarm, and beside each sweep, wherever both were run."""
    judged = []
    for data in datasets_in(frame):
        for limit in limits_in(frame):
            rows = frame[(frame["data"] == data) & (frame["limit"] == limit)]
            judged += _judged(rows.groupby("algorithm")["hypervolume_ratio"].mean().dropna(), data, limit, ours)
    return judged


def targets_section(judged: list[Judged], /) -> Section:
    """Lay the targets out."""
    if not judged:
        return Section("Targets", [Text("OptLLM and its rivals were not both measured, so no target can be judged.")])
    table = TableBlock(pd.DataFrame(judged), COLUMNS, "Hypervolume ratio of OptLLM beside its rivals'.", n_left=3)
    return Section("Targets", [Text(f"{targets_sentence(judged)} {_EXPLAINED}"), table])


_EXPLAINED = (
    "OptLLM's mean hypervolume ratio is to be above that of every evolutionary algorithm and swarm, of which the"
    f" best variant is shown, and at most {WITHIN:.1%} below that of the sweeps which sample the exact front."
)


def targets_sentence(judged: list[Judged], /) -> str:
    """Count what is reached, and name what isn't."""
    missed = [judge for judge in judged if judge.reached == "NO"]
    told = f"{len(judged) - len(missed)} of {len(judged)} targets are reached."
    names = "; ".join(f"`{m.rival}` on {m.data} at {m.limit} ({m.theirs:.4f} against {m.ours:.4f})" for m in missed)
    return f"{told} Not reached: {names}." if missed else told


def _judged(here: pd.Series, data: str, limit: str, ours: str) -> list[Judged]:
    if ours not in here.index:
        return []
    general = here[[family_of(str(name)) in GENERAL for name in here.index]]
    found = []
    if len(general):
        found.append(_judge(data, limit, "above the best of them", here[ours], general.idxmax(), general.max(), 0.0))
    sweeps = [name for name in SWEEPS if name in here.index]
    close = (_judge(data, limit, f"within {WITHIN:.1%}", here[ours], name, here[name], WITHIN) for name in sweeps)
    return [*found, *close]


def _judge(data: str, limit: str, target: str, ours: float, rival: object, theirs: float, within: float) -> Judged:
    reached = ours > theirs if within == 0 else ours >= theirs * (1 - within)
    margin = ours / theirs - 1 if theirs > 0 else float("nan")
    return Judged(data, limit, target, float(ours), str(rival), float(theirs), margin, "yes" if reached else "NO")
