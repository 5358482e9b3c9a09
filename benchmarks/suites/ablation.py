"""What each setting and each part is good for; the paper's numbers stand below ours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import pandas as pd

from benchmarks.cells.search import Limit, SearchCell
from benchmarks.cells.sources import Source
from benchmarks.cells.split import Setting
from benchmarks.report.document import Column, Section, TableBlock, Text
from benchmarks.report.measured import Measured, datasets_in
from benchmarks.suites import paper, published
from benchmarks.suites.base import WALKS, Options, Plan, Protocol, plan_of, refuse_options, searches, sources_of, wanted

MEASURES = (
    Column("igd", ".4g", "IGD, raw US$ ↓"),
    Column("delta", ".3f", "Δ ↓"),
    Column("seconds", ",.4g", "seconds"),
    Column("solutions", ",.0f", "solutions"),
    Column("ratio", ".4f", "hypervolume ratio ↑"),
    Column("area", ".4f", "realised area ↑"),
    Column("saving", ".1%", "saving ↑"),
    Column("brier", ".4f", "Brier score ↓"),
    Column("runs", ".0f", "runs"),
)
SOURCES = {
    **{"igd": "realised_igd_raw", "delta": "realised_spread", "seconds": "seconds", "solutions": "distinct_plans"},
    **{"ratio": "hypervolume_ratio", "area": "area", "saving": "saving", "brier": "brier"},
}
NOT_DONE = "No search of this part is done."


def n_grid_section(found: Measured, /) -> Section:
    """Tell what the number of gaps changes."""
    rows = means(found, "n_grid")
    theirs = [
        {
            "data": "AGNEWS",
            "n_grid": n,
            "igd": r.igd,
            "delta": r.delta,
            "seconds": 60 * r.minutes,
            "solutions": r.solutions,
        }
        for n, r in paper.N_GRID.items()
    ]
    columns = _columns(
        Column("n_grid", ".0f", "n_grid"), "igd", "delta", "seconds", "solutions", "ratio", "area", "runs"
    )
    return _section(
        "Grid",
        rows,
        theirs,
        columns,
        f"{_change(rows, 'n_grid', 'ratio', 'the hypervolume ratio')} The paper's minutes are written as seconds.",
    )


def alpha_section(found: Measured, /) -> Section:
    """Tell what α changes: label vectors that are predicted right, and what the search makes of it."""
    rows = means(found, "alpha", extra=right_columns(found))
    for row in rows:
        row["right"] = row.get(f"labels_right_{row['alpha']:+g}")
    igd = {1: paper.ABLATION_IGD["whole"], 0: paper.ABLATION_IGD["without robust prediction"]}
    theirs = [
        {"data": name, "alpha": float(alpha), "right": right, "igd": igd.get(alpha, {}).get(name)}
        for name, of in paper.ALPHA.items()
        for alpha, right in of.items()
    ]
    right = Column("right", ".3f", "label vectors right ↑")
    columns = [*_columns(Column("alpha", "g", "α"), "igd", "ratio", "area", "saving", "runs")]
    columns.insert(2, right)
    told = (
        "Robust accuracies are mean + α·σ; in the search they steer the downward walk. A query counts as right if the"
        " outcomes of all LLMs are. α = 0 is what the paper calls without robust prediction."
        f" {_change(rows, 'alpha', 'right', 'the share of label vectors that are right')}"
    )
    return _section("α", rows, theirs, columns, told)


def labels_section(found: Measured, /) -> Section:
    """Tell what more labels bring."""
    rows = means(found, "labels")
    theirs = [
        {"data": name, "labels": share + 0.01, "igd": igd}
        for name, of in paper.TRAINING_SHARE_IGD.items()
        for share, igd in of.items()
    ]
    columns = _columns(Column("labels", ".0%", "labelled"), "igd", "area", "saving", "brier", "runs")
    change = _change(rows, "labels", "area", "the realised area")
    told = (
        "As in the paper one hundredth of the queries validates, and the predictor trains on the other labelled ones."
        f" {change}"
    )
    return _section("Labelled share", rows, theirs, columns, told)


def parts_section(found: Measured, /) -> Section:
    """Tell what remains with parts taken out or exchanged."""
    rows = means(found, "algorithm")
    theirs = [
        {"data": name, "algorithm": part, "igd": igd}
        for part in ("whole", "without the allocation search")
        for name, igd in paper.ABLATION_IGD[part].items()
    ]
    columns = _columns(Column("algorithm", "", "what is left"), "igd", "ratio", "area", "solutions", "seconds", "runs")
    told = (
        "`single-llms` is what remains without any search; `exact` is the exact front of the predictions, without"
        f" walks. {_best(rows, 'algorithm', 'area', 'realised area')}"
    )
    return _section("Parts", rows, theirs, columns, told)


def predictors_section(found: Measured, /) -> Section:
    """Tell what the predictor is good for, along the exact front of its predictions."""
    rows = means(found, "predictor")
    columns = _columns(Column("predictor", "", "predictor"), "igd", "area", "saving", "brier", "runs")
    told = (
        "Each follows the exact front of its own predictions, so no search stands between: `unshrunk` is `ours` without"
        " its shrinkage, `constants` says the same of every query."
        f" {_best(rows, 'predictor', 'area', 'realised area')}"
    )
    return _section("Predictors", rows, [], columns, told)


def right_columns(found: Measured, /) -> list[str]:
    """Name the measures of the tables that count label vectors."""
    return [str(name) for name in found.tables.columns if str(name).startswith("labels_right")]


def means(found: Measured, setting: str, /, *, extra: Iterable[str] = ()) -> list[dict[str, object]]:
    """Average the searches that are done over splits.

    Args:
        found: The searches.
        setting: Column that differs.
        extra: Measures of the tables to be averaged too.

    Returns:
        One row per data set and value of the setting, sorted by neither.
    """
    frame = found.frame.assign(**{name: found.tables[name] for name in ("brier", *extra)})
    done = frame[~frame["failed"]]
    rows: list[dict[str, object]] = []
    for (data, value), runs in done.groupby(["data", setting], sort=False):
        measures = {short: runs[name].astype(float).mean() for short, name in SOURCES.items()}
        others = {name: runs[name].astype(float).mean() for name in extra}
        rows.append({"data": data, setting: value, **measures, **others, "runs": len(runs)})
    return rows


def _columns(setting: Column, *names: str) -> list[Column]:
    by_name = {column.name: column for column in MEASURES}
    return [Column("data", "", "data"), setting, *(by_name[name] for name in names)]


def _section(
    title: str, rows: list[dict[str, object]], theirs: list[Mapping[str, object]], columns: list[Column], told: str
) -> Section:
    if not rows:
        return Section(title, [Text(NOT_DONE)])
    tables = [TableBlock(pd.DataFrame(rows), columns, f"{title}: measured here, means over splits.", n_left=2)]
    if theirs:
        papers = pd.DataFrame(theirs)
        named = [column for column in columns if column.name in papers]
        tables.append(TableBlock(papers, named, f"{title}: the paper's numbers.", n_left=2))
    return Section(title, [Text(told), *tables])


def _change(rows: list[dict[str, object]], setting: str, measure: str, what: str) -> str:
    """Say how a measure changes from the first to the last value of a setting, per data set."""
    frame = pd.DataFrame(rows)
    if frame.empty or measure not in frame or frame[measure].isna().all():
        return ""
    told = []
    for data in datasets_in(frame):
        ranked = frame[(frame["data"] == data) & frame[measure].notna()].sort_values(setting, kind="stable")
        if len(ranked) > 1:
            first, last = ranked.iloc[0], ranked.iloc[-1]
            told.append(f"from {first[measure]:.4f} to {last[measure]:.4f} on {data}")
    if not told:
        return ""
    ends = frame[setting]
    return f"From {ends.min():g} to {ends.max():g}, {what} goes {'; '.join(told)}."


def _best(rows: list[dict[str, object]], setting: str, measure: str, what: str) -> str:
    """Say which value of a setting is best, per data set."""
    frame = pd.DataFrame(rows)
    if frame.empty or frame[measure].isna().all():
        return ""
    good = frame[frame[measure].notna()]
    told = []
    for data in datasets_in(good):
        of = good[good["data"] == data]
        best, worst = of.loc[of[measure].idxmax()], of.loc[of[measure].idxmin()]
        told.append(f"{data}: `{best[setting]}` ({best[measure]:.4f}), least `{worst[setting]}` ({worst[measure]:.4f})")
    return f"Largest {what} on {'; on '.join(told)}."


SPLITS = 3

N_GRIDS = (10, 50, 100, 200)
ALPHAS = (-1.0, 0.0, 1.0)
LABELS = (0.02, 0.06, 0.11, 0.21)
"""The paper's 1, 5, 10 and 20 % to train on, and 1 % to validate with."""

