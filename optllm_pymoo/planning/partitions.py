"""Plans of batches that are larger than memory: from Parquet files to a plan in Parquet files, one by one, anywhere.

Every step is a function of one part that any process may do, twice too: in a loop, in processes of this machine, on a
Dask cluster. What it returns is kept in the folder ``<plan>.partial``, so that a run that was stopped goes on there.
"""

from __future__ import annotations

import json
import math
import os
import pickle
import shutil
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from optllm_pymoo import __version__
from optllm_pymoo.data import Dataset
from optllm_pymoo.data.atomic import foreign_entries, link, only_run, replacing, replacing_folder
from optllm_pymoo.data.columns import roles_of
from optllm_pymoo.data.csv import write_csv
from optllm_pymoo.data.formats import open_source
from optllm_pymoo.data.parts import Layout, Piece, open_parts
from optllm_pymoo.decision import AtLeastAccuracy, Choice, WithinBudget, accuracy_interval
from optllm_pymoo.decision.confidence import CORRELATION, Moments
from optllm_pymoo.decision.text import PlanFacts, count
from optllm_pymoo.exact.partitioned import Cut, PartitionedFront, Tables, carried
from optllm_pymoo.kernels.steps import add_exactly
from optllm_pymoo.limits import Floor
from optllm_pymoo.limits.plans import Asked, PricedCut, plan_in_parts
from optllm_pymoo.planning.constraints import EVERYTHING, NO_CONSTRAINTS, Constraints
from optllm_pymoo.planning.engine import Engine
from optllm_pymoo.planning.files import OUTPUTS, check_writable, picture
from optllm_pymoo.planning.front import ALL, GroupTotal
from optllm_pymoo.planning.labels import NO_LABELS, Learner, draws, labels_of, silent, with_labels_from
from optllm_pymoo.planning.policy import POLICY, Policy, Worth
from optllm_pymoo.planning.rounds import PLAN_FILES
from optllm_pymoo.prediction import QueryFeatures, SuccessPredictor
from optllm_pymoo.validation import Notice, UserError, import_extra, shown, unknown_name

N_SAMPLED: Final = 50_000
"""Texts, drawn from all, that the features are fitted on."""

N_HASHES: Final = 1 << 24
"""Hashes of ids that are compared at a time."""

PARTIAL: Final = ("run.json", "learnt.pickle", ".optllm*", "done/*", "ids/*", "expected/*", f"{PLAN_FILES}/*")
"""What a folder of intermediate results holds."""

SMALL: Final = 20_000
"""Queries below which processes cost more than they save."""

MAX_GROUPS: Final = 200
"""Groups that are reported one by one at the most."""


class Scan(NamedTuple):
    """What a piece holds to learn from."""

    n_queries: int
    n_planned: int
    labelled: Dataset | None
    sample: list[tuple[int, str]]
    groups: Counter[str]
    ids: tuple[Any, Any] | None
    """The first and the last, if each is larger than the one before."""


class Expected(NamedTuple):
    """A piece's queries to plan."""

    tables: Tables
    sigma: np.ndarray | None
    rows: np.ndarray | None
    """Which rows they are; None for all."""


class Written(NamedTuple):
    """What the plan of a piece comes to."""

    sums: np.ndarray
    """(M, 5) exact sums by LLM, see `add_exactly`."""
    moments: Moments
    groups: dict[int, tuple[float, Moments]]
    """By group: US$, and sums of what is expected."""
    used: np.ndarray
    """(K + 1,) of each limit, see `Asked.uses`; empty without limits."""
    dual: float
    """Its part of the bound within limits."""


