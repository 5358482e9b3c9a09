"""`speed`: speed, memory and search quality of the package, against targets."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.cells import speed, waiting
from benchmarks.cells.rows import RowsCell
from benchmarks.cells.sources import DATA_SETS, Source, Subset, from_files, shared_folders, synthetic_tables
from benchmarks.report.document import Document, Section, Text
from benchmarks.report.setup import whole_document
from benchmarks.report.targets import targets_figure, targets_sentences, targets_table
from benchmarks.report.text import explained
from benchmarks.runner.plan import Plan
from benchmarks.runner.results import Results
from benchmarks.suites.base import Options, Suite
from optllm_pymoo.problems.synthetic import FAMILIES

N_LLMS = 12
# Queries of the synthetic batches on which search quality is measured.
N_QUERIES, QUICK_QUERIES = 2_000, 300

METHOD = explained("speed")


class Speed(Suite):
    """Does the package reach its targets?"""

    name = "speed"
    what = "speed, memory and search quality of the package, against targets"
    uses = ("quick",)
    has_targets = True

    def plan(self, options: Options, /) -> Plan:
        """List ratios, memory, start, and search quality."""
        n_queries = QUICK_QUERIES if options.quick else N_QUERIES
        sources = [synthetic_tables(family, n_queries, N_LLMS) for family in FAMILIES]
        sources += [] if options.quick else from_files(shared_folders())
        missing = [name for name in DATA_SETS if name not in {source.name for source in sources}]
        why = "with `--quick`" if options.quick else "which are looked for in `$OPTLLM_SHARED/data`"
        notes = [f"Search quality was not measured on {', '.join(missing)}, {why}."] if missing else []
        return Plan.of({"speed": self.cells(sources, quick=options.quick)}, sources, notes)

    @staticmethod
    def cells(sources: list[Source], /, *, quick: bool) -> Iterator[RowsCell]:
        """Yield the measurements; at small sizes most targets are not set."""
        small, middle, large = (300, 2_117, 10_000) if quick else (2_117, 100_000, 1_000_000)
        for measurement, n_queries, target in (
            (speed.evaluation, small, None if quick else 10.0),
            (speed.evaluation, middle, None if quick else 20.0),
            (speed.whole_run, large, None if quick else 4.0),
            (speed.whole_run, 2_117, None if quick else 8.0),
            (speed.memory, large, None if quick else 2.0),
            (speed.front, large, None if quick else 4.0),
        ):
            options = {"n_queries": n_queries, "n_llms": N_LLMS, "target": target}
            yield RowsCell(measurement, None, tuple(options.items()), has_all_cores=True)
        options = {"n_queries": 300, "n_llms": N_LLMS, "target": 3.0, "repeats": 1 if quick else 5}
        yield RowsCell(speed.first_minimize, None, tuple(options.items()), has_all_cores=True)
        n_queries, n_labelled = (300, 60) if quick else (30_000, 640)
        options = {"n_queries": n_queries, "n_labelled": n_labelled, "n_llms": 6, "has_targets": not quick}
        options["repeats"] = 1 if quick else 5
        yield RowsCell(speed.policy, None, tuple(options.items()), has_all_cores=True)
        yield from Speed.waits(quick=quick)
        for source in sources:
            if source.has_texts:
                worth = {"fingerprint": source.fingerprint, "target": -0.001}
                yield RowsCell(waiting.features_worth, Subset.of(source), tuple(worth.items()), has_all_cores=True)
            yield RowsCell(speed.front_quality, Subset.of(source), has_all_cores=True)

    @staticmethod
    def waits(*, quick: bool) -> Iterator[RowsCell]:
        """Yield the times that users wait: texts, predictions, and the first minute."""
        n_texts, larger = (300, 600) if quick else (100_000, 1_000_000)
        for measurement, options in (
            (waiting.features, {"n_queries": n_texts, "target": 5.0, "repeats": 1}),
            (
                waiting.predictions,
                {"n_queries": n_texts, "n_llms": N_LLMS, "larger": larger, "target": 3.0, "most_gib": 3.0},
            ),
            (
                waiting.new_texts,
                {"n_queries": min(n_texts, 2_000), "n_llms": N_LLMS, "target_one": 30.0, "target_many": 2.0},
            ),
            (waiting.first_plan, {"quota": "", "target_cold": 8.0, "target_warm": 4.0, "repeats": 3}),
            (waiting.first_plan, {"quota": "model-5=500", "target_cold": 12.0, "target_warm": 5.0, "repeats": 3}),
        ):
            if quick and measurement is waiting.first_plan:
                continue
            is_set = {name: None if quick and name == "target" else value for name, value in options.items()}
            yield RowsCell(measurement, None, tuple(is_set.items()), has_all_cores=True)

    def report(self, results: Results, plan: Plan, /) -> Document:
        """Draw and tabulate the measurements beside their targets."""
        rows = results.rows(plan.cells)
        table = targets_table(rows)
        drawn = targets_figure(rows, name="targets", title="Measurements beside their targets")
        sections = [Section("At a glance", [*drawn, Text(METHOD), table])]
        summary = targets_sentences(rows)
        return whole_document("Speed, memory and search quality", summary, results, plan, sections, [table])


SUITE = Speed()
