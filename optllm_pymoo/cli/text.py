"""Reports of the command, beside a plan's own summary: as text, and as one JSON object."""

from __future__ import annotations

import json
import math
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from optllm_pymoo.data import Collected, Dataset, RequestFiles
from optllm_pymoo.decision import Plan
from optllm_pymoo.decision.confidence import Difference
from optllm_pymoo.decision.text import IF_RIGHT, PlanFacts, abridged, count, entry, percent, probability, usd, wrapped
from optllm_pymoo.limits import Kind, LimitPrice
from optllm_pymoo.measures import PlanEvaluation, RealisedQuality, calibration
from optllm_pymoo.planning import (
    Comparison,
    Front,
    LearningCurve,
    PartsPlan,
    PlannedBatch,
    Policy,
    Routes,
    usd_per_label,
)
from optllm_pymoo.planning.choose import LimitCosts
from optllm_pymoo.planning.curve import FACTORS, FEWEST
from optllm_pymoo.planning.front import GroupTotal
from optllm_pymoo.planning.policy import POLICY
from optllm_pymoo.planning.rounds import Round, parts_of, total_usd
from optllm_pymoo.tolerances import SUM_ROUNDING
from optllm_pymoo.validation import in_full, printable, rounded_up

INSTEAD = {
    True: "instead of exact: the exact front is unknown if limits bind",
    False: "instead of exact: with a third objective plans are searched",
}
ONE_MORE = {Kind.CALLS: "One call more", Kind.USD: "One US$ more for them", Kind.TOKENS: "One token more"}
SYNTHETIC = wrapped("Synthetic demo batch: made-up queries, LLMs, prices. Pass your own with --data.")
FEW = 3
"""Largest number of floors without a cost that are listed one by one."""


def as_json(content: dict[str, Any], /) -> str:
    """Write one JSON object in ASCII, which every terminal shows; numbers that aren't finite become null.

    Args:
        content: May hold numpy numbers, paths and nested dicts and lists.

    Example:
        >>> print(as_json({"saving": float("nan"), "file": Path("plan.csv")}))
        {
         "saving": null,
         "file": "plan.csv"
        }
    """
    return json.dumps(_plain(content), indent=1, allow_nan=False)


def files_text(files: Sequence[Path], /) -> str:
    """List the files that were written.

    Args:
        files: At least one, of one folder.
    """
    return wrapped(f"Written to {files[0].parent}: " + ", ".join(file.name for file in files))


