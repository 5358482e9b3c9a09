"""Kills commands at every step they take in the file system, and at random moments, and looks at what is left.

``python -m tests.kills 200`` kills 200 runs of ``plan``, ``demo-data --overwrite`` and ``benchmarks keep`` and prints
which of them ended mixed, lost or with something left lying after the next run. The tests do the same with fewer.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SIGNALS = [signal.SIGKILL, signal.SIGTERM, signal.SIGINT]
STEPS = ("rename", "replace", "mkdir", "rmdir", "unlink", "link", "fsync")
"""Functions of `os` that change what stands on the disk, and under which name."""

Content = dict[str, bytes] | None


@dataclass(frozen=True)
class Case:
    """What is killed: a run that writes a folder in which an older run's files stand.

    Attributes:
        name: What it is called in reports.
        run: Writes the folder, in a version: 0 is the older run.
        foreign: Whether the folder holds files of others.
        settle: What the next run does first; after it the folder holds one run's files.
    """

    name: str
    run: Callable[[Path, int], None]
    foreign: bool = False
    settle: Callable[[Path], None] | None = None


def content(folder: Path) -> Content:
    """Read all visible files of a folder; None if it isn't there."""
    if not folder.is_dir():
        return None
    files = sorted(path for path in folder.rglob("*") if path.is_file() and ".optllm" not in str(path))
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def left_lying(folder: Path) -> list[str]:
    """List hidden names in and beside a folder."""
    return sorted(path.name for path in folder.parent.rglob(".*"))


