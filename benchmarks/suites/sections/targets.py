"""What OptLLM is to reach beside the baselines, and whether it does."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from benchmarks.algorithms import N_PROGRAMMES, family_of
from benchmarks.findings import OURS
from benchmarks.reporting.document import Section, TableBlock, Text
from benchmarks.statistics.blocks import blocks_table
from benchmarks.suites.lists import EVOLUTIONARY, PYGMO
from benchmarks.suites.sections.measured import datasets_in, limits_in
from benchmarks.tables import Column

GENERAL = (*EVOLUTIONARY, "mopso", *PYGMO)
"""Families of evolutionary algorithms and swarms, which OptLLM is to beat."""

SWEEPS = ("lambda-sweep", "epsilon-constraint")
"""Samplers of the exact front, of which OptLLM is to stay within `WITHIN`."""

EXACT = "the exact front"
"""A rival, of which OptLLM is to stay within `WITHIN`, too; its ratio is 1."""

WITHIN = 0.005

ALL = 1 - 1e-9
"""Ratio at which everything is found, up to rounding: nobody can be above it."""

TIED = "tied at 1"

COLUMNS = (
    Column("data", "", "data"),
    Column("limit", "", "at equal"),
    Column("target", "", "target"),
    Column("ours", ".4f", "OptLLM"),
    Column("rival", "code", "rival"),
    Column("theirs", ".4f", "rival's"),
    Column("margin", "+.2%", "OptLLM ahead by"),
    Column("splits", "d", "splits"),
    Column("reached", "", "reached"),
)


class Judged(NamedTuple):
    """One target on one data set under one limit; hypervolume ratios, means over the same splits for both."""

    data: str
    limit: str
    target: str
    ours: float
    rival: str
    theirs: float
    margin: float
    """Share by which OptLLM's ratio is larger."""
    splits: int
    """In which both have a value."""
    reached: str


class _Means(NamedTuple):
    """Mean ratios of OptLLM and a rival, and over how many splits."""

    ours: float
    theirs: float
    splits: int


def targets(frame: pd.DataFrame, ours: str = OURS, /) -> list[Judged]:
    """Judge OptLLM beside evolutionary algorithms and swarms, beside each sweep, and beside the exact front.

    Rivals are compared over the splits in which both have a value. Of the evolutionary algorithms and swarms the one
    is told of which OptLLM is least ahead.
    """
    judged = []
    for data in datasets_in(frame):
        for limit in limits_in(frame):
            rows = frame[(frame["data"] == data) & (frame["limit"] == limit)]
            ratios = blocks_table(rows, "hypervolume_ratio", block="split", algorithm="algorithm")
            judged += _judged(ratios, data, limit, ours)
    return judged


def targets_section(judged: list[Judged], /) -> Section:
    """Lay the targets out."""
    if not judged:
        return Section("Targets", [Text("OptLLM was not measured, so no target can be judged.")])
    table = TableBlock(pd.DataFrame(judged), COLUMNS, "Hypervolume ratio of OptLLM beside its rivals'.", n_left=3)
    return Section("Targets", [Text(f"{targets_sentence(judged)} {_EXPLAINED}"), table])


_EXPLAINED = (
    "OptLLM's mean hypervolume ratio is to be above that of every evolutionary algorithm and swarm, of which the one is"
    f" shown that comes closest or is furthest ahead, and at most {WITHIN:.1%} below that of the sweeps which sample"
    f" the exact front. `epsilon-constraint` solves {N_PROGRAMMES} integer programmes, however many evaluations there"
    " are: that is a short sweep, and staying close to it says little. The longer a sweep, the closer it comes to 1; so"
    f" OptLLM is also to be at most {WITHIN:.1%} below the exact front itself, whose ratio is 1. Means are over the"
    " splits in which both OptLLM and the rival have a value."
)


def targets_sentence(judged: list[Judged], /) -> str:
    """Count what is reached, and name what isn't."""
    missed = [judge for judge in judged if judge.reached == "NO"]
    n_tied = sum(judge.reached == TIED for judge in judged)
    told = f"{len(judged) - len(missed)} of {len(judged)} targets are reached"
    told += f", {n_tied} of them by a tie: both found all there is." if n_tied else "."
    names = "; ".join(
        f"{_named(m.rival)} on {m.data} at {m.limit} ({m.theirs:.4f} against {m.ours:.4f})" for m in missed
    )
    return f"{told} Not reached: {names}." if missed else told


def _named(rival: str) -> str:
    return rival if rival == EXACT else f"`{rival}`"


def _judged(ratios: pd.DataFrame, data: str, limit: str, ours: str) -> list[Judged]:
    """Judge the targets on one data set under one limit; none without a value of OptLLM.

    Args:
        ratios: Splits × algorithms.
        data: Name of the data set.
        limit: In words.
        ours: Column of OptLLM.
    """
    if ours not in ratios.columns or ratios[ours].isna().all():
        return []
    own = ratios[ours]
    means = {str(name): _common_means(own, ratios[name]) for name in ratios.columns.drop(ours)}
    means = {name: found for name, found in means.items() if found.splits}
    general = [name for name in means if family_of(name) in GENERAL]
    found = []
    if general:
        strongest = min(general, key=lambda name: means[name].ours - means[name].theirs)
        found.append(_judge(data, limit, "above the best of them", strongest, means[strongest], 0.0))
    close = {name: means[name] for name in SWEEPS if name in means}
    close[EXACT] = _common_means(own, pd.Series(1.0, own.index))
    return found + [_judge(data, limit, f"within {WITHIN:.1%}", name, pair, WITHIN) for name, pair in close.items()]


def _common_means(ours: pd.Series, theirs: pd.Series) -> _Means:
    """Average both over the splits in which both have a value."""
    both = ours.notna() & theirs.notna()
    return _Means(float(ours[both].mean()), float(theirs[both].mean()), int(both.sum()))


def _judge(data: str, limit: str, target: str, rival: str, means: _Means, within: float) -> Judged:
    ours, theirs, splits = means
    margin = ours / theirs - 1 if theirs > 0 else float("nan")
    return Judged(data, limit, target, ours, rival, theirs, margin, splits, _reached(ours, theirs, within))


def _reached(ours: float, theirs: float, within: float) -> str:
    if within == 0 and min(ours, theirs) >= ALL:
        return TIED
    is_reached = ours > theirs if within == 0 else ours >= theirs * (1 - within)
    return "yes" if is_reached else "NO"