class PlanReport(NamedTuple):
    """A plan, from a choice of the command line, and its limits."""

    plan: Plan
    costs: LimitCosts | None
    """What its limits cost; None without limits."""

    def facts(self) -> PlanFacts:
        """Return the facts of the plan; the certificate refers to plans within the same limits."""
        plan, costs = self
        facts = plan.facts()
        if costs is None:
            return facts
        return facts._replace(
            accuracy_bound=costs.accuracy_bound,
            gap=max(0.0, costs.accuracy_bound - plan.accuracy),
            gap_usd=max(0.0, plan.cost_usd - costs.usd_bound),
            has_limits=True,
        )

    def json(self) -> dict[str, Any]:
        """Return the facts of the plan and its limits for JSON."""
        plan, costs = self
        facts = self.facts()._asdict()
        mix = facts.pop("mix")
        single, value = None, plan.evaluate(plan.problem.accuracy)  # as if the predictions were right
        if value.best_llm is not None:
            single = {
                "llm": value.best_llm,
                "cost_usd": value.best_cost_usd,
                "expected_accuracy": value.best_accuracy,
                "saving": value.saving,
            }
            if plan.problem.has_limits:
                single["meets_limits"] = not plan.problem.exceeded_limits(plan.problem.single_llm(value.best_llm))
        found = {**facts, "mix": dict(mix["queries"].items()), "best_single_llm": single}
        if costs is not None:
            limits, *together = costs
            found["limits"] = [{**each._asdict(), "kind": each.kind.name.lower()} for each in limits]
            found["all_limits"] = dict(zip(costs._fields[1:], together, strict=True))
        return found

    def text(self) -> str:
        """Explain the choice, compare with the best single LLM, summarise the plan, and show the cost of its limits."""
        plan, costs = self
        lines = [entry("Choice", self._choice())]
        value = plan.evaluate(plan.problem.accuracy)
        if value.best_llm is None:
            lines.append(entry("Best single LLM", "none is allowed for all queries"))
        else:
            exceeds = plan.problem.exceeded_limits(plan.problem.single_llm(value.best_llm))
            refused = f", but exceeds {' and '.join(exceeds)}" if exceeds else ""
            best = f"{percent(value.best_accuracy)} expected for {usd(value.best_cost_usd)} US$"
            lines.append(entry("Best single LLM", f"{abridged(value.best_llm)}: {best}{refused}"))
            lines.append(entry("Saving", f"{_saving(value)}, {IF_RIGHT}"))
        parts = ["\n".join(lines), self.facts().summary()]
        return "\n\n".join([*parts, *([] if costs is None else [self._limits(costs)])])

    def _choice(self) -> str:
        """Describe how the plan was chosen."""
        plan = self.plan
        kept = "meets the limits" if plan.problem.has_limits else ""
        that_is_kept = f" that {kept}" if kept else ""
        if plan.budget_usd is not None and plan.promise is not None:
            most = f"promises most with {probability(plan.promise)}"
            return f"the plan within {usd(plan.budget_usd)} US$ that {most}{kept and f' and {kept}'}"
        if plan.budget_usd is not None:
            return f"the most accurate plan within {usd(plan.budget_usd)} US${that_is_kept}"
        if plan.target is not None:
            verb, surely = (
                ("expects", "") if plan.promise is None else ("promises", f" with {probability(plan.promise)}")
            )
            return (
                f"the cheapest plan that {verb} an accuracy of {in_full(plan.target)}{surely}{kept and f' and {kept}'}"
            )
        third = plan.problem.third
        two = "" if third is None else f" of cost and accuracy, for any {third.name}"
        return f"the knee of the front{two}, beyond which accuracy costs more than on average"

    def _limits(self, costs: LimitCosts) -> str:
        """Describe the cost of the limits."""
        plan = self.plan
        slack = [each for each in costs.limits if each.kind is Kind.ACCURACY and not each.binds]
        listed = [each for each in costs.limits if len(slack) <= FEW or each not in slack]
        items = [self._limit(each) for each in listed]
        if len(slack) > FEW:
            items.append(f"Floors of {len(slack)} {'other ' if listed else ''}groups: they cost nothing here.")
        if len(costs.limits) > 1:
            is_free = max(costs.accuracy_lost, costs.usd_lost) <= SUM_ROUNDING
            lost = self._lost(costs.accuracy_lost, costs.usd_lost)
            items.append(f"All of them together: {'they cost nothing here' if is_free else f'without them {lost}'}.")
        if plan.target is not None:
            heading = f"What the limits cost, for an expected accuracy of {percent(plan.accuracy)}"
        else:
            heading = (
                f"What the limits cost, for {usd(plan.cost_usd if plan.budget_usd is None else plan.budget_usd)} US$"
            )
        return "\n".join([heading, *(wrapped(item, first="- ", others="  ") for item in items)])

    def _limit(self, cost: LimitPrice) -> str:
        """Describe the cost of one limit."""
        if cost.kind is Kind.ACCURACY:
            used = f"Floor {cost.limit:.6g} of {abridged(cost.subject)!r}: {cost.use:.6g} expected"
        elif cost.kind is Kind.ADDITIVE:
            used = (
                f"{cost.subject[0].upper()}{cost.subject[1:]}: {cost.use:.6g} of {cost.limit:.6g} {cost.unit}".rstrip()
            )
        else:
            amount = usd if cost.kind is Kind.USD else "{:,.15g}".format
            used = f"Quota of {abridged(cost.subject)}: {amount(cost.use)} of {amount(cost.limit)} {cost.unit} used"
        if not cost.binds:
            return f"{used}: it costs nothing here."
        worth = f" {self._price(cost)}." if cost.correct_per_unit > 0 else ""
        return f"{used}: it binds.{worth} Without it {self._lost(cost.accuracy_lost, cost.usd_lost)}."

    @staticmethod
    def _price(cost: LimitPrice) -> str:
        """Describe the price of one more unit of a limit."""
        answers = f"{cost.correct_per_unit:.3g} expected correct answers"
        dollars = (
            "" if math.isnan(cost.usd_per_unit) else f", as much as {usd(_digits(cost.usd_per_unit))} US$ of budget"
        )
        if cost.kind is Kind.ACCURACY:
            return f"One correct answer less in that group would be worth {answers} in all{dollars}"
        one_more = ONE_MORE.get(cost.kind, f"One {cost.unit} more or less of it")
        return f"{one_more} would be worth {answers}{dollars}"

    def _lost(self, accuracy: float, dollars: float) -> str:
        """Describe the gain without a limit."""
        answers = accuracy * len(self.plan.x)
        counted = f"{answers:,.0f}" if answers >= 100 else f"{answers:.3g}"
        more = f"the same US$ would give {100 * accuracy:.3g} points more accuracy ({counted} correct answers)"
        less = f"the same accuracy would cost {usd(_digits(dollars))} US$ less"
        if dollars <= SUM_ROUNDING:
            return more
        return f"{less}, or {more}" if self.plan.target is not None else f"{more}, or {less}"


def _ahead(points: float, difference: Difference) -> str:
    """Write the difference of two plans with its interval, which is corrected for overrated LLMs."""
    low, high = (f"{100 * value:+.2f}" for value in (difference.low, difference.high))
    return f"{100 * points:+.2f} points, with {probability(0.95)} {low} to {high}"


