"""`fair`: every algorithm with every chance, at equal evaluations and at equal seconds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pandas as pd

from benchmarks.cells.algorithms import N_PROGRAMMES, OURS, family_of
from benchmarks.cells.search import Limit, SearchCell
from benchmarks.cells.sources import Source
from benchmarks.cells.split import Split
from benchmarks.report.document import Column, Section, TableBlock, Text
from benchmarks.report.measured import Measured, datasets_in, limits_in, numbers_of
from benchmarks.report.realised import savings_frame
from benchmarks.report.statistics import blocks_table
from benchmarks.suites.base import (
    EVOLUTIONARY,
    FAIR,
    PYGMO,
    Options,
    Plan,
    Protocol,
    plan_of,
    searches,
    sources_of,
    wanted,
)
from benchmarks.suites.published import OPTLLM
from benchmarks.suites.scaling import SORT, growth_table, sort_sentences, sweeps

EVALUATIONS = 10_000
SECONDS = 5.0
SPLITS = 5
LABELS = 0.05


def protocol(splits: int, /) -> Protocol:
    """Return how accuracies are predicted: by this package's predictor, distinct texts drawn."""
    return Protocol("ours", LABELS, Split.text.value, splits)


def cells(
    sources: Sequence[Source], algorithms: Sequence[str], how: Protocol, limits: Sequence[Limit], /
) -> Iterator[SearchCell]:
    """Yield every algorithm on the same tables, under each limit."""
    for limit in limits:
        for source in sources:
            yield from searches(how.settings(source), algorithms, limit)


def plan(options: Options, /) -> Plan:
    """List the cells for the options given."""
    sources = sources_of(options)
    chosen = wanted(options, FAIR)
    limits = (Limit(evaluations=options.evaluations or EVALUATIONS), Limit(seconds=options.seconds or SECONDS))
    found = cells(sources, chosen.algorithms, protocol(options.splits or SPLITS), limits)
    return plan_of({"fair": found}, sources, chosen.notes)


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


def fair_headlines(found: Measured, /) -> list[str]:
    """Say whether targets are reached, and what is saved on true outcomes."""
    judged = targets(found.frame)
    told = [f"Search quality: {targets_sentence(judged)}"] if judged else []
    return [*told, *saving_sentences(found.frame, OURS)]


def published_headlines(found: Measured, /) -> list[str]:
    """Say what OptLLM saves under the paper's protocol, and who else saves."""
    return [
        f"With the paper's predictor, {sentence[0].lower()}{sentence[1:]}"
        for sentence in saving_sentences(found.frame, OPTLLM)
    ]


def scaling_headlines(frame: pd.DataFrame, /) -> list[str]:
    """Say how the exact front and the search grow."""
    if frame.empty:
        return []
    table = growth_table(*sweeps(frame)).set_index("stage")["seconds N"].dropna()
    grown = [f"*{stage}* by {exponent}" for stage, exponent in table.items() if stage != SORT]
    told = [f"Time grows with the power of the number of queries: {', '.join(grown)}."] if grown else []
    return told + [sentence for sentence in sort_sentences(frame) if sentence.startswith("*front*")]


def saving_sentences(frame: pd.DataFrame, ours: str, /) -> list[str]:
    """Say per data set what OptLLM saves against the best single LLM, and which algorithm saves most."""
    rows = frame[frame["max_evaluations"].notna() & frame["area"].notna()]
    means = savings_frame(rows)
    told = []
    for data in datasets_in(rows):
        runs = rows[(rows["data"] == data) & (rows["algorithm"] == ours)]["saving"].astype(float)
        if runs.empty:
            continue
        own = numbers_of(runs)
        here = means[means["data"] == data].set_index("algorithm")["value"].dropna()
        if own.n == 0:
            told.append(f"On {data} no plan of `{ours}` is truly as accurate as the best single LLM.")
            continue
        most = "" if here.idxmax() == ours else f"; `{here.idxmax()}` saves most, {here.max():.1%}"
        told.append(
            f"On {data} `{ours}` is truly as accurate as the best single LLM for {own.mean:.1%} less"
            f" ({own.n} of {own.of} splits){most}."
        )
    return told
