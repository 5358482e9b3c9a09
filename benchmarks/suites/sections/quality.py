"""Search quality: how much of the exact front of the searched table each algorithm found."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from benchmarks.algorithms import family_of
from benchmarks.findings import OURS, findings
from benchmarks.reporting.document import Block, Details, Section, TableBlock, Text, bullets
from benchmarks.reporting.plots.look import best_per_family
from benchmarks.suites.sections.measured import datasets_in, limits_in
from benchmarks.summary import averages
from benchmarks.tables import COLUMNS, Column, ranked

ROWS = 14
"""Tables with more algorithms show the best of each family, and all of them folded away."""

METHOD = """\
How much was found of the exact front of the searched table; nothing here looks at true outcomes. Judged is the
non-dominated set of everything evaluated within the limit, and in the "own" columns what the algorithm returned.
Objectives are scaled to the range of the exact front. **HV ratio**: hypervolume as a share of the exact front's,
reference point (1, 1). **ε+**: additive epsilon to the exact front. **IGD+**: mean shortfall from it. **Δ**: Deb's
spread along it. Means over splits, ± sd their standard deviation (– with a single split). Peak: the highest resident
memory of the process during any of the searches, libraries included."""

LEFT_OUT = ("distinct_points",)

_TITLES = {
    **{"hypervolume_ratio": "HV ratio ↑", "n_seeds": "runs"},
    **{"result_hypervolume_ratio": "own HV ratio", "distinct_plans": "own plans", "peak_rss_mib": "peak MiB"},
}
QUALITY_COLUMNS = (
    Column("algorithm", "code", "algorithm"),
    *(
        column._replace(title=_TITLES.get(column.name, column.title))
        for column in COLUMNS
        if column.name not in LEFT_OUT
    ),
)


def quality_section(frame: pd.DataFrame, ours: str = OURS, /) -> Section:
    """Tell search quality, data set by data set and limit by limit.

    Args:
        frame: Of `benchmarks.suites.sections.measured.Measured`.
        ours: Variant of OptLLM that is compared with the others.
    """
    inner = [
        Section(data, [b for limit in limits_in(frame) for b in _at_limit(frame, data, limit, ours)])
        for data in datasets_in(frame)
    ]
    return Section("Search quality", [Text(METHOD), *inner])


def _at_limit(frame: pd.DataFrame, data: str, limit: str, ours: str) -> list[Block]:
    runs = frame[(frame["data"] == data) & (frame["limit"] == limit)]
    if runs.empty:
        return []
    rows = ranked(averages(runs, ["algorithm"]))
    caption = f"Search quality on {data} at {limit}"
    return [
        Text(f"**At {limit}**"),
        bullets([*findings(rows, ours=ours), *unproved_sentences(runs)]),
        *ranked_tables(rows, QUALITY_COLUMNS, caption, rows["hypervolume_ratio"]),
    ]


def unproved_sentences(runs: pd.DataFrame, /) -> list[str]:
    """Name the algorithms whose integer programmes ended at their time limit, so that another run may differ.

    Args:
        runs: A row per search; ``n_unproved`` counts such programmes, NaN for algorithms without any.
    """
    if "n_unproved" not in runs:
        return []
    counts = runs.groupby("algorithm", sort=False)["n_unproved"].sum()
    return [
        f"{int(n):,} integer programmes of {name} ended at their time limit, unproved: another run may differ."
        for name, n in counts[counts > 0].items()
    ]


def ranked_tables(
    rows: pd.DataFrame, columns: Sequence[Column], caption: str, scores: pd.Series, /, *, ours: str = OURS
) -> list[Block]:
    """Show a table; where it is long, the best variant of each family, and all of it folded away.

    Args:
        rows: Indexed by algorithm.
        columns: What is shown; ``algorithm`` is the index.
        caption: What the table shows.
        scores: By algorithm: what says which variant is the best, larger is better.
        ours: Rows of this family stand out, and are never left out.
    """
    whole = rows.rename_axis("algorithm").reset_index()
    bold = _bold(whole["algorithm"])
    if len(whole) <= ROWS:
        return [TableBlock(whole, columns, f"{caption}.", bold)]
    n_families = len({family_of(str(name)) for name in rows.index})
    best = set(best_per_family(scores, most=n_families)) | {ours}
    short = whole[whole["algorithm"].isin(best)].reset_index(drop=True)
    told = f"{caption}: the best variant of each family."
    everything = TableBlock(whole, columns, f"{caption}: all {len(whole)} algorithms.", bold)
    return [TableBlock(short, columns, told, _bold(short["algorithm"])), Details(everything.caption, [everything])]


def _bold(algorithms: pd.Series) -> list[int]:
    return [k for k, name in enumerate(algorithms) if name == OURS or str(name).startswith(f"{OURS}:")]
