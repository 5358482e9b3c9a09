"""Made-up questions whose words and length show how hard they are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Kind(NamedTuple):
    """A kind of task.

    Attributes:
        name: The name, used as group.
        openings: Ways to begin a question.
        parts: What is asked, from easy to hard; `{a}` and `{b}` are replaced by numbers.
        offset: How much harder than the average this kind is, in logits.
        answer_tokens: Usual length of an answer to one part, in tokens.
    """

    name: str
    openings: tuple[str, ...]
    parts: tuple[str, ...]
    offset: float
    answer_tokens: int


KINDS = (
    Kind(
        "arithmetic",
        ("Compute, and answer with a number:", "Work this out:", "What is the result?"),
        (
            "add {a} and {b}",
            "subtract {b} from {a}",
            "multiply {a} by {b}",
            "divide {a} by {b} and round to two digits",
            "take {a} percent of {b}",
            "give the remainder of {a} modulo {b}",
            "find the greatest common divisor of {a} and {b}",
            "determine the number of primes between {a} and {a}{b}",
        ),
        0.2,
        40,
    ),
    Kind(
        "code",
        ("Write a Python function.", "Complete this program:", "Implement the following in Python."),
        (
            "return the sum of a list of {a} integers",
            "reverse a string of length {a}",
            "count how often each word occurs in file_{a}.txt",
            "parse the date in column {a} and sort rows by it",
            "merge {a} sorted lists without using sorted()",
            "find the longest common subsequence in O(n*{a})",
            "implement a thread-safe LRU cache of size {a}",
            "balance a red-black tree after deleting key {a}",
        ),
        0.5,
        160,
    ),
    Kind(
        "extraction",
        ("Extract the fields of this log line:", "Give the template of this log message:", "Parse:"),
        (
            "status=OK id={a}",
            "user {a} logged in from 10.0.{b}.1",
            "block blk_{a} received, size {b}",
            "Connection from port {a} closed after {b} ms",
            "WARN retry={a} backoff={b}ms host=node-{a}",
            "java.io.IOException at Task.run(Task.java:{a}) cause={b}",
            "[{a}:{b}] wtoken=AppWindowToken{{{a} token=Token{{{b}}}}}",
            "core.{a} <0x{b}> ddr errors(s) detected; mask=0x{a}, rank {b}, bit {a}",
        ),
        -0.4,
        25,
    ),
    Kind(
        "knowledge",
        ("Answer in one sentence:", "Question {a}.", "From general knowledge:"),
        (
            "what is the capital of a large European country, hint {a}",
            "which planet is the largest",
            "who wrote the novel on reading list number {a}",
            "in which year after {a} did the war end",
            "which element has atomic number {a}",
            "which treaty of the century of {a} settled that border",
            "which obscure dynasty ruled the province in {a}",
            "which taxonomic order holds the fossil catalogued as {a}-{b}",
        ),
        -0.1,
        30,
    ),
    Kind(
        "reasoning",
        ("Solve this puzzle.", "Think step by step.", "There are {a} houses in a row."),
        (
            "Ann is older than Bob, who is {a}",
            "the red box is left of the blue box",
            "exactly {a} of the statements are true",
            "nobody who owns a cat drinks tea on day {a}",
            "if the knight lies then door {a} is safe",
            "each guest shook hands with all but {a} others",
            "the probability of drawing {a} aces given {b} kings is asked",
            "prove that no schedule of {a} trains over {b} tracks avoids a conflict",
        ),
        0.7,
        120,
    ),
    Kind(
        "sentiment",
        ("Is this review positive or negative?", "Classify the tone:", "Positive, negative or neutral?"),
        (
            '"I love it, {a} stars!"',
            '"Terrible. Waste of {a} dollars."',
            '"Works fine after {a} weeks."',
            '"Not as bad as version {a}."',
            '"It does what it says, I suppose, {a} times out of {b}."',
            '"Great, another update that breaks {a} things."',
            '"One could hardly wish for less, and gets {a} percent of it."',
            '"If you adored part {a}, you will find part {b} every bit as deserving of you."',
        ),
        -0.8,
        5,
    ),
)
MOST_PARTS = 6


def make_questions(
    kinds: npt.NDArray[np.intp], hardness: npt.NDArray[np.float64], rng: np.random.Generator, /
) -> tuple[list[str], npt.NDArray[np.intp]]:
    """Write a question for every query: the harder, the more parts it has, and the harder each part.

    Args:
        kinds: (N,), index into `KINDS`.
        hardness: (N,), in [0, 1].
        rng: Source of randomness.

    Returns:
        N texts, and the number of parts of each, (N,). O(N).

    Examples:
        >>> texts, n_parts = make_questions(np.array([3]), np.array([0.1]), np.random.default_rng(0))
        >>> texts
        ['From general knowledge: which planet is the largest.']
    """
    n_queries = len(kinds)
    n_parts = 1 + rng.binomial(MOST_PARTS - 1, hardness).astype(np.intp)
    steepest = len(KINDS[0].parts) - 1
    places = hardness[:, np.newaxis] * steepest + rng.normal(0.0, 0.8, (n_queries, MOST_PARTS))
    places = np.clip(np.rint(places), 0, steepest).astype(np.intp)
    openings = rng.integers(len(KINDS[0].openings), size=n_queries)
    numbers = np.floor(10 ** rng.uniform(0.5, 1.5 + 2 * hardness[:, np.newaxis], (n_queries, MOST_PARTS + 1)))
    rows = zip(
        kinds.tolist(),
        openings.tolist(),
        places.tolist(),
        n_parts.tolist(),
        numbers.astype(int).tolist(),
        strict=True,
    )
    return [_question(*row) for row in rows], n_parts


def _question(kind: int, opening: int, places: list[int], n_parts: int, numbers: list[int]) -> str:
    task = KINDS[kind]
    parts = [
        task.parts[place].format(a=numbers[position], b=numbers[position + 1])
        for position, place in enumerate(places[:n_parts])
    ]
    return f"{task.openings[opening].format(a=numbers[-1])} {'; '.join(dict.fromkeys(parts))}."
