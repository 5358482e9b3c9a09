"""Amounts as text."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optllm_pymoo import AllocationProblem
from optllm_pymoo.decision import Plan
from optllm_pymoo.decision.text import PlanFacts, usd


@pytest.mark.parametrize(
    ("amount", "text"), [(2.0, "2"), (0.1 + 0.2, "0.3"), (1e-7, "0.0000001"), (123456.0, "123460"), (0.0, "0")]
)
def test_reads_plainly(amount: float, text: str) -> None:
    """No exponents, no trailing zeros, five digits."""
    assert usd(amount) == text


def facts(**changes: object) -> PlanFacts:
    """A plan of four queries on two LLMs."""
    plan = Plan(AllocationProblem([[1.0, 2.0]] * 4, [[0.5, 0.9]] * 4), [0, 0, 1, 1], budget_usd=6.0)
    return plan.facts()._replace(**changes)


@pytest.mark.parametrize(
    ("gap", "said"),
    [
        (0.0, "no plan for 6 US$ has a higher expected accuracy, if the predictions are right"),
        (0.2, "no plan for 6 US$ gives one more correct answer, if"),
        (0.25, "no plan for 6 US$ is better by more than 1 correct answer, if"),
        (0.3, "no plan for 6 US$ is better by more than 2 correct answers, if"),
    ],
)
def test_certificates_count_whole_answers(gap: float, said: str) -> None:
    """Of four queries 0.2 are less than one answer; 1.2 answers are bounded by two."""
    assert said in " ".join(facts(gap=gap).summary().split())


def test_one_certificate_within_limits() -> None:
    """A bound about plans within limits says so."""
    assert "no plan within the limits for 6 US$ has a higher" in " ".join(facts(has_limits=True).summary().split())


def test_promise_and_interval_use_the_same_words() -> None:
    """Both are reached with so much probability; percentages look alike."""
    text = " ".join(facts(promise=0.9, promised_accuracy=0.5, has_sigma=True).summary().split())
    assert "70.00 %, with 95 % probability" in text
    assert "Promised accuracy 50.00 % with 90 % probability" in text


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=90), st.floats(1e-9, 1e9))
def test_reports_fit_80_columns(name: str, cost: float) -> None:
    """Whatever the LLM is called and costs; nothing in a name steers the terminal."""
    problem = AllocationProblem([[cost, 2 * cost]] * 3, [[0.5, 0.9]] * 3, llms=[name, f"{name}2"])
    text = Plan(problem, [0, 1, 1], sigma=np.full((3, 2), 0.1), budget_usd=9 * cost).summary()
    assert max(map(len, text.split("\n"))) <= 80
    assert text.replace("\n", "").isprintable()
