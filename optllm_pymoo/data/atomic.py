"""Files and folders that appear under their final name only when they are complete."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path


@contextmanager
def replacing(path: str | PathLike[str], /, *, overwrite: bool = True) -> Iterator[Path]:
    """Write a file beside its final place, and rename it at the end.

    The block writes to the path that it is given, which lies in the same folder and ends in the same name,
    so that suffixes keep their meaning. When the block ends, that file takes the place of `path`; when it
    raises or is interrupted, that file is removed and `path` is as it was.

    Args:
        path: The final path. A symbolic link is followed.
        overwrite: Whether a file that is there may be replaced.

    Yields:
        The path to write to.

    Raises:
        FileExistsError: There is such a file, and `overwrite` is false.
        OSError: The folder is missing or not writable, or `path` is no regular file; before the block runs.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     with replacing(f"{folder}/plan.csv") as temporary:
        ...         _ = temporary.write_text("query,llm")
        ...     os.listdir(folder)
        ['plan.csv']
    """
    target = _checked_target(path, overwrite=overwrite)
    temporary = _beside(target)
    try:
        temporary.open("xb").close()
    except OSError as error:
        raise type(error)(error.errno, f"can't write here, {error.strerror}", str(path)) from None
    try:
        yield temporary
        if target.exists():
            shutil.copymode(target, temporary)
        _flush(temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: str | PathLike[str], /, *, overwrite: bool = False) -> Iterator[Path]:
    """Fill a folder beside its final place, and rename it at the end.

    An existing folder stays until the new one is complete, and comes back if the exchange fails.

    Args:
        path: The final path.
        overwrite: Whether a folder that is there may be replaced, with all that is in it.

    Yields:
        An empty folder to write into.

    Raises:
        FileExistsError: There is something already, and `overwrite` is false or it is not a folder.
        OSError: The parent folder is missing or not writable; before the block runs.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not (overwrite and target.is_dir()):
        hint = "pass overwrite=True to replace it" if target.is_dir() else "it is not a folder"
        raise FileExistsError(f"{path} exists already; {hint}")
    _check_parent(target)
    temporary = _beside(target)
    try:
        temporary.mkdir()
    except OSError as error:
        raise type(error)(error.errno, f"can't write here, {error.strerror}", str(path)) from None
    try:
        yield temporary
        for file in temporary.iterdir():
            _flush(file)
        _exchange(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_text_atomically(path: str | PathLike[str], text: str, /, *, overwrite: bool = True) -> None:
    """Write a UTF-8 text file, complete or not at all; see `replacing`.

    Args:
        path: The file.
        text: What it shall contain.
        overwrite: Whether a file that is there may be replaced.

    Raises:
        FileExistsError: There is such a file, and `overwrite` is false.
        OSError: The file can't be written.
    """
    with replacing(path, overwrite=overwrite) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _checked_target(path: str | PathLike[str], *, overwrite: bool) -> Path:
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise IsADirectoryError(f"{path} is a folder; expected the name of a file")
    if target.exists() and not target.is_file():
        raise OSError(f"{path} is not a regular file and can't be replaced")
    if target.exists() and not overwrite:
        raise FileExistsError(f"{path} exists already; pass overwrite=True to replace it")
    _check_parent(target)
    return target


def _check_parent(target: Path) -> None:
    if not target.parent.is_dir():
        raise FileNotFoundError(f"can't write {target.name}: there is no folder {target.parent}")


def _beside(target: Path) -> Path:
    return target.with_name(f".{secrets.token_hex(4)}.{target.name}")


def _exchange(complete: Path, target: Path) -> None:
    if not target.exists():
        complete.rename(target)
        return
    old = _beside(target)
    target.rename(old)
    try:
        complete.rename(target)
    except BaseException:
        old.rename(target)
        raise
    shutil.rmtree(old)


def _flush(path: Path) -> None:
    """Have the content on the disk before the name points to it."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        os.fsync(file.fileno())
