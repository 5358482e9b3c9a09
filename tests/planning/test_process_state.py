"""Planning leaves the process as it was."""

from __future__ import annotations

from pathlib import Path

from tests.processes import run_fresh

SCRIPT = """
import os, random, sys, warnings
import matplotlib as mpl
import numpy as np
from optllm_pymoo.data import make_dataset
from optllm_pymoo.planning import plan_front
from optllm_pymoo.planning.files import front_writers, write_files

def state():
    # resolving the backend is a change too: it is left as it was found
    settings = {k: dict.__getitem__(mpl.rcParams, k) for k in mpl.rcParams}
    numbers = (random.getstate(), [str(part) for part in np.random.get_state()])
    return dict(filters=list(warnings.filters), show=warnings.showwarning, random=numbers,
                environment=dict(os.environ), settings=settings)

before = state()
front = plan_front(make_dataset(120, 3), 0.25, n_jobs=2)
write_files(sys.argv[1], front_writers(front, front.choose()))
after = state()
print([name for name in before if before[name] != after[name]], "matplotlib.pyplot" in sys.modules)
"""


def test_a_plan_changes_nothing_of_the_process(tmp_path: Path) -> None:
    """Warning filters, both global random states, the environment and settings of matplotlib; pyplot isn't loaded."""
    assert run_fresh(SCRIPT, str(tmp_path / "out")) == "[] False"
    assert (tmp_path / "out" / "mix.png").stat().st_size > 10_000