def killed(work: Callable[[], None], number: int, step: int | None, seconds: float = 0.0) -> tuple[int, int]:
    """Run something in a child that gets a signal before its step of that number, or after some seconds.

    Returns:
        The child's exit code, negative for a signal that ended it, and how many steps it took.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        code = 1
        try:
            try:
                with _counted(number, step) as taken:
                    try:
                        signal.signal(signal.SIGINT, signal.default_int_handler)
                        work()
                        code = 0
                    except KeyboardInterrupt as end:
                        code = 130 if type(end) is KeyboardInterrupt else 143
                    except SystemExit as end:
                        code = int(end.code or 0)
            finally:
                os.write(writer, str(taken[0]).encode())
        finally:
            os._exit(code)  # also where a late signal comes: what the parent does at its end is not the child's
    os.close(writer)
    if step is None:
        time.sleep(seconds)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, number)
    with os.fdopen(reader) as file:
        taken_steps = int(file.read() or -1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), taken_steps


@contextlib.contextmanager
def _counted(number: int, at: int | None) -> Iterator[list[int]]:
    """Count the steps taken in the block, and send this process a signal before the one of number `at`."""
    from optllm_pymoo.data import atomic

    taken = [0]

    def counting(function: Callable[..., object]) -> Callable[..., object]:
        def counted(*args: object, **kwargs: object) -> object:
            taken[0] += 1
            if taken[0] == at:
                os.kill(os.getpid(), number)
            return function(*args, **kwargs)

        return counted

    for name in STEPS:
        setattr(os, name, counting(getattr(os, name)))
    atomic._exchange = counting(atomic._exchange)  # type: ignore[assignment]
    yield taken


@cache
def written(case: Case, version: int) -> Path:
    """Have a case write one version, undisturbed; return the folder."""
    folder = Path(tempfile.mkdtemp(prefix="kills-")) / "out"
    atexit.register(shutil.rmtree, folder.parent)
    if case.foreign:
        folder.mkdir()
        (folder / "theirs.txt").write_text("theirs")
    killed(lambda: case.run(folder, version), signal.SIGKILL, 0)
    return folder


def faults_of(case: Case, number: int, step: int | None, seconds: float = 0.0) -> tuple[list[str], int, int]:
    """Kill one run of a case.

    Returns:
        What was wrong, the exit code and the number of steps of the run.
    """
    faults = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "out"
        old, new = (content(written(case, version)) for version in range(2))
        assert None is not old != new is not None, f"{case.name} doesn't run"
        shutil.copytree(written(case, 0), folder)
        code, taken = killed(lambda: case.run(folder, 1), number, step, seconds)
        if code not in (0, -signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, 130, 143):
            faults.append(f"exit code {code}")
        if case.settle is not None:
            killed(lambda: case.settle(folder), signal.SIGKILL, 0)
        found = content(folder)
        if found is None:
            faults.append("lost")
        elif found not in (old, new):
            faults.append("mixed")
        if number != signal.SIGKILL and code in (130, 143) and left_lying(folder):
            faults.append(f"left lying at once: {left_lying(folder)}")
        killed(lambda: case.run(folder, 1), signal.SIGKILL, 0)
        if content(folder) != new:
            faults.append("the next run didn't write")
        if left_lying(folder):
            faults.append(f"left lying after the next run: {left_lying(folder)}")
    return faults, code, taken


def every_step(case: Case) -> Iterator[list[str]]:
    """Kill a case before each of its steps, by SIGKILL and one of the others; yield the faults of each kill."""
    step, taken = 0, 1
    while taken > step:
        step += 1
        for number in (signal.SIGKILL, SIGNALS[1 + step % 2]):
            faults, code, taken = faults_of(case, number, step)
            yield [f"{case.name}, {signal.Signals(number).name} before step {step}: {fault}" for fault in faults]
            if code:
                taken = step + 1


def folders() -> list[Case]:
    """List the ways in which a folder changes: by one exchange, by two renames, file by file."""
    from optllm_pymoo.data import atomic
    from optllm_pymoo.signals import heed_sigterm

    ours = ("a.csv", "b.csv", "figures/*")

    def write(folder: Path, version: int) -> None:
        heed_sigterm()
        atomic.recover(folder, ours=ours)
        with atomic.replacing_folder(folder, overwrite=True, ours=ours) as temporary:
            (temporary / "figures").mkdir()
            for name in ("a.csv", "b.csv", f"figures/{version}"):
                (temporary / name).write_text(str(version))

    def refuse(*names: Path) -> None:
        raise OSError

    def write_by_renames(folder: Path, version: int) -> None:
        atomic._exchange = refuse
        write(folder, version)

    return [
        Case("exchange", write),
        Case("two renames", write_by_renames, settle=atomic.recover),
        Case("file by file", write, foreign=True, settle=atomic.recover),
    ]


def commands() -> list[Case]:
    """List the real commands, on small batches."""
    from benchmarks.keep import keep
    from optllm_pymoo.cli import main
    from optllm_pymoo.signals import heed_sigterm

    place = Path(tempfile.mkdtemp(prefix="kills-"))
    atexit.register(shutil.rmtree, place)

    def command(*arguments: object) -> None:
        with open(os.devnull, "w") as nothing, contextlib.redirect_stdout(nothing), contextlib.redirect_stderr(nothing):
            sys.argv = ["optllm-pymoo", *map(str, arguments)]
            main()

    def plan(folder: Path, version: int) -> None:
        command("plan", "--data", place / f"batch{version}", "--labels", "all", "--out", folder)

    def kept(folder: Path, version: int) -> None:
        heed_sigterm()
        keep(place / f"suite{version}", folder)

    def demo(folder: Path, version: int) -> None:
        command("demo-data", folder, "--overwrite", "--queries", 20, "--seed", version)

    for version in range(2):
        killed(lambda version=version: demo(place / f"batch{version}", version), signal.SIGKILL, 0)
        suite = place / f"suite{version}"
        (suite / "figures").mkdir(parents=True)
        rows = [f"{cell},features,0,questions-20x2,{version}\n" for cell in "ab"]
        (suite / "results.csv").write_text("".join(["cell,kind,definition,data,n_features\n", *rows]))
        (suite / "run.json").write_text('{"cells": 2, "missing": 0, "failed": 0}')
        (suite / "report.md").write_text(f"version {version}\n")
        for name in ("a", "b"):
            (suite / "figures" / f"{name}.svg").write_text(f"<svg>{version}</svg>")
    # once in this process: kernels and fonts are loaded here, and not in every run
    with tempfile.TemporaryDirectory() as nowhere, contextlib.suppress(SystemExit):
        plan(Path(nowhere) / "out", 0)
    # a child that is hit before it has begun ends at once, as any process does
    sys.excepthook = sys.__excepthook__
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    return [Case("plan", plan), Case("demo-data --overwrite", demo), Case("benchmarks keep", kept)]


def main(n_kills: int) -> int:
    """Kill the commands so often, half of the time at steps and half at random; print and return the faults."""
    chance = random.Random(1)
    told: Counter[str] = Counter()
    codes: Counter[int] = Counter()
    cases = commands()
    for case in cases:
        share = n_kills // len(cases) + (n_kills % len(cases) if case is cases[0] else 0)
        done = 0
        written(case, 0)
        started = time.monotonic()
        code, n_steps = killed(lambda case=case: case.run(written(case, 0), 0), signal.SIGKILL, 0)
        assert code == 0, f"{case.name} ends with {code} when it is left alone"
        duration = time.monotonic() - started
        while done < share:
            number = SIGNALS[done % 3]
            if done % 2:
                faults, code, _ = faults_of(case, number, None, chance.uniform(0, duration))
            else:
                faults, code, _ = faults_of(case, number, 1 + done // 2 % n_steps)
            done += 1
            codes[code] += 1
            for fault in faults:
                told[fault] += 1
                print(f"{case.name}, {signal.Signals(number).name}, kill {done}: {fault}", flush=True)
        print(f"{case.name}: {done} kills, {n_steps} steps in a run", flush=True)
    print(f"exit codes {dict(sorted(codes.items()))}; faults {dict(told)}")
    return sum(told.values())


if __name__ == "__main__":
    sys.exit(min(1, main(int(sys.argv[1]) if sys.argv[1:] else 200)))
