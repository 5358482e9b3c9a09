"""`compare`: algorithms compared on known outcomes, with equal evaluations and chosen seeds."""

from __future__ import annotations

from benchmarks.cells.algorithms import OURS, find_variant
from benchmarks.cells.search import Limit, SearchCell
from benchmarks.cells.sources import Source, synthetic_tables
from benchmarks.cells.split import Setting
from benchmarks.report.document import Document, Section, TableBlock
from benchmarks.report.fronts import fronts_section
from benchmarks.report.measured import Measured, datasets_in, measured
from benchmarks.report.quality import QUALITY_COLUMNS, averages, findings, quality_section
from benchmarks.report.setup import whole_document
from benchmarks.report.text import escape
from benchmarks.runner.plan import Plan
from benchmarks.runner.results import Results
from benchmarks.suites.base import PUBLISHED, Options, Suite, sources_of, wanted

N_LLMS = 12
N_QUERIES, QUICK_QUERIES = 2_000, 500
EVALUATIONS, QUICK_EVALUATIONS = 10_000, 1_000
SEEDS, QUICK_SEEDS = (1, 2, 3), (1,)
N_GRID = 50

ALGORITHMS = (
    *("optllm", "optllm:walks", "lambda-sweep", "single-llms", "random-search", "nsga2:warm"),
    *("nsga2", "rnsga2", "sms-emoa", "moead", "moead-gen", *PUBLISHED),
)
# With --quick.
QUICK_ALGORITHMS = (
    *("optllm", "optllm:walks", "lambda-sweep", "random-search"),
    *("nsga2", "nsga2:published", "nsga2:warm", "moead"),
)


class Compare(Suite):
    """Which algorithm finds most of the exact front with equal evaluations?"""

    name = "compare"
    what = "head to head on known outcomes, with seeds of your choice"
    uses = ("data", "algorithms", "evaluations", "quick", "seeds", "n_grid")

    def plan(self, options: Options, /) -> Plan:
        """List every algorithm with every seed on every batch; algorithms without chance run with one seed."""

        def own() -> list[Source]:
            return [synthetic_tables("continuous", QUICK_QUERIES if options.quick else N_QUERIES, N_LLMS)]

        sources = sources_of(options, own)
        chosen = wanted(options, QUICK_ALGORITHMS if options.quick else ALGORITHMS)
        limit = Limit(evaluations=options.evaluations or (QUICK_EVALUATIONS if options.quick else EVALUATIONS))
        seeds = options.seeds or (QUICK_SEEDS if options.quick else SEEDS)
        found = [
            SearchCell(Setting.of(source), algorithm, limit, options.n_grid or N_GRID, seed=seed)
            for source in sources
            for algorithm in chosen.algorithms
            for seed in (seeds if find_variant(algorithm).is_random else seeds[:1])
        ]
        return Plan.of({"compare": found}, sources, chosen.notes)

    def report(self, results: Results, plan: Plan, /) -> Document:
        """Draw the fronts found, and report search quality."""
        found = measured(results, plan, "compare")
        frame = found.frame
        summary = []
        for data in datasets_in(frame):
            summary += [f"{escape(data)}: {sentence}" for sentence in findings(averages(frame[frame["data"] == data]))]
        sections: list[Section] = [fronts_section(found, plan), quality_section(frame)]
        return whole_document("Head to head", summary, results, plan, sections, self.printed(found))

    @staticmethod
    def printed(found: Measured, /) -> list[TableBlock]:
        """Lay out a table per batch for the terminal."""
        tables = []
        for data in datasets_in(found.frame):
            rows = averages(found.frame[found.frame["data"] == data]).rename_axis("algorithm").reset_index()
            bold = [k for k, name in enumerate(rows["algorithm"]) if name == OURS]
            legend = "HV: hypervolume, 1 is the exact front's; ε+, IGD+, Δ: smaller is better; own: of what is returned"
            tables.append(TableBlock(rows, QUALITY_COLUMNS, f"{data}. {legend}.", bold))
        return tables


SUITE = Compare()
