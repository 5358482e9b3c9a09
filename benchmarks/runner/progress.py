"""Progress of a run on standard error, with the time left."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.cells.cell import Cell, key_of
from benchmarks.runner.schedule import Expectation, Group, closure, group_of
from benchmarks.runner.store import Store

# Seconds between lines where there is no terminal.
LINE_SECONDS = 30


class Tally:
    """Progress of a run: the run updates it, from several threads, and a display reads it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: Counter[Group] = Counter()
        self._running: dict[str, str] = {}
        self._expectation = Expectation()
        self._n_jobs = 1
        self.total = self.done = self.failed = 0

    def begin(self, cells: Sequence[Cell], seen: Sequence[tuple[Cell, float]]) -> None:
        """Start with the cells to run, and the seconds of the stored cells."""
        with self._lock:
            self.total = len(cells)
            self._left = Counter(map(group_of, cells))
            self._expectation = Expectation.of(seen)

    def working(self, n_jobs: int) -> None:
        """Set how many cells are measured at a time from now on."""
        self._n_jobs = n_jobs

    def started(self, cell: Cell) -> None:
        """Record that a cell was sent to a worker."""
        with self._lock:
            self._running[key_of(cell)] = cell.title()

    def ended(self, cell: Cell, seconds: float | None) -> None:
        """Record that a cell ended after these seconds; None if it failed or can't be run."""
        with self._lock:
            self._running.pop(key_of(cell), None)
            self._left[group_of(cell)] -= 1
            self.done += 1
            if seconds is None:
                self.failed += 1
            else:
                self._expectation.learn(cell, seconds)

    def line(self) -> str:
        """Return a line with the number of cells done, the expected time left, and the running cells."""
        with self._lock:
            seconds, n_unknown = self._expectation.total(+self._left)
            running = list(self._running.values())[: self._n_jobs]
        beyond = f" and {n_unknown} of unknown length" if n_unknown else ""
        left = f"about {duration(seconds / self._n_jobs)} left{beyond}"
        parts = [f"{self.done} of {self.total} cells", left if seconds or not n_unknown else "time left unknown"]
        if self.failed:
            parts.insert(1, f"{self.failed} failed")
        return "; ".join([*parts, *running])


def duration(seconds: float, /) -> str:
    """Write a time in the two largest units that matter.

    Examples:
        >>> [duration(seconds) for seconds in (0.2, 59.6, 3725, 200000)]
        ['0 s', '1 min 0 s', '1 h 2 min', '55 h 33 min']
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"


@contextmanager
def shown(tally: Tally, console: Console, /) -> Iterator[None]:
    """Show a tally while the block runs: as a bar on a terminal, otherwise as a line now and then."""
    over = threading.Event()
    columns = BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}")
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    task = bar.add_task("")

    def show() -> None:
        while not over.wait(0.25 if console.is_terminal else LINE_SECONDS):
            line = tally.line()
            if console.is_terminal:
                text = escape(line.partition("; ")[2])
                bar.update(task, total=tally.total, completed=tally.done, description=text)
            else:
                console.print(line, markup=False, highlight=False, soft_wrap=True)

    thread = threading.Thread(target=show, daemon=True)
    with bar:
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def listing(cells: Iterable[Cell], store: Store, /) -> list[str]:
    """Return a line per cell, needed ones first: key, state (done, missing, damaged), title."""
    return [f"{key}  {store.look(cell).state:<7}  {cell.title()}" for key, cell in closure(cells).items()]


def outlook(cells: Iterable[Cell], store: Store, /, *, n_jobs: int, force: bool) -> str:
    """Return how many cells of which kind there are, how many are stored, and how long the others may take."""
    everything = list(closure(cells).values())
    records = [store.read(cell) for cell in everything]
    seen = [(cell, record.seconds) for cell, record in zip(everything, records, strict=True) if record is not None]
    missing = [cell for cell, record in zip(everything, records, strict=True) if force or record is None]
    kinds, to_do = Counter(cell.kind for cell in everything), Counter(cell.kind for cell in missing)
    lines = [f"{kind}: {kinds[kind]} cells, {to_do[kind]} to be measured" for kind in kinds]
    seconds, n_unknown = Expectation.of(seen).total(Counter(map(group_of, missing)))
    unknown = f", and {n_unknown} cells of kinds that were never measured" if n_unknown else ""
    lines.append(
        f"in all: {len(everything)} cells, {len(seen)} stored, {len(missing)} to be measured:"
        f" about {duration(seconds / n_jobs)} on {n_jobs} core{'s' if n_jobs > 1 else ''}{unknown}"
    )
    return "\n".join(lines)
