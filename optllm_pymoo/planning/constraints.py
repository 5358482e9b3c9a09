"""From a batch and constraints by name to the problem of splitting it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from optllm_pymoo.data import Dataset, load_latency
from optllm_pymoo.limits import Additive, Ceiling, Floor, Kind, Quota
from optllm_pymoo.problems import AllocationProblem
from optllm_pymoo.validation import UserError, first_place, positions_of, shown, unknown_name


def problem_of(dataset: Dataset, accuracy: npt.ArrayLike | None = None, /, **options: Any) -> AllocationProblem:
    """Build the pymoo problem of splitting a batch over its LLMs.

    Args:
        dataset: The batch.
        accuracy: (N, M) probabilities in [0, 1] to optimise, such as predicted ones; the known outcomes if not given.
        **options: Passed on to `AllocationProblem`, for instance `allowed`.

    Raises:
        UserError: No `accuracy` is given and some outcome is not known.

    Examples:
        >>> data = Dataset([[0.1, 2.0]], [[0, 1]], llms=["small", "large"])
        >>> problem_of(data).llms
        ('small', 'large')
    """
    if accuracy is None:
        place = first_place(np.isnan(dataset.correct))
        if place is not None:
            i, j = place
            untried = f"{shown(dataset.llms[j])} was not tried on query {shown(dataset.query_ids[i])}"
            hint = (
                "Pass predicted accuracies, problem_of(data, accuracy), or select the queries that are fully labelled"
            )
            raise UserError(f"{untried}: correct[{i}, {j}] is NaN. {hint}")
        accuracy = dataset.correct
    return AllocationProblem(dataset.cost, accuracy, llms=dataset.llms, query_ids=dataset.query_ids, **options)


Rules = Mapping[str | None, Sequence[str]] | Sequence[str]
"""Names of LLMs by group, None for every query; or texts `LLM` or `LLM:GROUP`."""
EVERYTHING = "all queries"
"""The one group of a batch without groups."""


@dataclass(frozen=True, kw_only=True)
class Constraints:
    """Constraints of plans beside a budget or a target.

    Attributes:
        quotas: Of LLMs, patterns of their names, or providers by name.
        providers: LLMs by provider, beside those that the data set knows; of the same name they replace its own.
        floors: Mean accuracy by group; None stands for every group that has no floor of its own.
        latency: File of latencies, see `load_latency`: a third objective, or the table that ``max_latency`` bounds.
        max_latency: Largest mean latency of a plan, seconds per call.
        forbidden: By group, LLMs that its queries must not go to; None stands for every query. Names are those of
            quotas: an LLM with its modes, a pattern, or a provider. Or rules as a list, ``LLM`` or ``LLM:GROUP``.
        allowed: By group, the only LLMs that its queries may go to.
    """

    quotas: Sequence[Quota] = ()
    providers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    floors: Mapping[str | None, float] = field(default_factory=dict)
    latency: str | Path | None = None
    max_latency: float | None = None
    forbidden: Rules = ()
    allowed: Rules = ()

    def __bool__(self) -> bool:
        """Whether there is any limit or third objective; masks are neither."""
        return bool(self.quotas or self.floors or self.latency is not None)

    def check(self, dataset: Dataset, /) -> None:
        """Refuse unknown names before any long work.

        Args:
            dataset: The whole batch.

        Raises:
            UserError: If an LLM, a provider or a group is unknown; the message has the closest and the known.
        """
        self._resolve_quotas(dataset)
        known = _names(groups_of(dataset))
        rules = [self._by_group(each, dataset) for each in (self.forbidden, self.allowed)]
        for group in {**self.floors, **rules[0], **rules[1]}:
            if group is not None and group not in known:
                raise UserError(unknown_name(group, known, kind="group"))
        self.mask(dataset)

    def mask(self, dataset: Dataset, /) -> np.ndarray | None:
        """Build the mask of allowed LLMs: by rules, and by the lengths of queries.

        Args:
            dataset: N queries on M LLMs; ``too_long`` in its `about` has ids by LLM.

        Returns:
            (N, M) bool, None if everything is allowed.

        Raises:
            UserError: If a name is unknown, or nothing is left for a query.
        """
        too_long = {llm: ids for llm, ids in dataset.about.get("too_long", {}).items() if llm in dataset.llms}
        if not (self.forbidden or self.allowed or too_long):
            return None
        groups = np.array(groups_of(dataset), dtype=object)
        mask = self.allowed_in(groups, dataset)
        for llm, ids in too_long.items():
            mask[np.isin(dataset.query_ids, ids), dataset.llms.index(llm)] = False
        stranded = np.flatnonzero(~mask.any(axis=1))
        if len(stranded):
            i = int(stranded[0])
            whose = f" of group {shown(groups[i])}" if dataset.groups is not None and groups[i] else ""
            more = f" ({len(stranded):,} such queries)" if len(stranded) > 1 else ""
            problem = f"no LLM is allowed for query {shown(dataset.query_ids[i])}{whose}{more}"
            raise UserError(f"{problem}: forbid less, allow more, or take in an LLM that can read longer prompts")
        return None if mask.all() else mask

    def allowed_in(self, groups: Sequence[str | None] | np.ndarray, dataset: Dataset, /) -> np.ndarray:
        """Return the LLMs that rules allow in some groups.

        Args:
            groups: n names, None for no group.
            dataset: The batch with the LLMs.

        Returns:
            (n, M) bool.

        Raises:
            UserError: If a name is unknown.
        """
        groups = np.asarray(groups, dtype=object)
        mask = np.ones((len(groups), dataset.n_llms), dtype=bool)
        for rules, wanted in ((self.allowed, True), (self.forbidden, False)):
            for group, names in self._by_group(rules, dataset).items():
                whose = np.full(len(groups), True) if group is None else groups == group
                members = np.any([self.members(name, dataset) for name in names], axis=0)
                mask[whose] &= members if wanted else ~members
        return mask

    def _by_group(self, rules: Rules, dataset: Dataset) -> Mapping[str | None, Sequence[str]]:
        """Return rules by group; the text after a colon is a group, unless the whole text is a name."""
        if isinstance(rules, Mapping):
            return rules
        found: dict[str | None, list[str]] = {}
        for rule in rules:
            name, colon, group = rule.rpartition(":")
            if not colon or self._is_name(rule, dataset):
                name, group = rule, ""
            found.setdefault(group.strip() or None, []).append(name.strip())
        return found

    def _is_name(self, text: str, dataset: Dataset) -> bool:
        """Whether a text as a whole stands for LLMs."""
        try:
            return bool(self.members(text, dataset).any())
        except UserError:
            return False

    def members(self, name: str, dataset: Dataset, /) -> np.ndarray:
        """Return the LLMs that a name means, as in a quota.

        Args:
            name: An LLM, which stands for its modes too, a pattern, or a provider.
            dataset: The batch.

        Returns:
            (M,) bool.

        Raises:
            UserError: If it matches none.
        """
        return self._resolved([Quota(name, calls=0)], dataset)[0].members(dataset.llms)

    def options(self, dataset: Dataset, /) -> dict[str, Any]:
        """Build the options of an `AllocationProblem`.

        Args:
            dataset: The queries to plan.

        Returns:
            ``allowed``, ``limits``, ``groups`` and ``objectives``, as far as there are any. Groups without a query to
            plan have no floor, nor have queries of no group.

        Raises:
            UserError: As `check`.
            FileNotFoundError, DataFileError: As `load_latency`.
        """
        limits: list[Quota | Floor | Ceiling] = [*self._resolve_quotas(dataset)]
        made: dict[str, Any] = {}
        mask = self.mask(dataset)
        if mask is not None:
            made["allowed"] = mask
        if self.floors:
            groups = groups_of(dataset)
            general = self.floors.get(None)
            floors = {group: self.floors.get(group, general) for group in _names(groups)}
            limits += [Floor(group, floor) for group, floor in floors.items() if floor is not None]
            made["groups"] = groups
        if self.latency is not None:
            latency = Additive("latency", load_latency(self.latency, dataset), unit="s", mean=True)
            if self.max_latency is None:
                made["objectives"] = [latency]
            else:
                limits.append(Ceiling(latency, self.max_latency))
        return {**made, "limits": limits} if limits else made

    def problem(self, dataset: Dataset, accuracy: np.ndarray | None = None, /) -> AllocationProblem:
        """Build the problem of some queries.

        Args:
            dataset: The queries to plan.
            accuracy: (N, M) expected accuracies; None for the known outcomes.

        Raises:
            UserError: If no plan meets the limits, or they can't be combined.
        """
        return problem_of(dataset, accuracy, **self.options(dataset))

    def costs_alone(self, dataset: Dataset, /) -> AllocationProblem:
        """Build the problem of some queries without accuracies: all are 0, and there are no floors.

        Args:
            dataset: The queries to plan.

        Raises:
            UserError: As `problem`.
        """
        alone = replace(self, floors={})
        return alone.problem(dataset, np.zeros(dataset.cost.shape))

    def _resolve_quotas(self, dataset: Dataset) -> list[Quota]:
        return self._resolved(self.quotas, dataset)

    def _resolved(self, quotas: Sequence[Quota], dataset: Dataset) -> list[Quota]:
        """Return quotas with their LLMs, also those of providers."""
        providers = {**dataset.providers, **{name: tuple(llms) for name, llms in self.providers.items()}}
        for llms in self.providers.values():
            positions_of(llms, dataset.llms)
        return [_resolved(quota, dataset.llms, providers) for quota in quotas]


NO_CONSTRAINTS: Final = Constraints()


def groups_of(dataset: Dataset, /) -> list[str | None]:
    """Return the group of each query, None for no group; a batch without groups is one group, `EVERYTHING`.

    Args:
        dataset: N queries.
    """
    if dataset.groups is None:
        return [EVERYTHING] * len(dataset)
    return [None if pd.isna(group) or group == "" else str(group) for group in dataset.groups]


def _names(groups: Sequence[str | None]) -> list[str]:
    return sorted({group for group in groups if group is not None})


def _resolved(quota: Quota, llms: Sequence[str], providers: Mapping[str, Sequence[str]]) -> Quota:
    """Give the quota of a provider its LLMs."""
    if quota.kind is Kind.TOKENS:
        raise UserError(f"quota of tokens for {quota.name!r}: the data have no tokens per call; limit calls or US$")
    offered = tuple(providers.get(quota.name, ()))
    if quota.llms is not None or offered in ((), (quota.name,)):
        try:
            quota.members(llms)
        except UserError:
            raise UserError(unknown_name(quota.name, [*providers, *llms], kind="provider or LLM")) from None
        return quota
    if quota.name in llms:
        raise UserError(
            f"{quota.name!r} is an LLM and a provider of others; give the provider another name, with its LLMs"
        )
    return replace(quota, llms=offered)