PREDICTORS = ("ours", "unshrunk", "constants")
"""Beside the published one."""

ALGORITHMS = (*WALKS, "single-llms", "random-search")

ENDS_BY_ITSELF = Limit(evaluations=published.EVALUATIONS)


def n_grids(settings: Sequence[Setting], /) -> Iterator[SearchCell]:
    """Yield the searches that differ in ``n_grid``."""
    for n_grid in N_GRIDS:
        yield from searches(settings, ("optllm:walks",), ENDS_BY_ITSELF, n_grid=n_grid, alpha=published.ALPHA)


def alphas(settings: Sequence[Setting], /) -> Iterator[SearchCell]:
    """Yield the searches that differ in α."""
    for alpha in ALPHAS:
        yield from searches(settings, ("optllm:walks",), ENDS_BY_ITSELF, alpha=alpha)


def parts(settings: Sequence[Setting], algorithms: Sequence[str], /) -> Iterator[SearchCell]:
    """Yield the searches with parts taken out or exchanged; without the search, single LLMs remain."""
    yield from searches(settings, algorithms, ENDS_BY_ITSELF, alpha=published.ALPHA)


def label_shares(source: Source, how: Protocol, shares: Sequence[float] = LABELS, /) -> Iterator[SearchCell]:
    """Yield the searches that differ in the labelled share, all with one hundredth of the queries to validate with."""
    for share in shares:
        predictor = how.predictor if share == published.LABELS else f"{how.predictor}:1/{round(100 * share)}"
        settings = how._replace(labels=share, predictor=predictor).settings(source)
        yield from searches(settings, ("optllm:walks",), ENDS_BY_ITSELF, alpha=published.ALPHA)


