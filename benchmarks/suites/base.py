"""The base of suites: a list of cells, the data sets that they need, and a report on their outcomes."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from benchmarks.cells.algorithms import find_variant, missing_extra
from benchmarks.cells.cell import Cell
from benchmarks.cells.predictors import find_predictor
from benchmarks.cells.search import Limit, SearchCell
from benchmarks.cells.sources import Source, from_files, synthetic_texts
from benchmarks.cells.split import Setting
from benchmarks.report.text import code
from benchmarks.runner.plan import Plan
from optllm_pymoo import UserError

if TYPE_CHECKING:
    from benchmarks.report.document import Document
    from benchmarks.runner.results import Results

# Families of genetic algorithms, as `optllm_pymoo.baselines.EVOLUTIONARY`.
EVOLUTIONARY = (
    *("nsga2", "rnsga2", "nsga3", "unsga3", "sms-emoa", "spea2"),
    *("age-moea", "age-moea2", "rvea", "ctaea", "moead", "moead-gen"),
)

# As `optllm_pymoo.baselines.SWARMS`.
SWARMS = ("mopso", "cmopso")

# The paper's baselines, in the order of its tables.
PAPER = ("nsga2", "mopso", "moead", "rnsga2", "sms-emoa", "moead-gen")

# The same with the paper's operators.
PUBLISHED = tuple(name if name == "mopso" else f"{name}:published" for name in PAPER)

# The paper's algorithms from pygmo.
PYGMO = ("pygmo-nspso", "pygmo-moead", "pygmo-moead-gen")

# Samplers of the exact front, or nearly so.
SWEEPS = ("lambda-sweep", "carrot", "epsilon-constraint", "forc")

# Every algorithm, with both kinds of operators and both starts.
FAIR = (
    *("optllm", "optllm:walks", "exact", *SWEEPS, "alns", "single-llms", "random-search"),
    *("".join(name) for name in product(EVOLUTIONARY, ("", ":published"), ("", ":warm"))),
    *("".join(name) for name in product((*SWARMS, *PYGMO), ("", ":warm"))),
)


@dataclass(frozen=True)
class Options:
    """Options of the command line; None or an empty value takes the suite's default.

    Attributes:
        data: Folders or wide files; empty for the suite's synthetic batches.
        algorithms: Names of `benchmarks.cells.algorithms.known_algorithms`.
        splits: Labelled parts drawn per data set, or repetitions where nothing is predicted.
        evaluations: Plans that each search may evaluate.
        seconds: Time that each search has where searches are compared at equal seconds.
        quick: Whether to take small sizes.
        seeds: Seeds of the searches, where nothing is predicted.
        n_grid: Gaps of OptLLM's grid.
        shares: Labelled shares.
        predictors: Names of `benchmarks.cells.predictors.known_predictors`.
        drawn: What the labelled share is drawn from, of `benchmarks.cells.split.Split`.
        forecasts: Whether to compare forecasts for more labels with their true effect, in place of predictors.
        is_stored: Whether a cell is stored: it is then not measured, and its memory and disk needs don't matter.

    Raises:
        UserError: A number is too small, a name is unknown, or a path doesn't exist.
    """

    data: tuple[Path, ...] = ()
    algorithms: tuple[str, ...] | None = None
    splits: int | None = None
    evaluations: int | None = None
    seconds: float | None = None
    quick: bool = False
    seeds: tuple[int, ...] | None = None
    n_grid: int | None = None
    shares: tuple[float, ...] | None = None
    predictors: tuple[str, ...] | None = None
    drawn: str | None = None
    forecasts: bool = False
    is_stored: Callable[[Cell], bool] = field(default=lambda cell: False, compare=False)

    def __post_init__(self) -> None:
        """Refuse values that no suite can use."""
        for name, least in (("splits", 1), ("evaluations", 2), ("n_grid", 1)):
            number = getattr(self, name)
            if number is not None and number < least:
                raise UserError(f"--{name.replace('_', '-')} must be at least {least}; got {number}")
        if self.seconds is not None and not 0 < self.seconds < math.inf:
            raise UserError(f"--seconds must be above 0 and finite; got {self.seconds}")
        for path in self.data:
            if not path.exists():
                raise UserError(f"--data {path}: there is neither a folder nor a file of that name")
        for predictor in self.predictors or ():
            find_predictor(predictor)


class Suite(ABC):
    """One kind of comparison: its cells, and a report on their outcomes.

    Another package adds a suite with an entry point that names an instance.
    """

    name: ClassVar[str]
    """Its name on the command line."""
    what: ClassVar[str]
    """One line for ``--help``."""
    uses: ClassVar[tuple[str, ...]] = ()
    """The `Options` that it uses; others are refused."""
    has_targets: ClassVar[bool] = False
    """Whether the exit code is 1 if a target is missed."""

    def planned(self, options: Options, /) -> Plan:
        """List the cells for the options.

        Raises:
            UserError: An option isn't used by this suite, or it can't run with these options.
        """
        for option in fields(options):
            if option.name not in (*self.uses, "is_stored") and getattr(options, option.name) != option.default:
                name = option.name.replace("_", "-")
                raise UserError(f"the suite {self.name} doesn't use --{name}; leave it out")
        return self.plan(options)

    @abstractmethod
    def plan(self, options: Options, /) -> Plan:
        """List the cells for the options; all of them are among those that the suite `uses`."""

    @abstractmethod
    def report(self, results: Results, plan: Plan, /) -> Document:
        """Write the report on all stored outcomes; also called when some cells failed."""


def sources_of(options: Options, own: Callable[[], list[Source]] | None = None, /) -> list[Source]:
    """Return the user's data sets, or else the suite's own.

    Args:
        options: Options of the command line.
        own: Makes the suite's data sets; without it they are three synthetic batches of questions, which need no file:
            1,000 to 3,000 queries, 4 to 8 LLMs.
    """
    if options.data:
        return from_files(options.data)
    if own is not None:
        return own()
    sizes = ((1000, 4), (2000, 6), (3000, 8))
    return [synthetic_texts(n_queries, n_llms, random_state=k) for k, (n_queries, n_llms) in enumerate(sizes)]


class Available(NamedTuple):
    """The algorithms that can run here, and a sentence on each that can't."""

    algorithms: tuple[str, ...]
    notes: tuple[str, ...]