class FrontReport(NamedTuple):
    """A front."""

    front: Front

    def json(self) -> dict[str, Any]:
        """Return the facts for JSON."""
        front = self.front
        F = np.atleast_2d(front.found.F)
        cheapest, best = F[np.lexsort((F[:, 1], F[:, 0]))[0]], F[np.lexsort((F[:, 0], F[:, 1]))[0]]
        facts: dict[str, Any] = {
            "algorithm": front.algorithm,
            "n_labelled": front.n_labelled,
            "shift": None if front.shift is None else front.shift._asdict(),
            "skill": None if front.skill is None else front.skill._asdict(),
            "n_plans": len(F),
            "prices": list(front.prices),
            "cheapest": {"cost_usd": cheapest[0], "expected_accuracy": -cheapest[1]},
            "most_accurate": {"cost_usd": best[0], "expected_accuracy": -best[1]},
        }
        if front.done is not None:
            facts["after"] = self._round(front.done)
        third = front.problem.third
        if third is not None:
            best = F[np.argmin(F[:, 2])]
            amount = {"name": third.label, "amount": third.amount(best[2]), "unit": third.unit}
            facts["best_third"] = {"cost_usd": best[0], "expected_accuracy": -best[1], "third": amount}
        return facts

    def text(self) -> str:
        """Return the facts as text."""
        front = self.front
        facts, shift = self.json(), front.shift
        cheapest, best = (
            f"{rounded_up(end['cost_usd'])} US$ ({percent(end['expected_accuracy'])})"
            for end in (facts["cheapest"], facts["most_accurate"])
        )
        why = f" ({INSTEAD[front.problem.limits_bind]})" if front.algorithm != front.asked_for else ""
        learnt = f"learnt from {count(front.n_labelled, 'labelled query', 'labelled queries')}"
        if beside := {} if front.planned is None else front.planned.about.get("beside", {}):
            learnt += f", by texts and {', '.join(beside)}"
        plans = count(facts["n_plans"], "plan", "plans")
        lines = [
            entry("Front", f"{plans} from {cheapest} to {best}, {front.algorithm}{why}"),
            entry("Accuracies", "all outcomes known" if front.sigma is None else learnt),
        ]
        lines += [
            entry("Prices", f"{each['file']} of {each['date']}, SHA-256 {each['sha256'][:12]}") for each in front.prices
        ]
        lines += [] if front.done is None else self._round_lines(facts["after"])
        if (skill := front.skill) is not None:
            half = 1.96 * skill.error
            if skill.weight == 0:
                said = "say nothing about which LLM suits which query: plans depend on the LLMs' means and on costs"
            else:
                said = f"say which LLM suits which query: {skill.weight:.2f} of each predicted difference is used"
                if math.isfinite(half):
                    gain = f"{100 * skill.gain:+.2f} ± {100 * half:.2f} points of accuracy over the LLMs' means"
                    chance = "" if abs(skill.gain) > half else ", which may be chance"
                    said += f". On the labelled queries this gains {gain}{chance}"
            lines.append(entry("Texts", said))
        if shift is not None and shift.unlikeness > 0:
            said = (
                f"the queries to plan differ from the labelled ones (seen in {percent(shift.auc)} of pairs), so"
                " predictions may not hold for them and are moved toward the means by"
                f" {percent(shift.unlikeness)}. Label a random sample of these queries"
            )
            lines.append(entry("Caution", said))
        return "\n".join(lines)

    def _round(self, done: Round) -> dict[str, Any]:
        """Return the facts about former answers."""
        followed = done.labels[len(done.labels) - done.n_followed :]
        return {
            **{name: getattr(done, name) for name in ("n_answered", "n_graded", "n_open", "spent_usd", "lost_usd")},
            "labels": dict(zip(self.front.problem.llms, (~np.isnan(done.labels)).sum(axis=0).tolist(), strict=True)),
            "labels_along_a_plan": dict(
                zip(self.front.problem.llms, (~np.isnan(followed)).sum(axis=0).tolist(), strict=True)
            ),
            "cost_ratio": dict(zip(self.front.problem.llms, done.cost_ratio.tolist(), strict=True)),
        }

    @staticmethod
    def _round_lines(facts: dict[str, Any]) -> list[str]:
        """Describe former answers."""
        lost = f", {usd(float(facts['lost_usd']))} of them for errors and repeats" if facts["lost_usd"] else ""
        answered = f"{count(facts['n_answered'], 'query', 'queries')}, {facts['n_graded']:,} of them graded"
        along = {llm: f" ({n:,} along a plan)" if n else "" for llm, n in facts["labels_along_a_plan"].items()}
        labels = (f"{abridged(llm)} {n:,}{along[llm]}" for llm, n in facts["labels"].items())
        ratios = [f"{abridged(llm)} {ratio:.2f}" for llm, ratio in facts["cost_ratio"].items() if ratio != 1]
        lines = [
            entry("Answered", f"{answered}; {facts['n_open']:,} are open"),
            entry("Paid so far", f"{usd(float(facts['spent_usd']))} US${lost}"),
            entry("Labels", ", ".join(labels)),
        ]
        return lines + ([entry("Costs", f"as a multiple of what was planned: {', '.join(ratios)}")] if ratios else [])


