"""Two plans side by side."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from optllm_pymoo import AllocationProblem, Plan, UserError
from optllm_pymoo.planning import compare_plans


def test_by_hand(tmp_path: Path) -> None:
    """Three queries: one moves from small to large, for 2 US$ and 0.3 correct answers more."""
    cost, accuracy = [[1.0, 3.0]] * 3, [[0.5, 0.8]] * 3
    problem = AllocationProblem(cost, accuracy, llms=["small", "large"])
    one, two = Plan(problem, [0, 0, 1], n_labelled=10), Plan(problem, [0, 1, 1], n_labelled=10)
    one.to_csv(tmp_path / "one.csv")
    two.to_csv(tmp_path / "two.csv")
    found = compare_plans(tmp_path / "one.csv", tmp_path / "two.csv")
    assert (found.n_queries, found.n_left_out, found.cost_usd) == (3, (0, 0), (5.0, 7.0))
    assert found.moves.to_dict("records") == [
        {"from_llm": "small", "to_llm": "large", "queries": 1, "cost_usd": 2.0, "correct": pytest.approx(0.3)}
    ]
    assert found.difference == pytest.approx(two.difference(one))
    assert found.repriced_usd == 0
    assert not len(found.groups)


def test_other_prices_other_queries_and_another_learning(tmp_path: Path) -> None:
    """What isn't in both is counted; dearer calls that stay are told apart; unlike predictions have no interval."""
    frame = pd.DataFrame({"query_id": list("abc"), "llm": "small", "cost_usd": 1.0, "accuracy": 0.5})
    frame.to_csv(tmp_path / "one.csv", index=False)
    frame.assign(query_id=list("bcd"), cost_usd=1.5).to_csv(tmp_path / "two.csv", index=False)
    found = compare_plans(tmp_path / "one.csv", tmp_path / "two.csv")
    assert (found.n_queries, found.n_left_out) == (2, (1, 1))
    assert (found.cost_usd, found.repriced_usd) == ((2.0, 3.0), 1.0)
    assert found.difference == (0, 0, 0)
    frame.assign(accuracy=0.6).to_csv(tmp_path / "two.csv", index=False)
    assert compare_plans(tmp_path / "one.csv", tmp_path / "two.csv").difference is None
    frame.assign(query_id=list("xyz")).to_csv(tmp_path / "two.csv", index=False)
    with pytest.raises(UserError, match="have no query in common"):
        compare_plans(tmp_path / "one.csv", tmp_path / "two.csv")
    frame.assign(llm="other").to_csv(tmp_path / "two.csv", index=False)  # the cheapest plan and the dearest
    assert compare_plans(tmp_path / "one.csv", tmp_path / "two.csv").moves["queries"].sum() == len(frame)
    with pytest.raises(FileNotFoundError, match="there is no plan"):
        compare_plans(tmp_path / "one.csv", tmp_path / "three.csv")
    frame.drop(columns="cost_usd").to_csv(tmp_path / "two.csv", index=False)
    with pytest.raises(UserError, match="cost_usd"):
        compare_plans(tmp_path / "one.csv", tmp_path / "two.csv")
    assert np.isfinite(found.expected_accuracy).all()


def test_a_plan_in_parts_compares_with_one_in_memory(tmp_path: Path) -> None:
    """The files of plan.parquet are one plan; by its folder or by itself."""
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame(
        {"query_id": list("abc"), "llm": ["small", "large", "large"], "cost_usd": 1.0, "accuracy": 0.5}
    )
    (tmp_path / "parts" / "plan.parquet").mkdir(parents=True)
    for k in range(3):
        frame[k : k + 1].to_parquet(tmp_path / "parts" / "plan.parquet" / f"part-{k}.parquet", index=False)
    frame.assign(llm="small").to_csv(tmp_path / "one.csv", index=False)
    for path in (tmp_path / "parts", tmp_path / "parts" / "plan.parquet"):
        found = compare_plans(tmp_path / "one.csv", path)
        assert (found.n_queries, found.moves["queries"].tolist()) == (3, [2])
