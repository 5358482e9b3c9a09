"""`published`: the paper's protocol, as far as the data allow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from benchmarks.cells.search import Limit, SearchCell
from benchmarks.cells.sources import Source
from benchmarks.cells.split import Setting, Split
from benchmarks.report.document import Column, Section, TableBlock, Text, bullets
from benchmarks.report.measured import Measured, datasets_in, numbers_of, with_sd
from benchmarks.report.text import code
from benchmarks.runner.results import Results
from benchmarks.suites import paper
from benchmarks.suites.base import (
    PUBLISHED,
    PYGMO,
    Options,
    Plan,
    Protocol,
    plan_of,
    refuse_options,
    searches,
    sources_of,
    wanted,
)
from optllm_pymoo.data import Dataset

EVALUATIONS = 10_000
"""Population 100, 100 generations."""

SPLITS = 10

N_GRID = 50

ALPHA = 1.0
"""Robust accuracies steer the downward walk."""

LABELS = 0.02
"""1 % to train on and 1 % to validate with."""


def protocol(splits: int, /, *, labels: float = LABELS) -> Protocol:
    """Return the paper's way to predict: its predictor, rows drawn at random."""
    return Protocol("published", labels, Split.random.value, splits)


def cells(
    sources: Sequence[Source], algorithms: Sequence[str], how: Protocol, evaluations: int, /
) -> Iterator[SearchCell]:
    """Yield OptLLM as published, once it ends by itself, and the baselines."""
    for source in sources:
        yield from searches(
            how.settings(source), algorithms, Limit(evaluations=evaluations), n_grid=N_GRID, alpha=ALPHA
        )


def plan(options: Options, /) -> Plan:
    """List the cells for the options given.

    Raises:
        ValueError: Seconds are given, of which this suite makes no use.
    """
    refuse_options(options, "published", ("seconds",))
    sources = sources_of(options)
    chosen = wanted(options, ("optllm:walks", *PUBLISHED, *PYGMO))
    how = protocol(options.splits or SPLITS)
    found = cells(sources, chosen.algorithms, how, options.evaluations or EVALUATIONS)
    return plan_of({"published": found}, sources, chosen.notes)


OPTLLM = "optllm:walks"
SLACK = 1e-9

SAVING_COLUMNS = (
    Column("data", "", "data"),
    Column("who", "", "whose numbers"),
    Column("best_llm", "code", "best LLM"),
    Column("accuracy", ".4f", "accuracy"),
    Column("best_cost", ".4g", "its cost, US$"),
    Column("optllm_cost", ".4g", "OptLLM's cost, US$"),
    Column("saving", "", "saving"),
    Column("reached", "", "splits that reach it"),
)
NEVER = "never reached"


def savings_section(found: Measured, llms: Mapping[str, Sequence[str]], /) -> Section:
    """Tell what OptLLM saves at the best single LLM's accuracy.

    Args:
        found: Searches, OptLLM's among them.
        llms: Names of the LLMs by data set.
    """
    ours = found.frame[(found.frame["algorithm"] == OPTLLM) & found.frame["area"].notna()]
    title = "Saving at the best single LLM's accuracy"
    if ours.empty:
        return Section(title, [Text("OptLLM has no realised plans here.")])
    rows = []
    for data in datasets_in(ours):
        rows.append(_saving_row(data, ours[ours["data"] == data], llms[data]))
        rows += _papers_saving(data)
    told = "Mean ± standard deviation over the splits in which some plan is truly as accurate as the best single LLM."
    table = TableBlock(
        pd.DataFrame(rows), SAVING_COLUMNS, "OptLLM's saving at the best single LLM's accuracy.", n_left=3
    )
    return Section(title, [Text(told), table])


def _saving_row(data: str, rows: pd.DataFrame, llms: Sequence[str]) -> dict[str, object]:
    saving = numbers_of(rows["saving"].astype(float))
    if saving.n:
        # both costs of the same splits, so that one fits the other
        rows = rows[rows["saving"].notna()]
    best = rows["best_llm"].astype(int).mode().iloc[0]
    spent = (1 - rows["saving"].astype(float)) * rows["best_cost_usd"].astype(float)
    return {
        **{"data": data, "who": "ours", "best_llm": llms[best], "accuracy": rows["best_accuracy"].astype(float).mean()},
        **{"best_cost": rows["best_cost_usd"].astype(float).mean(), "optllm_cost": spent.mean()},
        **{"saving": with_sd(saving, ".2%") or NEVER, "reached": f"{saving.n} of {saving.of}"},
    }


