"""The suites by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.suites import ablation, anytime, constraints, fair, published, quick, scaling
from benchmarks.suites.base import Plan, Suite

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.report.document import Document
    from benchmarks.runner.results import Results


def _report(name: str) -> Callable[[Results, Plan], Document]:
    """Draw figures only where a report is wanted: matplotlib takes its time to load."""

    def report(results: Results, plan: Plan, /) -> Document:
        from benchmarks.suites.reports import REPORTS

        return REPORTS[name](results, plan)

    return report


SUITES: dict[str, Suite] = {
    name: Suite(name, what, plan, _report(name))
    for name, what, plan in (
        ("published", "the paper's comparison, as far as the data allow", published.plan),
        ("fair", "every algorithm with every chance, at equal evaluations and at equal seconds", fair.plan),
        ("anytime", "who is how good at which moment", anytime.plan),
        ("ablation", "what each part and setting is good for", ablation.plan),
        ("scaling", "how time and memory grow", scaling.plan),
        ("constraints", "budgets, targets, quotas, latency and promises, against targets", constraints.plan),
        ("quick", "a little of each, within a minute", quick.plan),
    )
}
"""In the order in which they are listed."""
