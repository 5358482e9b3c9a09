"""Memory of this process, and time and memory of one stage in a separate process.

``python -m benchmarks.cells.probe STAGE FOLDER`` prints the latter as JSON. A separate process starts without earlier
peaks of memory. Tables are read from files, since generating them here would cause a peak that hides the stage's own.
Resident memory is measured, because ``tracemalloc`` doesn't include allocations of numba.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import numpy as np

import optllm_pymoo
from benchmarks.cells import parts

if TYPE_CHECKING:
    from pymoo.core.result import Result


STATUS = Path("/proc/self/status")
MEMINFO = Path("/proc/meminfo")
RESET = Path("/proc/self/clear_refs")
GROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
# Of the control group (version 2) that a container shows as its root.
GROUP_USED = Path("/sys/fs/cgroup/memory.current")

UNLIMITED = 1 << 62


def peak_rss_bytes() -> int:
    """Return the highest resident memory that this process has had so far.

    Linux has it as ``VmHWM``. ``ru_maxrss`` is wrong there: a new process inherits it from its parent. Elsewhere it is
    ``ru_maxrss``, which macOS counts in bytes.
    """
    if STATUS.is_file():
        return _bytes_in(STATUS, "VmHWM")
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def forget_peak() -> bool:
    """Reset `peak_rss_bytes` to the memory in use now; return whether the system supports that."""
    try:
        RESET.write_text("5")
    except OSError:
        return False
    return True


def resident_bytes() -> int:
    """Return the memory in use by this process; the highest so far if the system doesn't provide it."""
    return _bytes_in(STATUS, "VmRSS") if STATUS.is_file() else peak_rss_bytes()


def available_bytes() -> int:
    """Return the memory available to new work without swapping, in the machine and in its container.

    Linux has the machine's as ``MemAvailable``. The count of free pages would be too low: most other pages cache files,
    and are released on demand. In the container, cached files count as used although they could be released: that is
    the safe side. `UNLIMITED` where the system doesn't provide it.
    """
    system = group = UNLIMITED
    if MEMINFO.is_file():
        system = _bytes_in(MEMINFO, "MemAvailable")
    else:
        with suppress(ValueError, OSError, AttributeError):
            system = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with suppress(OSError):
        limit, used = GROUP_LIMIT.read_text().strip(), GROUP_USED.read_text().strip()
        group = UNLIMITED if limit == "max" else max(0, int(limit) - int(used))
    return min(system, group)


def _bytes_in(file: Path, key: str) -> int:
    """Read a line such as ``VmRSS:     1024 kB``."""
    lines = file.read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{key}:"))


CHECKOUT = Path(__file__).resolve().parents[2]


def run_python(*arguments: str, **variables: str) -> str:
    """Run this interpreter on this package, with some environment variables set, and return its output."""
    package = Path(optllm_pymoo.__file__).resolve().parents[1]
    paths = [str(CHECKOUT), str(package), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), **variables}
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environment)
    if done.returncode:
        raise RuntimeError(f"a subprocess ended with exit code {done.returncode}:\n{done.stderr}")
    return done.stdout


Stage = tuple[Callable[[Path], Any], Callable[[Any], Any]]

# Subfolder with small tables of the same type.
WARM_UP = "warm-up"

# Plans that are scored together.
PLANS = 10

REPEATS_WITHIN_SECONDS = 2.0
# A stage is repeated up to five times within two seconds; the median counts.
MAX_REPEATS = 5


def _tables(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read costs and accuracies."""
    return np.load(folder / "cost.npy"), np.load(folder / "accuracy.npy")


def _problem(folder: Path) -> optllm_pymoo.AllocationProblem:
    """Read a problem."""
    return optllm_pymoo.AllocationProblem(*_tables(folder))


def _plans(folder: Path) -> tuple[optllm_pymoo.AllocationProblem, np.ndarray]:
    """Read a problem, and draw plans to be scored."""
    problem = _problem(folder)
    draw = np.random.default_rng(0).integers(problem.n_llms, size=(PLANS, problem.n_queries), dtype=np.int8)
    return problem, draw


def _search(problem: optllm_pymoo.AllocationProblem, **options: int) -> Result:
    """Search with OptLLM; what is needed is imported here, since most of a small size's time is imports."""
    from pymoo.optimize import minimize

    fresh = optllm_pymoo.AllocationProblem(problem.cost, problem.accuracy)
    return minimize(fresh, optllm_pymoo.OptLLM(**options), seed=1)


def _predict(folder: Path) -> np.ndarray:
    """Fit the predictor, and predict."""
    from optllm_pymoo.prediction import QueryFeatures, SuccessPredictor

    texts, labels = json.loads((folder / "texts.json").read_text()), np.load(folder / "labels.npy")
    features = QueryFeatures(random_state=0).fit_transform(texts)
    predictor = SuccessPredictor(random_state=0).fit(features[: len(labels)], labels)
    return np.asarray(predictor.predict(features))


# Name -> preparation, and measured function.
#
# ``sort`` is numpy's argsort of as many numbers as the exact front has steps: the reference for the others.
STAGES: Final[dict[str, Stage]] = {
    "sort": (lambda folder: np.load(folder / "efficiencies.npy"), np.argsort),
    "front": (_tables, lambda tables: optllm_pymoo.SupportedFront(*tables)),
    "search": (_problem, _search),
    "evaluate": (_plans, lambda given: given[0].evaluate(given[1])),
    "predict": (Path, _predict),
    "minimize": (_problem, partial(_search, n_grid=50)),
    **{name: (Path, run) for name, run in parts.STAGES.items()},
}


def probe(stage: str, folder: Path, /) -> dict[str, float]:
    """Measure one stage.

    Returns:
        ``seconds``, the median of several runs after one on small tables, which compiles and imports; ``peak_mib``,
        how far memory rose above what was there with the tables loaded (on systems that can't forget an earlier peak:
        above it or up to it); ``tables_mib``; for a search ``result_mib``, of its X and F.
    """
    prepare, run = STAGES[stage]
    run(prepare(folder / WARM_UP))
    given = prepare(folder)
    forget_peak()
    before = resident_bytes()
    seconds: list[float] = []
    found: float | None = None
    held = {}
    while not seconds or (len(seconds) < MAX_REPEATS and sum(seconds) < REPEATS_WITHIN_SECONDS):
        start = perf_counter()
        outcome = run(given)
        seconds.append(perf_counter() - start)
        if hasattr(outcome, "X"):
            held["result_mib"] = (outcome.X.nbytes + outcome.F.nbytes) / 2**20
        found = outcome if isinstance(outcome, float) else None
        del outcome
    peak = peak_rss_bytes()
    if stage.startswith("steps") and found != parts.rate_by_parts(given):
        raise RuntimeError(f"{stage} found another step than the two passes: {found!r}")
    tables = sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
    return {
        "seconds": float(np.median(seconds)),
        "peak_mib": max(0, peak - before) / 2**20,
        "tables_mib": tables / 2**20,
        **held,
    }


if __name__ == "__main__":
    print(json.dumps(probe(sys.argv[1], Path(sys.argv[2]))))
