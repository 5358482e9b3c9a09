"""The `optllm-pymoo` command: errors, notices, progress and signals of all its commands."""

from __future__ import annotations

import gc
import io
import logging
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import fields, is_dataclass
from inspect import Parameter, Signature, signature
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Final, NoReturn, get_type_hints

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from typer.core import TyperGroup

from optllm_pymoo.signals import exit_code, heed_sigterm
from optllm_pymoo.validation import Notice, UserError, printable

FAILED: Final = 1
TO_CHANGE: Final = 2
"""Exit codes: 1 for errors of the machine and bugs, 2 for input or options that the user has to change."""

WRONG_PATHS: Final = (FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError)
"""Errors of the operating system about a path that the user gave; all others are the machine's."""


class _Commands(TyperGroup):
    """Group of all commands: an early end of a command prints one line on stderr and sets the exit code."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run a command; characters that the terminal can't show are replaced."""
        for name in ("stdout", "stderr"):
            if isinstance(stream := getattr(sys, name), io.TextIOWrapper):
                stream.reconfigure(errors="replace")
        return super().main(*args, **kwargs)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the common options; --debug may also follow the command."""
        return list(super().parse_args(ctx, sorted(args, key=lambda text: text != "--debug")))

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Read the arguments."""
        with _ended_in_a_line():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was read."""
        with _ended_in_a_line(), _notes():
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result


app = typer.Typer(
    cls=_Commands,
    name="optllm-pymoo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def command(name: str | None = None, /) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a command of a function.

    A parameter whose type is a dataclass is a group of options: the command has an option for each of its fields, and
    the function gets the group. The help lists them under its docstring.

    Args:
        name: Name of the command; by default that of the function.
    """

    def register(function: Callable[..., None]) -> Callable[..., None]:
        hints = get_type_hints(function, include_extras=True)
        options = {"context": Parameter("context", Parameter.KEYWORD_ONLY, annotation=typer.Context)}
        groups: dict[str, Any] = {}
        for each in signature(function).parameters.values():
            kind, alone = hints[each.name], [(each.name, each.default)]
            if is_dataclass(kind):
                groups[each.name], hints = kind, {**hints, **get_type_hints(kind, include_extras=True)}
                alone = [(option.name, option.default) for option in fields(kind)]
                for option, _ in alone:
                    kinds = getattr(kind, "__mro__", ())
                    declared = next(each for each in kinds if option in vars(each).get("__annotations__", {}))
                    hints[option].__metadata__[0].rich_help_panel = str(declared.__doc__).rstrip(".")
            for option, default in alone:
                options[option] = Parameter(option, Parameter.KEYWORD_ONLY, default=default, annotation=hints[option])

        def run(context: typer.Context, **given: Any) -> None:
            if context.args:
                first = context.args[0]
                raise typer.BadParameter(f"{first} stands alone; if that is the batch, write --data {first}")
            for group, kind in groups.items():
                given[group] = kind(**{option.name: given.pop(option.name) for option in fields(kind)})
            function(**given)

        run.__doc__, run.__name__ = function.__doc__, function.__name__
        run.__annotations__ = {option: each.annotation for option, each in options.items()}
        run.__signature__ = Signature(list(options.values()))  # type: ignore[attr-defined]
        app.command(name, context_settings={"allow_extra_args": "data" in options})(run)
        return function

    return register


def given_to(name: str, arguments: Sequence[str], /) -> dict[str, Any]:
    """Read the arguments of a command without running it.

    Args:
        name: Of the command.
        arguments: As on the command line.

    Returns:
        Values by option.
    """
    commands: Any = typer.main.get_command(app)
    return dict(commands.commands[name].make_context(name, list(arguments)).params)


def main() -> None:
    """Run the command that the arguments name, and end the process with its exit code."""
    gc.set_threshold(1_000_000)  # libraries and compilers make many objects and little garbage: a tenth of a short run
    sys.excepthook = _report_bug
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # a shell has closed it, as `>&-` does
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", closefd=False))
    heed_sigterm()
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # messages about its cache and fonts aren't shown
    typer.main.get_command(app)()


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
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of a bug.")] = False,
) -> None:
    """Split a batch of queries over several LLMs: every sensible plan from the cheapest to the most accurate."""
    if debug:
        sys.excepthook = sys.__excepthook__


