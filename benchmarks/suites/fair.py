"""`fair`: every algorithm with all its operators and starts, at equal evaluations and at equal seconds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pandas as pd

from benchmarks.cells.algorithms import N_PROGRAMMES, OURS, family_of, joining_algorithms
from benchmarks.cells.search import Limit, SearchCell
from benchmarks.cells.sources import Source
from benchmarks.cells.split import Split
from benchmarks.report.document import Block, Column, Document, Section, TableBlock, Text
from benchmarks.report.fronts import fronts_section
from benchmarks.report.measured import Measured, datasets_in, limits_in, measured
from benchmarks.report.quality import overview_blocks, quality_section, saving_sentences
from benchmarks.report.realised import realised_section, savings_block
from benchmarks.report.setup import whole_document
from benchmarks.report.significance import METHOD, Comparison
from benchmarks.report.statistics import blocks_table
from benchmarks.report.text import escape, explained
from benchmarks.runner.plan import Plan
from benchmarks.runner.results import Results
from benchmarks.suites import base
from benchmarks.suites.base import Options, Suite

EVALUATIONS = 10_000
SECONDS = 5.0
SPLITS = 5
LABELS = 0.05


class Fair(Suite):
    """Which algorithm is best if all get the best conditions?"""

    name = "fair"
    what = "every algorithm with all its operators and starts, at equal evaluations and at equal seconds"
    uses = ("data", "algorithms", "splits", "evaluations", "seconds")

    def plan(self, options: Options, /) -> Plan:
        """List every algorithm, including those of other packages, under each limit."""
        sources = base.sources_of(options)
        chosen = base.wanted(options, (*base.FAIR, *joining_algorithms()))
        limits = (Limit(evaluations=options.evaluations or EVALUATIONS), Limit(seconds=options.seconds or SECONDS))
        found = self.cells(sources, chosen.algorithms, self.protocol(options.splits or SPLITS), limits)
        return base.plan_of_searches({"fair": found}, sources, chosen.notes)

    @staticmethod
    def protocol(splits: int, /) -> base.Protocol:
        """Return how accuracies are predicted: by this package's predictor, distinct texts drawn."""
        return base.Protocol("ours", LABELS, Split.text.value, splits)

    @staticmethod
    def cells(
        sources: Sequence[Source], algorithms: Sequence[str], how: base.Protocol, limits: Sequence[Limit], /
    ) -> Iterator[SearchCell]:
        """Yield every algorithm on the same tables, under each limit."""
        for limit in limits:
            for source in sources:
                yield from base.searches(how.settings(source), algorithms, limit)

    def report(self, results: Results, plan: Plan, /) -> Document:
        """Report targets, search quality, realised quality, and statistics of both."""
        found = measured(results, plan, "fair")
        return whole_document("A fair comparison", self.headlines(found), results, plan, self.sections(found, plan))

    @staticmethod
    def headlines(found: Measured, /) -> list[str]:
        """Summarise which targets are reached, and the saving on true outcomes."""
        judged = targets(found.frame)
        summary = [f"Search quality: {targets_sentence(judged)}"] if judged else []
        return [*summary, *saving_sentences(found.frame, OURS)]

    def sections(self, found: Measured, plan: Plan, /) -> list[Section]:
        """Compose the sections; mean ranks and savings are drawn at the top."""
        frame = found.frame
        compared = [
            Comparison(frame[frame["limit"] == limit], "hypervolume_ratio", f"Search quality at {limit}")
            for limit in limits_in(frame)
        ]
        realised = frame[frame["max_evaluations"].notna() & frame["area"].notna()]
        if len(realised):
            compared.append(Comparison(realised, "area", "Realised area at equal evaluations"))
        pictures = [block for k, each in enumerate(compared) for block in each.figure(f"ranks-{k + 1}")]
        glance: list[Block | Section] = [*pictures, *savings_block(frame, "savings-fair"), *overview_blocks(frame)]
        return [
            Section("At a glance", glance),
            self.targets_section(targets(frame)),
            fronts_section(found, plan),
            quality_section(frame),
            realised_section(found),
            Section("More than chance?", [Text(METHOD), *(each.section() for each in compared)]),
        ]

    @staticmethod
    def targets_section(judged: list[Judged], /) -> Section:
        """Lay the targets out."""
        if not judged:
            return Section("Targets", [Text("OptLLM was not measured, so no target can be judged.")])
        table = TableBlock(pd.DataFrame(judged), COLUMNS, "Hypervolume ratio of OptLLM beside its rivals'.", n_left=3)
        summary = explained("targets", within=f"{WITHIN:.1%}", programmes=N_PROGRAMMES)
        return Section("Targets", [Text(f"{targets_sentence(judged)} {summary}"), table])


