"""A policy, which routes new queries at the prices of a plan, and its file format."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from optllm_pymoo.data.atomic import replacing
from optllm_pymoo.decision import Plan
from optllm_pymoo.limits import LinearLimits, Weights, relax
from optllm_pymoo.planning.constraints import groups_of
from optllm_pymoo.planning.front import Front
from optllm_pymoo.planning.labels import Learner
from optllm_pymoo.prediction.texts import as_texts
from optllm_pymoo.problems import AllocationProblem
from optllm_pymoo.tolerances import SAME_TOTAL, TIED_SCORES
from optllm_pymoo.validation import FloatArray, UserError, as_table, shown

POLICY: Final = "policy.npz"
"""The file of a plan folder that holds its policy."""

_KIND: Final = "policy"
_LAYOUT: Final = 1


class Routes(NamedTuple):
    """LLMs of new queries."""

    x: np.ndarray
    """(N,) LLM per query."""
    llms: list[str]
    """Their names."""
    accuracy: FloatArray
    """(N,) expected accuracy of the query on its LLM."""
    cost_usd: FloatArray
    """(N,) expected cost of the call, US$, or the given one."""
    margin: FloatArray
    """(N,) margin of its LLM over the next best one, in expected correct answers; infinite without another LLM."""
    n_strange: int
    """Number of queries of a group unknown to the plan; they are routed as queries of no group."""

    def to_frame(self, query_ids: Sequence[str], /) -> pd.DataFrame:
        """Tabulate the routes: ``query_id``, ``llm``, expected ``cost_usd`` and ``accuracy``.

        Args:
            query_ids: N ids.
        """
        columns = {"llm": self.llms, "cost_usd": self.cost_usd, "accuracy": self.accuracy}
        return pd.DataFrame({"query_id": list(query_ids), **columns})


class Worth(NamedTuple):
    """Prices, in expected correct answers, at which a plan separates by query.

    One query on LLM j is worth ``correct[g] * accuracy - usd[j] * cost - call[j]``, with g its group.
    """

    correct: FloatArray
    """(G + 1,) by group, the last one for queries of none."""
    usd: FloatArray
    """(M,) exchange rate λ, and what quotas of US$ add."""
    call: FloatArray
    """(M,) multipliers of quotas of calls, and of further tables at their mean per LLM."""

    def scores(self, accuracy: FloatArray, cost: FloatArray, group: np.ndarray, /) -> FloatArray:
        """Score cells, (N, M)."""
        return np.asarray(self.correct[group][:, None] * accuracy - self.usd * cost - self.call)


@dataclass(frozen=True, eq=False)
class Policy:
    """The predictor and the prices of a plan: routes new queries as the plan would have.

    It needs neither labels nor the planned batch. It holds hashes of the most frequent n-grams of the batch's texts,
    with weights, but no text, no query id and no outcome.

    Attributes:
        llms: M names.
        learner: Turns texts into expected accuracies and costs.
        worth: Exchange rate and multipliers.
        groups: G names of groups that worth or masks know.
        allowed: (G + 1, M) LLMs that queries of each group may go to, the last row for queries of none.
        about: Version, hashes of data and prices, and how it agrees with its plan.

    Example:
        >>> from optllm_pymoo import WithinBudget, make_dataset
        >>> from optllm_pymoo.planning import plan_front
        >>> front = plan_front(make_dataset(60, 2, random_state=3), 0.5)
        >>> policy = Policy.of(front, front.choose())
        >>> route = policy.route(["What is 2 + 2?"])
        >>> route.llms[0] in policy.llms, route.accuracy.shape
        (True, (1,))
    """

    llms: tuple[str, ...]
    learner: Learner
    worth: Worth
    groups: tuple[str, ...]
    allowed: np.ndarray
    about: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, front: Front, plan: Plan, /) -> Policy:
        """Build the policy of a plan.

        Without limits the exchange rate lies between the plan's last step and the next one. With limits, prices are the
        multipliers of the linear relaxation at the plan's budget, target or cost: they decide every query whose two
        best LLMs have different values; ``about["undecided"]`` is the share of the others.

        Args:
            front: From `plan_front`, whose accuracies were predicted.
            plan: One of its plans.

        Raises:
            UserError: If new queries can't be predicted because all outcomes were taken as known, or if there is a
                third objective, which an exchange rate doesn't describe.
        """
        problem, planned, learner = front.problem, front.planned, front.learner
        if learner is None or planned is None:
            raise UserError(
                "a policy needs predictions, but this front was made of outcomes, or of a folder without a policy"
            )
        if problem.third is not None:
            raise UserError("a policy supports two objectives; bound the third one by a limit")
        worth = _worth(problem, front.limits, plan)
        labels: list[str | None] = groups_of(planned) if planned.groups is not None else [None] * len(planned)
        groups = tuple(sorted({group for group in labels if group is not None}))
        worth = worth._replace(correct=np.broadcast_to(worth.correct, len(groups) + 1).copy())
        allowed = front.constraints.allowed_in([*groups, None], planned)
        made = cls(problem.llms, learner, worth, groups, allowed)
        found = made._routes(problem.accuracy, problem.cost, problem.allowed, made._group_of(labels)[0])
        about = {
            "data_sha256": planned.about.get("data_sha256"),
            "prices": list(front.prices),
            "n_labelled": front.n_labelled,
            "agrees": float((found.x == plan.x).mean()),
            "undecided": float((found.margin <= TIED_SCORES).mean()),
        }
        return replace(made, about=about)

    def route(
        self,
        texts: Any,
        costs: Any = None,
        *,
        groups: Sequence[str | None] | None = None,
        columns: Mapping[str, Sequence[str]] | None = None,
    ) -> Routes:
        """Send queries to LLMs, each independently of the others. O(N) after `predict`.

        Args:
            texts: N texts.
            costs: (N, M) US$ per call; None estimates them by the lengths of the texts.
            groups: N names, where groups have rules or floors; None or "" for a query of none.
            columns: Further features of the plan beside the texts, by name: N texts each.

        Raises:
            UserError: If there is no text, shapes disagree, groups are needed, or no LLM is allowed for a query.
        """
        read = as_texts(texts)
        if not read:
            raise UserError("there is no query to route")
        if groups is not None and len(groups) != len(read):
            raise UserError(f"groups must name the group of each of the {len(read)} queries; got {len(groups)}")
        if groups is None and self.needs_groups:
            raise UserError("the plan has floors or rules by group, so the queries need groups; pass groups=")
        cost = self.learner.cost(read) if costs is None else as_table("costs", costs, lower=0.0)
        if cost.shape != (len(read), len(self.llms)):
            raise UserError(
                f"costs must have a row per query and a column per LLM, {len(read), len(self.llms)}; got {cost.shape}"
            )
        group, n_strange = self._group_of(groups or [None] * len(read))
        mask = self.allowed[group] & (np.array([len(text) for text in read])[:, None] < self.learner.too_long)
        stranded = np.flatnonzero(~mask.any(axis=1))
        if len(stranded):
            raise UserError(
                f"no LLM is allowed for texts[{stranded[0]}], {shown(read[stranded[0]])}: it is too long, or excluded"
            )
        return self._routes(self.learner.accuracy(read, columns), cost, mask, group)._replace(n_strange=n_strange)

    @property
    def needs_groups(self) -> bool:
        """Whether routes depend on the group of a query."""
        return bool((self.worth.correct != self.worth.correct[-1]).any() or (self.allowed != self.allowed[-1]).any())

    def save(self, path: str | Path, /) -> None:
        """Write the policy, complete or not at all: arrays and a header, nothing that could be executed.

        Args:
            path: The file.

        Raises:
            OSError: If it can't be written.
        """
        arrays = {
            **{f"learner.{name}": array for name, array in self.learner.state().items()},
            **{f"worth.{name}": array for name, array in self.worth._asdict().items()},
            "allowed": self.allowed,
        }
        write_archive(path, _KIND, _LAYOUT, {"llms": self.llms, "groups": self.groups, "about": self.about}, arrays)

    @classmethod
    def load(cls, path: str | Path, /) -> Policy:
        """Read a policy.

        Args:
            path: The file, or the folder of a plan that has one.

        Raises:
            FileNotFoundError: If there is none.
            UserError: If it is something else, of another version, or isn't as it was written.
        """
        path = Path(path)
        header, arrays = read_archive(path / POLICY if path.is_dir() else path, _KIND, _LAYOUT)
        of: dict[str, dict[str, np.ndarray]] = {"learner": {}, "worth": {}}
        for name, array in arrays.items():
            part, dot, rest = name.partition(".")
            if dot:
                of[part][rest] = array
        return cls(
            tuple(header["llms"]),
            Learner.from_state(of["learner"]),
            Worth(**of["worth"]),
            tuple(header["groups"]),
            arrays["allowed"],
            header["about"],
        )

    def _group_of(self, groups: Sequence[str | None]) -> tuple[npt.NDArray[np.intp], int]:
        """Return the index of each query's group, and the number of queries of unknown groups."""
        none = len(self.groups)
        place: dict[str | None, int] = {None: none, "": none, **{name: k for k, name in enumerate(self.groups)}}
        strange = sum(group not in place for group in groups)
        return np.array([place.get(group, none) for group in groups], dtype=np.intp), strange

    def _routes(self, accuracy: FloatArray, cost: FloatArray, mask: np.ndarray | None, group: np.ndarray) -> Routes:
        """Return the LLM with the highest score; of equals the cheaper, then the more accurate."""
        score = self.worth.scores(accuracy, cost, group)
        if mask is not None:
            score = np.where(mask, score, -np.inf)
        best = score.max(axis=1, keepdims=True)
        tied = score >= best - SAME_TOTAL * np.maximum(1.0, np.abs(best))
        cheapest = np.where(tied, cost, np.inf)
        tied &= cheapest <= cheapest.min(axis=1, keepdims=True)
        x = np.where(tied, accuracy, -np.inf).argmax(axis=1)
        rows = np.arange(len(x))
        others = score.copy()
        others[rows, x] = -np.inf
        margin = best[:, 0] - others.max(axis=1) if score.shape[1] > 1 else np.full(len(x), np.inf)
        return Routes(x, [self.llms[j] for j in x.tolist()], accuracy[rows, x], cost[rows, x], margin, 0)


