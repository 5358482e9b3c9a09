"""Between two plans: the answers to the first, their cost, and the open queries for the second."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from os import PathLike
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from optllm_pymoo.data import Dataset, collect, load_batch
from optllm_pymoo.data.folder import is_batch
from optllm_pymoo.data.formats import open_source, parquet_files
from optllm_pymoo.data.source import NUMBER, SCORE, Measure, exact_usd
from optllm_pymoo.decision import Plan, accuracy_interval
from optllm_pymoo.decision.confidence import CORRELATION, accuracy_deviation
from optllm_pymoo.decision.plan import PREDICTED
from optllm_pymoo.planning.labels import Prediction, Split
from optllm_pymoo.prediction.heldout import Optimism, plans_within
from optllm_pymoo.problems import AllocationProblem
from optllm_pymoo.validation import FloatArray, UserError, in_full, listed, shown, unknown_name

_PRIOR_CALLS: Final = 5
"""Number of additional answers at the planned cost, in the ratio of actual to planned cost of an LLM."""


PLAN_FILES: Final = "plan.parquet"
"""Folder of the files of a plan in parts."""

SPREAD: Final = ("sigma", "n_labelled", "excess", "excess_error")
"""Optional columns that the interval needs."""


class PlannedBatch(NamedTuple):
    """A plan with the outcomes and costs of its calls."""

    plan: Plan
    """The plan, at the costs it was made with where the file has them."""
    correct: np.ndarray
    """(N, M) outcomes, NaN where not known, in the order of the plan."""
    paid_usd: np.ndarray
    """(N, M) US$ per call by the data, which may differ from those of the plan; as planned where they don't say."""
    sigma: np.ndarray | None
    """(N,) standard deviation of the expected accuracies of the chosen LLMs, if the file has it."""
    has_predictions: bool
    """Whether the file has the expected accuracy of every LLM; if not, those not chosen are set to 0."""
    groups: list[str] | None
    """N names of groups, empty where the data don't say; None if the data have no groups."""
    is_answered: np.ndarray
    """(N,) whether there is an answer of the chosen LLM: with `read_plan` alone, whether its outcome is known."""
    billed_usd: np.ndarray
    """(N,) US$ in all for calls of the chosen LLM, NaN where there were none."""


def plan_file(path: str | Path, /) -> Path:
    """Return the table of a plan: of its folder the one that is there, of anything else itself."""
    path = Path(path)
    if (path / PLAN_FILES).exists():
        return path / PLAN_FILES
    return path / "plan.csv" if path.is_dir() and parquet_files(path) is None else path


