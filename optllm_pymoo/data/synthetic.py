"""A made-up batch of queries with texts, for demonstrations and tests without any real data."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from optllm_pymoo.data.dataset import Dataset
from optllm_pymoo.data.prices import PriceTable
from optllm_pymoo.validation import FloatArray, as_whole

# US$ per million input tokens of the cheapest and the dearest LLM
CHEAPEST, DEAREST = 0.05, 10.0
SYSTEM_PROMPT_TOKENS = 20
CHARACTERS_PER_TOKEN = 4.0


class _Candidates(NamedTuple):
    """Made-up LLMs, cheapest first.

    Attributes:
        prices: Their prices.
        skill: (M, kinds), in logits, by kind of task.
        tokens_per_token: (M,), tokens that its tokenizer counts, per token of an average tokenizer.
        verbosity: (M,), length of its answers relative to the average.
    """

    prices: PriceTable
    skill: FloatArray
    tokens_per_token: FloatArray
    verbosity: FloatArray

    @classmethod
    def made(cls, n_llms: int, rng: np.random.Generator) -> _Candidates:
        """Make LLMs with geometrically rising prices; skill rises with price on average, and varies by kind of task."""
        ladder = np.linspace(0.0, 1.0, n_llms)
        input_usd = CHEAPEST * (DEAREST / CHEAPEST) ** ladder * rng.uniform(0.85, 1.15, n_llms)
        output_usd = input_usd * rng.uniform(3.0, 5.0, n_llms)
        names = [f"model-{j + 1}" for j in range(n_llms)]
        skill = (-0.4 + 2.4 * ladder + rng.normal(0.0, 0.3, n_llms))[:, np.newaxis]
        skill = skill + rng.normal(0.0, 0.9, (n_llms, len(_KINDS)))
        skill[np.arange(n_llms), rng.integers(len(_KINDS), size=n_llms)] += 1.5
        order = np.argsort(input_usd)
        prices = PriceTable(names, input_usd[order] / 1e6, output_usd[order] / 1e6)
        return cls(prices, skill, rng.uniform(0.9, 1.15, n_llms), rng.uniform(0.7, 1.5, n_llms))

    def outcomes(self, kinds: npt.NDArray[np.intp], hardness: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Draw the outcomes, (N, M): 1 if the LLM answers the query correctly, else 0."""
        offsets = np.array([kind.offset for kind in _KINDS])
        hidden = rng.normal(0.0, 0.6, len(kinds))
        difficulty = offsets[kinds] + 6.0 * (hardness - 0.45) + hidden
        probability: FloatArray = expit(self.skill[:, kinds].T - difficulty[:, np.newaxis])
        outcomes: FloatArray = (rng.random(probability.shape) < probability).astype(np.float64)
        return outcomes

    def cost(
        self,
        kinds: npt.NDArray[np.intp],
        n_parts: npt.NDArray[np.intp],
        texts: list[str],
        rng: np.random.Generator,
    ) -> FloatArray:
        """Return US$ per call, (N, M)."""
        length = np.array([len(text) for text in texts]) / CHARACTERS_PER_TOKEN
        asked = np.ceil(length[:, np.newaxis] * self.tokens_per_token) + SYSTEM_PROMPT_TOKENS
        usual = np.array([kind.answer_tokens for kind in _KINDS])[kinds] * n_parts
        spread = rng.lognormal(0.0, 0.3, (len(texts), len(self.verbosity)))
        answered = np.ceil(usual[:, np.newaxis] * self.verbosity * spread)
        return self.prices.cost(asked, answered)