class PlanningReport(NamedTuple):
    """Results of a command that plans."""

    front: Front
    chosen: PlanReport | None
    """The plan chosen from it, if one was."""
    policy: Policy | None
    """The policy of the plan, if it has one."""
    files: Sequence[Path]
    """What was written."""
    seed: int
    """Of everything."""
    given: Sequence[str]
    """Options that give the same plan when learning again."""
    origin: Path | None
    """The folder whose predictions were used; None if they were learnt."""

    @property
    def _again(self) -> str:
        out = ["--out", str(self.files[0].parent)] if self.origin is not None and self.files else []
        return f"optllm-pymoo plan {shlex.join([*self.given, *out])}".rstrip()

    @property
    def _is_synthetic(self) -> bool:
        return self.front.planned is not None and bool(self.front.planned.about.get("synthetic"))

    def _nearby(self, plan: Plan) -> dict[float, tuple[Plan, Difference] | None]:
        """The plans for a quarter more and less, None where there is none."""
        return {share: self.front.for_share(plan, share) for share in (1.25, 0.75)}

    def json(self) -> dict[str, Any]:
        """Return the facts of front, plan and files for JSON."""
        known = {"synthetic": self._is_synthetic, "seed": self.seed, "from": self.origin, "learn_anew": self._again}
        facts: dict[str, Any] = {**known, **FrontReport(self.front).json()}
        if self.chosen is not None:
            plan = self.chosen.plan
            other = [
                {
                    "share": share,
                    "cost_usd": each[0].cost_usd,
                    "expected_accuracy": each[0].accuracy,
                    "ahead": each[1]._asdict(),
                }
                for share, each in self._nearby(plan).items()
                if each is not None
            ]
            groups = [each._asdict() for each in self.front.by_group(plan)]
            facts["policy"] = None if self.policy is None else dict(self.policy.about)
            facts["plan"] = {**self.chosen.json(), "groups": groups, "other_budgets": other}
        return {**facts, "files": list(self.files)}

    def text(self) -> str:
        """Return the facts as text and tables."""
        said = [SYNTHETIC] if self._is_synthetic else []
        lines = [FrontReport(self.front).text()]
        if self.origin is not None:
            lines.append(entry("Predictions", f"as learnt for {self.origin}. To learn again: {self._again}"))
        if self.chosen is None:
            said.append("\n".join(lines))
        else:
            plan = self.chosen.plan
            said.append("\n".join([*lines, self.chosen.text()]))
            lines = []
            for share, found in self._nearby(plan).items():
                label = (
                    f"{percent(abs(share - 1)).removesuffix(' %').split('.')[0]} % {'more' if share > 1 else 'less'}"
                )
                would = "no plan costs so little"
                if found is not None:
                    other, difference = found
                    ahead = _ahead(other.accuracy - plan.accuracy, difference)
                    would = f"{usd(other.cost_usd)} US$ would expect {percent(other.accuracy)}: {ahead}"
                lines.append(entry(label, would))
            if self.policy is not None:
                agrees, undecided = (self.policy.about[name] for name in ("agrees", "undecided"))
                at = f"it sends {percent(agrees)} of the plan's own queries where the plan does"
                at += f"; {percent(undecided)} have the same value on two LLMs" if undecided else ""
                lines.append(entry("Policy", f"{POLICY} routes new queries at these prices; {at}"))
            said.append("\n".join(lines))
            groups = self.front.by_group(plan)
            said += [groups_text(groups)] if groups else []
        nothing = "Nothing was written; add --out FOLDER to write the plan"
        return "\n\n".join([*said, files_text(self.files) if self.files else nothing])


class ComparisonReport(NamedTuple):
    """Differences of two plans."""

    found: Comparison
    """The second against the first."""

    def json(self) -> dict[str, Any]:
        """Return the facts for JSON."""
        found = self.found
        tables = {name: getattr(found, name).to_dict("records") for name in ("moves", "groups")}
        difference = None if found.difference is None else found.difference._asdict()
        return {**found._asdict(), "difference": difference, **tables}

    def text(self) -> str:
        """Return the facts as text and tables."""
        found = self.found
        n_moved = int(found.moves["queries"].sum())
        before, after = found.cost_usd
        lines = [entry("Queries", f"{found.n_queries:,} in both plans; {n_moved:,} of them move to another LLM")]
        if any(found.n_left_out):
            of = [f"{n:,} of the {which}" for n, which in zip(found.n_left_out, ("first", "second"), strict=True) if n]
            lines.append(entry("Left out", f"{' and '.join(of)}, which the other plan doesn't have"))
        change = f"{'+' if after >= before else '-'}{usd(abs(after - before))} US$"
        repriced = f", of which {usd(found.repriced_usd)} US$ by other prices" if found.repriced_usd else ""
        lines.append(entry("Cost", f"{usd(before)} US$, then {usd(after)} US$: {change}{repriced}"))
        shares = ", then ".join(map(percent, found.expected_accuracy))
        if found.difference is None:
            sure = "the plans weren't learnt together, so no interval of the difference is known"
        else:
            sure = _ahead(found.expected_accuracy[1] - found.expected_accuracy[0], found.difference)
        lines.append(entry("Expected accuracy", f"{shares}: {sure}"))
        parts = ["\n".join(lines)]
        for table, names in ((found.moves, ("from_llm", "to_llm")), (found.groups, ("group",))):
            listed = table.head(_GROUPS)
            columns = {name.replace("_llm", ""): [abridged(each, 24) for each in listed[name]] for name in names}
            columns |= {name: [f"{n:,}" for n in listed[name]] for name in ("queries", "moved") if name in listed}
            columns["US$"] = [f"{'-' if amount < 0 else '+'}{usd(abs(amount))}" for amount in listed["cost_usd"]]
            columns["correct answers"] = [f"{amount:+.2f}" for amount in listed["correct"]]
            if len(table):
                parts.append(_table(columns, len(names), len(table)))
        return "\n\n".join(parts)


