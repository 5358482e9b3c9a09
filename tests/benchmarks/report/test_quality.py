"""Search quality and targets, from made-up searches."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks.report.document import Column, Details, Section, TableBlock, Text
from benchmarks.report.measured import measured
from benchmarks.report.quality import ROWS, overview_table, quality_section, ranked_tables, unproved_sentences
from benchmarks.suites.fair import SUITE, targets, targets_sentence
from tests.benchmarks.suites.made_up import EVALUATIONS, SECONDS, plan_of, realised, results_of, search, searched


def _frame(tmp_path, ratios, *, limit=EVALUATIONS):
    """The frame of searches with these ratios by algorithm, one per split; None is not done."""
    outcomes = {
        search(name, split, limit): None if ratio is None else searched(ratio)
        for name, of in ratios.items()
        for split, ratio in enumerate(of)
    }
    plan = plan_of("fair", *outcomes)
    done = {cell: outcome for cell, outcome in outcomes.items() if outcome is not None}
    return measured(results_of(tmp_path, plan, done), plan, "fair").frame


def _blocks(section, kind):
    """All blocks of a kind, in sections within too."""
    inner = [block for part in section.blocks if isinstance(part, Section) for block in _blocks(part, kind)]
    return [block for block in section.blocks if isinstance(block, kind)] + inner


def test_means_over_splits_with_sd(tmp_path):
    """0.8 and 0.9 have mean 0.85 and standard deviation 0.1 / √2; a single run has none."""
    frame = _frame(tmp_path, {"optllm": [0.8, 0.9], "nsga2": [0.5]})
    (table,) = _blocks(quality_section(frame), TableBlock)
    rows = table.frame.set_index("algorithm")
    assert rows.loc["optllm", "hypervolume_ratio"] == pytest.approx(0.85)
    assert rows.loc["optllm", "hypervolume_sd"] == pytest.approx(0.1 / np.sqrt(2))
    assert np.isnan(rows.loc["nsga2", "hypervolume_sd"])
    assert table.frame["algorithm"].tolist() == ["optllm", "nsga2"]
    assert list(table.bold) == [0]


def test_a_baseline_that_wins_is_told(tmp_path):
    """The same sentences as those of the bare command."""
    frame = _frame(tmp_path, {"optllm": [0.9], "lambda-sweep": [0.99], "nsga2": [0.899]})
    told = "\n".join(block.markdown for block in _blocks(quality_section(frame), Text))
    assert "`lambda-sweep` beats `optllm`: 0.9900 against 0.9000 (10 % more)." in told
    assert "`nsga2` comes within 1 % of `optllm`: 0.8990 against 0.9000." in told


def test_what_failed_stays_in_the_table(tmp_path):
    """An algorithm without any result is a row of dashes with 0 runs, and last."""
    frame = _frame(tmp_path, {"nsga2": [None, None], "optllm": [0.9, None]})
    (table,) = _blocks(quality_section(frame), TableBlock)
    assert table.frame["algorithm"].tolist() == ["optllm", "nsga2"]
    assert table.frame["n_seeds"].tolist() == [1, 0]
    assert np.isnan(table.frame["hypervolume_ratio"].iloc[1])


def test_nothing_done_is_told(tmp_path):
    """With no result at all there is a sentence, not an error."""
    section = quality_section(_frame(tmp_path, {"optllm": [None]}))
    assert any("Every algorithm failed." in block.markdown for block in _blocks(section, Text))


def test_long_tables_are_folded():
    """Above 14 rows the best variant of each family is shown, and all are folded away."""
    names = [f"family-{k}:{variant}" for k in range(8) for variant in ("a", "b")]
    rows = pd.DataFrame({"v": np.arange(16.0)}, index=names)
    assert len(rows) > ROWS
    short, folded = ranked_tables(rows, [Column("algorithm", "", "a"), Column("v", "", "v")], "Caption", rows["v"])
    assert short.frame["algorithm"].tolist() == [f"family-{k}:b" for k in range(8)]
    assert isinstance(folded, Details)
    assert len(folded.blocks[0].frame) == 16


def test_targets_are_judged_on_means(tmp_path):
    """0.90 is above the best evolutionary mean of 0.85, though one split is lost; and 10 % below the sweep."""
    frame = _frame(tmp_path, {"optllm": [0.9, 0.9], "nsga2": [0.75, 0.95], "moead": [0.1, 0.1], "lambda-sweep": [1, 1]})
    above, within, exact = targets(frame)
    assert (above.rival, above.reached) == ("nsga2", "yes")
    assert above.margin == pytest.approx(0.9 / 0.85 - 1)
    assert (within.rival, within.reached) == ("lambda-sweep", "NO")
    assert (exact.rival, exact.theirs, exact.reached) == ("the exact front", 1.0, "NO")
    assert targets_sentence([above, within, exact]) == (
        "1 of 3 targets are reached. Not reached: `lambda-sweep` on logpai at 100 evaluations (1.0000 against 0.9000);"
        " the exact front on logpai at 100 evaluations (1.0000 against 0.9000)."
    )


@pytest.mark.parametrize(("ratio", "reached"), [(0.995, "yes"), (0.9949, "NO")])
def test_half_a_per_cent_is_within(tmp_path, ratio, reached):
    """0.995 of the sweep's and of the exact front's is reached, a little less isn't."""
    judged = targets(_frame(tmp_path, {"optllm": [ratio], "epsilon-constraint": [1.0]}))
    assert [(judge.rival, judge.reached) for judge in judged] == [
        ("epsilon-constraint", reached),
        ("the exact front", reached),
    ]


