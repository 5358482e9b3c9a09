"""Statistics in a report."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks.report.document import Details, FigureBlock, TableBlock, Text
from benchmarks.report.significance import Comparison, comparison_table


def _runs(scores, *, data="d"):
    """Scores by algorithm, one per split, as rows."""
    rows = [(data, k, name, value) for name, of in scores.items() for k, value in enumerate(of)]
    return pd.DataFrame(rows, columns=["data", "split", "algorithm", "v"])


THREE = {"optllm": [3.0, 3.0, 2.0], "a": [2.0, 2.0, 3.0], "b": [1.0, 1.0, 1.0]}


def test_ranks_wins_and_effects_by_hand():
    """Ranks of OptLLM 1, 1, 2; against a it wins 2 of 3, leads by 1, 1, -1: median 1.

    Its 3, 3, 2 exceed 2, 2, 3 in 2.5 + 2.5 + 1 of 9 pairs.
    """
    scores = _runs(THREE).pivot(index="split", columns="algorithm", values="v")
    table = comparison_table(scores, "optllm").set_index("algorithm")
    assert table["mean_rank"].to_dict() == pytest.approx({"optllm": 4 / 3, "a": 5 / 3, "b": 3.0})
    assert table.loc["a", "record"] == "2 / 0 / 1"
    assert table.loc["a", "vargha_delaney"] == pytest.approx(6 / 9)
    assert table.loc["a", "median_difference"] == 1.0
    assert np.isnan(table.loc["optllm", "vargha_delaney"])


def test_smaller_is_better():
    """With measures that are to be small, being ahead means being lower, and leads are positive all the same."""
    scores = _runs({"optllm": [1.0, 2.0], "a": [3.0, 5.0]}).pivot(index="split", columns="algorithm", values="v")
    table = comparison_table(scores, "optllm", higher_is_better=False).set_index("algorithm")
    assert table.loc["a", "median_difference"] == 2.5
    assert table.loc["a", "vargha_delaney"] == 1.0
    assert table.loc["a", "record"] == "2 / 0 / 0"
    assert table.loc["a", "interval"].startswith("+")


def test_the_section_has_diagram_and_table():
    """Sentences, a figure and one table, in which OptLLM stands out."""
    compared = Comparison(_runs(THREE), "v", "Area")
    (figure,) = compared.figure("ranks")
    text, table = compared.section().blocks
    assert isinstance(figure, FigureBlock)
    assert figure.name == "ranks"
    assert "3 blocks and 3 algorithms" in text.markdown
    assert isinstance(table, TableBlock)
    assert list(table.bold) == [0]


def test_effects_are_within_data_sets():
    """In d A = 6/9 as above, in e 1.0 exceeds nothing: the table of the section has their mean."""
    runs = pd.concat([_runs(THREE), _runs({"optllm": [1.0, 1.0], "a": [5.0, 6.0], "b": [0.0, 0.0]}, data="e")])
    *_, table = Comparison(runs, "v", "Area").section().blocks
    assert table.frame.set_index("algorithm").loc["a", "vargha_delaney"] == pytest.approx((6 / 9 + 0) / 2)


def test_one_split_has_no_test():
    """Why there is none is said; the table is there without intervals."""
    runs = _runs({name: values[:1] for name, values in THREE.items()})
    text, table = Comparison(runs, "v", "Area").section().blocks
    assert "No Friedman test: it takes at least 2 blocks" in text.markdown
    assert table.frame["interval"].isna().all()
    assert table.frame["p_value"].isna().all()


def test_alone_there_is_nothing_to_compare():
    """One algorithm, or none that succeeded."""
    for scores in ({"optllm": [1.0, 2.0]}, {"optllm": [np.nan], "a": [np.nan]}):
        compared = Comparison(_runs(scores), "v", "Area")
        assert compared.figure("ranks") == []
        (text,) = compared.section().blocks
        assert isinstance(text, Text)
        assert "nothing to compare" in text.markdown


def test_many_algorithms_are_folded():
    """Of 21 the best variant of each family is ranked and drawn; all are in the folded table."""
    scores = {f"f{k}{v}": [k + x, k - x] for k in range(10) for v, x in (("", 0.1), (":warm", 0.2))}
    runs = _runs({"optllm:walks": [20.0, 20.0], **scores})
    *_, table, details = Comparison(runs, "v", "Area", "optllm:walks").section().blocks
    assert len(table.frame) == 11
    assert isinstance(details, Details)
    assert len(details.blocks[0].frame) == 21


def test_ours_stands_for_its_family():
    """Whatever another variant of it scores."""
    runs = _runs({"optllm": [2.0, 2.0], "optllm:walks": [1.0, 1.0], **{f"f{k}": [0.0, 0.0] for k in range(14)}})
    shown = Comparison(runs, "v", "Area", "optllm:walks").ranking.mean_ranks.index
    assert "optllm:walks" in shown
    assert "optllm" not in shown