def _papers_saving(data: str) -> list[dict[str, object]]:
    row = paper.SAVINGS.get(paper.SAME_DATA.get(data, ""))
    if row is None:
        return []
    numbers = {"best_llm": row.best_llm, "accuracy": row.accuracy, "best_cost": row.best_cost_usd}
    return [
        {"data": data, "who": "the paper's", **numbers, "optllm_cost": row.optllm_cost_usd}
        | {"saving": f"{row.saving:.2%}", "reached": None}
    ]


def highest_accuracy_section(found: Measured, /) -> Section:
    """Tell the highest true accuracy of each algorithm's plans, per data set."""
    frame = found.frame[found.frame["highest_accuracy"].notna()]
    title = "Highest accuracy found"
    if frame.empty:
        return Section(title, [Text("Nothing is realised here.")])
    ours = {
        (data, algorithm): with_sd(numbers_of(runs["highest_accuracy"].astype(float)), ".3f")
        for (data, algorithm), runs in frame.groupby(["data", "algorithm"], sort=False)
    }
    theirs = {data: paper.HIGHEST_ACCURACY[name] for data, name in paper.SAME_DATA.items()}
    return Section(
        title,
        [
            _side_by_side(
                frame,
                ours,
                theirs,
                ".2f",
                "Highest true accuracy of any plan, means ± standard deviations over splits.",
            )
        ],
    )


def saving_at_best(ours: np.ndarray, theirs: np.ndarray, /) -> float:
    """Return how much less OptLLM costs at the best accuracy of a baseline.

    Args:
        ours: (n, 2) true cost and accuracy of OptLLM's plans.
        theirs: (m, 2) the same of a baseline.

    Returns:
        1 - (cost of OptLLM's cheapest plan that is at least as accurate as the baseline's best) / (the cheapest cost
        at which the baseline has its best); NaN if OptLLM has no such plan, or the baseline's best costs nothing.

    Example:
        The baseline's best is 0.8, for 4 US$ at the least; OptLLM has 0.9 for 3 US$:

        >>> saving_at_best([[1, 0.5], [3, 0.9]], [[2, 0.6], [4, 0.8], [5, 0.8]])
        0.25
    """
    ours, theirs = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    best = theirs[:, 1].max()
    cost = theirs[theirs[:, 1] >= best - SLACK, 0].min()
    reaching = ours[ours[:, 1] >= best - SLACK, 0]
    return float(1 - reaching.min() / cost) if len(reaching) and cost > 0 else np.nan


def cost_savings(found: Measured, ours: str = OPTLLM, /) -> pd.DataFrame:
    """Compare OptLLM with every baseline at the baseline's best accuracy, split by split.

    Returns:
        Columns ``data``, ``algorithm``, ``split``, ``saving`` (NaN where OptLLM never reaches it).
    """
    points: dict[tuple[str, int], dict[str, np.ndarray]] = {}
    for key, array in found.arrays("realised"):
        row = found.frame.loc[key]
        points.setdefault((row["data"], row["split"]), {})[row["algorithm"]] = array
    rows = [
        (data, algorithm, split, saving_at_best(of[ours], theirs))
        for (data, split), of in points.items()
        if ours in of
        for algorithm, theirs in of.items()
        if algorithm != ours
    ]
    return pd.DataFrame(rows, columns=["data", "algorithm", "split", "saving"])


def cost_section(found: Measured, /) -> Section:
    """Tell how much less OptLLM costs at each baseline's best accuracy."""
    frame = cost_savings(found)
    title = "Cost of OptLLM at each baseline's best accuracy: saving"
    if frame.empty:
        return Section(title, [Text("OptLLM and a baseline were not both realised, so there is nothing to compare.")])
    cells = {}
    for (data, algorithm), runs in frame.groupby(["data", "algorithm"], sort=False):
        numbers = numbers_of(runs["saving"])
        count = "" if numbers.n == numbers.of else f" ({numbers.n} of {numbers.of})"
        cells[data, algorithm] = f"{with_sd(numbers, '.1%') or NEVER}{count}"
    told = (
        "Compared are the cheapest plan with which the baseline has its highest true accuracy, and OptLLM's cheapest"
        " plan that is truly as accurate; negative numbers say that OptLLM's is dearer."
        f" {never_sentence(frame)}"
    )
    theirs = {data: paper.COST_SAVING[name] for data, name in paper.SAME_DATA.items()}
    return Section(
        title,
        [Text(told), _side_by_side(frame, cells, theirs, ".2%", "Saving of OptLLM at each baseline's best accuracy.")],
    )