def _fail(message: str, code: int) -> NoReturn:
    """Print one line on stderr and end the run."""
    print(printable(f"optllm-pymoo: {message}"), file=sys.stderr)
    raise typer.Exit(code) from None


def _report_bug(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """Print one line for an unexpected exception instead of its traceback, see `sys.excepthook`."""
    what = printable(f"{kind.__name__}: {error}" if str(error) else kind.__name__)[:500]
    print(
        f"optllm-pymoo: this is a bug in optllm-pymoo ({what}); run the same command with --debug"
        " and report what it prints",
        file=sys.stderr,
    )


@contextmanager
def _ended_in_a_line() -> Iterator[None]:
    """Turn every exception that isn't a bug into one line and an exit code."""
    try:
        yield
    except KeyboardInterrupt as end:
        _fail("interrupted; no file is half-written", exit_code(end))
    except BrokenPipeError:
        _stop_printing()
    except SystemExit as ended:  # rich raises this if the reader of its help has gone
        if not isinstance(ended.__context__, BrokenPipeError):
            raise
        _stop_printing()
    except UserError as error:
        _fail(str(error), TO_CHANGE)
    except OSError as error:
        what = str(error) if error.strerror is None else error.strerror
        where = f"{error.filename}: " if error.filename and error.strerror else ""
        _fail(f"{where}{what}", TO_CHANGE if isinstance(error, WRONG_PATHS) else FAILED)
    except ImportError as error:
        _fail(str(error), FAILED)
    except MemoryError:
        _fail("out of memory; plan the batch in parts", FAILED)


def _stop_printing() -> NoReturn:
    """End normally if the reader of stdout has gone, as with `| head -1`: the work is done, the rest is discarded."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise typer.Exit(0) from None


@contextmanager
def _notes() -> Iterator[None]:
    """Print notices as lines on stderr; other warnings are for programmers and aren't shown."""
    with warnings.catch_warnings():

        def show(message: Warning | str, category: type[Warning], *place: Any, **where: Any) -> None:
            if issubclass(category, Notice):
                print(f"optllm-pymoo: {printable(str(message))}", file=sys.stderr)

        warnings.simplefilter("always")
        warnings.showwarning = show
        yield


def refuse_existing(target: Path, overwrite: bool, /) -> None:
    """Refuse to replace an existing file or folder without --overwrite.

    Args:
        target: File or folder.
        overwrite: Whether --overwrite was given.

    Raises:
        FileExistsError: If it exists and ``overwrite`` is False.
    """
    if target.exists() and not overwrite:
        raise FileExistsError(f"{target} exists already; pass --overwrite to replace it")


@contextmanager
def stages(ahead: str = "") -> Iterator[Callable[[str], None]]:
    """Show the current stage with a spinner and the elapsed time, if stderr is a terminal.

    While kernels are compiled, once per machine, it shows that too. Output of libraries also goes to stderr: stdout is
    for results.

    Args:
        ahead: Python code that compiles kernels which are needed later. When the first kernel has to be compiled, it is
            run in a process of its own, which keeps the kernels on disk for this one; only if there is a second core
            and a folder for them. The process is ended with this context at the latest.

    Yields:
        A function to call with the name of each stage as it begins.
    """
    console = Console(stderr=True)
    text = TextColumn("{task.description}{task.fields[note]}", markup=False)
    columns = (SpinnerColumn(), text, TimeElapsedColumn())
    shown = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    helpers: list[subprocess.Popen[bytes]] = []
    with redirect_stdout(sys.stderr), shown as progress:
        task = progress.add_task("Loading the libraries", total=None, note="")
        from joblib import cpu_count

        from optllm_pymoo.kernels.jit import is_cached, when_compiling

        def show_and_help() -> None:
            progress.update(task, note=" (compiling, once)")
            if ahead and not helpers and is_cached() and cpu_count() > 1:
                # with this process's path: -c alone would put the current folder before all packages
                code = f"import sys; sys.path[:] = {sys.path!r}; import gc; gc.disable(); {ahead}"
                nowhere = subprocess.DEVNULL
                helpers.append(
                    subprocess.Popen([sys.executable, "-c", code], stdin=nowhere, stdout=nowhere, stderr=nowhere)
                )

        try:
            with when_compiling(show_and_help):
                yield lambda stage: progress.update(task, description=printable(stage), note="")
        finally:
            for helper in helpers:
                helper.terminate()
                helper.wait()
