"""The sentences at the top of a report, drawn from the same numbers as its tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import pandas as pd

from benchmarks.cells.algorithms import OURS
from benchmarks.report import fronts, quality, realised, setup
from benchmarks.report import significance as statistics
from benchmarks.report import targets as rows
from benchmarks.report.document import Document, Section, Text, bullets
from benchmarks.report.measured import Measured, datasets_in, limits_in, measured, numbers_of
from benchmarks.report.realised import savings_figure, savings_frame
from benchmarks.suites import ablation, anytime, fair, published, scaling
from benchmarks.suites.fair import targets, targets_sentence
from benchmarks.suites.published import OPTLLM
from benchmarks.suites.scaling import SORT, growth_table, sort_sentences, sweeps

if TYPE_CHECKING:
    from benchmarks.runner.results import Results
    from benchmarks.suites.base import Plan


def fair_headlines(found: Measured, /) -> list[str]:
    """Say whether targets are reached, and what is saved on true outcomes."""
    judged = targets(found.frame)
    told = [f"Search quality: {targets_sentence(judged)}"] if judged else []
    return [*told, *saving_sentences(found.frame, OURS)]


def published_headlines(found: Measured, /) -> list[str]:
    """Say what OptLLM saves under the paper's protocol, and who else saves."""
    return [
        f"With the paper's predictor, {sentence[0].lower()}{sentence[1:]}"
        for sentence in saving_sentences(found.frame, OPTLLM)
    ]


def scaling_headlines(frame: pd.DataFrame, /) -> list[str]:
    """Say how the exact front and the search grow."""
    if frame.empty:
        return []
    table = growth_table(*sweeps(frame)).set_index("stage")["seconds N"].dropna()
    grown = [f"*{stage}* by {exponent}" for stage, exponent in table.items() if stage != SORT]
    told = [f"Time grows with the power of the number of queries: {', '.join(grown)}."] if grown else []
    return told + [sentence for sentence in sort_sentences(frame) if sentence.startswith("*front*")]


def saving_sentences(frame: pd.DataFrame, ours: str, /) -> list[str]:
    """Say per data set what OptLLM saves against the best single LLM, and which algorithm saves most."""
    rows = frame[frame["max_evaluations"].notna() & frame["area"].notna()]
    means = savings_frame(rows)
    told = []
    for data in datasets_in(rows):
        runs = rows[(rows["data"] == data) & (rows["algorithm"] == ours)]["saving"].astype(float)
        if runs.empty:
            continue
        own = numbers_of(runs)
        here = means[means["data"] == data].set_index("algorithm")["value"].dropna()
        if own.n == 0:
            told.append(f"On {data} no plan of `{ours}` is truly as accurate as the best single LLM.")
            continue
        most = "" if here.idxmax() == ours else f"; `{here.idxmax()}` saves most, {here.max():.1%}"
        told.append(
            f"On {data} `{ours}` is truly as accurate as the best single LLM for {own.mean:.1%} less"
            f" ({own.n} of {own.of} splits){most}."
        )
    return told


def published_report(results: Results, plan: Plan, /) -> Document:
    """Tell `published`: the paper's tables, then how much of it is more than chance."""
    found = measured(results, plan, "published")
    return _document(
        "The paper's comparison", published_headlines(found), results, plan, published_sections(found, plan)
    )


def fair_report(results: Results, plan: Plan, /) -> Document:
    """Tell `fair`: targets, search quality, realised quality, and statistics of both."""
    found = measured(results, plan, "fair")
    return _document("A fair comparison", fair_headlines(found), results, plan, fair_sections(found, plan))


def anytime_report(results: Results, plan: Plan, /) -> Document:
    """Tell `anytime`: who is how good at which moment."""
    found = measured(results, plan, "anytime")
    return _document(
        "Quality along the search", fair_headlines(found), results, plan, anytime_sections(found, results, plan)
    )


def ablation_report(results: Results, plan: Plan, /) -> Document:
    """Tell `ablation`: what each part and setting is good for."""
    return _document("Parts and settings", [], results, plan, ablation_sections(results, plan))


def scaling_report(results: Results, plan: Plan, /) -> Document:
    """Tell `scaling`: growth of time and memory."""
    frame = results.frame("scaling")
    return _document("Growth with the size", scaling_headlines(frame), results, plan, [scaling.scaling_section(frame)])


def constraints_report(results: Results, plan: Plan, /) -> Document:
    """Tell `constraints`: what is reached, part by part."""
    sections = [rows.rows_section(title, text, part, results, plan) for part, (title, text) in rows.CONSTRAINTS.items()]
    told = rows.rows_headlines(rows.rows_of(results, tuple(plan.cells)))
    return _document("Budgets, targets and other constraints", told, results, plan, sections)