def _worth(problem: AllocationProblem, limits: LinearLimits | None, plan: Plan) -> Worth:
    """Return the prices at which a plan separates by query."""
    n_llms = problem.n_llms
    if limits is None:
        front = problem.supported_front
        steps = front.steps
        rate = steps.delta_accuracy / steps.delta_cost
        taken = front.within_budget(max(plan.cost_usd * (1 + SAME_TOTAL), float(front.F[0, 0])))
        last, following = rate[taken - 1] if taken else np.inf, rate[taken] if taken < len(rate) else 0.0
        if not np.isfinite(last):  # nothing is bought: US$ alone count
            return Worth(np.zeros(1), np.ones(n_llms), np.zeros(n_llms))
        return Worth(np.ones(1), np.full(n_llms, np.sqrt(last * following)), np.zeros(n_llms))
    if plan.target is not None and plan.promise is None:
        bounded, weights = limits.within(min_accuracy=min(plan.target, plan.accuracy)), Weights(0.0, 1.0)
    else:
        usd = plan.cost_usd if plan.budget_usd is None else max(plan.budget_usd, plan.cost_usd)
        bounded, weights = limits.within(budget_usd=usd * (1 + SAME_TOTAL)), Weights(1.0, 0.0)
    found = bounded.coefficients(weights, relax(bounded, weights).prices)
    typical = bounded.extra.mean(axis=1, dtype=float) if len(bounded.extra) else np.zeros((0, n_llms))
    call = found.calls + (found.extra * typical).sum(axis=0)
    per = float(found.accuracy[-1]) or 1.0
    return Worth(found.accuracy / per, np.broadcast_to(found.usd, n_llms) / per, call / per)