def never_sentence(frame: pd.DataFrame, /) -> str:
    """Say in how many comparisons OptLLM never is as accurate as the baseline."""
    n_never = int(frame["saving"].isna().sum())
    if n_never == 0:
        return f"OptLLM has one in all {len(frame)} comparisons."
    return (
        f"In {n_never} of {len(frame)} comparisons OptLLM has none; these are not in the means, and “k of n” says how"
        " many are."
    )


def igd_section(found: Measured, /) -> Section:
    """Tell the paper's IGD and Δ, and minutes of search."""
    frame = found.frame[found.frame["realised_igd_raw"].notna()]
    title = "IGD, Δ and time"
    if frame.empty:
        return Section(title, [Text("Nothing is realised here.")])
    ours = {
        (data, algorithm): _triple(runs["realised_igd_raw"], runs["realised_spread"], runs["seconds"])
        for (data, algorithm), runs in frame.groupby(["data", "algorithm"], sort=False)
    }
    theirs = {
        data: {a: f"{q.igd:.2f} / {q.delta:.2f} / {q.minutes:.1f} min" for a, q in paper.QUALITY[name].items()}
        for data, name in paper.SAME_DATA.items()
    }
    told = (
        "IGD: mean distance of the true front from the realised plans, in raw dollars and accuracy, in which dollars"
        " drown accuracy; it depends on the size of the bills and can't be compared between data sets. Δ: spread of the"
        f" realised plans that don't dominate each other. Time: of the search alone; {prediction_sentence(found)}"
    )
    return Section(
        title, [Text(told), _side_by_side(frame, ours, theirs, "", "IGD / Δ / time of the search, means over splits.")]
    )


def prediction_sentence(found: Measured, /) -> str:
    """Say how long predicting takes, which all algorithms of a split have in common."""
    tables = found.tables.drop_duplicates("table")
    seconds = (tables["fit_seconds"] + tables["predict_seconds"]).astype(float).dropna()
    if seconds.empty:
        return "nothing was predicted."
    return f"predicting takes {duration(seconds.mean())} on top, once per split for all of them."


def _triple(igd: pd.Series, delta: pd.Series, seconds: pd.Series) -> str:
    return f"{igd.mean():.3g} / {delta.mean():.2f} / {duration(seconds.mean())}"


def duration(seconds: float, /) -> str:
    """Write minutes, and seconds below one minute."""
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.2g} s"


def _side_by_side(
    frame: pd.DataFrame,
    ours: Mapping[tuple[str, str], object],
    theirs: Mapping[str, Mapping[str, object]],
    form: str,
    caption: str,
) -> TableBlock:
    """Lay out algorithm × data, with a column of the paper's beside each data set that it has too."""
    data_sets, algorithms = datasets_in(frame), list(dict.fromkeys(frame["algorithm"]))
    table = pd.DataFrame({"algorithm": algorithms, "paper": [paper.NAMES.get(name) for name in algorithms]})
    columns = [Column("algorithm", "code", "algorithm"), Column("paper", "", "in the paper")]
    for data in data_sets:
        table[data] = [ours.get((data, name)) for name in algorithms]
        columns.append(Column(data, "", data))
        if data in theirs:
            beside = f"{data}: paper"
            numbers = [theirs[data].get(paper.NAMES.get(name, "")) for name in algorithms]
            table[beside] = [format(n, form) if form and n is not None else n for n in numbers]
            columns.append(Column(beside, "", f"{data}, the paper's"))
    return TableBlock(table, columns, caption, n_left=2)


PAPER_SPLITS, PAPER_EVALUATIONS = 10, 10_000
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
    if n_splits != PAPER_SPLITS:
        told.append(f"{n_splits} split{'s' * (n_splits != 1)} of each data set, not {PAPER_SPLITS}.")
    if limits and limits != [PAPER_EVALUATIONS]:
        told.append(f"Searches have {' or '.join(f'{n:,}' for n in limits)} evaluations, not {PAPER_EVALUATIONS:,}.")
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
