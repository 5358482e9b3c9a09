"""The sentences at the top of a report, drawn from the same numbers as its tables."""

from __future__ import annotations

import pandas as pd

from benchmarks.findings import OURS
from benchmarks.suites.sections.measured import Measured, datasets_in, numbers_of
from benchmarks.suites.sections.paper_tables import OPTLLM
from benchmarks.suites.sections.realised import savings_frame
from benchmarks.suites.sections.scaling import SORT, growth_table, sort_sentences, sweeps
from benchmarks.suites.sections.targets import targets, targets_sentence


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
