"""The command as a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import joblib
import numba
import pytest

from optllm_pymoo.cli.app import stages
from optllm_pymoo.kernels import jit
from tests.processes import STARTED

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "from optllm_pymoo.cli import main; main()"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"}


SLOW = """
import pathlib, time
from optllm_pymoo.cli import main
from optllm_pymoo.planning import front
def search(*args, **kwargs):
    pathlib.Path("searching").touch()
    time.sleep(120)
front.find_front = search
main()
"""


def start(*arguments: str, cwd: Path, code: str | None = None) -> subprocess.Popen[str]:
    """Start the command, or code that calls it."""
    command = COMMAND if code is None else [sys.executable, "-c", code]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([*command, *arguments], cwd=cwd, env=ENVIRONMENT, **pipes, **STARTED)


@pytest.mark.skipif(os.name == "nt", reason="SIGINT can't be sent to another process on Windows")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_with_one_line_and_leave_nothing(tmp_path: Path, number: int, code: int) -> None:
    """Ctrl-C and SIGTERM in the middle of a search: one line, no traceback, no folder."""
    process = start("plan", "--labels", "all", cwd=tmp_path, code=SLOW)
    deadline = time.monotonic() + 60
    while not (tmp_path / "searching").exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=30)
    assert (process.returncode, stdout) == (code, "")
    assert stderr == "optllm-pymoo: interrupted; no file is half-written\n"
    assert [file.name for file in tmp_path.iterdir()] == ["searching"]


def test_help_and_wrong_commands(tmp_path: Path) -> None:
    """Help is no error; an unknown command is wrong usage."""
    process = start("--help", cwd=tmp_path)
    stdout, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert [name for name in ("plan", "front", "evaluate", "convert", "demo-data") if name not in stdout] == []
    process = start("plot", cwd=tmp_path)
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout) == (2, "")
    assert "No such command" in stderr


def test_no_screen_is_needed_and_no_progress_in_pipes(tmp_path: Path) -> None:
    """Without a terminal stderr stays empty: nothing that a log would have to be cleaned of."""
    process = start("plan", "--labels", "all", "--json", cwd=tmp_path)
    _, stderr = process.communicate(timeout=120)
    assert (process.returncode, stderr) == (0, "")


def test_version(tmp_path: Path) -> None:
    """The version of the package."""
    from optllm_pymoo import __version__

    stdout, _ = start("--version", cwd=tmp_path).communicate(timeout=60)
    assert stdout == f"optllm-pymoo {__version__}\n"


@pytest.mark.skipif(os.name == "nt", reason="pipes break otherwise on Windows")
def test_a_reader_that_leaves_is_no_failure(tmp_path: Path) -> None:
    """As with `| head -1`: the files are there, the exit code is 0, and stderr stays empty."""
    process = start("demo-data", "there", "--queries", "20", cwd=tmp_path)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert (process.stderr.read(), process.wait(timeout=60)) == ("", 0)
    assert (tmp_path / "there").is_dir()


@pytest.mark.skipif(os.name == "nt", reason="no shell that closes stdout")
def test_a_closed_stdout_is_no_failure(tmp_path: Path) -> None:
    """As with `>&-`: there is nobody to read, so the files are there, the exit code is 0, and stderr stays empty."""
    command = ["sh", "-c", '"$0" "$@" >&-', *COMMAND, "demo-data", "there", "--queries", "20", "--json"]
    done = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "there").is_dir()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals")
def test_progress_on_a_terminal(tmp_path: Path) -> None:
    """On a terminal the stages of the demo are shown on stderr, from loading to writing; stdout stays JSON."""
    import json
    import pty

    leader, follower = pty.openpty()
    arguments = [*COMMAND, "plan", "--labels", "0.02", "--json"]
    environment = {**ENVIRONMENT, "TERM": "xterm"}
    with (tmp_path / "out").open("w") as out:
        process = subprocess.Popen(arguments, cwd=tmp_path, env=environment, stdout=out, stderr=follower)
    os.close(follower)
    shown = b""
    while True:
        try:
            chunk = os.read(leader, 65536)
        except OSError:  # Linux says so when the other end is closed
            break
        if not chunk:
            break
        shown += chunk
    os.close(leader)
    assert process.wait(timeout=60) == 0
    for stage in (b"Loading", b"Learning from 40 labelled queries", b"Writing optllm-plan"):
        assert stage in shown
    assert json.loads((tmp_path / "out").read_text())["n_labelled"] == 40


@pytest.mark.parametrize("also", [[], ["--json"]])
def test_names_that_a_terminal_cannot_show_are_replaced(tmp_path: Path, also: list[str]) -> None:
    """In cp1252 a Chinese name becomes a question mark, in JSON its code; what would clear the screen is escaped."""
    name = "\x1b[2J雪"
    (tmp_path / "odd.csv").write_text(f"query_id,{name},{name}_cost\nq1,1,0.1\nq2,0,0.2\n", encoding="utf-8")
    environment = {**ENVIRONMENT, "PYTHONIOENCODING": "cp1252"}
    command = [*COMMAND, "plan", "-d", "odd.csv", "-l", "all", *also]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\x1b" not in done.stdout
    assert (rb"\u001b[2J\u96ea" if also else rb"\x1b[2J?") in done.stdout


@pytest.mark.skipif(os.name == "nt", reason="pipes break otherwise on Windows")
@pytest.mark.parametrize("arguments", ["--help", "plan --help"])
def test_help_may_be_left_early(tmp_path: Path, arguments: str) -> None:
    """As with `| head -1`."""
    process = start(*arguments.split(), cwd=tmp_path)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert (process.stderr.read(), process.wait(timeout=60)) == ("", 0)


BUG = """
from optllm_pymoo.cli import commands, main
def stumble(*args):
    raise ZeroDivisionError("by nought")
