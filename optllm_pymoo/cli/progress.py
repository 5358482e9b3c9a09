"""What a long run is doing, on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


@contextmanager
def stages() -> Iterator[Callable[[str], None]]:
    """Show the stage that is running with a spinner and the time gone by, if stderr is a terminal.

    Whatever libraries print meanwhile goes to stderr too: stdout is for results.

    Yields:
        A function to be called with the name of each stage as it begins.
    """
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    shown = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    with redirect_stdout(sys.stderr), shown as progress:
        task = progress.add_task("Loading the libraries", total=None)
        yield lambda stage: progress.update(task, description=stage)
