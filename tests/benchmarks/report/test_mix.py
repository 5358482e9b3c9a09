"""The mix of LLMs."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from benchmarks.report.fronts import mix_figure
from optllm_pymoo import AllocationProblem, make_problem


def test_sentence_by_hand():
    """Three queries go from the first LLM to the third, one of them by the second, which never leads."""
    cost = [[1.0, 2, 9], [1, 8, 3], [1, 8, 4], [1, 7, 5]]
    accuracy = [[0.1, 0.9, 0.9], [0.1, 0.1, 0.9], [0.1, 0.1, 0.9], [0.8, 0.1, 0.1]]
    problem = AllocationProblem(cost, accuracy, llms=["small", "_middle", "$large"])
    block = mix_figure(problem, name="mix", title="Mix")
    assert block.sentence.startswith(
        "3 of 3 LLMs are used somewhere along the budget; the largest share belongs to small with 100 % of the queries"
        " in the cheapest plan and to $large with 50 % of the queries in the most accurate one"
    )
    (legend,) = block.figure.legends
    assert {text.get_text() for text in legend.get_texts()} == {"small", " _middle", r"\$large"}


def test_given_plans_and_one_plan():
    """Plans of a search are drawn instead; a single plan is said to be one."""
    problem = AllocationProblem([[1.0, 2.0]] * 2, [[0.2, 0.4]] * 2)
    found = SimpleNamespace(F=np.array([[3.0, -0.3]]), X=np.array([[0, 1]]))
    sentence = mix_figure(problem, name="mix", title="Mix", found=found).sentence
    assert (
        sentence
        == "One plan is best at every budget; most goes to llm0 with 50 % of the queries, and 2 of 2 LLMs are used."
    )


def test_many_llms():
    """Of forty LLMs ten are named, and the rest is counted."""
    block = mix_figure(make_problem(400, 40, random_state=2), name="mix", title="Mix")
    (legend,) = block.figure.legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert len(texts) == 11
    n_used = int(block.sentence.split(" of ")[0])
    assert texts[-1] == f"{n_used - 10} others"
    assert block.figure.axes[0].get_legend() is None
