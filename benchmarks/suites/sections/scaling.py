"""How time and memory grow with the number of queries and of LLMs."""

from __future__ import annotations

import pandas as pd

from benchmarks.reporting.document import Block, Details, Section, TableBlock, Text, bullets
from benchmarks.reporting.plots.scaling import growth_by_stage, scaling_figure
from benchmarks.tables import Column

SORT = "sort"
PREDICT = "predict"

METHOD = """\
Each stage runs in a process of its own, alone on the machine, on tables that it reads from files; the median of up to
five runs counts. *sort* is NumPy's argsort of as many numbers as the exact front has steps: no exact front can be had
for less. *front* builds the exact front, *search* is OptLLM, *evaluate* scores ten plans, *predict* fits the predictor
on 500 labelled texts and predicts the others, up to 100,000 queries; more would take hours. Memory is what a stage
needs beyond its tables."""

COLUMNS = (
    Column("stage", "", "stage"),
    Column("n_queries", ",d", "queries N"),
    Column("n_llms", ",d", "LLMs M"),
    Column("dtype", "", "tables"),
    Column("seconds", ".3g", "seconds"),
    Column("times_sort", ",.4g", "× the sort"),
    Column("tables_mib", ",.0f", "tables, MiB"),
    Column("peak_mib", ",.0f", "memory beyond, MiB"),
)
GROWTH_COLUMNS = (
    Column("stage", "", "stage"),
    Column("seconds N", "", "seconds over N"),
    Column("peak_mib N", "", "memory over N"),
    Column("seconds M", "", "seconds over M"),
    Column("peak_mib M", "", "memory over M"),
)


def scaling_section(frame: pd.DataFrame, /) -> Section:
    """Draw and tabulate the growth.

    Args:
        frame: Columns ``stage``, ``n_queries``, ``n_llms``, ``dtype``, ``seconds``, ``peak_mib``, ``tables_mib``.
    """
    if frame.empty:
        return Section("Scaling", [Text("No stage is measured yet.")])
    over_n, over_m = sweeps(frame)
    over_m = grown(over_m, "n_llms")
    figures = [
        scaling_figure(
            rows.rename(columns={size: "size", measure: "value"}),
            size=label,
            measure=unit,
            reference=SORT,
            name=f"scaling-{measure}-{size}",
            title=f"{title} over {label}",
        )
        for rows, size, label in ((over_n, "n_queries", "queries N"), (over_m, "n_llms", "LLMs M"))
        for measure, unit, title in (("seconds", "seconds", "Time"), ("peak_mib", "MiB", "Memory"))
        if rows[size].nunique() > 1
    ]
    growth = TableBlock(growth_table(over_n, over_m), GROWTH_COLUMNS, "Fitted exponents of growth, ± standard error.")
    caption = "All sizes."
    details = Details(caption, [TableBlock(sizes_table(frame), COLUMNS, caption)])
    blocks: list[Block] = [Text(METHOD), bullets(sort_sentences(frame)), growth, *figures, details]
    return Section("Scaling", blocks)


def sweeps(frame: pd.DataFrame, /) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split the measurements into those at one M and growing N, and those at one N and growing M."""
    n_llms = frame.groupby("n_llms")["n_queries"].nunique().idxmax()
    n_queries = frame.groupby("n_queries")["n_llms"].nunique().idxmax()
    return frame[frame["n_llms"] == n_llms], frame[frame["n_queries"] == n_queries]


def grown(frame: pd.DataFrame, size: str, /) -> pd.DataFrame:
    """Keep the stages that were measured at several sizes."""
    return frame[frame.groupby("stage")[size].transform("nunique") > 1]


def sizes_table(frame: pd.DataFrame, /) -> pd.DataFrame:
    """Put beside each stage how many times as long as the sort of the same size it takes."""
    sort = frame[frame["stage"] == SORT].drop_duplicates(["n_queries", "n_llms"]).set_index(["n_queries", "n_llms"])
    pairs = pd.MultiIndex.from_frame(frame[["n_queries", "n_llms"]])
    ratio = frame["seconds"].to_numpy() / sort["seconds"].reindex(pairs).to_numpy()
    table = frame.assign(times_sort=ratio).astype({"n_queries": int, "n_llms": int})
    return table.sort_values(["n_queries", "n_llms"], kind="stable", ignore_index=True)


def growth_table(over_n: pd.DataFrame, over_m: pd.DataFrame, /) -> pd.DataFrame:
    """Fit time and memory of each stage over N and over M."""
    columns = {}
    over_m = grown(over_m, "n_llms")
    for rows, size, name in ((over_n, "n_queries", "N"), (over_m, "n_llms", "M")):
        for measure in ("seconds", "peak_mib"):
            fits = growth_by_stage(rows.rename(columns={size: "size", measure: "value"})[["stage", "size", "value"]])
            columns[f"{measure} {name}"] = {
                stage: None if fit.exponent != fit.exponent else str(fit) for stage, fit in fits.items()
            }
    table = pd.DataFrame(columns).reindex(dict.fromkeys(over_n["stage"]))
    return table.rename_axis("stage").reset_index()


def sort_sentences(frame: pd.DataFrame, /) -> list[str]:
    """Say how long each stage that allocates takes beside the sort, at the largest N that both have."""
    table = sizes_table(frame)
    sentences = []
    for stage, rows in table[~table["stage"].isin((SORT, PREDICT))].groupby("stage", sort=False):
        both = rows[rows["times_sort"].notna()]
        if len(both):
            last = both.iloc[-1]
            sentences.append(
                f"*{stage}* takes {last['seconds']:.3g} s at {last['n_queries']:,} × {last['n_llms']},"
                f" {_times(last['times_sort'])} times the sort."
            )
    return sentences or ["The sort was not measured, so nothing stands beside it."]


def _times(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.3g}"