def _table(columns: Mapping[str, Sequence[str]], n_names: int, n_rows: int) -> str:
    """Write columns side by side, names on the left, and the number of further rows."""
    widths = [max(len(title), *map(len, cells)) for title, cells in columns.items()]
    aligned = [
        [f"{cell:<{width}}" if k < n_names else f"{cell:>{width}}" for cell in (title, *cells)]
        for k, (width, (title, cells)) in enumerate(zip(widths, columns.items(), strict=True))
    ]
    lines = ["  ".join(row) for row in zip(*aligned, strict=True)]
    more = n_rows - len(lines) + 1
    return "\n".join([*lines, *([f"and {count(more, 'row', 'rows')} more"] if more else [])])


class PartsReport(NamedTuple):
    """A front of a batch in parts, and the plan chosen from it."""

    found: PartsPlan

    def json(self) -> dict[str, Any]:
        """Return the facts for JSON."""
        found = self.found
        (low, worst), (high, best) = found.front.F[0], found.front.F[-1]
        facts: dict[str, Any] = {
            "algorithm": "exact",
            "n_parts": found.n_parts,
            "n_labelled": found.n_labelled,
            "n_plans": len(found.front),
            "cheapest": {"cost_usd": low, "expected_accuracy": -worst},
            "most_accurate": {"cost_usd": high, "expected_accuracy": -best},
        }
        if found.facts is not None:
            plan = found.facts._asdict()
            facts["plan"] = {
                **plan,
                "mix": dict(plan["mix"]["queries"].items()),
                "groups": [each._asdict() for each in found.groups],
                "limits": [each._asdict() for each in found.limits],
            }
        return facts

    def text(self) -> str:
        """Return the facts as text and tables."""
        found = self.found
        facts = self.json()
        cheapest, best = (
            f"{rounded_up(end['cost_usd'])} US$ ({percent(end['expected_accuracy'])})"
            for end in (facts["cheapest"], facts["most_accurate"])
        )
        learnt = f"learnt from {count(found.n_labelled, 'labelled query', 'labelled queries')}"
        plans, parts = count(facts["n_plans"], "plan", "plans"), count(found.n_parts, "part", "parts")
        lines = [
            entry("Front", f"{plans} from {cheapest} to {best}, exact, in {parts}"),
            entry("Accuracies", "all outcomes known" if found.is_known else learnt),
        ]
        blocks = ["\n".join(lines)]
        if found.facts is not None:
            blocks.append(found.facts.summary())
        kept = [f"{each.name}: {each.used:,.6g}, limit {each.limit:,.6g}" for each in found.limits]
        blocks += ["\n".join(entry("Limit", line) for line in kept)] if kept else []
        return "\n\n".join([*blocks, *([groups_text(found.groups)] if found.groups else [])])


class RoutesReport(NamedTuple):
    """Routes of new queries."""

    policy: Policy
    """The policy that routed them."""
    found: Routes
    """Where."""

    def json(self) -> dict[str, Any]:
        """Return the facts for JSON."""
        policy, found = self
        places = np.bincount(found.x, minlength=len(policy.llms)).tolist()
        return {
            "n_queries": len(found.x),
            "cost_usd": found.cost_usd.sum(),
            "expected_accuracy": found.accuracy.mean(),
            "mix": dict(zip(policy.llms, places, strict=True)),
            "n_of_unknown_groups": found.n_strange,
            "policy": dict(policy.about),
        }

    def text(self) -> str:
        """Return the facts as text and tables."""
        policy, found = self
        facts = self.json()
        lines = [
            entry(
                "Queries",
                f"{facts['n_queries']:,} on {np.count_nonzero(np.bincount(found.x))} of {len(policy.llms)} LLMs",
            ),
            entry("Cost", f"{usd(facts['cost_usd'])} US$, estimated by the lengths of the texts"),
            entry("Expected accuracy", f"{percent(facts['expected_accuracy'])}, {IF_RIGHT}"),
        ]
        if found.n_strange:
            group = count(found.n_strange, "query is", "queries are")
            lines.append(
                entry("Caution", f"{group} of groups that the plan didn't know, routed as queries of no group")
            )
        used = {name: n for name, n in facts["mix"].items() if n}
        columns = {"LLM": [abridged(name) for name in used], "queries": [f"{n:,}" for n in used.values()]}
        return "\n".join(lines) + "\n\n" + _table(columns, 1, len(used))


_GROUPS = 20
"""Number of groups listed in a report; --json has all."""


def groups_text(groups: Sequence[GroupTotal], /) -> str:
    """Write a table of a plan's totals in each group.

    Args:
        groups: The largest first.
    """
    names = [abridged(each.group, 30) for each in groups[:_GROUPS]]
    width = max(5, *map(len, names))
    lines = [f"{'Group':{width}}   queries         US$  expected      95 % interval"]
    for name, each in zip(names, groups, strict=False):
        interval = " to ".join(map(percent, each.interval_95))
        numbers = (
            f"{each.n_queries:>8,}  {usd(each.cost_usd):>10}  {percent(each.expected_accuracy):>8}  {interval:>17}"
        )
        lines.append(f"{name:{width}}  {numbers}")
    more = len(groups) - _GROUPS
    return "\n".join([*lines, *([f"and {count(more, 'group', 'groups')} more"] if more > 0 else [])])


