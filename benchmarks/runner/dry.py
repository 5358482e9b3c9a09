"""What a run would do, without doing it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from benchmarks.experiment.cell import Cell
from benchmarks.runner.expectation import Expectation, group_of
from benchmarks.runner.order import closure
from benchmarks.runner.progress import duration
from benchmarks.runner.store import Store


def listing(cells: Iterable[Cell], store: Store, /) -> list[str]:
    """Return a line per cell, needed ones first: key, state (done, missing, rubbish), title."""
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
