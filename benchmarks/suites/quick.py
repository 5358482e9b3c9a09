"""`quick`: a small part of every suite, within a minute."""

from __future__ import annotations

from benchmarks.cells.probe import available_bytes
from benchmarks.cells.search import Limit
from benchmarks.cells.sources import Source, synthetic_texts
from benchmarks.report.document import Document, Section
from benchmarks.report.measured import measured
from benchmarks.report.setup import whole_document
from benchmarks.runner.plan import Plan
from benchmarks.runner.results import Results
from benchmarks.suites import ablation, anytime, base, fair, published, scaling
from benchmarks.suites.base import Options, Suite

EVALUATIONS = 1_000
N_QUERIES, N_LLMS = (1_000, 10_000), (2,)
# Each size needs a separate process, which takes seconds; predicting takes longest, and `fair` measures its time.
PREDICT_UP_TO = 0

SECONDS = 0.2
SPLITS = 2

# The paper's predictor with ten bootstraps, not a hundred.
PREDICTOR = "published-10"

ALGORITHMS = ("optllm", "optllm:walks", "lambda-sweep", "random-search", "nsga2", "nsga2:warm", "moead", "mopso")
REPEATED = ("optllm", "nsga2:warm", "moead")
REPETITIONS = 3
SHARES = (published.LABELS, 0.11)
PARTS = ("optllm:up", "optllm:down", "optllm:random-destruction", "exact", "single-llms")


class Quick(Suite):
    """Does everything work on this machine?"""

    name = "quick"
    what = "a little of each suite, within a minute"
    uses = ("data", "algorithms", "splits", "evaluations", "seconds")

    def plan(self, options: Options, /) -> Plan:
        """List a little of each suite."""
        sources = base.sources_of(options, self.batches)
        splits, evaluations = options.splits or SPLITS, options.evaluations or EVALUATIONS
        chosen, pieces = base.wanted(options, ALGORITHMS), base.available(PARTS)
        limits = (Limit(evaluations=evaluations), Limit(seconds=options.seconds or SECONDS))
        paper = base.Protocol(PREDICTOR, published.LABELS, published.Published().protocol(splits).drawn, splits)
        in_time = list(fair.Fair().cells(sources, chosen.algorithms, fair.Fair().protocol(splits), limits))
        repeated = [name for name in REPEATED if name in chosen.algorithms] or chosen.algorithms[:1]
        found = scaling.Scaling().cells(N_QUERIES, N_LLMS, N_QUERIES[-1], PREDICT_UP_TO)
        sizes = scaling.Scaling().plan_within(available_bytes(), found, options.is_stored)
        parts = {
            "published": published.Published().cells(sources, ("optllm:walks", *base.PUBLISHED), paper, evaluations),
            "fair": in_time,
            "anytime": [cell for cell in in_time if cell.limit == limits[0]],
            "attainment": anytime.repeated(sources[0], repeated, REPETITIONS, evaluations),
            **ablation.Ablation().cells(sources[:1], pieces.algorithms, paper, SHARES),
            "scaling": sizes.cells,
        }
        return base.plan_of_searches(parts, sources, (*chosen.notes, *pieces.notes, *sizes.notes))

    @staticmethod
    def batches() -> list[Source]:
        """Return two small synthetic batches of questions."""
        return [synthetic_texts(400, 4), synthetic_texts(600, 6, random_state=1)]

    def report(self, results: Results, plan: Plan, /) -> Document:
        """Report a little of each suite, under one heading per suite."""
        in_time, paper, moments = (measured(results, plan, part) for part in ("fair", "published", "anytime"))
        frame = results.frame("scaling")
        sections = [
            Section("Fair: every algorithm with every chance", fair.Fair().sections(in_time, plan)),
            Section("Anytime: quality along the search", anytime.Anytime().sections(moments, results, plan)),
            Section("Published: the paper's comparison", published.Published().sections(paper, plan)),
            Section("Ablation: parts and settings", ablation.Ablation().sections(results, plan)),
            scaling.scaling_section(frame),
        ]
        summary = [
            *fair.Fair.headlines(in_time),
            *published.Published.headlines(paper),
            *scaling.Scaling.headlines(frame),
        ]
        return whole_document("A quick cut through all suites", summary, results, plan, sections)


SUITE = Quick()