class EvaluationReport(NamedTuple):
    """A plan compared with its answers."""

    batch: PlannedBatch
    """The plan and its calls."""
    found: PlanEvaluation | None
    """Its evaluation, where outcomes are known."""
    interval: tuple[float, float]
    """The 95 % interval that the plan gave."""
    whole: RealisedQuality | None
    """Realised quality of the whole front, if known."""

    def json(self) -> dict[str, Any]:
        """Return the facts for JSON."""
        return {**({} if self.found is None else self._outcomes(self.found)), **self._returned()}

    def text(self) -> str:
        """Return the facts as text and tables."""
        return "\n\n".join([*([] if self.found is None else [self._outcomes_text(self.found)]), self._returned_text()])

    def _outcomes(self, found: PlanEvaluation) -> dict[str, Any]:
        """Return the facts of the evaluation for JSON."""
        whole = self.whole
        return {
            **found._asdict(),
            "saving": found.saving,
            "reaches_best": None if found.best_llm is None else found.reaches_best,
            "front": None
            if whole is None
            else {**whole._asdict(), "best_llm": self.batch.plan.problem.llms[whole.best_llm]},
            "interval_95": self.interval,
        }

    def _outcomes_text(self, found: PlanEvaluation) -> str:
        """Compare expected and true accuracy."""
        low, high = self.interval
        paid, planned = usd(found.cost_usd), usd(found.planned_usd)
        lines = [
            entry("Queries", f"{found.n_queries:,} with known outcomes"),
            entry("Cost", f"{paid} US$" if paid == planned else f"planned {planned} US$, paid {paid} US$"),
            entry(
                "Expected accuracy",
                f"{percent(found.expected_accuracy)}, with {probability(0.95)} {percent(low)} to {percent(high)}",
            ),
            entry(
                "True accuracy",
                f"{percent(found.accuracy)}, {'inside' if low <= found.accuracy <= high else 'outside'} that range",
            ),
        ]
        if found.best_llm is None:
            missing = "that needs the outcomes of all LLMs, not of the chosen alone"
            lines.append(entry("Not compared", f"with single LLMs and the whole front: {missing}"))
        else:
            best = f"{percent(found.best_accuracy)} for {usd(found.best_cost_usd)} US$"
            lines += [entry("Best single LLM", f"{abridged(found.best_llm)}: {best}"), entry("Saving", _saving(found))]
        if self.whole is not None:
            lines.append(entry("Exact front", self._front(self.whole)))
        return "\n".join(lines)

    @staticmethod
    def _front(found: RealisedQuality) -> str:
        """Describe the realised quality of the whole front."""
        best = percent(found.best_accuracy)
        if math.isnan(found.saving):
            reached = f"none of its plans reaches {best} on the true outcomes"
        else:
            than = f"{percent(abs(found.saving))} {'more' if found.saving < 0 else 'less'}"
            reached = f"{best} is reached for {than} than that LLM costs"
        return f"{reached}; highest true accuracy {percent(found.highest_accuracy)}"

    def _returned(self) -> dict[str, Any]:
        """Return the facts about answers for JSON."""
        batch = self.batch
        whole, by_llm, by_group = parts_of(batch)
        plan = batch.plan
        outcomes = batch.correct[np.arange(len(plan.x)), plan.x]
        found = calibration(plan.chosen_accuracy, outcomes, n_groups=5) if whole.n_graded else None
        return {
            "whole": whole._asdict(),
            "by_llm": [part._asdict() for part in by_llm],
            "by_group": [part._asdict() for part in by_group],
            "calibration": None
            if found is None
            else {name: np.asarray(v).tolist() for name, v in found._asdict().items()},
            "missing": [plan.problem.query_ids[row] for row in np.flatnonzero(~batch.is_answered).tolist()],
        }

    def _returned_text(self) -> str:
        """Compare the plan with its answers: by LLM, by group, by predicted accuracy; list missing answers."""
        batch = self.batch
        whole, by_llm, by_group = parts_of(batch)
        facts = self._returned()
        shown_parts = [whole, *by_llm, *by_group[:_GROUPS]]
        names = [abridged(printable(part.name), 30) for part in shown_parts]
        width = max(map(len, names))
        head = (
            f"{'':{width}}   planned  answered  graded  planned US$     paid US$  expected      true      95 % interval"
        )
        lines = [head]
        for name, part in zip(names, shown_parts, strict=True):
            amounts = f"{usd(float(part.planned_usd)):>11}  {usd(float(part.billed_usd)):>11}"
            counts = f"{part.n_planned:>8,}  {part.n_answered:>8,}  {part.n_graded:>6,}"
            graded = ""
            if part.n_graded:
                graded = f"  {percent(part.expected_accuracy):>8}  {percent(part.true_accuracy):>8}"
                graded += f"  {' to '.join(map(percent, part.interval_95)):>17}"
            lines.append(f"{name:{width}}  {counts}  {amounts}{graded}")
        more = len(by_group) - _GROUPS
        lines += [f"and {count(more, 'group', 'groups')} more"] if more > 0 else []
        lines.append(
            wrapped("Planned US$: for the answered queries. Paid US$: for all calls, including errors and repeats.")
        )
        if facts["calibration"] is not None:
            groups = zip(
                *(facts["calibration"][name] for name in ("predicted", "realised", "n_predictions")), strict=True
            )
            told = ", ".join(f"{percent(p)}: {percent(y)} of {n:,}" for p, y, n in groups)
            off = percent(facts["calibration"]["error"])
            lines.append(wrapped(f"Predicted and true: {told}; off by {off} on average."))
        if facts["missing"]:
            first = ", ".join(abridged(printable(name), 20) for name in facts["missing"][:5])
            rest = len(facts["missing"]) - 5
            missing = (
                f"{count(len(facts['missing']), 'answer', 'answers')}, planned for {usd(float(whole.open_usd))} US$"
            )
            lines.append(wrapped(f"Missing: {missing}: {first}{f' and {rest:,} more' if rest > 0 else ''}."))
        return "\n".join(lines)