def predictors(source: Source, how: Protocol, /) -> Iterator[SearchCell]:
    """Yield the searches that differ in the predictor, on the paper's splits."""
    for predictor in (how.predictor, *PREDICTORS):
        settings = how._replace(predictor=predictor).settings(source)
        yield from searches(settings, ("exact",), ENDS_BY_ITSELF)


def cells(
    sources: Sequence[Source], algorithms: Sequence[str], how: Protocol, shares: Sequence[float] = LABELS, /
) -> dict[str, list[SearchCell]]:
    """Return all of them, by what they are about; what needs a prediction is left out for data without texts."""
    found: dict[str, list[SearchCell]] = {name: [] for name in ("n_grid", "parts", "alpha", "labels", "predictors")}
    for source in sources:
        settings = list(how.settings(source))
        found["n_grid"] += n_grids(settings)
        found["parts"] += parts(settings, algorithms)
        if source.has_texts:
            found["alpha"] += alphas(settings)
            found["labels"] += label_shares(source, how, shares)
            found["predictors"] += predictors(source, how)
    return found


def plan(options: Options, /) -> Plan:
    """List the cells for the options given.

    Raises:
        ValueError: Evaluations or seconds are given, of which this suite makes no use.
    """
    refuse_options(options, "ablation", ("evaluations", "seconds"))
    sources = sources_of(options)
    chosen = wanted(options, ALGORITHMS)
    how = published.protocol(options.splits or SPLITS)
    return plan_of(cells(sources, chosen.algorithms, how), sources, chosen.notes)
