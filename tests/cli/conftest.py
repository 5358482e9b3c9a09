"""Running the command in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from optllm_pymoo.cli import app
from optllm_pymoo.data import make_dataset, save_dataset

Run = Callable[..., object]


class Outcome:
    """What a command printed and how it ended."""

    def __init__(self, arguments: tuple[object, ...]) -> None:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        self.code, self.stdout, self.stderr = result.exit_code, result.stdout, result.stderr

    def assert_failed(self, code: int = 2) -> str:
        """Hold it to one line on stderr and nothing on stdout, and return that line."""
        assert (self.code, self.stdout) == (code, ""), self.stderr
        assert self.stderr.count("\n") == 1, self.stderr
        assert self.stderr.startswith("optllm-pymoo: ")
        return self.stderr


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """Run `optllm-pymoo` with the arguments given, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: Outcome(arguments)


@pytest.fixture(scope="session")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small synthetic batch."""
    folder = tmp_path_factory.mktemp("batch") / "batch"
    save_dataset(make_dataset(120, 3), folder)
    return folder
