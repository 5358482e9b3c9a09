"""What a suite is: a list of cells, the data sets they are about, and a report on their outcomes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, product
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.cells.algorithms import find_variant, missing_extra
from benchmarks.cells.cell import Cell
from benchmarks.cells.search import Limit, SearchCell
from benchmarks.cells.sources import Source, from_files, readers, synthetic_texts
from benchmarks.cells.split import Setting
from optllm_pymoo.data import Dataset

if TYPE_CHECKING:
    from benchmarks.report.document import Document
    from benchmarks.runner.results import Results


def nothing_stored(cell: Cell, /) -> bool:
    """Say of every cell that it is yet to be measured."""
    return False


@dataclass(frozen=True)
class Options:
    """What the command line lets a user set; None leaves it to the suite.

    Attributes:
        data: Folders or wide files; empty for the suite's synthetic batches.
        algorithms: Names in `benchmarks.algorithms.VARIANTS`.
        splits: Labelled parts drawn per data set, or seeds where nothing is predicted.
        evaluations: Plans that each search may evaluate.
        seconds: Time that each search has where searches are compared at equal seconds.
        is_stored: Whether a cell need not be measured, so that what it would need of the machine doesn't matter.
    """

    data: tuple[Path, ...] = ()
    algorithms: tuple[str, ...] | None = None
    splits: int | None = None
    evaluations: int | None = None
    seconds: float | None = None
    is_stored: Callable[[Cell], bool] = field(default=nothing_stored, compare=False)


@dataclass(frozen=True)
class Plan:
    """The cells of one run.

    Attributes:
        cells: What is to be measured, each once. Cells that they need are found through `Cell.needs`.
        datasets: How to read each data set by name; read when first asked for.
        notes: Sentences for the report on what was left out, such as baselines whose extra is missing.
        parts: The cells by the part of the report that tells about them; a cell may be in several.
    """

    cells: Sequence[Cell]
    datasets: Mapping[str, Callable[[], Dataset]]
    notes: Sequence[str] = ()
    parts: Mapping[str, Sequence[Cell]] = field(default_factory=dict)


@dataclass(frozen=True)
class Suite:
    """One kind of comparison.

    Attributes:
        name: As on the command line.
        what: One line for ``--help``.
        plan: Lists the cells for the options given.
        report: Tells the outcome. Called with all that is stored, also when some cells failed.
    """

    name: str
    what: str
    plan: Callable[[Options], Plan]
    report: Callable[[Results, Plan], Document]


def own_batches() -> list[Source]:
    """Return three synthetic batches of questions, which need no file: 1,000 to 3,000 queries, 4 to 8 LLMs."""
    sizes = ((1000, 4), (2000, 6), (3000, 8))
    return [synthetic_texts(n_queries, n_llms, random_state=k) for k, (n_queries, n_llms) in enumerate(sizes)]


def sources_of(options: Options, own: Callable[[], list[Source]] = own_batches, /) -> list[Source]:
    """Return the user's data sets, or else the suite's own."""
    return from_files(options.data) if options.data else own()


class Available(NamedTuple):
    """The algorithms that can run here, and a sentence on each that can't."""

    algorithms: tuple[str, ...]
    notes: tuple[str, ...]


def available(algorithms: Sequence[str], /) -> Available:
    """Leave out what needs a package that isn't installed."""
    missing = {name: extra for name in algorithms if (extra := missing_extra(name)) is not None}
    by_extra = {extra: [name for name in missing if missing[name] == extra] for extra in missing.values()}
    notes = tuple(
        f"Left out, because the extra `{extra}` isn't installed: {', '.join(f'`{name}`' for name in names)};"
        f' `pip install "optllm-pymoo[{extra}]"` brings it.'
        for extra, names in by_extra.items()
    )
    return Available(tuple(name for name in algorithms if name not in missing), notes)


def wanted(options: Options, default: Sequence[str], /) -> Available:
    """Return the algorithms that the user named, or else the suite's own, as far as they can run.

    Raises:
        ValueError: None of them can.
    """
    there = available(options.algorithms or default)
    if not there.algorithms:
        raise ValueError(f"none of the algorithms can run here. {' '.join(there.notes)}")
    return there


class Protocol(NamedTuple):
    """How accuracies are predicted, the same for all algorithms of a suite."""

    predictor: str
    labels: float
    drawn: str
    splits: int

    def settings(self, source: Source, /) -> Iterator[Setting]:
        """Yield the splits of a data set; one without texts, where nothing can be predicted, is searched as it is.

        Then the splits only differ in the seeds of the searches.
        """
        for split in range(self.splits):
            if source.has_texts:
                yield Setting.of(source, self.predictor, self.labels, drawn=self.drawn, split=split)
            else:
                yield Setting.of(source, split=split)


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


def plan_of(parts: Mapping[str, Iterable[Cell]], sources: Sequence[Source], notes: Sequence[str] = (), /) -> Plan:
    """Put a plan together, each cell once."""
    silent = [
        f"`{source.name}` has no texts, so its known outcomes are searched, and nothing is realised."
        for source in sources
        if not source.has_texts
    ]
    return gathered(parts, sources, (*notes, *silent))


def gathered(parts: Mapping[str, Iterable[Cell]], sources: Sequence[Source], notes: Sequence[str] = (), /) -> Plan:
    """Put a plan together whose cells make no use of texts, each cell once."""
    listed = {name: tuple(dict.fromkeys(cells)) for name, cells in parts.items()}
    together = tuple(dict.fromkeys(chain.from_iterable(listed.values())))
    return Plan(together, readers(sources), notes, listed)


def refuse_options(options: Options, suite: str, names: Iterable[str], /) -> None:
    """Refuse options that a suite would ignore.

    Raises:
        ValueError: One of those named is given.
    """
    for name in names:
        if getattr(options, name):
            raise ValueError(f"the suite {suite} makes no use of --{name}; leave it out")


EVOLUTIONARY = ("nsga2", "rnsga2", "sms-emoa", "moead", "moead-gen")

PAPER = ("nsga2", "mopso", "moead", "rnsga2", "sms-emoa", "moead-gen")
"""The paper's baselines, in the order of its tables."""

PUBLISHED = tuple(name if name == "mopso" else f"{name}:published" for name in PAPER)
"""The same with the operators that the paper gave them."""

PYGMO = ("pygmo-nspso", "pygmo-moead", "pygmo-moead-gen")
"""What the paper ran of pygmo."""

SWEEPS = ("lambda-sweep", "carrot", "epsilon-constraint", "forc")
"""Samplers of the exact front, or nearly so."""

FAIR = (
    "optllm",
    "optllm:walks",
    "exact",
    *SWEEPS,
    "alns",
    "single-llms",
    "random-search",
    *("".join(name) for name in product(EVOLUTIONARY, ("", ":published"), ("", ":warm"))),
    "mopso",
    "mopso:warm",
    *("".join(name) for name in product(PYGMO, ("", ":warm"))),
)
"""Every algorithm, with both kinds of operators and both starts."""

ANYTIME = ("optllm", "lambda-sweep", "alns", "random-search", "nsga2", "nsga2:warm", "sms-emoa:warm", "moead", "mopso")
"""Enough to see how fast each kind gets how far."""

WALKS = ("optllm:walks", "optllm:up", "optllm:down", "optllm:random-destruction", "exact")
"""OptLLM as it ends by itself, with parts taken out or exchanged, and the exact front alone."""