def available(algorithms: Sequence[str], /) -> Available:
    """Leave out algorithms that need a package that isn't installed."""
    missing = {name: extra for name in algorithms if (extra := missing_extra(name)) is not None}
    by_extra = {extra: [name for name in missing if missing[name] == extra] for extra in missing.values()}
    notes = tuple(
        f"Left out, because the extra `{extra}` isn't installed: {', '.join(f'`{name}`' for name in names)};"
        f' `pip install "optllm-pymoo[{extra}]"` installs it.'
        for extra, names in by_extra.items()
    )
    return Available(tuple(name for name in algorithms if name not in missing), notes)


def wanted(options: Options, default: Sequence[str], /) -> Available:
    """Return the algorithms named by the user, or else the suite's own, without those that can't run.

    Raises:
        UserError: None of them can.
    """
    there = available(options.algorithms or default)
    if not there.algorithms:
        raise UserError(f"none of the algorithms can run here. {' '.join(there.notes)}")
    return there


class Protocol(NamedTuple):
    """How accuracies are predicted, the same for all algorithms of a suite."""

    predictor: str
    labels: float
    drawn: str
    splits: int

    def settings(self, source: Source, /) -> Iterator[Setting]:
        """Yield the splits of a data set; without texts nothing can be predicted, and the known outcomes are searched.

        Then the splits only differ in the seeds of the searches.
        """
        for split in range(self.splits):
            if source.has_texts:
                yield Setting.of(source, self.predictor, self.labels, drawn=self.drawn, split=split)
            else:
                yield Setting.of(source, split=split)


def plan_of_searches(
    parts: Mapping[str, Iterable[Cell]], sources: Sequence[Source], notes: Sequence[str] = (), /
) -> Plan:
    """Make a plan, with a note on each data set without texts."""
    silent = [
        f"{code(source.name)} has no texts, so its known outcomes are searched, and nothing is realised."
        for source in sources
        if not source.has_texts
    ]
    return Plan.of(parts, sources, (*notes, *silent))


def searches(
    settings: Iterable[Setting],
    algorithms: Iterable[str],
    limit: Limit,
    /,
    *,
    n_grid: int = 50,
    alpha: float = 0.0,
    repetitions: int = 1,
) -> Iterator[SearchCell]:
    """Yield every algorithm on every table, once per repetition if it depends on chance."""
    for setting in settings:
        for algorithm in algorithms:
            for repetition in range(repetitions if find_variant(algorithm).is_random else 1):
                yield SearchCell(setting, algorithm, limit, n_grid, alpha, repetition)