def read_plan(path: str | Path, dataset: Dataset, /) -> PlannedBatch:
    """Read a plan that was written with `Plan.to_csv`.

    Args:
        path: CSV, a folder of Parquet files that `plan_parts` has written, or the folder that has one of these. With
            the columns ``query_id``, ``llm`` and ``accuracy``, and where known ``cost_usd``, ``sigma``, ``n_labelled``
            (of several numbers the smallest counts), ``excess`` with ``excess_error`` (their means) and
            ``predicted:<llm>`` for all LLMs.
        dataset: Costs and outcomes of queries of the plan, or of some of them; those of other queries and LLMs are
            missing.

    Raises:
        FileNotFoundError: If there is no such file.
        DataFileError: A UserError that names file, line and column; or none of the plan's queries, or of its LLMs, is
            in the data.
    """
    path = plan_file(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no plan {path}; `optllm-pymoo plan` writes one to optllm-plan/plan.csv")
    source = open_source(path)
    source.require(["query_id", "llm", "accuracy"])
    header = source.names
    chosen, _ = source.read(text=["llm"])
    llms = list(dict.fromkeys([*dataset.llms, *chosen["llm"]]))
    if not set(dataset.llms) & set(chosen["llm"]):
        raise source.fault(f"the data have no LLM {shown(chosen['llm'][0])}, only {listed(dataset.llms)}", 0, "llm")
    predicted = [f"{PREDICTED}{llm}" for llm in llms]
    has_predictions = set(predicted) <= set(header)
    measures: dict[str, Measure] = {name: NUMBER for name in ("cost_usd", *SPREAD) if name in header}
    measures |= dict.fromkeys(["accuracy", *(predicted if has_predictions else [])], SCORE)
    texts, numbers = source.read(text=["query_id", "llm"], numbers=measures)
    source.check_ids(texts["query_id"], "query_id")
    source.check_complete(numbers)
    if len(few := np.flatnonzero(numbers.get("n_labelled", np.ones(1)) < 1)):
        raise source.fault("expected at least 1 query", int(few[0]), "n_labelled")
    frame = pd.DataFrame(texts | numbers)
    rows = pd.Index(dataset.query_ids).get_indexer(pd.Index(frame["query_id"]))
    if (rows < 0).all():
        problem = f"the data have no query {shown(frame['query_id'][0])}, nor any other; is this plan of other data?"
        raise source.fault(problem, 0, "query_id")
    x, each = pd.Index(llms).get_indexer(pd.Index(frame["llm"])), np.arange(len(frame))
    is_known = np.ix_(rows >= 0, np.arange(len(llms)) < dataset.n_llms)
    correct, paid = np.full((len(x), len(llms)), np.nan), np.zeros((len(x), len(llms)))
    correct[is_known], paid[is_known] = dataset.correct[rows[rows >= 0]], dataset.cost[rows[rows >= 0]]
    planned = paid.copy()
    if "cost_usd" in frame:
        planned[each, x] = frame["cost_usd"].to_numpy()
        unsaid = (rows < 0) | (x >= dataset.n_llms)
        paid[unsaid, x[unsaid]] = planned[unsaid, x[unsaid]]
    accuracy = np.zeros((len(x), len(llms)))
    if has_predictions:
        accuracy[:] = frame[predicted].to_numpy()
    accuracy[each, x] = frame["accuracy"].to_numpy()
    ids = frame["query_id"].tolist()
    problem = AllocationProblem(planned, accuracy, llms=llms, query_ids=ids)
    sigma = frame["sigma"].to_numpy() if "sigma" in frame else None
    n_labelled = int(frame["n_labelled"].min()) if "n_labelled" in frame else None
    excess = None
    if {"excess", "excess_error"} <= set(frame):
        excess = float(frame["excess"].mean()), float(frame["excess_error"].mean())
    plan = Plan(problem, x, n_labelled=n_labelled, excess=excess)
    groups = None if dataset.groups is None else ["" if row < 0 else dataset.groups[row] for row in rows.tolist()]
    is_answered = ~np.isnan(correct[each, x])
    billed = np.where(is_answered, paid[each, x], np.nan)
    return PlannedBatch(plan, correct, paid, sigma, has_predictions, groups, is_answered, billed)


def read_calls(path: str | PathLike[str], /) -> pd.DataFrame:
    """Read answers: a folder written by `collect`, or any log that it reads.

    Args:
        path: The folder, its calls.csv, or the log.

    Returns:
        The long table, see `Batch`. A row without an error is an answer.

    Raises:
        FileNotFoundError: There is no such file.
        UserError: It can't be read, or an answer's cost is unknown.
    """
    path = Path(path)
    # the table of a batch folder has more than its own name beside it
    folder = path.parent if path.name == "calls.csv" and (path.parent / "queries.csv").is_file() else path
    calls = load_batch(folder).calls if is_batch(folder) else collect([path]).batch.calls
    calls = calls.assign(billed_usd=calls["billed_usd"].fillna(calls["cost_usd"]))
    free = calls[calls["billed_usd"].isna() & (calls["error"] == "")]
    if len(free):
        query, llm = free.iloc[0][["query_id", "llm"]]
        problem = f"{path} doesn't say what {len(free):,} answers cost, such as that of {shown(llm)} to {shown(query)}"
        raise UserError(f"{problem}; collect the answers again with --prices")
    return calls


def answered_queries(calls: pd.DataFrame, /) -> list[str]:
    """Return the ids of the queries with an answer of any LLM."""
    return list(dict.fromkeys(calls.loc[calls["error"] == "", "query_id"]))


def total_usd(amounts: Sequence[float] | FloatArray | pd.Series, /) -> Decimal:
    """Return the exact sum of amounts in US$; unknown amounts count as 0.

    >>> total_usd([0.1] * 3 + [float("nan")])
    Decimal('0.3')
    """
    known = np.asarray(amounts, dtype=float)
    return sum(map(exact_usd, known[~np.isnan(known)].tolist()), Decimal(0))


def total_left(calls: pd.DataFrame, budget_usd: float, /) -> float:
    """Return the rest of a budget.

    Args:
        calls: Answers, see `read_calls`.
        budget_usd: The budget for all, US$.

    Raises:
        UserError: If nothing is left.
    """
    spent = total_usd(calls["billed_usd"])
    left = exact_usd(budget_usd) - spent
    if left <= 0:
        problem = f"{spent:f} US$ are spent already, and the budget for all is {in_full(budget_usd)} US$"
        raise UserError(f"{problem}; nothing is left for the open queries. Raise --budget-total above what is spent")
    return float(left)


class Round(NamedTuple):
    """Former answers, when the rest of a batch is planned."""

    n_answered: int
    n_graded: int
    """Of the answered ones those whose score is known."""
    n_open: int
    spent_usd: Decimal
    """All bills so far, US$."""
    lost_usd: Decimal
    """Bills without an answer, or for repeated answers, US$."""
    labels: FloatArray
    """(n, M) what is learnt from, NaN where unknown: queries labelled before, then those that a plan sent to an LLM."""
    n_followed: int
    """Of its rows, the last that many."""
    cost_ratio: FloatArray
    """(M,) what answers of each LLM cost, as a multiple of what was planned; the open queries are planned at it."""

    def certainty(self, plan: Plan, /) -> tuple[int, float]:
        """As how many labelled queries the labels count for a plan, and the standard error of what it expects.

        The level of a plan's expectations rests on the mean labels of its LLMs, of which LLM j has n[j] and the share
        w[j] of the queries. Labels that follow a plan tell of one LLM each, so the level is as sure as the labels of
        the LLMs that the plan makes use of. With e[i, j] the deviation of a label from its LLM's mean, 0 where there is
        none, its variance is estimated, clustered by query, as

            Σ_i (Σ_j w[j] e[i, j] / n[j])²,

        and equals that of n queries with all labels, a (1 - a)/n at the expected accuracy a, for the n returned.
        Labels that are fractions vary less than rights and wrongs and count for more. Each LLM gets one right and one
        wrong label besides (Laplace), so that the first labels don't seem sure.

        Errors that were measured on labelled queries are no measure here, as most of those follow a plan: errors of
        the predictions are assumed to be correlated, as `accuracy_deviation` has it, and join that of the level.

        Args:
            plan: Of the open queries.
        """
        share = np.bincount(plan.x, minlength=self.labels.shape[1]) / len(plan.x)
        known = ~np.isnan(self.labels)
        count = known.sum(axis=0) + 2
        mean = (np.where(known, self.labels, 0.0).sum(axis=0) + 1) / count
        parts = np.where(known, self.labels - mean, 0.0) @ (share / count)
        level = float(parts @ parts + (share / count) ** 2 @ (mean**2 + (1 - mean) ** 2))
        chance, both = (
            accuracy_deviation(plan.chosen_accuracy, sigma, correlation=CORRELATION)
            for sigma in (None, plan.chosen_sigma)
        )
        n_labelled = max(1, int(plan.accuracy * (1 - plan.accuracy) / level))
        return n_labelled, float(np.sqrt(max(both**2 - chance**2, 0.0) + level))

    def optimism(self, prediction: Prediction, problem: AllocationProblem, /) -> Optimism | None:
        """By how much plans expect too much, with the errors that labels along a plan leave; None if unknown.

        Args:
            prediction: What is expected of the open queries.
            problem: The open queries.
        """
        if prediction.optimism is None:
            return None
        free = AllocationProblem(problem.cost, problem.accuracy)
        plans = plans_within(problem.cost, problem.accuracy, prediction.optimism.shares)
        errors = [self.certainty(Plan(free, x, sigma=prediction.sigma))[1] for x in plans]
        return prediction.optimism._replace(error=np.array(errors))


def after(split: Split, calls: pd.DataFrame, /) -> tuple[Split, Round]:
    """Remove answered queries from a batch, and add graded ones to the labels.

    Answers are kept and paid, and a second answer replaces nothing. A call that ended in an error is paid, if
    it was billed, and its query open. Open queries are expected to cost what answers of each LLM have cost so far, in
    proportion to what was planned.

    Args:
        split: The batch before anything was sent: labelled queries, and those to plan.
        calls: Answers, see `read_calls`.

    Returns:
        The open queries, with all labelled ones; and the former answers.

    Raises:
        UserError: A call is of a query or an LLM that the batch doesn't have, or no query is open.
    """
    labelled, planned = split
    ids = pd.Index([*labelled.query_ids, *planned.query_ids])
    strange = calls[~calls["query_id"].isin(ids)]
    if len(strange):
        problem = f"{len(strange):,} of {len(calls):,} calls are of queries that the batch doesn't have"
        raise UserError(f"{problem}, first {shown(strange.iloc[0]['query_id'])}; pass the answers to this batch alone")
    unknown = calls[~calls["llm"].isin(planned.llms)]
    if len(unknown):
        problem = unknown_name(str(unknown.iloc[0]["llm"]), planned.llms, kind="LLM")
        raise UserError(f"a call is of an LLM that the batch doesn't have: {problem}")
    answers = calls[(calls["error"] == "") & calls["query_id"].isin(planned.query_ids)]
    rows = pd.Index(planned.query_ids).get_indexer(pd.Index(answers["query_id"]))
    columns = pd.Index(planned.llms).get_indexer(pd.Index(answers["llm"]))
    correct = np.full(planned.correct.shape, np.nan)
    correct[rows, columns] = answers["score"].to_numpy(dtype=float)
    is_answered, is_graded = np.zeros(len(planned), dtype=bool), ~np.isnan(correct).all(axis=1)
    is_answered[rows] = True
    if is_answered.all():
        raise UserError(
            f"all {len(planned):,} queries have their answers, for {total_usd(calls['billed_usd']):f} US$;"
            " there is nothing left to plan"
        )
    paid, as_planned = answers["cost_usd"].to_numpy(dtype=float), planned.cost[rows, columns]
    known, n_llms = ~np.isnan(paid), planned.n_llms
    spent_on, planned_for = (np.bincount(columns[known], each[known], n_llms) for each in (paid, as_planned))
    prior = planned_for * _PRIOR_CALLS / np.maximum(np.bincount(columns[known], minlength=n_llms), 1)
    ratio = np.divide(spent_on + prior, planned_for + prior, out=np.ones(n_llms), where=planned_for > 0)
    left = planned.with_cost(planned.cost * ratio).select(~is_answered)
    both = labelled
    if is_graded.any():
        both = Dataset.joined([labelled, planned.with_outcomes(correct).select(is_graded)])
    spent = total_usd(calls["billed_usd"])
    done = Round(
        n_answered=int(is_answered.sum()),
        n_graded=int(is_graded.sum()),
        n_open=len(left),
        spent_usd=spent,
        lost_usd=spent - total_usd(calls[calls["error"] == ""].drop_duplicates("query_id")["cost_usd"]),
        labels=both.correct,
        n_followed=len(both) - len(labelled),
        cost_ratio=ratio,
    )
    return Split(both, left), done


def returned(path: str | Path, calls: pd.DataFrame, queries: pd.DataFrame | None = None, /) -> PlannedBatch:
    """Read a plan and its answers.

    Args:
        path: A plan.csv.
        calls: Answers, see `read_calls`.
        queries: Groups of the queries, where they are known.

    Returns:
        The plan; calls of other LLMs and queries are left out but for their scores.

    Raises:
        UserError: As `read_plan`: no call is of the plan.
    """
    known = calls.groupby("llm")["cost_usd"].transform("count") > 0
    frame = calls.assign(cost_usd=calls["cost_usd"].where(known, 0.0))  # LLMs without an answer
    batch = read_plan(path, Dataset.from_long(frame, queries=queries))
    problem, each = batch.plan.problem, np.arange(len(batch.plan.x))
    pairs = pd.MultiIndex.from_arrays([problem.query_ids, batch.plan.llm_names])
    found = calls.set_index(["query_id", "llm"]).reindex(pairs)
    is_answered = (found["error"] == "").to_numpy()
    paid = batch.paid_usd.copy()
    paid[each, batch.plan.x] = np.where(
        found["cost_usd"].notna() & is_answered, found["cost_usd"], problem.cost[each, batch.plan.x]
    )
    billed = found["billed_usd"].to_numpy(dtype=float)
    return batch._replace(paid_usd=paid, is_answered=is_answered, billed_usd=billed)


class Part(NamedTuple):
    """A part of a plan compared with its answers."""

    name: str
    n_planned: int
    n_answered: int
    n_graded: int
    planned_usd: Decimal
    """Of the answered queries."""
    billed_usd: Decimal
    """Of all calls of the planned LLMs, with errors and repeats."""
    open_usd: Decimal
    """Planned for the queries without an answer."""
    expected_accuracy: float
    """Of the graded queries, NaN without any."""
    true_accuracy: float
    """Their mean score, NaN without any."""
    interval_95: tuple[float, float]
    """Where the plan said that it would lie."""


def parts_of(batch: PlannedBatch, /) -> tuple[Part, list[Part], list[Part]]:
    """Compare a plan with its answers: as a whole, by LLM and by group, the largest first.

    Args:
        batch: From `returned`, or from `read_plan` where there are outcomes and no calls.
    """
    plan, names = batch.plan, np.array(batch.plan.llm_names, dtype=object)
    whole = _part("all", batch, np.ones(len(plan.x), dtype=bool))
    groups = np.array(batch.groups or [""] * len(plan.x), dtype=object)
    found = [
        [_part(str(name), batch, column == name) for name in dict.fromkeys(column) if name]
        for column in (names, groups)
    ]
    by_llm, by_group = (sorted(parts, key=lambda part: (-part.n_planned, part.name)) for parts in found)
    return whole, by_llm, by_group


def _part(name: str, batch: PlannedBatch, rows: np.ndarray) -> Part:
    """Return the part of some queries."""
    plan = batch.plan
    score = batch.correct[np.arange(len(plan.x)), plan.x]
    graded = rows & ~np.isnan(score)
    expected, interval = float("nan"), (float("nan"), float("nan"))
    if graded.any():
        sigma = None if batch.sigma is None else batch.sigma[graded]
        # the error was measured for all queries together; for some it is assumed
        given: dict[str, Any] = {"n_labelled": plan.n_labelled, "correlation": None if rows.all() else CORRELATION}
        given["excess"] = plan.excess or (0.0, 0.0)
        interval = accuracy_interval(plan.chosen_accuracy[graded], sigma, **given)
        expected = float(plan.chosen_accuracy[graded].mean())
    return Part(
        name=name,
        n_planned=int(rows.sum()),
        n_answered=int((rows & batch.is_answered).sum()),
        n_graded=int(graded.sum()),
        planned_usd=total_usd(plan.chosen_cost[rows & batch.is_answered]),
        billed_usd=total_usd(batch.billed_usd[rows]),
        open_usd=total_usd(plan.chosen_cost[rows & ~batch.is_answered]),
        expected_accuracy=expected,
        true_accuracy=float(score[graded].mean()) if graded.any() else float("nan"),
        interval_95=interval,
    )
