"""Columns beside the text: read, turned into numbers, learnt from and asked about again."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from optllm_pymoo import Policy, UserError
from optllm_pymoo.data import read_table
from optllm_pymoo.planning import plan_front
from optllm_pymoo.planning.labels import Beside, read_columns


def test_categories_and_numbers() -> None:
    """A column per category, the most frequent first; a number as it is, its median where it is missing."""
    given = {"lang": ["de", "en", "de", ""], "pages": ["1", "", "5", "3"]}
    beside = Beside.of(given)
    assert beside.kinds == {"lang": ["de", "en"], "pages": 3.0}
    assert beside.table(given).tolist() == [[1, 0, 1], [0, 1, 3], [1, 0, 5], [0, 0, 3]]
    assert beside.table({"lang": ["fr"], "pages": ["7"]}).tolist() == [[0, 0, 7]]
    with pytest.raises(UserError, match="'pages' are not given"):
        beside.table({"lang": ["de"]})
    with pytest.raises(UserError, match="'pages' holds numbers; that of query 0 is 'many'"):
        beside.table({"lang": ["de"], "pages": ["many"]})


def test_what_the_text_hides_a_column_tells(tmp_path: Path) -> None:
    """Which of two LLMs is right hangs on the product alone: by texts plans gain nothing, with the column they do."""
    random = np.random.default_rng(0)
    n = 160
    product = random.integers(2, size=n)
    correct = np.column_stack([product, 1 - product]).astype(float)
    texts = ["".join(random.choice(list("abcdef "), 20)) for _ in range(n)]
    ids = [f"q{k}" for k in range(n)]
    table = pd.DataFrame({"query_id": ids, "product": np.array(["tv", "radio"])[product], "text": texts})
    for j, llm in enumerate("ab"):
        table[llm], table[f"{llm}_cost"] = correct[:, j], 0.1
    table.to_csv(tmp_path / "q.csv", index=False)
    beside = read_columns(tmp_path / "q.csv", ["product"])
    assert beside["product"]["q0"] == ["tv", "radio"][product[0]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the column is used
        data = read_table(tmp_path / "q.csv", beside=["product"])
    assert data.about["beside"] == beside
    blind, seeing = plan_front(data.with_about({"beside": {}}), 0.5), plan_front(data, 0.5)
    assert blind.choose().accuracy < 0.8
    assert seeing.choose().accuracy > 0.85
    assert seeing.skill.gain > 0.25 > blind.skill.gain
    Policy.of(seeing, seeing.choose()).save(tmp_path / "policy.npz")
    policy = Policy.load(tmp_path / "policy.npz")
    assert policy.route(["?", "?"], columns={"product": ["radio", "tv"]}).x.tolist() == [0, 1]
    with pytest.raises(UserError, match="'product' are not given"):
        policy.route(["?"])
    with pytest.raises(UserError, match="lang"):
        read_columns(tmp_path / "q.csv", ["lang"])
