"""Synthetic batches: seeds as separate claims, and what each family is made for."""

from __future__ import annotations

import numpy as np
import pytest

from optllm_pymoo import make_problem
from optllm_pymoo.problems.synthetic import FAMILIES
from tests.processes import run_fresh

DIGEST = """
import hashlib
from optllm_pymoo import make_problem
from optllm_pymoo.problems.synthetic import FAMILIES
for family in FAMILIES:
    problem = make_problem(200, 5, family=family, random_state=3)
    print(hashlib.sha256(problem.cost.tobytes() + problem.accuracy.tobytes()).hexdigest())
"""


def test_same_seed_same_batch(capsys):
    """In this process, and in a fresh one, with an integer as with a Generator."""
    exec(DIGEST, {})
    assert run_fresh(DIGEST) == capsys.readouterr().out.strip()
    for family in FAMILIES:
        one, two = (make_problem(50, 4, family=family, random_state=s) for s in (5, np.random.default_rng(5)))
        np.testing.assert_array_equal(one.cost, two.cost)
        np.testing.assert_array_equal(one.accuracy, two.accuracy)


@pytest.mark.parametrize("family", FAMILIES)
def test_other_seed_other_batch(family):
    """Another seed changes both tables, and the global generator is left alone."""
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    one, two = (make_problem(50, 4, family=family, random_state=seed) for seed in (1, 2))
    assert np.any(one.cost != two.cost)
    assert np.any(one.accuracy != two.accuracy)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


def test_continuous_has_no_ties_and_a_price_ladder():
    """All efficiencies differ; prices span about two orders of magnitude; dearer LLMs tend to be better."""
    problem = make_problem(2000, 8)
    steps = problem.supported_front.steps
    efficiency = steps.delta_accuracy / steps.delta_cost
    assert len(np.unique(efficiency)) == len(efficiency)
    totals = problem.cost.sum(axis=0)
    assert 50 < totals[-1] / totals[0] < 200
    assert problem.accuracy.mean(axis=0)[-1] > problem.accuracy.mean(axis=0)[0]
    assert np.corrcoef(problem.accuracy.T)[0, 1] > 0.3, "difficulty is shared by the LLMs"


def test_tied_has_ties_everywhere():
    """Accuracies in tenths, three price levels, equal prices in every row, equal efficiencies among queries."""
    problem = make_problem(500, 6, family="tied")
    np.testing.assert_allclose(problem.accuracy * 10, np.round(problem.accuracy * 10), atol=1e-12)
    assert len(np.unique(np.round(problem.cost[0], 15))) <= 3
    steps = problem.supported_front.steps
    assert len(np.unique(np.round(steps.delta_accuracy / steps.delta_cost, 3))) < len(steps.query) / 2


def test_binary_has_labels_only():
    """Accuracies are 0 or 1, both of them."""
    assert set(np.unique(make_problem(200, 5, family="binary").accuracy)) == {0.0, 1.0}


def test_dominated_has_one_llm_ahead():
    """The first LLM is cheapest everywhere and best on most queries, but not on all."""
    problem = make_problem(500, 5, family="dominated")
    assert np.all(problem.cost[:, 0] == problem.cost.min(axis=1))
    share = np.mean(problem.accuracy[:, 0] == problem.accuracy.max(axis=1))
    assert 0.85 < share < 1.0


@pytest.mark.parametrize("family", FAMILIES)
def test_sizes_and_types(family):
    """From one query and one LLM on, in both float types."""
    for shape in ((1, 1), (1, 5), (5, 1)):
        assert make_problem(*shape, family=family).cost.shape == shape
    small = make_problem(30, 4, family=family, dtype=np.float32)
    assert small.cost.dtype == small.accuracy.dtype == np.float32


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (-1, 2)])
def test_sizes_below_one(shape):
    """No batch is empty."""
    with pytest.raises(ValueError, match=f"must be at least 1; got {min(shape)}"):
        make_problem(*shape)
    assert make_problem(1, 1).n_queries == 1


def test_unknown_family():
    """All known families are listed."""
    with pytest.raises(ValueError, match="unknown family 'ties'; expected one of continuous, tied, binary, dominated"):
        make_problem(family="ties")
    assert make_problem(3, 2, family="tied").n_llms == 2