@dataclass(frozen=True)
class Job:
    """What all tasks of a run need to know.

    Attributes:
        layout: What the columns mean.
        folder: Where intermediate results are, the same for all workers.
        labels: See `plan_parts`; of a file, the ids in it.
        constraints: Masks of what is allowed.
        seed: Of all draws.
        sampled: Share of the texts that the features are fitted on.
        groups: Names of the groups that are reported one by one.
    """

    layout: Layout
    folder: str
    labels: str | float | frozenset[str] | None
    constraints: Constraints = NO_CONSTRAINTS
    seed: int = 0
    sampled: float = 1.0
    groups: tuple[str, ...] = ()

    @property
    def is_known(self) -> bool:
        """Whether all outcomes are taken as known."""
        return self.labels == ALL

    def path(self, kind: str, piece: Piece, /) -> Path:
        """The file of a piece in the folder of intermediate results."""
        path = Path(self.folder, kind, f"part-{piece.number:05}.{'parquet' if kind == PLAN_FILES else 'npz'}")
        path.parent.mkdir(exist_ok=True)
        return path

    def labelled(self, dataset: Dataset, drawn: np.ndarray) -> np.ndarray:
        """Which queries are learnt from, (n,) bool."""
        if isinstance(self.labels, frozenset):
            return np.array([name.strip() in self.labels for name in dataset.query_ids], dtype=bool)
        tried = dataset.tried.any(axis=1)
        return np.asarray(tried if self.labels is None else tried & (drawn < float(self.labels) * 2.0**64))

    def scan(self, piece: Piece, /) -> Scan:
        """Find a piece's labelled queries, a sample of its texts and its groups."""
        layout, n, ends = self.layout, 0, None
        if layout.roles.query_id is not None:
            compute = import_extra("pyarrow.compute", extra="parquet", purpose="reading Parquet")
            ids = layout.ids(piece)
            n = len(ids)
            if n and compute.all(compute.less(ids[:-1], ids[1:])).as_py() is not False:
                ends = ids[0].as_py(), ids[-1].as_py()
        group = layout.roles.group
        groups: Counter[str] = Counter()
        if self.is_known:
            if group is not None:
                groups.update(layout.said(piece, [group])[group])
            return Scan(n or piece.n_rows, n or piece.n_rows, None, [], groups, ends)
        if not piece.n_rows:
            return Scan(0, 0, None, [], groups, ends)
        dataset = layout.dataset(piece, layout.cells(piece, complete=False))
        drawn = draws(dataset, self.seed)
        labelled = self.labelled(dataset, drawn)
        planned = np.flatnonzero(~labelled)
        if dataset.groups is not None:
            groups.update(dataset.groups[i] for i in planned)
        sample = planned[drawn[planned] < self.sampled * 2.0**64]
        texts = [(int(drawn[i]), dataset.texts[i]) for i in sample] if dataset.texts is not None else []
        chosen = dataset.select(labelled) if labelled.any() else None
        return Scan(len(dataset), len(planned), chosen, texts, groups, ends)

    def hashes(self, piece: Piece, /) -> int:
        """Keep sorted hashes of a piece's ids; return how many there are."""
        ids = self.layout.ids(piece).to_numpy(zero_copy_only=False)
        found = pd.util.hash_array(ids.astype(object) if ids.dtype.kind not in "iu" else ids, categorize=False)
        with replacing(self.path("ids", piece)) as path, path.open("wb") as file:
            np.savez(file, hashes=np.sort(found))
        return len(found)

    def predict(self, piece: Piece, /) -> int:
        """Predict a piece's queries without labels, and keep what is expected; return how many there are."""
        rows, accuracy, sigma = np.empty(0, dtype=np.int64), *np.empty((2, 0, len(self.layout.llms)))
        if piece.n_rows:
            model = Path(self.folder, "learnt.pickle")
            learner = _learnt(str(model), model.stat().st_mtime_ns)
            dataset = self.layout.dataset(piece, self.layout.cells(piece, complete=False))
            rows = np.flatnonzero(~self.labelled(dataset, draws(dataset, self.seed)))
            if len(rows) and dataset.texts is not None:
                asked = learner.features.transform([dataset.texts[i] for i in rows])
                accuracy, sigma = learner.predictor.set_params(n_jobs=1).predict(asked, return_std=True)
        with replacing(self.path("expected", piece)) as path, path.open("wb") as file:
            np.savez(file, rows=rows, accuracy=accuracy, sigma=sigma)
        return len(rows)

    def expected(self, piece: Piece, /) -> Expected:
        """Read costs and expected accuracies of a piece's queries to plan, with their mask and groups."""
        cost, correct = self.layout.cells(piece, complete=self.is_known)
        accuracy, sigma, rows = correct, None, None
        if not self.is_known:
            kept = np.load(self.path("expected", piece))
            accuracy, sigma, rows = kept["accuracy"], kept["sigma"], kept["rows"]
            cost = cost[rows]
        if not len(cost):
            return Expected(Tables(cost, accuracy, None, np.empty(0, dtype=np.int64)), sigma, rows)
        mask = None
        if self.constraints.forbidden or self.constraints.allowed:
            mask = self.constraints.mask(self.layout.dataset(piece, (cost, np.full_like(cost, np.nan))))
        return Expected(Tables(cost, accuracy, mask, self._groups(piece, rows)), sigma, rows)

    def tables(self, piece: Piece, /) -> Tables:
        """Read the tables of a piece for the front."""
        return self.expected(piece).tables

    def _groups(self, piece: Piece, rows: np.ndarray | None) -> np.ndarray | None:
        """Number the groups of a piece's queries; those of no group come last."""
        column = self.layout.roles.group
        if not self.groups:
            return None
        if column is None:  # all queries are one group, for a floor
            return np.zeros(piece.n_rows if rows is None else len(rows), dtype=np.int64)
        number = {name: k for k, name in enumerate(self.groups)}
        found = np.array([number.get(name, len(number)) for name in self.layout.said(piece, [column])[column]])
        return found if rows is None else found[rows]

    def write(self, cut: Cut | PricedCut, constant: Mapping[str, float], piece: Piece, /) -> Written:
        """Write the plan of a piece: query_id, llm, cost_usd, accuracy and what an interval needs."""
        arrow = import_extra("pyarrow", extra="parquet", purpose="writing Parquet")
        found = self.expected(piece)
        tables, n = found.tables, len(found.tables.cost)
        x = cut.assign(tables, piece.number)
        rows = np.arange(n)
        cost, accuracy = (np.asarray(table)[rows, x] for table in tables[:2])
        ids = self.layout.ids(piece)
        columns = {
            "query_id": ids if found.rows is None else ids.take(arrow.array(found.rows)),
            "llm": arrow.DictionaryArray.from_arrays(arrow.array(x), arrow.array(self.layout.llms)),
            "cost_usd": cost,
            "accuracy": accuracy,
        }
        sigma = None if found.sigma is None else found.sigma[rows, x]
        if sigma is not None:
            columns["sigma"] = sigma
        columns |= {name: np.full(n, value) for name, value in constant.items()}
        # numbers as ids differ little from one row to the next
        encoding = {"query_id": "DELTA_BINARY_PACKED"} if arrow.types.is_integer(ids.type) else None
        options: Any = {"use_dictionary": ["llm", *constant], "column_encoding": encoding}
        with replacing(self.path(PLAN_FILES, piece)) as path:
            import_extra("pyarrow.parquet", extra="parquet", purpose="writing Parquet").write_table(
                arrow.table(columns), path, **options
            )
        cost, accuracy = cost.astype(float), accuracy.astype(float)
        sums = np.zeros((len(self.layout.llms), 5), dtype=np.int64)
        add_exactly(x.astype(np.int64), cost, accuracy, sums)
        of_group = {}
        for group in () if tables.group is None else np.unique(tables.group).tolist():
            mine = tables.group == group
            moments = Moments.of(accuracy[mine], None if sigma is None else sigma[mine])
            of_group[group] = float(cost[mine].sum()), moments
        used, dual = np.empty(0), 0.0
        if isinstance(cut, PricedCut):
            used, dual = cut.asked.uses(tables, x), cut.dual(tables)
        return Written(sums, Moments.of(accuracy, sigma), of_group, used, dual)

    def refuse_repeated(self, engine: Engine, pieces: Sequence[Piece], scans: Sequence[Scan]) -> None:
        """Refuse an id that is there twice, unless their order shows that there is none.

        Hashes are compared, a range of them at a time, then the ids themselves.

        Raises:
            DataFileError: With the places of both.
        """
        column, full = self.layout.roles.query_id, [scan.ids for scan in scans if scan.n_queries]
        if column is None:
            return
        if None not in full:
            ordered = sorted(ends for ends in full if ends is not None)
            if all(one[1] < other[0] for one, other in pairwise(ordered)):
                return
        list(engine(self.hashes, pieces))
        found = [np.load(self.path("ids", piece), mmap_mode="r")["hashes"] for piece in pieces]
        n_ranges = math.ceil(sum(map(len, found)) / N_HASHES) or 1
        edges = [np.uint64(k * 2**64 // n_ranges) for k in range(1, n_ranges)]
        cuts = [
            [0, *np.searchsorted(hashes, np.array(edges, dtype=np.uint64)).tolist(), len(hashes)] for hashes in found
        ]
        for k in range(n_ranges):
            near = np.concatenate([hashes[at[k] : at[k + 1]] for hashes, at in zip(found, cuts, strict=True)])
            near.sort(kind="stable")  # which merges what is sorted already
            for twice in near[1:][near[1:] == near[:-1]]:
                seen: dict[Any, tuple[Piece, int]] = {}
                for piece, hashes in zip(pieces, found, strict=True):
                    if twice not in hashes:
                        continue
                    for row, name in enumerate(self.layout.ids(piece).to_pylist()):
                        earlier = seen.setdefault(name, (piece, row))
                        if earlier != (piece, row):
                            where = f"in row {earlier[0].first_row + earlier[1]} of {earlier[0].file}"
                            raise self.layout.source(piece).fault(
                                f"{shown(name)} is already {where}; keep one", row, column
                            )

    def learn(
        self,
        engine: Engine,
        pieces: Sequence[Piece],
        labels: float | str | Path | None,
        report: Callable[[str], None],
    ) -> tuple[Job, list[int], int, Any]:
        """Learn from the labelled queries and predict all others.

        Args:
            engine: Does the work.
            pieces: All pieces.
            labels: What is learnt from.
            report: Called with what is being done.

        Returns:
            What tasks need to know from here on, queries of each group, labelled queries, and by how much plans expect
            too much.

        Raises:
            UserError: If there is nothing to learn from, or to plan.
        """
        n_rows = sum(piece.n_rows for piece in pieces)
        per_query = 1 if self.layout.columns else len(self.layout.llms)
        job = replace(self, sampled=min(1.0, N_SAMPLED * per_query / max(1, n_rows)))
        found = list(engine(job.scan, pieces))
        n_queries, n_planned = (sum(each[k] for each in found) for k in (0, 1))
        if not n_queries:
            raise UserError(f"no file of {Path(pieces[0].file).parent} has a query")
        job.refuse_repeated(engine, pieces, found)
        sizes: Counter[str] = sum((each.groups for each in found), Counter())
        del sizes[""]
        names = sorted(sizes, key=lambda name: (-sizes[name], name))
        if job.constraints.floors:
            if job.layout.roles.group is None:
                names, sizes = [EVERYTHING], Counter({EVERYTHING: n_planned})
            elif len(names) > MAX_GROUPS:
                raise UserError(
                    f"floors of a batch in parts go with {MAX_GROUPS} groups at the most; it has {len(names):,}"
                )
        known = replace(job, groups=tuple(names) if len(names) <= MAX_GROUPS else ())
        counts = [sizes[name] for name in known.groups]
        if job.is_known:
            return known, counts, 0, None
        parts = [each.labelled for each in found if each.labelled is not None]
        if not parts:
            raise UserError(NO_LABELS)
        if not n_planned:
            raise UserError(
                f"all {n_queries:,} queries have labels already, so there is nothing to plan; say which share of them"
                " to learn from, for example 0.05, or plan on them with all (--labels all)"
            )
        labelled = Dataset.joined(parts)  # in an order of their own, that of their ids
        labelled = labelled.select(np.argsort(np.array(labelled.query_ids, dtype=object), kind="stable"))
        if isinstance(labels, Path):
            labelled = with_labels_from(labelled, labels)
        model = Path(job.folder, "learnt.pickle")
        if not model.exists():
            texts = [text for _, text in sorted(pair for each in found for pair in each.sample)]
            if labelled.texts is None or not texts:
                raise UserError(
                    "the batch has no texts, so nothing can be predicted; give it a column 'query' or 'text'"
                )
            report(f"Features of {len(labelled) + len(texts):,} texts")
            features = QueryFeatures(random_state=job.seed).fit([*labelled.texts, *texts])
            report(f"Learning from {count(len(labelled), 'labelled query', 'labelled queries')}")
            predictor = SuccessPredictor(random_state=job.seed).fit(
                features.transform(labelled.texts),
                labels_of(labelled),
                cost=labelled.cost,
                planned=features.transform(texts),
            )
            with replacing(model) as path:
                path.write_bytes(pickle.dumps(Learner.of(features, predictor, labelled)))
        list(engine(job.predict, pieces))
        return known, counts, len(labelled), _learnt(str(model), model.stat().st_mtime_ns).predictor.optimism_

    def policy(self, last: Cut | None, following: Cut, n_labelled: int) -> Policy | None:
        """Make the policy of a plan without limits; None where groups that rules name are too many to be kept.

        Args:
            last: The plan before its last step, None if it has none.
            following: The plan.
            n_labelled: Queries that were learnt from.
        """
        llms, model = self.layout.llms, Path(self.folder, "learnt.pickle")
        if (
            self.layout.roles.group is not None
            and not self.groups
            and (self.constraints.allowed or self.constraints.forbidden)
        ):
            return None
        one = Dataset(np.zeros((1, len(llms))), np.zeros((1, len(llms))), llms=llms)
        allowed = self.constraints.allowed_in([*self.groups, None], one)
        n_rows, n_llms = allowed.shape
        worth = Worth(np.zeros(n_rows), np.ones(n_llms), np.zeros(n_llms))
        if last is not None:
            rates = [cut.next_accuracy / cut.next_usd if cut.next_usd else 0.0 for cut in (last, following)]
            worth = Worth(np.ones(n_rows), np.full(n_llms, math.sqrt(math.prod(rates))), np.zeros(n_llms))
        learner = _learnt(str(model), model.stat().st_mtime_ns)
        return Policy(llms, learner, worth, self.groups, allowed, {"n_labelled": n_labelled})

    def asked(self, sizes: Sequence[int], n_queries: int, choice: Choice) -> Asked:
        """Resolve what the plan has to keep to.

        Args:
            sizes: Queries of each group.
            n_queries: Of all.
            choice: Has the budget, or the target.

        Raises:
            UserError: If a name is unknown.
        """
        llms, floors = self.layout.llms, self.constraints.floors
        one = Dataset(np.zeros((1, len(llms))), np.zeros((1, len(llms))), llms=llms)
        quotas = replace(self.constraints, floors={}, forbidden=(), allowed=()).options(one).get("limits", [])
        for group in floors:
            if group is not None and group not in self.groups:
                raise UserError(unknown_name(group, self.groups, kind="group"))
        least = {group: floors.get(group, floors.get(None)) for group in self.groups}
        return Asked(
            llms=llms,
            limits=(*quotas, *(Floor(group, floor) for group, floor in least.items() if floor is not None)),
            groups=self.groups,
            sizes=tuple(sizes),
            n_queries=n_queries,
            budget_usd=getattr(choice, "budget_usd", None),
            target=getattr(choice, "target", None),
        )


@lru_cache(maxsize=1)
def _learnt(path: str, changed: int) -> Learner:
    """Load what was learnt, once per process."""
    with open(path, "rb") as file:
        learnt: Learner = pickle.load(file)
    return learnt


class LimitUse(NamedTuple):
    """What a plan uses of a limit."""

    name: str
    used: float
    """As people know it: calls, US$, or the mean accuracy of a group."""
    limit: float
    price: float
    """Expected correct answers, or US$ at a target, that one unit more of it is worth (of a floor: of its sum)."""


@dataclass(frozen=True, kw_only=True)
class PartsPlan:
    """A front of a batch in parts, the plan chosen from it, and the files they were written to.

    Attributes:
        front: The front.
        n_labelled: Queries that were learnt from.
        n_parts: Parts of the batch.
        is_known: Whether all outcomes were taken as known.
        cut: The plan; within limits the plan of the front that would be chosen without them. None for a front alone.
        facts: What there is to say about the plan.
        groups: What it comes to in each group, the largest first.
        limits: What it uses of each limit.
        files: What was written.
        policy: Sends new queries where the plan would have; None within limits, or of known outcomes.
    """

    front: PartitionedFront
    n_labelled: int
    n_parts: int
    is_known: bool
    cut: Cut | None = None
    facts: PlanFacts | None = None
    groups: list[GroupTotal] = field(default_factory=list)
    limits: list[LimitUse] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    policy: Policy | None = None


def plan_parts(
    path: str | os.PathLike[str],
    labels: float | str | Path | None = None,
    /,
    *,
    out: str | Path,
    choice: Choice | None = None,
    llms: Sequence[str] | None = None,
    drop: Collection[str] = (),
    constraints: Constraints = NO_CONSTRAINTS,
    seed: int = 0,
    n_jobs: int | None = None,
    dask: str | None = None,
    report: Callable[[str], None] = silent,
) -> PartsPlan:
    """Plan a batch in parts: learn from its labelled queries, stream all others, write the plan part by part.

    Until it is complete, everything is in the folder ``<out>.partial`` beside ``out``. A run that was stopped, in
    whatever way, goes on from there when it is started again with the same data and options. Memory is that of a few
    parts; the same files give the same plan in any order of work, on any number of processes and machines.

    Args:
        path: A folder of Parquet files, a pattern, or an address, see `open_parts`.
        labels: What is learnt from, as `plan_front` says; of a share, about so many.
        out: Folder to write: plan.parquet/ (a file per part), front.csv, front.png, mix.png, plan.html and, where
            something was learnt and there are no quotas and floors, policy.npz.
        choice: How to choose the plan; None writes the front alone.
        llms: The LLMs wanted, in this order; all if not given.
        drop: LLMs to leave out.
        constraints: Quotas and floors, for a budget or a target; masks of what is allowed. The front is that without
            quotas and floors.
        seed: Of everything.
        n_jobs: Processes, see `Engine`.
        dask: Address of a Dask scheduler, see `Engine`; workers must see the data and ``out`` under the same names.
        report: Called with what is being done.

    Raises:
        FileNotFoundError: A file isn't there, or not any more.
        DataFileError: A file is damaged, differs from the first, or holds a value that is wrong; an id is there twice.
        UserError: There is nothing to learn from or to plan; no plan meets the choice; or something is asked for that
            takes the whole batch in memory.
        OSError: Something can't be written, or the cluster is gone.
    """
    _refuse_whole(choice, constraints)
    check_writable(out)
    layout, pieces = open_parts(path, llms, drop)
    target = Path(os.path.realpath(out))
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = target.with_name(f"{target.name}.partial")
    job = Job(layout, str(folder), _named_in(labels), constraints, seed)
    with only_run(folder, folder):
        bound = [getattr(choice, name, None) for name in ("budget_usd", "target")]
        asked = [str(labels), type(choice).__name__, bound, str(constraints), seed]
        _begin(folder, {"version": __version__, "files": _states(pieces), "llms": layout.llms, "asked": asked})
        n_jobs = 1 if dask is None and sum(piece.n_rows for piece in pieces) < SMALL else n_jobs
        in_threads = labels == ALL and not (constraints.forbidden or constraints.allowed)
        with Engine(folder / "done", n_jobs=n_jobs, in_threads=in_threads, dask=dask, report=report) as engine:
            job, sizes, n_labelled, optimism = job.learn(engine, pieces, labels, report)
            parts = [partial(job.tables, piece) for piece in pieces]
            front = PartitionedFront(parts, spread=engine, n_groups=len(job.groups) + 1 if job.groups else 0)
            found = PartsPlan(front=front, n_labelled=n_labelled, n_parts=len(pieces), is_known=job.is_known)
            if choice is not None:
                if isinstance(choice, WithinBudget):
                    free = front.within_budget(choice.budget_usd)
                elif isinstance(choice, AtLeastAccuracy):
                    free = front.at_least_accuracy(choice.target)
                else:
                    free = front.cut(int(front.index[choice.do(front.F)]))
                low, high = front.F[0, 0], front.singles[:, 1].max()
                place = (free.cost_usd - low) / (high - low) if high > low else 1.0
                excess = None if optimism is None else optimism.at(place)
                cut: Cut | PricedCut = free
                if constraints:
                    cut = plan_in_parts(parts, job.asked(sizes, front.n_queries, choice), spread=engine)
                constant = {} if job.is_known else {"n_labelled": n_labelled}
                constant |= {} if excess is None else dict(zip(("excess", "excess_error"), excess, strict=True))
                written = list(engine(partial(job.write, cut, constant), pieces))
                known = {"n_labelled": None if job.is_known else n_labelled, "excess": excess or (0.0, 0.0)}
                found = _with_facts(found, job, choice, cut, written, known)
                if isinstance(cut, Cut) and not job.is_known:
                    before = front.cut(cut.index - 1) if cut.index else None
                    found = replace(found, policy=job.policy(before, cut, n_labelled))
            report(f"Writing {out}")
            files = _publish(Path(out), folder, found, layout.llms, job.groups)
        _remove(folder)
    return replace(found, files=files)


def _refuse_whole(choice: Choice | None, constraints: Constraints) -> None:
    """Refuse what needs the whole batch at once."""
    asked = {
        "a promised accuracy": getattr(choice, "promise", None) is not None,
        "latency": constraints.latency is not None,
    }
    for what, is_asked in asked.items():
        if is_asked:
            raise UserError(
                f"{what} needs the batch in memory, and this one is in parts; join the files, or leave it out"
            )
    if constraints and not isinstance(choice, WithinBudget | AtLeastAccuracy):
        raise UserError("quotas and floors of a batch in parts need a budget or a target beside them")


def _named_in(labels: float | str | Path | None) -> str | float | frozenset[str] | None:
    """Read which queries a file of labels has; what else says what to learn from stays."""
    if isinstance(labels, Path):
        source = open_source(labels)
        column = roles_of(source).query_id
        source.require(["query_id"] if column is None else [column])
        return frozenset(name.strip() for name in source.read(text=[column or "query_id"])[0][column or "query_id"])
    return labels


def _states(pieces: Iterable[Piece]) -> list[tuple[str, Any, Any]]:
    """Tell the states of files apart: by size and time of the last change, where they are on a disk of ours."""
    files = dict.fromkeys(piece.file for piece in pieces)
    return [
        (file, 0, 0) if "://" in file else (file, os.stat(file).st_size, os.stat(file).st_mtime_ns) for file in files
    ]


def _begin(folder: Path, facts: dict[str, Any]) -> None:
    """Make the folder of intermediate results, or find it again; what is of other data or options goes."""
    manifest, said = folder / "run.json", json.dumps(facts, indent=1)
    if folder.exists() and not (manifest.exists() and manifest.read_text(encoding="utf-8") == said):
        for name in foreign_entries(folder, PARTIAL):
            raise FileExistsError(f"{folder} is in the way, it holds {name}; move it away")
        if manifest.exists():
            warnings.warn(f"{folder} is of other data or options; it starts from the beginning", Notice, stacklevel=3)
        _remove(folder)
    folder.mkdir(exist_ok=True)
    with replacing(manifest) as path:
        path.write_text(said, encoding="utf-8")


def _remove(folder: Path) -> None:
    """Remove intermediate results: what says that they are whole goes first."""
    (folder / "run.json").unlink(missing_ok=True)
    shutil.rmtree(folder)


def _mix(written: Sequence[Written], llms: Sequence[str]) -> pd.DataFrame:
    """Tabulate the mix of LLMs, as `Plan.mix` does."""
    sums = carried(np.sum([each.sums for each in written], axis=0))
    queries, (cost, correct) = sums[:, 0], (sums[:, k] * 2.0**-20 + sums[:, k + 1] * 2.0**-60 for k in (1, 3))
    with np.errstate(invalid="ignore"):
        accuracy = correct / queries
    columns = {"queries": queries, "share": queries / queries.sum(), "cost_usd": cost, "accuracy": accuracy}
    return pd.DataFrame(columns, index=pd.Index(list(llms), name="llm"))


def _with_facts(
    found: PartsPlan,
    job: Job,
    choice: Choice,
    chosen: Cut | PricedCut,
    written: Sequence[Written],
    known: Mapping[str, Any],
) -> PartsPlan:
    """Add the facts of the plan."""
    front, mix, moments = found.front, _mix(written, job.layout.llms), Moments.total([each.moments for each in written])
    cost, accuracy = float(mix["cost_usd"].sum()), moments.accuracy / moments.n_queries
    budget, target = getattr(choice, "budget_usd", None), getattr(choice, "target", None)
    limits, gap_usd = [], 0.0
    if isinstance(chosen, PricedCut):
        cut = front.within_budget(max(cost, front.F[0, 0]))
        of, bound = chosen.asked, chosen.bound(math.fsum(each.dual for each in written))
        used = np.sum([each.used for each in written], axis=0)
        for limit, used_k, price in zip(of.limits, used.tolist(), chosen.last.tolist(), strict=False):
            if isinstance(limit, Floor):
                name, size = f"floor of group {limit.of!r}", of.sizes[of.groups.index(str(limit.of))]
                limits.append(LimitUse(name, -used_k / size, float(limit.at_least), price))
            else:
                limits.append(LimitUse(f"{limit.kind.unit} for {limit.name}", used_k, limit.limit, price))
        if target is not None:
            gap_usd, bound = max(0.0, cost - bound), accuracy
    else:
        cut, cost, accuracy = chosen, chosen.cost_usd, chosen.accuracy
        bound = float(front.bound(max(cost, min(budget or 0.0, front.F[-1, 0]))))
    before = front.cut(cut.index - 1) if cut.index else None
    if not limits and before is not None and target is not None:  # as far back along the last step as the target allows
        share = (accuracy - min(target, accuracy)) * front.n_queries / before.next_accuracy
        gap_usd = max(0.0, share * before.next_usd)
    excess = known["excess"]
    facts = PlanFacts(
        n_queries=front.n_queries,
        n_llms=front.n_llms,
        cost_usd=cost,
        budget_usd=budget,
        expected_accuracy=accuracy,
        corrected_accuracy=None if excess == (0.0, 0.0) else min(1.0, max(0.0, accuracy - excess[0])),
        target_accuracy=target,
        interval_95=accuracy_interval(moments, **known),
        has_sigma=moments.sigma is not None,
        n_labelled=known["n_labelled"],
        accuracy_bound=bound,
        gap=max(0.0, bound - accuracy),
        gap_usd=gap_usd,
        promise=None,
        promised_accuracy=None,
        promised_range=None,
        correlation=CORRELATION,
        stability=None,
        unstable_usd=None,
        third=None,
        usd_per_next_correct=cut.usd_per_correct,
        usd_saved_per_lost_correct=math.nan if before is None else before.usd_per_correct,
        has_limits=bool(limits),
        mix=mix,
    )
    return replace(found, cut=cut, facts=facts, groups=_by_group(job.groups, written, known), limits=limits)


def _by_group(names: Sequence[str], written: Sequence[Written], given: Mapping[str, Any]) -> list[GroupTotal]:
    """What the plan comes to in each group, the largest first."""
    found = []
    for group, name in enumerate(names):
        mine = [each.groups[group] for each in written if group in each.groups]
        moments = Moments.total([each for _, each in mine])
        cost, interval = math.fsum(usd for usd, _ in mine), accuracy_interval(moments, **given)
        found.append(GroupTotal(name, moments.n_queries, cost, moments.accuracy / moments.n_queries, interval))
    return found


def _publish(out: Path, folder: Path, found: PartsPlan, llms: Sequence[str], groups: Sequence[str]) -> list[Path]:
    """Draw and tabulate the front, and let the complete folder take its place."""
    from optllm_pymoo.plotting import plot_front, plot_mix
    from optllm_pymoo.plotting.page import page_html

    front, facts = found.front, found.facts
    # what pictures ask of a problem and a plan: the batch as a single row of totals
    queries, cost, correct = front.singles.T
    batch: Any = SimpleNamespace(
        llms=tuple(llms),
        n_llms=len(llms),
        n_queries=front.n_queries,
        cost=cost[None],
        accuracy=correct[None] / front.n_queries,
        allowed=(queries == front.n_queries)[None],
        bounding_front=front,
        supported_front=front,
        limits_bind=False,
    )
    plan: Any = None
    if facts is not None:
        corrected = facts.expected_accuracy if facts.corrected_accuracy is None else facts.corrected_accuracy
        plan = SimpleNamespace(
            cost_usd=facts.cost_usd,
            accuracy=facts.expected_accuracy,
            corrected_accuracy=corrected,
            interval=lambda: facts.interval_95,
            mix=lambda: facts.mix,
        )
    steps = front.F[1:] - front.F[:-1]
    price = -steps[:, 0] / (steps[:, 1] * front.n_queries)
    table = {"cost_usd": front.F[:, 0], "accuracy": -front.F[:, 1], "n_steps": front.index}
    frame = pd.DataFrame({**table, "usd_per_correct": np.concatenate([[np.nan], price])})
    names = ["front.csv", "front.png", "mix.png", "plan.html"]
    with replacing_folder(out, overwrite=True, ours=OUTPUTS) as new:
        if found.cut is not None:
            (new / PLAN_FILES).mkdir()
            for file in sorted((folder / PLAN_FILES).glob("part-*.parquet")):
                link(file, new / PLAN_FILES / file.name)
            names = [PLAN_FILES, *names]
        if found.policy is not None:
            found.policy.save(new / POLICY)
            names.append(POLICY)
        write_csv(frame, new / "front.csv")
        picture(lambda: plot_front(batch, plan=plan))(new / "front.png")
        picture(lambda: plot_mix(batch, plan=plan))(new / "mix.png")
        page = page_html(batch, found=front, plan=plan, groups=groups)
        (new / "plan.html").write_text(page, encoding="utf-8")
    return [out / name for name in names]
