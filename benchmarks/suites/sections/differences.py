"""What differs between the paper's experiment and this run, in numbers where there are any."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from benchmarks.experiment.search import SearchCell
from benchmarks.experiment.split import Setting
from benchmarks.reporting.document import Section, Text, bullets
from benchmarks.reporting.escaping import code
from benchmarks.runner.results import Results
from benchmarks.suites import paper
from benchmarks.suites.base import Plan
from optllm_pymoo.data import Dataset

SPLITS, EVALUATIONS = 10, 10_000
"""The paper's: ten splits, 100 generations of 100."""

COMMON = (
    "Seconds and minutes are those of this machine, one core per search; the paper's are of another one, and of code"
    " that goes through tables cell by cell.",
    "Algorithms run anew on each split here; the paper's code runs them once, outside the loop over splits.",
    "MOEA/D and MOEA/D-GEN scale the objectives here; on raw dollars one of them drowns the other.",
    "IGD is to the exact front of the true outcomes; the paper's true front never uses a query's dearest LLM. Δ is of"
    " plans in the order of their cost; the paper's is of plans in any order.",
    "The predictor is the paper's, repaired: seeded, weighed by its agreement with validation labels, robust values"
    " within [0, 1].",
    "Baselines have the paper's parameters, but none of the handicaps of its code: numbers are rounded to LLMs, not"
    " truncated; every LLM can be chosen; SMS-EMOA has a population of 100, not 10.",
)


def differences_section(results: Results, plan: Plan, part: str, /) -> Section:
    """List what differs, for all data sets and for each."""
    cells = [cell for cell in plan.parts.get(part, ()) if isinstance(cell, SearchCell)]
    settings = list(dict.fromkeys(cell.setting for cell in cells))
    names = list(dict.fromkeys(setting.data for setting in settings))
    told = [of_dataset(name, plan, [s for s in settings if s.data == name]) for name in names]
    every = [*told, *_smaller(cells), *_features(results), *COMMON]
    return Section("What differs from the paper", [bullets(every)] if told else [Text(COMMON[0])])


def of_dataset(name: str, plan: Plan, settings: list[Setting], /) -> str:
    """Say how a data set stands to the paper's, and how many planned texts are known from labelled queries."""
    dataset = plan.datasets[name]()
    dearest = float(dataset.cost.sum(axis=0).max())
    size = f"{len(dataset.cost):,} queries, {dataset.cost.shape[1]} LLMs, the dearest for {dearest:.4g} US$"
    papers = paper.SAME_DATA.get(name)
    same = f"the paper's {papers}, from another copy" if papers else "not one of the paper's data sets"
    return f"{code(name)}: {same}; {size}.{leak_sentence(dataset, settings)}"


def leak_sentence(dataset: Dataset, settings: Iterable[Setting], /) -> str:
    """Say what share of the planned queries repeats the text of a labelled one."""
    # a single query can't be split; its cells fail, and say so
    shares = [leaked(dataset, setting) for setting in settings if not setting.is_known and len(dataset) > 1]
    if not shares or np.max(shares) == 0:
        return ""
    return (
        f" Rows are drawn at random as in the paper, so {np.mean(shares):.1%} of the planned queries repeat the text of"
        " a labelled one, whose outcome the predictor has seen."
    )


def leaked(dataset: Dataset, setting: Setting, /) -> float:
    """Return the share of planned queries whose text is also that of a labelled one."""
    labelled = setting.labelled(dataset)
    texts = np.asarray(dataset.texts, dtype=object)
    seen = set(texts[labelled])
    return float(np.mean([text in seen for text in texts[~labelled]]))


def _smaller(cells: Iterable[SearchCell]) -> list[str]:
    """Say what was cut: splits, evaluations, bootstraps."""
    cells = list(cells)
    n_splits = len({cell.setting.split for cell in cells})
    limits = sorted({cell.limit.evaluations for cell in cells if cell.limit.evaluations is not None})
    told = []
    if n_splits != SPLITS:
        told.append(f"{n_splits} split{'s' * (n_splits != 1)} of each data set, not {SPLITS}.")
    if limits and limits != [EVALUATIONS]:
        told.append(f"Searches have {' or '.join(f'{n:,}' for n in limits)} evaluations, not {EVALUATIONS:,}.")
    if any(cell.setting.predictor == "published-10" for cell in cells):
        told.append("The predictor has 10 bootstraps, not 100.")
    return told


def _features(results: Results) -> list[str]:
    frame = results.frame("features")
    if frame.empty:
        return []
    counts = sorted({int(n) for n in frame["n_features"]})
    told = " or ".join(map(str, counts))
    return [f"Features of texts are this package's ({told} numbers), not fastText's mean word vectors of 300."]
