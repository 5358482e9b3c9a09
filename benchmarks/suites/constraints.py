"""`constraints`: budgets, targets, quotas, latency and promises, against targets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from benchmarks.cells import single
from benchmarks.cells.cell import Value
from benchmarks.cells.latency import surface, surface_search
from benchmarks.cells.promises import interval_after, promise, promise_of_data_set
from benchmarks.cells.quotas import quota_gap, quota_search, quota_speed
from benchmarks.cells.rows import Row, RowsCell
from benchmarks.cells.sources import Source, Subset, from_files, shared_folders, synthetic_tables
from benchmarks.report.document import Document, Section, Text
from benchmarks.report.setup import whole_document
from benchmarks.report.targets import targets_figure, targets_sentences, targets_table
from benchmarks.report.text import explained
from benchmarks.runner.plan import Plan
from benchmarks.runner.results import Results
from benchmarks.suites.base import Options, Suite, sources_of
from optllm_pymoo.problems.synthetic import FAMILIES

N_QUERIES, N_LLMS = 2_117, 12
# Queries of the batches on which HiGHS proves the optimum of the whole problem.
PROVED = (50, 150, 500)

N_LIMITS = 20
MILLION = 1_000_000
LOGPAI = (32_000, 8)
SECONDS_RATIO = 100.0
# The most that OptLLM gets where NSGA-II is its rival.
SECONDS = 2.0

# Queries at most in a batch whose outcomes are predicted.
MAX_PREDICTED = 6_000

# Synthetic batches by the number of labelled queries.
DRAWS = {30: 15, 100: 10}


# Of each part of the report.
TITLES = {
    "single": "One budget or one target",
    "quotas": "Quotas",
    "latency": "Three objectives",
    "promises": "Promises",
}


class Constraints(Suite):
    """What do budgets, targets, quotas, latency and promises cost, and are the targets reached?"""

    name = "constraints"
    what = "budgets, targets, quotas, latency and promises, against targets"
    uses = ("data",)

    def plan(self, options: Options, /) -> Plan:
        """List the cells for the data given, and those of fixed sizes.

        Without data they are for the four families of synthetic tables, and the data sets below ``$OPTLLM_SHARED``.
        """

        def own() -> list[Source]:
            synthetic = [synthetic_tables(family, N_QUERIES, N_LLMS) for family in FAMILIES]
            return [*synthetic, *from_files(shared_folders())]

        sources = sources_of(options, own)
        return Plan.of(self.parts(sources), sources)

    def parts(self, sources: Sequence[Source], /) -> Mapping[str, list[RowsCell]]:
        """List the cells of each part of the report."""
        fixed = [self._sized(single.budget_speed, N_QUERIES, N_LLMS, n_limits=5, target=50.0)]
        fixed += [
            self._sized(single.large_gap, MILLION, N_LLMS, family=family, n_limits=3, target=1e-7)
            for family in FAMILIES
        ]
        fixed.append(self._sized(single.seconds, MILLION, N_LLMS, target=2.0))
        return {
            "single": [*self.optima(sources), *self.gaps(sources), *fixed],
            "quotas": [*self.quotas(sources), self._sized(quota_speed, *LOGPAI, target=10.0)],
            "latency": list(self.surfaces(N_QUERIES, N_LLMS)),
            "promises": list(self.promises(sources)),
        }

    def tables(self, source: Source, max_queries: int | None = None, /) -> list[Subset]:
        """Return a data set's queries; labels from files, which have ties, also blurred."""
        blurred = (False, True) if not self.is_synthetic(source) else (False,)
        return [Subset.of(source, max_queries, is_blurred=each) for each in blurred]

    @staticmethod
    def is_synthetic(source: Source, /) -> bool:
        """Whether it is one of the suite's synthetic batches, which need no file."""
        return source.name in {f"{family}-{N_QUERIES}x{N_LLMS}" for family in FAMILIES}

    def optima(
        self, sources: Sequence[Source], sizes: Sequence[int] = PROVED, n_limits: int = N_LIMITS, /
    ) -> Iterator[RowsCell]:
        """Yield the comparisons with HiGHS's optimum on the whole problem."""
        for n_queries in sizes:
            for source in sources:
                for subset in self.tables(source, n_queries):
                    for limit in ("budget", "target"):
                        yield RowsCell.of(single.optimum, subset, limit=limit, n_limits=n_limits)

    def gaps(self, sources: Sequence[Source], n_limits: int = N_LIMITS, /) -> Iterator[RowsCell]:
        """Yield the certified gaps on whole batches."""
        for source in sources:
            for subset in self.tables(source):
                yield RowsCell.of(single.gap, subset, n_limits=n_limits, target=1e-5)

    def quotas(self, sources: Sequence[Source], seconds_ratio: float = SECONDS_RATIO, /) -> Iterator[RowsCell]:
        """Yield gaps under quotas on whole batches, and the searches: on the files, and on one synthetic batch."""
        for source in sources:
            yield RowsCell.of(quota_gap, Subset.of(source), target=1e-3)
        synthetic = [source for source in sources if self.is_synthetic(source)]
        for source in [*synthetic[:1], *(source for source in sources if not self.is_synthetic(source))]:
            yield RowsCell.of(quota_search, Subset.of(source, N_QUERIES), seconds=SECONDS, seconds_ratio=seconds_ratio)

    def surfaces(self, n_queries: int, n_llms: int, /) -> Iterator[RowsCell]:
        """Yield the measurements with three objectives."""
        for family in FAMILIES:
            yield self._sized(surface, n_queries, n_llms, family=family, target=0.98)
        for times in (1.0, 30.0):
            yield self._sized(surface_search, n_queries, n_llms, times=times)

    def promises(
        self, sources: Sequence[Source], draws: Mapping[int, int] = DRAWS, n_draws: int = 5, /
    ) -> Iterator[RowsCell]:
        """Yield the counts of promises that are kept, where something can be predicted."""
        for n_labelled, n_seeds in draws.items():
            yield RowsCell.of(promise, n_labelled=n_labelled, n_seeds=n_seeds)
        yield RowsCell.of(interval_after, n_queries=700, n_labelled=70, n_seeds=20)
        for source in sources:
            if source.has_texts:
                yield RowsCell.of(promise_of_data_set, Subset.of(source, MAX_PREDICTED), labels=0.05, n_seeds=n_draws)

    @staticmethod
    def _sized(measurement: Callable[..., Iterable[Row]], n_queries: int, n_llms: int, /, **options: Value) -> RowsCell:
        return RowsCell.of(measurement, n_queries=n_queries, n_llms=n_llms, **options)

    def report(self, results: Results, plan: Plan, /) -> Document:
        """Report which targets are reached, part by part."""
        sections = [self.section(part, results.rows(plan.parts[part])) for part in TITLES]
        rows = results.rows(plan.cells)
        drawn = targets_figure(rows, name="targets", title="Measurements beside their targets")
        glance = [Section("At a glance", drawn)] if drawn else []
        title = "Budgets, targets and other constraints"
        return whole_document(title, targets_sentences(rows), results, plan, [*glance, *sections])

    @staticmethod
    def section(part: str, rows: list[Row], /) -> Section:
        """Tell one part."""
        title, summary = TITLES[part], explained(f"constraints: {part}")
        if not rows:
            return Section(title, [Text(f"{summary} No cell of this part is measured yet.")])
        return Section(title, [Text(summary), targets_table(rows)])


SUITE = Constraints()