SUITE = Fair()

# Families of evolutionary algorithms and swarms; OptLLM must be better than these.
GENERAL = (*base.EVOLUTIONARY, *base.SWARMS, *base.PYGMO)

# Samplers of the exact front; OptLLM must stay within `WITHIN` of them.
SAMPLERS = ("lambda-sweep", "epsilon-constraint")

# A rival, too: OptLLM must stay within `WITHIN` of it; its ratio is 1.
EXACT = "the exact front"

WITHIN = 0.005

# Ratio at which the whole front is found, up to rounding: none can be above it.
ALL = 1 - 1e-9

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
    """One target on one data set under one limit; hypervolume ratios, means over the same splits for both.

    Attributes:
        margin: Share by which OptLLM's ratio is larger.
        splits: Number of splits in which both have a value.
    """

    data: str
    limit: str
    target: str
    ours: float
    rival: str
    theirs: float
    margin: float
    splits: int
    reached: str


def targets(frame: pd.DataFrame, ours: str = OURS, /) -> list[Judged]:
    """Compare OptLLM with evolutionary algorithms and swarms, with each sweep, and with the exact front.

    Rivals are compared over the splits in which both have a value. Of the evolutionary algorithms and swarms, only the
    one with the smallest lead of OptLLM is reported.
    """
    judged = []
    for data in datasets_in(frame):
        for limit in limits_in(frame):
            rows = frame[(frame["data"] == data) & (frame["limit"] == limit)]
            ratios = blocks_table(rows, "hypervolume_ratio", block="split", algorithm="algorithm")
            judged += _judged(ratios, data, limit, ours)
    return judged


def targets_sentence(judged: list[Judged], /) -> str:
    """Count the targets that are reached, and name the others."""
    missed = [judge for judge in judged if judge.reached == "NO"]
    n_tied = sum(judge.reached == TIED for judge in judged)
    summary = f"{len(judged) - len(missed)} of {len(judged)} targets are reached"
    summary += f", {n_tied} of them by a tie: both found the whole front." if n_tied else "."
    names = "; ".join(
        f"{m.rival if m.rival == EXACT else f'`{m.rival}`'} on {escape(m.data)} at {m.limit}"
        f" ({m.theirs:.4f} against {m.ours:.4f})"
        for m in missed
    )
    return f"{summary} Not reached: {names}." if missed else summary


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

    def judge(target: str, rival: str, theirs: pd.Series, within: float) -> Judged:
        both = own.notna() & theirs.notna()
        mean, other = float(own[both].mean()), float(theirs[both].mean())
        margin = mean / other - 1 if other > 0 else float("nan")
        reached = "yes" if (mean >= other * (1 - within) if within else mean > other) else "NO"
        if within == 0 and min(mean, other) >= ALL:
            reached = TIED
        return Judged(data, limit, target, mean, rival, other, margin, int(both.sum()), reached)

    rivals = {str(name): ratios[name] for name in ratios.columns.drop(ours)}
    rivals = {name: theirs for name, theirs in rivals.items() if (own.notna() & theirs.notna()).any()}
    beaten = [judge("above the best of them", name, of, 0) for name, of in rivals.items() if family_of(name) in GENERAL]
    close = {name: rivals[name] for name in SAMPLERS if name in rivals} | {EXACT: pd.Series(1.0, own.index)}
    strongest = [min(beaten, key=lambda judged: judged.ours - judged.theirs)] if beaten else []
    return strongest + [judge(f"within {WITHIN:.1%}", name, of, WITHIN) for name, of in close.items()]