def test_a_short_sweep_is_no_yardstick(tmp_path):
    """Beside a sweep of 0.9 a ratio of 0.94 is enough, beside the exact front not; the text says why both stand."""
    judged = targets(_frame(tmp_path, {"optllm": [0.94], "epsilon-constraint": [0.9]}))
    assert [judge.reached for judge in judged] == ["yes", "NO"]
    text, table = SUITE.targets_section(judged).blocks
    assert "`epsilon-constraint` solves 20 integer programmes" in text.markdown
    assert table.frame["margin"].tolist() == pytest.approx([0.94 / 0.9 - 1, -0.06])


def test_rivals_are_compared_over_common_splits(tmp_path):
    """The second split is hard, and only OptLLM did it: over the first it is behind, and over both 0.7 from the front.

    What has no split in common with it isn't judged, nor does it stand for the others.
    """
    ratios = {
        "optllm": [0.8, 0.6, None],
        "nsga2": [0.81, None, 0.1],
        "moead": [0.7, 0.5, 0.9],
        "mopso": [None, None, 1],
    }
    above, exact = targets(_frame(tmp_path, ratios))
    assert (above.rival, above.ours, above.theirs, above.splits, above.reached) == ("nsga2", 0.8, 0.81, 1, "NO")
    assert (exact.ours, exact.splits) == (pytest.approx(0.7), 2)


def test_the_exact_front_is_always_there(tmp_path):
    """Without any rival OptLLM is judged beside it; a split that isn't done doesn't count."""
    (judge,) = targets(_frame(tmp_path, {"optllm": [0.999, None]}))
    assert judge == ("logpai", "100 evaluations", "within 0.5%", 0.999, "the exact front", 1.0, 0.999 - 1, 1, "yes")
    assert targets(_frame(tmp_path / "none", {"optllm": [None], "nsga2": [0.5]})) == []


def test_equal_is_not_above(tmp_path):
    """A tie with an evolutionary algorithm misses the target."""
    judge, _ = targets(_frame(tmp_path, {"optllm": [0.9], "pygmo-nspso:warm": [0.9]}))
    assert (judge.rival, judge.reached) == ("pygmo-nspso:warm", "NO")


def test_no_target_without_optllm(tmp_path):
    """The section says why it is empty."""
    judged = targets(_frame(tmp_path, {"nsga2": [0.9]}))
    assert judged == []
    (text,) = SUITE.targets_section(judged).blocks
    assert "no target can be judged" in text.markdown


def test_overview_weighs_data_sets_alike(tmp_path):
    """Two splits of one data set at 0.4 and 0.6, one of another at 0.9: (0.5 + 0.9) / 2 = 0.7."""
    cells = {
        search("optllm", 0): realised(0.4, 0.1),
        search("optllm", 1): realised(0.6, 0.3),
        search("optllm", 0, data="other"): realised(0.9, 0.6),
        search("optllm", 0, SECONDS): realised(0.7, 0.5),
        search("optllm", 0, SECONDS, data="other"): realised(0.8, 0.5),
        search("nsga2", 0): realised(0.3, 0.1),
    }
    plan = plan_of("fair", *cells, search("nsga2", 0, data="other"))
    table = overview_table(measured(results_of(tmp_path, plan, cells), plan, "fair").frame)
    assert table.loc["optllm"].tolist() == pytest.approx([0.7, 0.75, 2.0, 0.4])
    assert np.isnan(table.loc["nsga2", "at_evaluations"])  # it lacks a data set


def test_programmes_that_were_cut_off_are_counted():
    """Over all splits, and only where there are any; runs of before the count have none."""
    runs = pd.DataFrame({"algorithm": ["forc", "forc", "exact", "carrot"], "n_unproved": [1.0, 2.0, 0.0, float("nan")]})
    (sentence,) = unproved_sentences(runs)
    assert sentence.startswith("3 integer programmes of `forc` ended")
    assert unproved_sentences(runs.assign(n_unproved=float("nan"))) == []


def test_overview_leaves_out_means_over_fewer_splits(tmp_path):
    """nsga2 failed on the split where optllm has 0.5: its 0.9 of the other is no mean; what nobody has isn't missed."""
    cells = {
        search(name, k): realised(v, v) for name, k, v in [("optllm", 0, 0.9), ("optllm", 1, 0.5), ("nsga2", 0, 0.9)]
    }
    plan = plan_of("fair", *cells, search("nsga2", 1), search("optllm", 2), search("nsga2", 2))
    table = overview_table(measured(results_of(tmp_path, plan, cells), plan, "fair").frame)
    assert table.loc["optllm", ["at_evaluations", "seconds", "area"]].tolist() == pytest.approx([0.7, 2.0, 0.7])
    assert table.loc["nsga2"].isna().all()


def test_nobody_can_be_above_one(tmp_path):
    """Where OptLLM and a rival both found everything, that is a tie and no defeat; short of everything it is one."""
    judged = targets(_frame(tmp_path / "a", {"optllm": [1.0], "nsga2": [1.0]}))
    assert [judge.reached for judge in judged] == ["tied at 1", "yes"]
    assert targets_sentence(judged) == "2 of 2 targets are reached, 1 of them by a tie: both found the whole front."
    assert targets(_frame(tmp_path / "b", {"optllm": [0.9], "nsga2": [0.9]}))[0].reached == "NO"