def make_dataset(n_queries: int = 2000, n_llms: int = 6, *, random_state: int | np.random.Generator = 0) -> Dataset:
    """A seeded synthetic batch: no data comes from a real LLM, as stated in `about`.

    Questions of six kinds are made from templates. A harder question has more and harder parts, so that its text
    shows most of its difficulty; the rest is noise that all LLMs share. The skill of LLMs rises with their price
    on average, and each LLM is better or worse at some kinds of task than its price suggests. LLM j answers
    query i correctly with probability

        expit(skill[j, kind of i] − difficulty[i])

    and costs the tokens of question and answer at the LLM's prices.

    Args:
        n_queries: N ≥ 1.
        n_llms: M ≥ 1.
        random_state: Seed or generator; the same seed gives the same data set.

    Returns:
        A data set with texts, groups (kinds of task) and `about`, LLMs sorted by price. O(N·M).

    Raises:
        UserError: `n_queries` or `n_llms` is below 1.

    Examples:
        >>> data = make_dataset(500, 3, random_state=1)
        >>> data
        Dataset(500 queries x 3 LLMs: model-1, model-2, model-3; with texts and groups)
        >>> data.about["synthetic"]
        True
    """
    for name, value in (("n_queries", n_queries), ("n_llms", n_llms)):
        as_whole(name, value, lower=1)
    rng = np.random.default_rng(random_state)
    candidates = _Candidates.made(n_llms, rng)
    kinds = rng.integers(len(_KINDS), size=n_queries)
    hardness = rng.beta(1.3, 1.6, n_queries)
    texts, n_parts = _make_questions(kinds, hardness, rng)
    correct = candidates.outcomes(kinds, hardness, rng)
    cost = candidates.cost(kinds, n_parts, texts, rng)
    prices = candidates.prices
    per_million = zip(1e6 * prices.input_usd_per_token, 1e6 * prices.output_usd_per_token, strict=True)
    llms = [
        {
            "name": name,
            "price_usd_per_million_tokens": {"input": round(float(put), 6), "output": round(float(got), 6)},
            "accuracy": round(float(correct[:, j].mean()), 6),
            "total_cost_usd": round(float(cost[:, j].sum()), 6),
        }
        for j, (name, (put, got)) in enumerate(zip(prices.models, per_million, strict=True))
    ]
    about = {
        "name": "synthetic",
        "synthetic": True,
        "description": "Made up by optllm_pymoo.make_dataset: templated questions, invented LLMs and prices. "
        "No real LLM was asked.",
        "random_state": random_state if isinstance(random_state, int) else None,
        "n_queries": len(correct),
        "n_llms": len(llms),
        "llms": llms,
    }
    return Dataset(
        cost,
        correct,
        llms=prices.models,
        query_ids=[f"q{i}" for i in range(n_queries)],
        texts=texts,
        groups=[_KINDS[kind].name for kind in kinds.tolist()],
        about=about,
    )


class _Kind(NamedTuple):
    """A kind of task.

    Attributes:
        name: The name, used as group.
        openings: Beginnings of a question.
        parts: The tasks, from easy to hard; `{a}` and `{b}` are replaced by numbers.
        offset: How much harder than the average this kind is, in logits.
        answer_tokens: Usual length of an answer to one part, in tokens.
    """

    name: str
    openings: tuple[str, ...]
    parts: tuple[str, ...]
    offset: float
    answer_tokens: int


_KINDS = (
    _Kind(
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
    _Kind(
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
    _Kind(
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
    _Kind(
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
    _Kind(
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
    _Kind(
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


def _make_questions(
    kinds: npt.NDArray[np.intp], hardness: npt.NDArray[np.float64], rng: np.random.Generator, /
) -> tuple[list[str], npt.NDArray[np.intp]]:
    """Write a question for every query: a harder query has more and harder parts.

    Args:
        kinds: (N,), index into `_KINDS`.
        hardness: (N,), in [0, 1].
        rng: Source of randomness.

    Returns:
        N texts, and the number of parts of each, (N,). O(N).

    Examples:
        >>> texts, n_parts = _make_questions(np.array([3]), np.array([0.1]), np.random.default_rng(0))
        >>> texts
        ['From general knowledge: which planet is the largest.']
    """
    n_queries = len(kinds)
    n_parts = 1 + rng.binomial(MOST_PARTS - 1, hardness).astype(np.intp)
    steepest = len(_KINDS[0].parts) - 1
    places = hardness[:, np.newaxis] * steepest + rng.normal(0.0, 0.8, (n_queries, MOST_PARTS))
    places = np.clip(np.rint(places), 0, steepest).astype(np.intp)
    openings = rng.integers(len(_KINDS[0].openings), size=n_queries)
    numbers = np.floor(10 ** rng.uniform(0.5, 1.5 + 2 * hardness[:, np.newaxis], (n_queries, MOST_PARTS + 1)))
    rows = zip(
        kinds.tolist(),
        openings.tolist(),
        places.tolist(),
        n_parts.tolist(),
        numbers.astype(int).tolist(),
        strict=True,
    )
    texts = []
    for kind, opening, row, n, values in rows:
        parts = [_KINDS[kind].parts[k].format(a=values[at], b=values[at + 1]) for at, k in enumerate(row[:n])]
        texts.append(f"{_KINDS[kind].openings[opening].format(a=values[-1])} {'; '.join(dict.fromkeys(parts))}.")
    return texts, n_parts
