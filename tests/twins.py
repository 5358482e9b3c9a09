"""Readable numpy twins of the kernels, and the helper that holds expectation, kernel and twin together."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from optllm_pymoo.kernels.trees import Forest
from optllm_pymoo.tolerances import SAME_COST


def assert_expected(
    kernel: Callable[..., Any], twin: Callable[..., Any], args: Sequence[Any], expected: Any = None, rtol: float = 0.0
) -> None:
    """Assert that kernel and twin agree, that both give the expected value, and that neither changed its input.

    Args:
        kernel: The compiled function.
        twin: Its readable twin, of the same signature.
        args: Positional arguments for both.
        expected: What both should give; None if only their agreement is claimed.
        rtol: Relative tolerance; 0 asks for equality bit for bit.
    """
    copies = [np.array(arg) if isinstance(arg, np.ndarray) else arg for arg in args]
    outcomes = {"kernel": kernel(*args), "twin": twin(*args)}
    for place, (arg, copy) in enumerate(zip(args, copies, strict=True)):
        np.testing.assert_array_equal(arg, copy, err_msg=f"argument {place} was changed")
    _assert_same(outcomes["kernel"], outcomes["twin"], rtol, "kernel against twin")
    if expected is not None:
        for name, outcome in outcomes.items():
            _assert_same(outcome, expected, rtol, f"{name} against what is expected")


def _assert_same(actual: Any, wanted: Any, rtol: float, what: str) -> None:
    if isinstance(actual, tuple):
        for part, other in zip(actual, wanted, strict=True):
            _assert_same(part, other, rtol, what)
    elif getattr(actual, "dtype", None) is not None and actual.dtype.names:
        for name in actual.dtype.names:
            np.testing.assert_array_equal(actual[name], wanted[name], err_msg=f"{what}: {name}")
    else:
        np.testing.assert_allclose(actual, wanted, rtol=rtol, atol=0.0, err_msg=what)


def evaluate_allocations(cost: np.ndarray, accuracy: np.ndarray, X: np.ndarray) -> np.ndarray:
    """Sum the chosen cells, each sum rounded once."""
    rows = np.arange(len(cost))
    return np.array([[math.fsum(cost[rows, x]), -math.fsum(accuracy[rows, x]) / len(cost)] for x in X]).reshape(-1, 2)


def first_disallowed(allowed: np.ndarray, X: np.ndarray) -> tuple[int, int]:
    """Find the first (plan, query) off the mask."""
    places = np.argwhere(~allowed[np.arange(len(allowed)), X])
    return (int(places[0][0]), int(places[0][1])) if len(places) else (-1, -1)


def hull(cost: np.ndarray, accuracy: np.ndarray, allowed: np.ndarray | None) -> list[int]:
    """Wrap one query's hull: from the cheapest LLM always on to the most efficient dearer one, as far as it goes."""
    llms = [j for j in range(len(cost)) if allowed is None or allowed[j]]
    c, a = cost.astype(float), accuracy.astype(float)
    lowest = min(c[j] for j in llms)
    vertices = [min((j for j in llms if c[j] <= lowest * (1 + SAME_COST)), key=lambda j: (-a[j], j))]
    # of LLMs that are equally dear and equally good the first stays
    twice = {
        j for k in llms for j in llms
        if k < j and a[k] == a[j] and max(c[k], c[j]) <= min(c[k], c[j]) * (1 + SAME_COST)
    }  # fmt: skip
    llms = [j for j in llms if j not in twice]
    while True:
        here = vertices[-1]
        better = [j for j in llms if a[j] > a[here]]
        if not better:
            return vertices
        vertices.append(min(better, key=lambda j: (-(a[j] - a[here]) / (c[j] - c[here]), -c[j], j)))


STEP = [("cost", float), ("accuracy", float), ("query", int), ("from_llm", int), ("to_llm", int)]


