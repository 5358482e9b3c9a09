"""Time and memory of one stage at one size."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import numpy as np

from benchmarks.cells import parts
from benchmarks.cells.cell import Cell, Outcome, Value
from benchmarks.cells.probe import STAGES, WARM_UP, run_python
from optllm_pymoo import make_dataset, make_problem

# Labelled queries of the stage that predicts.
N_LABELS = 500

WARM_UP_QUERIES = 50

FIXED_BYTES = 64 << 20

PARTS_BYTES = 2 << 30
"""What stages on Parquet files need at the most, but for DuckDB's sort."""

DISK_BYTES = {"parts": 110, "texts": 600, "steps": 20}
"""Of the files per query (of 8 LLMs) or step, with what is written beside them."""

BYTES_PER_QUERY = {"search": 400, "predict": 20_000}
# Generous bounds of what a stage needs, drawing its tables included; bytes per query and LLM.
BYTES_PER_CELL = {"sort": 100, "front": 60, "search": 60, "evaluate": 60, "predict": 0, "minimize": 60}


@dataclass(frozen=True)
class ScalingCell(Cell):
    """One stage of `benchmarks.cells.probe.STAGES` at N queries and M LLMs, alone on the machine."""

    kind: ClassVar[str] = "scaling"
    stage: str
    n_queries: int
    n_llms: int
    dtype: str = "float64"
    is_exclusive: ClassVar[bool] = True
    is_reproducible: ClassVar[bool] = False

    @property
    def subject(self) -> Any:
        """The functions of the stage."""
        return STAGES[self.stage]

    def description(self) -> dict[str, Value]:
        """Return stage and size."""
        return {"stage": self.stage, "n_queries": self.n_queries, "n_llms": self.n_llms, "dtype": self.dtype}

    def title(self) -> str:
        """Return one line for people."""
        return f"{self.stage} at {self.n_queries:,} × {self.n_llms}, {self.dtype}"

    @property
    def bytes_needed(self) -> int:
        """A generous bound on memory beyond what Python and its packages hold, to stop before it runs out."""
        if self.is_in_parts:
            return PARTS_BYTES + (64 * self.n_queries if self.stage.endswith("sort") else 0)
        per_query = BYTES_PER_QUERY.get(self.stage, 0) + BYTES_PER_CELL[self.stage] * self.n_llms
        return FIXED_BYTES + per_query * self.n_queries

    @property
    def is_in_parts(self) -> bool:
        """Whether it reads Parquet files."""
        return self.stage in parts.STAGES

    @property
    def disk_needed(self) -> int:
        """A generous bound on what the files take, bytes."""
        return DISK_BYTES[self.stage[:5]] * self.n_queries if self.is_in_parts else 0

    def measure(self) -> Outcome:
        """Draw the tables, and measure the stage in a fresh process.

        Returns:
            Timings as `benchmarks.cells.probe.probe` returns them.
        """
        with TemporaryDirectory() as folder:
            self._write_tables(Path(folder), self.n_queries)
            self._write_tables(Path(folder) / WARM_UP, min(WARM_UP_QUERIES, self.n_queries))
            probed = json.loads(run_python("-m", "benchmarks.cells.probe", self.stage, folder))
        return Outcome({}, probed)

    def _write_tables(self, folder: Path, n_queries: int) -> None:
        folder.mkdir(exist_ok=True)
        if self.is_in_parts:
            write = parts.write_texts if self.stage.startswith("texts") else parts.write_parts
            write(folder, n_queries, self.n_llms)
            return
        if self.stage == "predict":
            dataset = make_dataset(n_queries, self.n_llms, random_state=0)
            (folder / "texts.json").write_text(json.dumps(dataset.texts))
            np.save(folder / "labels.npy", dataset.correct[: min(N_LABELS, n_queries // 2)])
            return
        problem = make_problem(n_queries, self.n_llms, random_state=0)
        if self.stage == "sort":
            steps = problem.supported_front.steps
            efficiency = steps.delta_accuracy / steps.delta_cost
            np.save(folder / "efficiencies.npy", np.random.default_rng(0).permutation(efficiency))
            return
        for name in ("cost", "accuracy"):
            np.save(folder / f"{name}.npy", getattr(problem, name).astype(self.dtype))