class LabelsReport(NamedTuple):
    """Which queries to label next, and what more labels would bring."""

    n_labelled: int
    """Queries with labels."""
    planned: Dataset
    """The queries without."""
    drawn: Dataset
    """The queries to label next."""
    curve: LearningCurve | None
    """What the labels at hand say of more; None if they say nothing."""

    def json(self) -> dict[str, Any]:
        """Return the facts for JSON."""
        drawn, curve = self.drawn, self.curve
        groups = sorted(Counter(drawn.groups or ()).items(), key=lambda each: (-each[1], each[0]))
        facts: dict[str, Any] = {
            "n_labelled": self.n_labelled,
            "n_unlabelled": len(self.planned),
            "n_drawn": len(drawn),
            "groups": dict(groups),
            "cost_usd": usd_per_label(drawn).sum(),
            "curve": None,
        }
        if curve is not None:
            found = [forecast for forecast in map(curve.forecast, FACTORS) if forecast is not None]
            per_label = float(usd_per_label(self.planned).mean())
            facts["curve"] = {
                "n_labels": curve.n_labels,
                "width": curve.width(),
                "area": curve.line.area,
                "measured": [{"n_labels": n, "area": area} for n, area in curve.measured],
                "forecasts": [
                    {
                        "n_labels": each.n_labels,
                        "cost_usd": (each.n_labels - curve.n_labels) * per_label,
                        **{name: getattr(each, name)._asdict() for name in ("width", "area", "gain")},
                    }
                    for each in found
                ],
            }
        return facts

    def text(self) -> str:
        """Say the same in words and a table."""
        facts, drawn = self.json(), self.drawn
        n_groups, n_llms = len(facts["groups"]), count(drawn.n_llms, "LLM", "LLMs")
        of = f", of {n_groups} groups in proportion" if n_groups > 1 else ""
        lines = [
            entry("Queries", f"{len(drawn):,} of {facts['n_unlabelled']:,} without labels, drawn at random{of}"),
            entry("Cost", f"{usd(facts['cost_usd'])} US$ to run them on {n_llms}"),
            entry("Next", "run and grade them, enter 1 or 0 in the batch or collect their logs, and plan again"),
        ]
        curve = facts["curve"]
        if curve is None:
            why = f"fewer than {FEWEST} different queries have labels of all LLMs, or no answer is right"
            if not self.n_labelled or drawn.texts is None:
                why = "no query has a label yet" if not self.n_labelled else "the batch has no texts"
            return "\n".join([*lines, entry("More labels", f"what they would bring can't be said: {why}")])
        n_labels = count(curve["n_labels"], "query", "queries")
        now = f"with the outcomes of {n_labels} on all LLMs a plan in the middle of the budgets has an interval of"
        now += f" {100 * curve['width']:.1f} points, and the area is {100 * curve['area']:.1f} % of the oracle's"
        lines.append(entry("Labels at hand", now))
        left_out = (
            f"with {FACTORS[len(curve['forecasts'])]:g} times as many" if len(curve["forecasts"]) < len(FACTORS) else ""
        )
        if not curve["forecasts"]:
            return "\n".join([*lines, entry("More labels", f"{left_out} no query would be left to plan")])
        table: dict[str, list[str]] = {name: [] for name in ("labels", "US$ more", "interval", "area", "gain")}
        for each in curve["forecasts"]:
            table["labels"].append(f"{each['n_labels']:,}")
            table["US$ more"].append(usd(_digits(each["cost_usd"])))
            table["interval"].append(_range(each["width"]))
            table["area"].append(_range(each["area"]))
            table["gain"].append(_range(each["gain"], "+"))
        last, surer = curve["forecasts"][-1]["gain"], curve["forecasts"][-1]["width"]["expected"] < curve["width"]
        if last["low"] > 0:
            said = "More labels make plans better, by the gain."
        elif last["expected"] < _FLAT:
            said = "The curve is flat: more labels bring no gain that can be seen."
        else:
            said = "More labels may make plans better, but this gain may be chance."
        said += (
            " The interval becomes narrower."
            if surer
            else " At the end the interval becomes wider: fewer queries are left to plan."
        )
        if left_out:
            said += f" {left_out.capitalize()} labels no query would be left to plan."
        what = "Points of accuracy: the 95 % interval of such a plan, the area in % of the oracle's, and its gain; in"
        notes = wrapped(f"{what} brackets where each will be with {probability(0.9)}. {said}")
        return "\n".join([*lines, "", _table(table, 0, len(table["labels"])), "", notes])


_FLAT = 0.005
"""A gain of area below that is none to speak of."""


def _range(found: Mapping[str, float], sign: str = "") -> str:
    """Write what is expected, and in brackets between which ends it will be."""
    expected, low, high = (f"{100 * found[name]:{sign}.1f}" for name in ("expected", "low", "high"))
    return f"{expected} ({low} to {high})"