def upper_hulls(
    cost: np.ndarray, accuracy: np.ndarray, allowed: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Wrap every query's hull, write them one behind the other, and list the steps along them."""
    masks = [None] * len(cost) if allowed is None else allowed
    hulls = [hull(*row) for row in zip(cost, accuracy, masks, strict=True)]
    offset = np.concatenate([[0], np.cumsum([len(vertices) - 1 for vertices in hulls])])
    steps = [
        (float(cost[i, t]) - float(cost[i, f]), float(accuracy[i, t]) - float(accuracy[i, f]), i, f, t)
        for i, vertices in enumerate(hulls)
        for f, t in pairwise(vertices)
    ]
    return offset, np.concatenate(hulls), np.array(steps, dtype=STEP)


def order_by_efficiency(steps: np.ndarray) -> np.ndarray:
    """Sort stably by falling efficiency."""
    return np.argsort(-steps["accuracy"] / steps["cost"], kind="stable")


def follow_steps(steps: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Reorder the steps, and sum every prefix again, each sum rounded once."""
    taken = steps[order]
    sums = [[math.fsum(taken[name][:k]) for name in ("cost", "accuracy")] for k in range(len(order) + 1)]
    return taken["query"], taken["from_llm"], taken["to_llm"], np.array(sums)


def tabulate_levels(cost: np.ndarray, offset: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    """Count the vertices after the first that are no dearer than each LLM."""
    n = len(cost)
    hulls = [vertices[offset[i] + i : offset[i + 1] + i + 1] for i in range(n)]
    return np.array(
        [[np.sum(cost[i, hulls[i][1:]] <= (1 + SAME_COST) * dollars) for dollars in cost[i]] for i in range(n)]
    )


def count_steps(levels: np.ndarray, x: np.ndarray) -> int:
    """Sum the levels of the chosen LLMs."""
    return int(sum(levels[i, j] for i, j in enumerate(x)))


def steps_between(levels: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Name each query as often as its level rises from one allocation to the other."""
    rises = [max(0, int(row[b]) - int(row[a])) for row, a, b in zip(levels, x, y, strict=True)]
    return np.repeat(np.arange(len(rises)), rises)


def move_to_ends(table: np.ndarray, ends: np.ndarray, target: float, x: np.ndarray) -> np.ndarray:
    """Sort all gains, apply the largest until their sum reaches the target; unchanged if it can't be reached."""
    rows = np.arange(len(x))
    gains = np.abs(table[rows, ends].astype(float) - table[rows, x])
    largest_first = np.argsort(-gains, kind="stable")
    reached = np.cumsum(gains[largest_first])
    if gains.max() == 0.0 or reached[-1] < target:
        return x.copy()
    moved = largest_first[: np.argmax(reached >= target) + 1]
    return np.where(np.isin(rows, moved), ends, x)


_SIGNS = {
    **{"equal_sign": "=", "colon": ":", "slash": "/", "full_stop": ".", "comma": ",", "question_mark": "?"},
    **{"bracket": "([{<", "quote": "\"'", "line_break": "\n", "dollar": "$", "backslash": "\\"},
    **{"underscore": "_", "dash": "-", "star": "*"},
}


def _longest(parts: list[str]) -> float:
    return max(map(len, parts), default=0)


def _share(text: str, kind: Callable[[str], bool]) -> float:
    return sum(map(kind, text)) / max(len(text), 1)


COUNTS: dict[str, Callable[[str, list[str]], float]] = {
    "characters": lambda text, words: len(text),
    "words": lambda text, words: len(words),
    "distinct_words": lambda text, words: len(set(words)),
    "sentences": lambda text, words: len(re.findall(r"[.!?。！？](?=\s|$)", text)),
    "digits": lambda text, words: len(re.findall(r"\d", text)),
    "capitals": lambda text, words: sum(map(str.isupper, text)),
    "symbols": lambda text, words: len(re.findall(r"[^\w\s]", text)),
    "beyond_ascii": lambda text, words: len(text) - len(text.encode("ascii", "ignore")),
    **{f"of_{name}": lambda text, words, signs=signs: sum(map(text.count, signs)) for name, signs in _SIGNS.items()},
    "longest_line": lambda text, words: _longest(text.splitlines()),
    "words_with_digits": lambda text, words: sum(re.search(r"\d", word) is not None for word in words),
    "capitalised_words": lambda text, words: sum(word[0].isupper() for word in words),
    "longest_word": lambda text, words: _longest(words),
    "mean_word_length": lambda text, words: sum(map(len, words)) / max(len(words), 1),
    "starts_with_capital": lambda text, words: text.lstrip()[:1].isupper(),
    "starts_with_small_letter": lambda text, words: text.lstrip()[:1].islower(),
    "starts_with_digit": lambda text, words: text.lstrip()[:1].isdigit(),
    "starts_with_blank": lambda text, words: text[:1].isspace(),
    "ends_with_question_mark": lambda text, words: text.rstrip().endswith(("?", "？")),
    "ends_with_full_stop": lambda text, words: text.rstrip().endswith((".", "。")),
    "ends_with_letter_or_digit": lambda text, words: text.rstrip()[-1:].isalnum(),
    "share_of_capitals": lambda text, words: _share(text, str.isupper),
    "share_of_digits": lambda text, words: _share(text, str.isdigit),
}


def surface_counts(texts: Sequence[str]) -> np.ndarray:
    """Count what texts look like by Python's own methods, one after the other."""
    rows = [[count(text, re.findall(r"\S+", text)) for count in COUNTS.values()] for text in texts]
    return np.log1p(np.array(rows, dtype=float))


def average_trees(forest: Forest, features: np.ndarray) -> np.ndarray:
    """Walk down each tree, query by query."""
    total = np.zeros((len(features), forest.values.shape[1]))
    for root in forest.roots.tolist():
        for i, row in enumerate(features):
            node = root
            while forest.children[node, 0] != node:
                node = int(forest.children[node, int(row[forest.features[node]] > forest.thresholds[node])])
            total[i] += forest.values[forest.children[node, 1]]
    return total / len(forest.roots)