def quick_report(results: Results, plan: Plan, /) -> Document:
    """Tell `quick`: a little of each, under one heading per suite."""
    fair, published = measured(results, plan, "fair"), measured(results, plan, "published")
    frame = results.frame("scaling")
    parts = [
        Section("Fair: every algorithm with every chance", fair_sections(fair, plan)),
        Section(
            "Anytime: quality along the search", anytime_sections(measured(results, plan, "anytime"), results, plan)
        ),
        Section("Published: the paper's comparison", published_sections(published, plan)),
        Section("Ablation: parts and settings", ablation_sections(results, plan)),
        scaling.scaling_section(frame),
    ]
    told = [*fair_headlines(fair), *published_headlines(published), *scaling_headlines(frame)]
    return _document("A quick cut through all suites", told, results, plan, parts)


def fair_sections(found: Measured, plan: Plan, /) -> list[Section]:
    """Compose what `fair` says."""
    frame = found.frame
    statistics_of = []
    for k, limit in enumerate(limits_in(frame)):
        rows = frame[frame["limit"] == limit]
        title, name = f"Search quality at {limit}", f"ranks-search-{k + 1}"
        statistics_of.append(statistics.statistics_section(rows, "hypervolume_ratio", title, name))
    realised_rows = frame[frame["max_evaluations"].notna() & frame["area"].notna()]
    if len(realised_rows):
        title = "Realised area at equal evaluations"
        statistics_of.append(statistics.statistics_section(realised_rows, "area", title, "ranks-area"))
    return [
        Section("At a glance", quality.overview_blocks(frame)),
        fair.targets_section(fair.targets(frame)),
        quality.quality_section(frame),
        _with_savings(realised.realised_section(found), found, "savings-fair"),
        Section("More than chance?", [Text(statistics.METHOD), *statistics_of]),
        fronts.fronts_section(found, plan),
    ]


def published_sections(found: Measured, plan: Plan, /) -> list[Section]:
    """Compose what `published` says."""
    llms = {name: read().llms for name, read in plan.datasets.items()}
    frame = found.frame
    title = "Search quality"
    chance = statistics.statistics_section(frame, "hypervolume_ratio", title, "ranks-published", OPTLLM)
    area = frame[frame["area"].notna()]
    realised_ranks = [statistics.statistics_section(area, "area", "Realised area", "ranks-published-area", OPTLLM)]
    return [
        published.differences_section(found.results, plan, "published"),
        published.savings_section(found, llms),
        published.highest_accuracy_section(found),
        published.cost_section(found),
        published.igd_section(found),
        quality.quality_section(frame, OPTLLM),
        _with_savings(realised.realised_section(found, OPTLLM), found, "savings-published"),
        Section("More than chance?", [Text(statistics.METHOD), chance, *(realised_ranks if len(area) else [])]),
        fronts.fronts_section(found, plan),
    ]


def anytime_sections(found: Measured, results: Results, plan: Plan, /) -> list[Section]:
    """Compose what `anytime` says."""
    repeated = measured(results, plan, "attainment")
    return [anytime.anytime_section(found, split_name="splits"), fronts.attainment_section(repeated, plan)]


def ablation_sections(results: Results, plan: Plan, /) -> list[Section]:
    """Compose what `ablation` says."""
    return [
        tell(measured(results, plan, part))
        for part, tell in (
            ("n_grid", ablation.n_grid_section),
            ("alpha", ablation.alpha_section),
            ("labels", ablation.labels_section),
            ("parts", ablation.parts_section),
            ("predictors", ablation.predictors_section),
        )
        if part in plan.parts
    ]


REPORTS: Mapping[str, Callable[[Results, Plan], Document]] = {
    "published": published_report,
    "fair": fair_report,
    "anytime": anytime_report,
    "ablation": ablation_report,
    "scaling": scaling_report,
    "constraints": constraints_report,
    "quick": quick_report,
}


def _document(title: str, told: list[str], results: Results, plan: Plan, sections: list[Section]) -> Document:
    missing = setup.completeness(results, plan) if results.missing() else []
    summary = bullets([*missing, *told]).markdown or "What was run, and what came of it."
    return Document(title, summary, [setup.setup_section(results, plan), *sections])


def _with_savings(section: Section, found: Measured, name: str) -> Section:
    """Put the figure of savings behind the explanation, if anything is realised."""
    rows = found.frame[found.frame["max_evaluations"].notna() & found.frame["area"].notna()]
    if rows.empty:
        return section
    title = "Saving at the best single LLM's accuracy, means and ranges over splits"
    savings = realised.savings_frame(rows)
    nobody = Text("No algorithm has a plan that is truly as accurate as the best single LLM, so nothing is saved.")
    shown = savings_figure(savings, name=name, title=title) if savings["value"].notna().any() else nobody
    first, *rest = section.blocks
    return Section(section.title, [first, shown, *rest])
