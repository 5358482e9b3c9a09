"""A report with every kind of block and names that want to break out of it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.cells.algorithms import VARIANTS
from benchmarks.report.document import Code, Column, Details, Document, Section, TableBlock, Text, bullets
from benchmarks.report.fronts import attainment_figure, fronts_figure, mix_figure
from benchmarks.report.realised import dots_figure
from benchmarks.report.significance import ranks_figure
from benchmarks.report.statistics import effect_sizes, rank_algorithms, wins_ties_losses
from benchmarks.report.text import code, escape
from benchmarks.suites.anytime import anytime_figure
from benchmarks.suites.scaling import scaling_figure
from optllm_pymoo import AllocationProblem, make_problem

NASTY = "<script>alert(1)</script> & a|b `tick` $x^2$"
"""Name of a data set."""

LONG = "a-baseline-with-a-very-long-name:" + "published-and-warm-and-" * 3 + "tuned"


def sample_document() -> Document:
    """Compose a report of made-up measurements."""
    rng = np.random.default_rng(5)
    algorithms = [*VARIANTS, LONG, "unbreakable" * 6, "x & y"]
    problem = make_problem(300, 8, random_state=3)
    return Document(
        f"The fair comparison on {NASTY}",
        f"Every algorithm has **10,000** evaluations on {escape(NASTY)}; `optllm` leads.\n\n* one\n* two",
        [
            Section("Search quality", [Section(NASTY, _quality(algorithms, rng)), Section("mmlu", _fronts(problem))]),
            Section("Statistics", _statistics(algorithms, rng)),
            Section("Scaling", [scaling_figure(_scaling(), size="queries N", measure="seconds", name="scaling",
                                               title="Seconds over queries", reference="pure sort")]),
            Section("What failed", [Details(f"1 of 870 cells failed: {NASTY}", [Code(_TRACE)])]),
        ],
    )  # fmt: skip


def _quality(algorithms: list[str], rng: np.random.Generator) -> list:
    numbers = {f"m{k}": rng.random(len(algorithms)) * 10.0 ** (k % 5) for k in range(13)}
    frame = pd.DataFrame({"algorithm": algorithms, **numbers})
    frame.loc[3, "m1"] = np.nan
    columns = [Column("algorithm", "code", "algorithm")]
    columns += [Column(name, ",.4f" if k < 9 else ",.0f", f"measure {k}, US$ ↓") for k, name in enumerate(numbers)]
    table = TableBlock(frame, columns, f"Search quality on {NASTY}, means over 10 seeds.", bold={0})
    savings = [
        (data, a, v, v - 0.05, v + 0.04)
        for data in ("mmlu", NASTY)
        for a, v in zip(algorithms[:9], rng.uniform(-0.1, 0.6, 9), strict=True)
    ]
    frame = pd.DataFrame(savings, columns=["data", "algorithm", "value", "low", "high"])
    return [
        bullets([f"{code('a|b`c')} beats {escape('x_y_z*')}", "[Demšar (2006)](https://jmlr.org/papers/v7/demsar06a)"]),
        table,
        anytime_figure(_records(algorithms, rng), x="evaluations", name=NASTY, title=f"Anytime on {NASTY}"),
        dots_figure(frame, name=NASTY, title="Savings", measure="saving"),
    ]


def _records(algorithms: list[str], rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for j, algorithm in enumerate(algorithms):
        for run in range(5):
            x = np.geomspace(100, 10_000, 25)
            value = (1 - 0.02 * (j % 9)) * (1 - (x / 40) ** -(0.6 + 0.2 * rng.random()))
            rows += [(algorithm, run, *pair) for pair in zip(x, value, strict=True)]
    return pd.DataFrame(rows, columns=["algorithm", "run", "x", "value"])


def found_fronts(problem: AllocationProblem, share: float, rng: np.random.Generator) -> np.ndarray:
    """Evaluate plans of the exact front in which a share of the queries is given away at random."""
    front = problem.supported_front
    plans = np.array([front.assignment(int(k)) for k in front.thin(40)])
    given_away = rng.random(plans.shape) < share
    return problem.evaluate(np.where(given_away, rng.integers(0, problem.n_llms, plans.shape), plans))


def _fronts(problem: AllocationProblem) -> list:
    rng = np.random.default_rng(7)
    shares = {"optllm": 0.0, "nsga2": 0.1, "nsga2:warm": 0.06, "moead": 0.2, "mopso": 0.5, "random-search": 0.9}
    runs = {name: [found_fronts(problem, share, rng) for _ in range(7)] for name, share in shares.items()}
    first = {name: fronts[0] for name, fronts in runs.items()}
    return [
        fronts_figure(problem, first, name="fronts", title="Fronts found on mmlu"),
        attainment_figure(problem, runs, name="attainment", title="Attainment on mmlu"),
        mix_figure(problem, name="mix", title="LLM mix along the budget on mmlu"),
    ]


def _statistics(algorithms: list[str], rng: np.random.Generator) -> list:
    scores = pd.DataFrame(rng.random((40, 14)) * 0.1 - 0.02 * np.arange(14), columns=[*algorithms[:13], LONG])
    ranking = rank_algorithms(scores, higher_is_better=True)
    effects = effect_sizes(scores, "optllm", random_state=np.random.default_rng(1))
    effects = effects.merge(wins_ties_losses(scores, "optllm"), on="algorithm")
    forms = {"vargha_delaney": ".2f", "magnitude": "", "median_difference": "+.4f", "low": "+.4f", "high": "+.4f",
             "wins": "d", "ties": "d", "losses": "d"}  # fmt: skip
    columns = [Column("algorithm", "code", "rival"), *(Column(n, f, n.replace("_", " ")) for n, f in forms.items())]
    return [
        bullets([escape(sentence) for sentence in ranking.sentences()]),
        ranks_figure(ranking, name="ranks", title="Mean ranks"),
        Text("Effect sizes of `optllm` against each rival."),
        TableBlock(effects, columns, "Effect sizes over 40 blocks; intervals at 95 %."),
    ]


def _scaling() -> pd.DataFrame:
    size = np.array([1e3, 1e4, 1e5, 1e6, 1e7])
    factors = {"pure sort": (1e-8, 1.05), "hulls": (6e-8, 1.0), "front": (2e-7, 1.02), "search": (1e-5, 0.9)}
    rows = [(stage, n, f * n**e) for stage, (f, e) in factors.items() for n in size]
    return pd.DataFrame(rows, columns=["stage", "size", "value"])


_TRACE = (
    'Traceback (most recent call last):\n  File "x.py", line 3, in <module>\nValueError: <b>&amp; ```\n' + "y" * 300
)
