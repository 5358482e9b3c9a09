"""What cells get to see of data sets and of one another."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping

from benchmarks.experiment.cell import Cell, Outcome, key_of
from benchmarks.runner.store import Store
from optllm_pymoo.data import Dataset
from optllm_pymoo.validation import unknown_name

KEPT_OUTCOMES = 8


class StoredWorkbench:
    """Reads data sets when first asked for, and outcomes from the store; the last few outcomes stay in memory.

    Args:
        datasets: How to read each data set by name.
        store: Where outcomes are kept.
    """

    def __init__(self, datasets: Mapping[str, Callable[[], Dataset]], store: Store, /) -> None:
        self._readers = datasets
        self._store = store
        self._datasets: dict[str, Dataset] = {}
        self._outcomes: OrderedDict[str, Outcome] = OrderedDict()

    def dataset(self, name: str, /) -> Dataset:
        """Return a data set of the suite.

        Raises:
            ValueError: The suite has none of that name.
        """
        if name not in self._datasets:
            if name not in self._readers:
                raise ValueError(unknown_name(name, list(self._readers), kind="data set"))
            self._datasets[name] = self._readers[name]()
        return self._datasets[name]

    def outcome(self, cell: Cell, /) -> Outcome:
        """Return what came of a cell that is done.

        Raises:
            LookupError: It isn't done; `Cell.needs` must name whatever `Cell.inputs` asks for.
        """
        key = key_of(cell)
        if key not in self._outcomes:
            record = self._store.read(cell)
            if record is None:
                raise LookupError(f"{cell.title()!r} is not done; is it among the cell's needs?")
            self._outcomes[key] = record.outcome
        self._outcomes.move_to_end(key)
        while len(self._outcomes) > KEPT_OUTCOMES:
            self._outcomes.popitem(last=False)
        return self._outcomes[key]
