"""What the numbers of a comparison say, one sentence each."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.algorithms import family_of

CLOSE = 0.01
"""Hypervolume ratios that differ by less than one per cent count as close."""

ROUNDING = 1e-9

TOLD = 5
"""More changes than this are summed up in one sentence."""

OURS = "optllm"


def findings(summary: pd.DataFrame, /, *, ours: str = OURS) -> list[str]:
    """Draw sentences from the table of one batch.

    Args:
        summary: The rows of `benchmarks.summary.averages` for one batch under one limit, indexed by algorithm. Their
            ``budget`` is NaN where evaluations are not limited.
        ours: Variant of OptLLM that is compared with the others.

    Returns:
        Sentences in Markdown. Wherever another family of algorithms wins against OptLLM or comes within 1 %,
        a sentence says so.
    """
    done = summary[summary["n_seeds"] > 0]
    if done.empty:
        return ["Every algorithm failed."]
    ratio = done["hypervolume_ratio"].sort_values(ascending=False, kind="stable")
    sentences = [f"`{ratio.index[0]}` has the highest mean hypervolume ratio, {ratio.iloc[0]:.4f}."]
    if ours in ratio.index:
        sentences += rivals(ratio, ours)
        sentences += _seconds(done, ours)
    sentences += _effects(ratio, ":warm", "Starting from the two extreme plans")
    sentences += _effects(ratio, ":published", "Using the published operators instead of categorical ones")
    sentences += _overshoots(done)
    return sentences


def rivals(values: pd.Series, ours: str, /) -> list[str]:
    """Say who beats OptLLM or comes within 1 %, and if nobody does, who is nearest.

    Args:
        values: By algorithm, best first; larger is better.
        ours: Variant of OptLLM that is compared with the other families.
    """
    own = values[ours]
    others = values[_is_baseline(values.index)]
    wins = others > own * (1 + ROUNDING)
    winners, close = others[wins], others[~wins & (others >= own * (1 - CLOSE))]
    sentences = [
        f"`{name}` beats `{ours}`: {_versus(value, own)}{_more(value, own)}." for name, value in winners.items()
    ]
    sentences += [f"`{name}` comes within 1 % of `{ours}`: {_versus(value, own)}." for name, value in close.items()]
    if len(others) and not sentences:
        sentences = [
            f"No baseline comes within 1 % of `{ours}` ({own:.4f}); the nearest is `{others.index[0]}`"
            f" with {others.iloc[0]:.4f}."
        ]
    return sentences


def _more(value: float, own: float) -> str:
    return f" ({100 * (value / own - 1):.2g} % more)" if own > 0 else ""


def _versus(value: float, ours: float) -> str:
    """Print two numbers with enough digits to tell them apart, within reason."""
    digits = 4 if f"{value:.4f}" != f"{ours:.4f}" else 7
    return f"{value:.{digits}f} against {ours:.{digits}f}"


def _seconds(done: pd.DataFrame, ours: str) -> list[str]:
    """How long OptLLM takes beside the baselines that evaluate as much, the budget at least."""
    own = done.loc[ours]
    as_many = done["evaluations"] >= np.minimum(own["evaluations"], done["budget"])
    others = done[_is_baseline(done.index) & as_many]
    if others.empty:
        return []
    seconds = others["seconds"]
    return [
        f"`{ours}` takes {own['seconds']:.3g} s for {own['evaluations']:,.0f} evaluations; the baselines"
        f" that evaluate as many or use up the budget take {seconds.min():.3g} s (`{seconds.idxmin()}`) to"
        f" {seconds.max():.3g} s (`{seconds.idxmax()}`)."
    ]


def _effects(ratio: pd.Series, variant: str, what: str) -> list[str]:
    """What a variant changes, wherever an algorithm was run both with and without it and it shows."""
    pairs = [(name.replace(variant, ""), name) for name in ratio.index if variant in name]
    changed = [
        (plain, ratio[plain], ratio[with_it])
        for plain, with_it in pairs
        if plain in ratio.index and f"{ratio[plain]:.4f}" != f"{ratio[with_it]:.4f}"
    ]
    if len(changed) > TOLD:
        return [_most_and_least(changed, what)]
    changes = [f"`{plain}` from {before:.4f} to {after:.4f}" for plain, before, after in changed]
    return [f"{what} takes {', '.join(changes)}."] if changes else []


def _most_and_least(changed: list[tuple[str, float, float]], what: str) -> str:
    """Sum up many changes: how many are for the better, and the two ends."""
    ranked = sorted(changed, key=lambda change: change[2] - change[1])
    n_better = sum(after > before for _, before, after in changed)
    least, most = (f"`{plain}` from {before:.4f} to {after:.4f}" for plain, before, after in (ranked[0], ranked[-1]))
    return f"{what} helps {n_better} of {len(changed)} algorithms; the most {most}, the least {least}."


def _overshoots(done: pd.DataFrame) -> list[str]:
    over = done[done["evaluations"] > done["budget"]]
    if over.empty:
        return []
    names = ", ".join(f"`{name}` ({row['evaluations']:,.10g})" for name, row in over.iterrows())
    return [
        f"More than the budget was evaluated by {names}; the measures, save the one on the result set, leave"
        " out what came after it."
    ]


def _is_baseline(names: pd.Index) -> np.ndarray:
    return np.array([family_of(name) != OURS for name in names])
