"""The data sets and algorithms of a suite: those that the user named, or the suite's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from benchmarks.algorithms import find_variant, missing_extra
from benchmarks.experiment.cell import Cell
from benchmarks.experiment.search import Limit, SearchCell
from benchmarks.experiment.sources import Source, from_files, readers, synthetic_texts
from benchmarks.experiment.split import Setting
from benchmarks.suites.base import Options, Plan


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
