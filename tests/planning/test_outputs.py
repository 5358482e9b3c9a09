"""Files: all, or none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from optllm_pymoo.planning import check_writable, write_files


def writer(text: str) -> Callable[[Path], None]:
    """Build a function that writes a text."""
    return lambda path: path.write_text(text) and None


def interrupted(path: Path) -> None:
    """Be interrupted while writing."""
    path.write_text("half a li")
    raise KeyboardInterrupt


def test_writes_all(tmp_path: Path) -> None:
    """The folder and its parents are made, and named files are there."""
    files = write_files(tmp_path / "a" / "b", {"one.txt": writer("1"), "two.txt": writer("2")})
    assert [file.read_text() for file in files] == ["1", "2"]
    assert {file.name for file in (tmp_path / "a" / "b").iterdir()} == {"one.txt", "two.txt"}


def test_an_interruption_leaves_nothing_new_and_all_that_was(tmp_path: Path) -> None:
    """Ctrl-C in the second file: the first isn't replaced either, and no temporary file stays."""
    (tmp_path / "one.txt").write_text("old")
    with pytest.raises(KeyboardInterrupt):
        write_files(tmp_path, {"one.txt": writer("new"), "two.txt": interrupted})
    assert [file.name for file in tmp_path.iterdir()] == ["one.txt"]
    assert (tmp_path / "one.txt").read_text() == "old"


def test_an_interruption_leaves_no_empty_folder(tmp_path: Path) -> None:
    """A folder that was made for the files goes with them."""
    with pytest.raises(KeyboardInterrupt):
        write_files(tmp_path / "new", {"two.txt": interrupted})
    assert not (tmp_path / "new").exists()


def test_refuses_what_is_no_folder(tmp_path: Path) -> None:
    """A file in the way, here or above; a folder that is yet to be made is fine, and isn't made."""
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(NotADirectoryError, match=r"can't write to .*file is not a folder"):
            check_writable(folder)
    check_writable(tmp_path / "new" / "below")
    assert not (tmp_path / "new").exists()


def test_refuses_what_may_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without the right to write is told at once."""

    def denied(**where: Path) -> None:
        raise PermissionError(13, "Permission denied")

    check_writable(tmp_path)
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr("optllm_pymoo.planning.outputs.TemporaryFile", denied)
    with pytest.raises(PermissionError, match=r"can't write to .* is not writable \(Permission denied\)"):
        check_writable(tmp_path)
