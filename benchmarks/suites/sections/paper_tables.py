"""The paper's tables in the paper's own shape, its numbers beside ours where the data set is the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from benchmarks.reporting.document import Section, TableBlock, Text
from benchmarks.suites import paper
from benchmarks.suites.sections.measured import Measured, datasets_in, numbers_of, with_sd
from benchmarks.tables import Column

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
