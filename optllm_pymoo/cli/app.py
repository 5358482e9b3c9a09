"""The `optllm-pymoo` command and what all its commands share."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from functools import wraps
from typing import Annotated, Any, Final, TypeVar

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from optllm_pymoo.signals import exit_code

FAILED: Final = 1
UNMET: Final = 2
"""Exit codes: a run that could not be done, and limits that nothing meets (2, as wrong usage)."""

app = typer.Typer(
    name="optllm-pymoo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from optllm_pymoo import __version__

        print(f"optllm-pymoo {__version__}")
        raise typer.Exit


@app.callback()
def _command(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Split a batch of queries over several LLMs: every sensible plan from the cheapest to the most accurate."""


Command = TypeVar("Command", bound=Callable[..., None])


def fail(message: str, code: int = FAILED, /) -> typer.Exit:
    """Say one line on stderr and build the exception that ends the run.

    Args:
        message: What went wrong and what to do.
        code: Exit code.
    """
    print(" ".join(f"optllm-pymoo: {message}".split()), file=sys.stderr)
    return typer.Exit(code)


def with_exit_codes(command: Command) -> Command:
    """End a command with one line on stderr and the right exit code instead of a traceback.

    Args:
        command: A function that raises ValueError, OSError and the like for runs that can't be done.
    """

    @wraps(command)
    def guarded(*args: Any, **kwargs: Any) -> None:
        try:
            with _notes():
                command(*args, **kwargs)
            sys.stdout.flush()
        except KeyboardInterrupt as end:
            raise fail("interrupted; no file is half-written", exit_code(end)) from None
        except BrokenPipeError:
            # nobody reads on, as with `| head -1`: the work is done, and the rest of the text goes nowhere
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except OSError as error:
            raise fail(_describe(error)) from None
        except (ValueError, TypeError, ImportError, IndexError) as error:
            raise fail(str(error), _code_of(error)) from None
        except MemoryError:
            raise fail("out of memory; plan the batch in parts") from None

    return guarded  # type: ignore[return-value]  # same signature


@contextmanager
def _notes() -> Iterator[None]:
    """Print what the user should know as one line on stderr; other warnings stay what they are."""
    from optllm_pymoo.validation import Notice

    with warnings.catch_warnings():
        show = warnings.showwarning

        def shown(message: Any, category: type[Warning], *place: Any, **where: Any) -> None:
            if issubclass(category, Notice):
                print(f"optllm-pymoo: {message}", file=sys.stderr)
            else:
                show(message, category, *place, **where)

        warnings.simplefilter("always", Notice)
        warnings.showwarning = shown
        yield


def _code_of(error: Exception) -> int:
    from optllm_pymoo.planning import LimitsError

    return UNMET if isinstance(error, LimitsError) else FAILED


def _describe(error: OSError) -> str:
    """Say what happened to which file, without the number of the error."""
    if error.strerror is None:
        return str(error)
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror


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