class RequestsReport(NamedTuple):
    """Requests with their planned cost."""

    found: Sequence[RequestFiles]
    """The files of each column."""

    def json(self) -> dict[str, Any]:
        """Return the requests of each LLM for JSON."""
        return {"requests": [each._asdict() for each in self.found]}

    def text(self) -> str:
        """Write a table."""
        found = self.found
        names = [abridged(printable(each.llm), 40) for each in found]
        width = max(5, *map(len, names))
        lines = [f"{'LLM':{width}}  {'provider':12}  {'form':9}  requests  files  planned US$"]
        for name, each in zip(names, found, strict=True):
            numbers = f"{each.n_requests:>8,}  {len(each.files):>5,}  {usd(float(each.cost_usd)):>11}"
            lines.append(f"{name:{width}}  {abridged(printable(each.provider), 12):12}  {each.form:9}  {numbers}")
        total = usd(float(sum(each.cost_usd for each in found)))
        lines.append(f"{'all':{width + 27}}  {sum(each.n_requests for each in found):>8,}  {'':5}  {total:>11}")
        return "\n".join(lines)


_STATES = ("answered", "failed", "expired", "canceled", "missing")
_COUNTED = ("rows", "matched", "repeated", "errors", "unpriced", "unscored")


class CollectedReport(NamedTuple):
    """Joined logs: a line per file, estimates with their errors, and notes."""

    found: Collected
    """The batch and its sources."""

    def json(self) -> dict[str, Any]:
        """Return the facts for JSON."""
        found = self.found
        calls = found.batch.calls
        with_costs = [str(llm) for llm, n in calls.groupby("llm", sort=False)["cost_usd"].count().items() if n]
        about = found.batch.dataset(with_costs).about if with_costs else {}
        return {
            "n_queries": len(found.batch.queries),
            "llms": found.batch.llms["llm"].tolist(),
            "logs": [each._asdict() for each in found.files],
            "estimated_costs": about.get("estimated_costs", {}),
            "cost_errors": about.get("cost_errors", {}),
            "too_long": {llm: len(ids) for llm, ids in about.get("too_long", {}).items()},
            "without_costs": [llm for llm in found.batch.llms["llm"] if llm not in with_costs],
            "requests": {
                llm: {state: counts[state] for state in _STATES} for llm, counts in found.ledger.counts().items()
            },
            "billed_usd": total_usd(calls["billed_usd"]),
            "notes": found.notes,
        }

    def text(self) -> str:
        """Return the facts as text and tables."""
        found = self.found
        facts = self.json()
        names = [abridged(printable(str(each.path)), 40) for each in found.files]
        kinds = [each.kind for each in found.files]
        widths = max(4, *map(len, names)), max(4, *map(len, kinds))
        lines = [f"{'file':{widths[0]}}  {'kind':{widths[1]}}" + "".join(f"{name:>10}" for name in _COUNTED)]
        for name, kind, each in zip(names, kinds, found.files, strict=True):
            counted = "".join(f"{getattr(each, column):>10,}" for column in _COUNTED)
            lines.append(f"{name:{widths[0]}}  {kind:{widths[1]}}{counted}")
            lines += [f"  {number:,} records left out: {reason}" for reason, number in each.left_out.items()]
        if facts["requests"]:
            names = [abridged(printable(llm), 40) for llm in facts["requests"]]
            width = max(8, *map(len, names))
            lines += ["", f"{'requests':{width}}" + "".join(f"{state:>10}" for state in _STATES)]
            for name, counts in zip(names, facts["requests"].values(), strict=True):
                lines.append(f"{name:{width}}" + "".join(f"{counts[state]:>10,}" for state in _STATES))
            lines.append(f"billed in all: {in_full(float(facts['billed_usd']))} US$")
        lines += [
            "",
            f"{count(facts['n_queries'], 'query', 'queries')}, {count(len(facts['llms']), 'column', 'columns')}",
        ]
        for llm, gaps in facts["estimated_costs"].items():
            error = facts["cost_errors"][llm]
            off = (
                "too few calls are known to say how well" if error is None else f"its total to within {percent(error)}"
            )
            lines.append(f"{printable(llm)}: {count(gaps, 'cost', 'costs')} estimated from known calls, {off}")
        too_long = facts["too_long"].items()
        lines += [f"{printable(llm)}: {count(n, 'query', 'queries')} too long for its context" for llm, n in too_long]
        lines += [f"{printable(llm)}: no cost is known" for llm in facts["without_costs"]]
        return "\n".join([*lines, *(wrapped(f"Note: {printable(note)}") for note in facts["notes"])])


def _saving(found: PlanEvaluation) -> str:
    """Compare cost and accuracy of a plan with those of the best single LLM."""
    difference = found.accuracy - found.best_accuracy
    than = f"{100 * abs(difference):.2f} points {'more' if difference >= 0 else 'less'} accurate"
    if math.isnan(found.saving):
        return f"none: that LLM is free; the plan is {than}"
    if found.saving < 0:
        return f"none: the plan is {percent(-found.saving)} more expensive than that LLM, and {than}"
    return f"{percent(found.saving)} of its cost; the plan is {than}"


def _digits(amount: float) -> float:
    """Keep three digits."""
    return float(f"{amount:.3g}")


def _plain(value: Any) -> Any:
    """Turn a value into a type of JSON."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    value = float(value) if isinstance(value, Decimal) else value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value
