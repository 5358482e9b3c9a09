"""What all figures have in common."""

from __future__ import annotations

from itertools import product

import pandas as pd

from benchmarks.cells.algorithms import VARIANTS, family_of
from benchmarks.report.look import (
    MARKERS,
    MOST,
    OKABE_ITO,
    best_per_family,
    left_out,
    look,
    looks_of,
    panels,
    shown_name,
)


def test_no_two_algorithms_look_alike():
    """As many algorithms as there are colours times markers, more than there are names, all look different."""
    looks = [look(k) for k in range(len(OKABE_ITO) * len(MARKERS))]
    assert sorted(looks) == sorted(product(OKABE_ITO, MARKERS))
    assert len(looks) > len(VARIANTS)
    assert len(set(looks_of(list(VARIANTS)).values())) == len(VARIANTS)


def test_colours_in_a_panel_differ():
    """As many families as a panel shows have different colours, unknown names too."""
    names = ["optllm", "nsga2:warm", "moead", "mopso", "strange", "stranger", "random-search"]
    assert len({colour for colour, _ in looks_of(names).values()}) == MOST


def test_the_best_of_families():
    """By hand: of 9 variants 4 remain, the best of each family; OptLLM stays although it is the last."""
    scores = pd.Series({
        "optllm": 0.1, "optllm:walks": 0.2, "a": 0.9, "a:x": 0.95, "a:y": 0.94, "b": 0.5, "c": 0.6, "d": None, "e": 0.3,
    })  # fmt: skip
    assert best_per_family(scores, most=4) == ["optllm:walks", "a:x", "b", "c"]
    assert best_per_family(scores, most=8) == [name for name in scores.index if name != "d"]
    assert best_per_family(-scores, higher_is_better=False, most=2) == ["optllm:walks", "a:x"]
    shown = best_per_family(pd.Series(range(len(VARIANTS)), index=list(VARIANTS), dtype=float))
    assert len(shown) == len({family_of(name) for name in shown}) == MOST


def test_names():
    """Long ones are cut in the middle, dollars are no mathematics."""
    assert len(shown_name("x" * 100)) == 30
    assert shown_name("$a$") == r"\$a\$"
    assert left_out(["a"], ["a"]) == ""
    assert left_out(["a"], ["a", "b", "c"]).startswith(" Of 3 algorithms 1 ")


def test_panels():
    """As many axes as asked for, in a figure that needs no screen."""
    figure, axes = panels(3, n_columns=2, height=2)
    assert len(axes) == len(figure.axes) == 3
    assert figure.get_size_inches()[1] == 4
