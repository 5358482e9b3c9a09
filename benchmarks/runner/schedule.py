"""Which cell comes next: those whose needs are met, the longest way to the end first."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from threading import Lock

from benchmarks.experiment.cell import Cell, key_of


class Schedule:
    """Hands out cells, each once, as soon as all that they need is done.

    Cells that run alone are handed out separately. Among the ready ones, those with the longest expected way to the
    end of the plan come first, which keeps all workers busy until late. Order never decides on results. Results come
    in and cells go out in different threads, hence the lock.

    Args:
        cells: By key, needed ones first; see `benchmarks.runner.order.closure`.
        done: Keys of those that need not be run.
        expected_seconds: How long a cell will take, as far as known.
    """

    def __init__(
        self, cells: Mapping[str, Cell], done: Collection[str], expected_seconds: Callable[[Cell], float], /
    ) -> None:
        self._cells = cells
        self._lock = Lock()
        self._places = {key: place for place, key in enumerate(cells)}
        self._waits: dict[str, set[str]] = {}
        self._dependents: dict[str, list[str]] = defaultdict(list)
        self._lost: set[str] = set()
        self._ready: dict[bool, list[tuple[float, int, str]]] = {False: [], True: []}
        for key in (key for key in cells if key not in done):
            self._waits[key] = {needed for needed in map(key_of, cells[key].needs) if needed not in done}
            for needed in self._waits[key]:
                self._dependents[needed].append(key)
        self._seconds_to_end = self._ways_to_the_end(expected_seconds)
        for key in [key for key, needed in self._waits.items() if not needed]:
            self._make_ready(key)

    def take(self, *, exclusive: bool) -> Cell | None:
        """Hand out the next ready cell; None if there is none at present.

        Args:
            exclusive: Whether it shall be one of those that run alone, or one of the others.
        """
        with self._lock:
            ready = self._ready[exclusive]
            return self._cells[heapq.heappop(ready)[-1]] if ready else None

    def has_ready(self, *, exclusive: bool) -> bool:
        """Whether `take` would hand one out."""
        with self._lock:
            return bool(self._ready[exclusive])

    def finish(self, cell: Cell, /) -> None:
        """Take note that a cell is done: others may become ready."""
        finished = key_of(cell)
        with self._lock:
            for key in self._dependents.pop(finished, ()):
                self._waits[key].discard(finished)
                if not self._waits[key]:
                    self._make_ready(key)

    def fail(self, cell: Cell, /) -> list[Cell]:
        """Take note that a cell failed.

        Returns:
            Those that can't be run for want of it, directly or indirectly; each is returned only once.
        """
        with self._lock:
            lost: set[str] = set()
            stack = [key_of(cell)]
            while stack:
                new = set(self._dependents.pop(stack.pop(), ())) - self._lost
                self._lost |= new
                lost |= new
                stack.extend(new)
            return [self._cells[key] for key in sorted(lost, key=self._places.__getitem__)]

    def _make_ready(self, key: str) -> None:
        entry = (-self._seconds_to_end[key], self._places[key], key)
        heapq.heappush(self._ready[bool(self._cells[key].is_exclusive)], entry)

    def _ways_to_the_end(self, expected_seconds: Callable[[Cell], float]) -> dict[str, float]:
        """Add up, from the last cell to the first, how long the longest chain behind each will take, in seconds."""
        ways: dict[str, float] = {}
        for key in reversed(list(self._waits)):
            beyond = max((ways[dependent] for dependent in self._dependents.get(key, ())), default=0.0)
            ways[key] = expected_seconds(self._cells[key]) + beyond
        return ways