_HEADER: Final = "header.json"
_TIME: Final = (1980, 1, 1, 0, 0, 0)  # the same content gives the same bytes


def write_archive(
    path: str | Path, kind: str, version: int, header: Mapping[str, Any], arrays: Mapping[str, np.ndarray], /
) -> None:
    """Write a zip file of arrays (as ``.npy``) and ``header.json``, complete or not at all.

    Args:
        path: The file; one that is there is replaced.
        kind: Its kind, in a word, checked by `read_archive`.
        version: Of its layout.
        header: Content for JSON.
        arrays: By name; of numbers or texts, not of objects.
    """
    from optllm_pymoo import __version__

    about = {**header, "optllm_pymoo": __version__, "kind": kind, "layout": version}
    text = json.dumps(about, ensure_ascii=False)
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as file:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, np.ascontiguousarray(array), allow_pickle=False)
            file.writestr(zipfile.ZipInfo(f"{name}.npy", _TIME), content.getbuffer(), zipfile.ZIP_DEFLATED, 1)
        said = json.dumps({"sha256": _digest(text, arrays), "header": text})
        file.writestr(zipfile.ZipInfo(_HEADER, _TIME), said, zipfile.ZIP_DEFLATED, 1)


def read_archive(path: str | Path, kind: str, version: int, /) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read what `write_archive` has written; nothing in the file is executed.

    Args:
        path: The file.
        kind: Its expected kind.
        version: The layout that is understood.

    Returns:
        Header and arrays.

    Raises:
        FileNotFoundError: If there is no such file.
        UserError: If it is something else, of another version, or not as it was written.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no {kind} {path}; `optllm-pymoo plan` writes one beside each plan")
    try:
        with zipfile.ZipFile(path) as file:
            said = json.loads(file.read(_HEADER))
            text = said["header"]
            header = json.loads(text)
            found, layout, by = header["kind"], header["layout"], header["optllm_pymoo"]
            if found != kind:
                raise UserError(f"{path} is a {found} of optllm-pymoo, and a {kind} is needed")
            if layout != version:
                raise UserError(
                    f"{path} was written by optllm-pymoo {by} in layout {layout}, and this version reads layout"
                    f" {version}; make it again with `optllm-pymoo plan`, or use the version that wrote it"
                )
            names = [name for name in file.namelist() if name != _HEADER]
            arrays = {}
            for name in names:
                with file.open(name) as member:
                    arrays[name.removesuffix(".npy")] = np.lib.format.read_array(member, allow_pickle=False)
    except UserError:
        raise
    except (zipfile.BadZipFile, zlib.error, KeyError, TypeError, ValueError, EOFError, NotImplementedError):
        raise UserError(f"{path} is no {kind} of optllm-pymoo, or it is damaged; make it again") from None
    if said["sha256"] != _digest(text, arrays):
        raise UserError(f"{path} isn't as optllm-pymoo wrote it: its content was changed. Make it again")
    return header, arrays


def _digest(text: str, arrays: Mapping[str, np.ndarray]) -> str:
    """Return the SHA-256 of header and arrays."""
    found = hashlib.sha256(text.encode())
    for name, array in arrays.items():
        found.update(f"\0{name}\0{array.dtype.str}\0{array.shape}\0".encode())
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()