commands.options.Wanted.choice = stumble
main()
"""


def test_a_bug_says_so_and_shows_its_traceback_when_asked(tmp_path: Path) -> None:
    """Exit code 1 and one line; with --debug, wherever it stands, the traceback."""
    process = start("plan", cwd=tmp_path, code=BUG)
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout) == (1, "")
    assert stderr.startswith("optllm-pymoo: this is a bug in optllm-pymoo (ZeroDivisionError: by nought); run the same")
    assert stderr.count("\n") == 1
    for arguments in (["--debug", "plan"], ["plan", "--debug"]):
        _, stderr = start(*arguments, cwd=tmp_path, code=BUG).communicate(timeout=60)
        assert stderr.startswith("Traceback")


def test_warnings_of_libraries_stay_away_from_the_screen(tmp_path: Path) -> None:
    """They are for programmers; stderr of a good run is empty."""
    code = BUG.replace('raise ZeroDivisionError("by nought")', 'import warnings; warnings.warn("glyph 12")')
    process = start("front", "-l", "all", cwd=tmp_path, code=code)
    assert (process.communicate(timeout=120)[1], process.returncode) == ("", 0)


def test_a_second_process_compiles_ahead_and_ends_with_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is started by the first compilation, not before, and only once; it is gone when the stages are over.

    No file of the current folder takes the place of a package's in it.
    """
    monkeypatch.setattr(joblib, "cpu_count", lambda: 2)
    monkeypatch.setattr(jit, "is_cached", lambda: True)
    (tmp_path / "calendar.py").write_text("open('run', 'w').close()")
    files = tmp_path / "running"
    files.mkdir()
    code = "import calendar, os, pathlib, time; pathlib.Path('running', str(os.getpid())).touch(); time.sleep(120)"
    monkeypatch.chdir(tmp_path)
    with stages(code):
        assert list(files.iterdir()) == []
        numba.njit(lambda x: x + 1)(1)
        numba.njit(lambda x: x + 2)(1)
        deadline = time.monotonic() + 60
        while not list(files.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.05)
    (helper,) = (int(file.name) for file in files.iterdir())
    assert not (tmp_path / "run").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(helper, 0)


@pytest.mark.parametrize(("n_cores", "is_cached"), [(1, True), (2, False)])
def test_nothing_is_compiled_ahead_in_vain(n_cores: int, is_cached: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not on a single core, nor where no folder keeps what another process compiles."""
    monkeypatch.setattr(joblib, "cpu_count", lambda: n_cores)
    monkeypatch.setattr(jit, "is_cached", lambda: is_cached)
    started: list[object] = []
    monkeypatch.setattr(subprocess, "Popen", lambda *args, **_: started.append(args))
    with stages("pass"):
        numba.njit(lambda x: x + 3)(1)
    assert started == []


SIGNATURES = """
import gc
from numba.core.dispatcher import Dispatcher
from optllm_pymoo import Quota
from optllm_pymoo.data import make_dataset
from optllm_pymoo.planning import Constraints, plan_front
from optllm_pymoo.planning.front import compile_kernels
def signatures():
    return {(str(each), str(kind)) for each in gc.get_objects() if isinstance(each, Dispatcher)
            for kind in each.nopython_signatures}
compile_kernels(limits=True)
before = signatures()
dataset = make_dataset(120, 4, random_state=1)
for constraints in (Constraints(), Constraints(quotas=(Quota(dataset.llms[3], calls=20),))):
    plan_front(dataset, 0.5, constraints=constraints).choose()
print(len(before) > 10, signatures() - before)
"""


def test_kernels_that_are_compiled_ahead_are_those_of_a_plan(tmp_path: Path) -> None:
    """After the tiny batch a plan needs no kernel for arrays of other types."""
    stdout, stderr = start(cwd=tmp_path, code=SIGNATURES).communicate(timeout=600)
    assert stdout == "True set()\n", stderr
