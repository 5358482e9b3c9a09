"""Sentences that are drawn from the numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.report.measured import COUNTED, SEARCHED
from benchmarks.report.quality import averages, findings


def _frame(ratios, **changes):
    """Runs with these hypervolume ratios, a run per algorithm."""
    run = {**dict.fromkeys((*SEARCHED, *COUNTED), 1.0), "evaluations": 1000, "budget": 1000, "failed": False}
    run |= {"seconds": 2.0, "peak_rss_mib": 1.0}
    return pd.DataFrame(
        [{**run, "algorithm": a, "hypervolume_ratio": ratio, **changes.get(a, {})} for a, ratio in ratios.items()]
    )


def _sentences(ratios, **changes):
    """Findings on them."""
    return findings(averages(_frame(ratios, **changes)))


def test_means_over_seeds():
    """Two runs with ratios 0.8 and 0.9 average to 0.85, with the larger of their peaks; failures are counted."""
    two = pd.concat([_frame({"optllm": 0.8, "nsga2": 0.5}), _frame({"optllm": 0.9}, optllm={"peak_rss_mib": 9.0})])
    two.loc[two["algorithm"] == "nsga2", "failed"] = True
    rows = averages(two)
    assert np.isclose(rows.loc["optllm", "hypervolume_ratio"], 0.85)
    assert rows.loc["optllm", "peak_rss_mib"] == 9.0
    assert np.isclose(rows.loc["optllm", "hypervolume_sd"], 0.1 / np.sqrt(2))
    assert rows["n_seeds"].to_dict() == {"optllm": 2, "nsga2": 0}
    assert list(rows.index) == ["optllm", "nsga2"]


def test_a_clear_win():
    """0.80 is not within 1 % of 0.90: the nearest baseline is named, nobody else."""
    assert _sentences({"optllm": 0.9, "nsga2": 0.8, "moead": 0.7})[:2] == [
        "`optllm` has the highest mean hypervolume ratio, 0.9000.",
        "No baseline comes within 1 % of `optllm` (0.9000); the nearest is `nsga2` with 0.8000.",
    ]


def test_a_baseline_that_wins_and_one_that_comes_close():
    """0.99 beats 0.9 by 10 %; 0.891 is exactly 1 % less and close, 0.8 isn't."""
    sentences = _sentences({"optllm": 0.9, "lambda-sweep": 0.99, "nsga2": 0.8911, "moead": 0.8})
    assert sentences[:3] == [
        "`lambda-sweep` has the highest mean hypervolume ratio, 0.9900.",
        "`lambda-sweep` beats `optllm`: 0.9900 against 0.9000 (10 % more).",
        "`nsga2` comes within 1 % of `optllm`: 0.8911 against 0.9000.",
    ]
    assert not any("moead" in sentence for sentence in sentences)


def test_rounding_is_no_win():
    """A difference in the last bits is a tie, which counts as close."""
    sentences = _sentences({"optllm": 0.9, "lambda-sweep": 0.9 * (1 + 1e-15)})
    assert sentences[1] == "`lambda-sweep` comes within 1 % of `optllm`: 0.9000000 against 0.9000000."


def test_its_own_variants_are_no_rivals():
    """OptLLM with other options is not a baseline."""
    sentences = _sentences({"optllm": 0.9, "optllm:walks": 0.95})
    assert not any("beats" in sentence for sentence in sentences)


def test_effects_of_variants():
    """Wherever both were run, the sentence has both numbers."""
    sentences = _sentences({"nsga2": 0.5, "nsga2:warm": 0.7, "nsga2:published": 0.4, "moead:warm": 0.6})
    assert "Starting from the two extreme plans takes `nsga2` from 0.5000 to 0.7000." in sentences
    assert "Using the published operators instead of categorical ones takes `nsga2` from 0.5000 to 0.4000." in sentences


def test_many_effects_are_summed_up():
    """Five families gain 0.1 to 0.5 by a warm start and a sixth loses 0.1: the two ends are told."""
    plain = {f"f{k}": 0.3 for k in range(6)}
    warm = {f"f{k}:warm": 0.3 + 0.1 * (k + 1) for k in range(5)} | {"f5:warm": 0.2}
    assert (
        "Starting from the two extreme plans helps 5 of 6 algorithms; the most `f4` from 0.3000 to 0.8000,"
        " the least `f5` from 0.3000 to 0.2000."
    ) in _sentences(plain | warm)


def test_seconds_and_overshoot():
    """Seconds are compared at the same budget; who went beyond it is named."""
    sentences = _sentences(
        {"optllm": 0.9, "nsga2": 0.5, "moead": 0.4, "single-llms": 0.1},
        nsga2={"seconds": 4.0},
        moead={"seconds": 3.0, "evaluations": 1040},
        **{"single-llms": {"seconds": 0.1, "evaluations": 4}},
    )
    told = next(sentence for sentence in sentences if " s for " in sentence)
    assert told.startswith("`optllm` takes 2 s for 1,000 evaluations; the baselines that evaluate as many")
    assert told.endswith("take 3 s (`moead`) to 4 s (`nsga2`).")
    assert sentences[-1].startswith("More than the budget was evaluated by `moead` (1,040);")


def test_nothing_but_failures():
    """Without a single success there is one thing to say."""
    assert _sentences({"optllm": 0.0}, optllm={"failed": True}) == ["Every algorithm failed."]
