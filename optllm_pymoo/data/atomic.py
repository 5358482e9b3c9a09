"""Atomic writing: files and folders are completely old or completely new, also after a run is killed.

New content is written under a hidden name and flushed; then it replaces the old one: a file by one rename, a folder by
one exchange of two names. In a folder that can't be exchanged (it contains files of others, or is a link, a mount point
or the working folder), each file is renamed; the next run finishes this if a run is killed. The hidden names:

* ``.optllm-pymoo-new``: being written. After a kill it is deleted;
* ``.optllm-pymoo-ready``: complete. From now on the new files are valid, and the next run moves the remaining ones;
* ``.optllm-pymoo-old``: the files that are replaced. Without ``ready`` they are moved back;
* ``.optllm-pymoo-lock``: locked by the run that writes. The system releases the lock when the process ends.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import shutil
import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from os import PathLike
from pathlib import Path
from typing import IO

from optllm_pymoo.signals import held_back
from optllm_pymoo.validation import Notice

try:
    import fcntl
except ImportError:  # Windows: no lock between runs that write the same folder
    fcntl = None  # type: ignore[assignment]

PATIENCE_SECONDS = 1.0
"""A run that waits longer than this for another one warns."""

_EARLIER = re.compile(r"\.[0-9a-f]{8}\.(.+)")
"""Hidden names in the first drafts of version 0.1.0; killed runs may have left such files."""


@contextmanager
def replacing(path: str | PathLike[str], /, *, overwrite: bool = True) -> Iterator[Path]:
    """Write a file beside its final place, and rename it at the end.

    The block writes to the path that is yielded. It is in the same folder and its name ends in the same way, so
    that it has the same suffix. When the block ends, that file replaces `path`; when the block raises or is
    interrupted, that file is removed and `path` is unchanged. Another run that writes `path` waits.

    Args:
        path: The final path. A symbolic link is followed.
        overwrite: Whether an existing file may be replaced.

    Yields:
        The path to write to.

    Raises:
        FileExistsError: There is such a file, and `overwrite` is false.
        OSError: The folder is missing or not writable, or `path` is not a regular file; raised before the block runs.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     with replacing(f"{folder}/plan.csv") as temporary:
        ...         _ = temporary.write_text("query,llm")
        ...     os.listdir(folder)
        ['plan.csv']
    """
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise IsADirectoryError(f"{path} is a folder; expected the name of a file")
    if target.exists() and not target.is_file():
        raise OSError(f"{path} is not a regular file and can't be replaced")
    if target.exists() and not overwrite:
        raise FileExistsError(f"{path} exists already; pass overwrite=True to replace it")
    _check_parent(target)
    temporary = _hidden("new", target, target.parent)
    with _claimed(temporary, path):
        try:
            yield temporary
            if target.exists():
                shutil.copymode(target, temporary)
            _flush(temporary)
            temporary.replace(target)
        except BaseException:
            # only here: after the rename, the hidden name may already belong to the next run
            temporary.unlink(missing_ok=True)
            raise


@contextmanager
def replacing_folder(
    path: str | PathLike[str],
    /,
    *,
    overwrite: bool = False,
    ours: Iterable[str] | None = None,
    keep: bool = False,
) -> Iterator[Path]:
    """Fill a folder beside its final place, and move it there at the end.

    An existing folder is unchanged until the new one is complete. If it contains only our files, one exchange
    replaces it. Otherwise our files are replaced one by one, and other files are not changed: see the module docstring.
    Another run that writes the folder waits.

    Args:
        path: The final path.
        overwrite: Whether an existing folder may be replaced.
        ours: Names, or patterns of names relative to the folder, of the files that may be replaced; None for all.
        keep: Whether to keep files of ours that aren't written again; otherwise they are deleted.

    Yields:
        An empty folder to write into.

    Raises:
        FileExistsError: `path` exists, and `overwrite` is false or it is not a folder; or a file or folder that is not
            ours has the name of a new file.
        OSError: The parent folder is missing or not writable; raised before the block runs.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as home:
        ...     with replacing_folder(Path(home, "batch")) as folder:
        ...         _ = (folder / "notes.txt").write_text("complete")
        ...         there_before = Path(home, "batch").exists()
        ...     there_before, Path(home, "batch", "notes.txt").read_text()
        (False, 'complete')
    """
    target, patterns = Path(os.path.realpath(path)), None if ours is None else tuple(ours)
    _check_parent(target)
    with only_run(target, path) as lock:
        _recover(target)
        if target.exists() and not (overwrite and target.is_dir()):
            hint = "pass overwrite=True to replace it" if target.is_dir() else "it is not a folder"
            raise FileExistsError(f"{path} exists already; {hint}")
        whole = _is_exchangeable(Path(path), target, patterns, lock)
        new = _hidden("new", target, target.parent if whole else target)
        try:
            try:
                new.mkdir()
            except OSError as error:
                raise _cannot_write(error, path) from None
            yield new
            others = [] if patterns is None or not target.exists() else list(foreign_entries(target, patterns))
            gone: list[str] = []  # files of ours that aren't written again
            if target.exists():
                kept = {name.split("/")[0] for name in others} | {entry.name for entry in os.scandir(new)}
                names = {entry.name for entry in os.scandir(target)} - kept
                gone = sorted(name for name in names if not name.startswith(".optllm-pymoo-"))
            whole = whole and not others
            _prepare(new, target, gone if whole and keep else ())
            with held_back():
                if not (whole and _exchange_folder(new, target)):
                    _move_in(new, target, () if keep else gone, others)
        finally:
            with held_back():
                shutil.rmtree(new, ignore_errors=True)


def write_text_atomically(path: str | PathLike[str], text: str, /, *, overwrite: bool = True) -> None:
    """Write a UTF-8 text file, complete or not at all; see `replacing`.

    Args:
        path: The file.
        text: The content.
        overwrite: Whether an existing file may be replaced.

    Raises:
        FileExistsError: There is such a file, and `overwrite` is false.
        OSError: The file can't be written.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as home:
        ...     write_text_atomically(Path(home, "notes.txt"), "all of it")
        ...     Path(home, "notes.txt").read_text()
        'all of it'
    """
    with replacing(path, overwrite=overwrite) as temporary:
        temporary.write_text(text, encoding="utf-8")


def recover(path: str | PathLike[str], /, *, ours: Iterable[str] = ()) -> None:
    """Repair a folder after a killed run: it becomes completely old or completely new, without hidden files.

    A `Notice` reports what was found. If another run is still writing the folder, this function waits for it.

    Args:
        path: The folder; if it is missing or not writable, nothing happens.
        ours: As in `replacing_folder`: hidden files of earlier versions that end in one of these names are deleted.
    """
    target = Path(os.path.realpath(path))
    homes = [home for home in (target.parent, target) if home.is_dir() and os.access(home, os.W_OK | os.X_OK)]
    if any(_hidden(kind, target, home).exists() for home in homes for kind in ("new", "ready", "old", "lock")):
        with only_run(target, path):
            _recover(target)
    for entry in os.scandir(target) if target in homes else ():
        earlier = _EARLIER.fullmatch(entry.name)
        if earlier and entry.is_file(follow_symlinks=False) and _is_any_of(earlier[1], ours):
            os.unlink(entry.path)


def foreign_entries(folder: str | PathLike[str], ours: Iterable[str], /, inside: str = "") -> Iterator[str]:
    """Yield the names of a folder's entries that are not ours; the folder is read lazily.

    Args:
        folder: The folder.
        ours: Names, or patterns of names relative to the folder, of files.
        inside: Prefix of the folder in the names, with a slash at its end.

    Yields:
        Names, relative to the folder, of other files, of links, and of folders that can't contain files of ours.
    """
    patterns = tuple(ours)
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        name = inside + entry.name
        if entry.is_dir(follow_symlinks=False) and any(pattern.startswith(f"{name}/") for pattern in patterns):
            yield from foreign_entries(entry.path, patterns, f"{name}/")
        elif not entry.is_file(follow_symlinks=False) or not _is_any_of(name, patterns):
            yield name


def _is_any_of(name: str, patterns: Iterable[str]) -> bool:
    """Return whether a name matches one of some patterns."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _hidden(kind: str, target: Path, home: Path) -> Path:
    """Return a hidden name beside a file or folder, or in the folder itself."""
    return home / (f".optllm-pymoo-{kind}" if home == target else f".optllm-pymoo-{kind}.{target.name}")


def _check_parent(target: Path) -> None:
    """Raise an error if the parent folder does not exist."""
    if not target.parent.is_dir():
        raise FileNotFoundError(f"can't write {target.name}: there is no folder {target.parent}")


def _cannot_write(error: OSError, path: str | PathLike[str]) -> OSError:
    """Return the error with the user's path instead of the hidden name."""
    return type(error)(error.errno, f"can't write here, {error.strerror}", str(path))


@contextmanager
def _claimed(hidden: Path, path: str | PathLike[str]) -> Iterator[None]:
    """Create and lock an empty hidden file; wait for another run that has locked it, unless its process has ended."""
    started, was_reported = time.monotonic(), False
    while True:
        try:
            file = hidden.open("ab")
        except OSError as error:
            raise _cannot_write(error, path) from None
        with file:
            if fcntl is None:
                file.close()  # Windows can't rename an open file
            elif not _lock(file):
                if not was_reported and time.monotonic() - started > PATIENCE_SECONDS:
                    warnings.warn(f"waiting for another run that writes {path}", Notice, stacklevel=4)
                    was_reported = True
                time.sleep(0.02)
                continue
            elif not _stands_at(file, hidden):
                continue  # the other run has renamed or removed the opened file
            os.truncate(hidden, 0)
            yield
            return


def _lock(file: IO[bytes]) -> bool:
    """Lock a file; return False if another run has locked it. True without a lock if the file system has no locks."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EWOULDBLOCK, errno.EACCES)
    return True


def _stands_at(file: IO[bytes], path: Path) -> bool:
    """Return whether an open file is still the file at this path."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


@contextmanager
def only_run(target: Path, path: str | PathLike[str]) -> Iterator[Path]:
    """Lock a folder against other runs; the lock is beside the folder, or in it if the parent is not writable."""
    beside = not target.is_dir() or (os.access(target.parent, os.W_OK | os.X_OK) and not os.path.ismount(target))
    lock = _hidden("lock", target, target.parent if beside else target)
    with _claimed(lock, path):
        try:
            yield lock
        finally:
            with held_back():
                lock.unlink(missing_ok=True)


def _is_exchangeable(path: Path, target: Path, ours: tuple[str, ...] | None, lock: Path) -> bool:
    """Return whether another folder can replace this one without loss of other files."""
    if not target.exists():
        return True
    if path.is_symlink() or Path.cwd().is_relative_to(target) or lock.parent != target.parent:
        return False
    there, made = target.stat(), lock.stat()
    is_mine = (there.st_uid, there.st_gid) == (made.st_uid, made.st_gid)
    return is_mine and (ours is None or not any(foreign_entries(target, ours)))


def _prepare(new: Path, target: Path, carried: Iterable[str]) -> None:
    """Copy modes and the files to keep from the old folder to the new one, and flush it to the disk."""
    for name in carried:
        link(target / name, new / name)
    for folder, _, files in os.walk(new):
        for place in (folder, *(os.path.join(folder, name) for name in files)):
            old = target / os.path.relpath(place, new)
            if old.exists():
                shutil.copymode(old, place)
            _flush(Path(place))


def link(file: Path, name: Path) -> None:
    """Make a hard link to a file, or copy it if the file system has no links; for a folder, each file in it."""
    if file.is_dir():
        name.mkdir()
        for entry in file.iterdir():
            link(entry, name / entry.name)
        return
    try:
        os.link(file, name)
    except OSError:
        shutil.copy2(file, name)


def _exchange_folder(new: Path, target: Path) -> bool:
    """Replace a folder by a complete one, in one step or in two; return whether that was possible.

    `_settle` finishes the two steps after a kill.
    """
    if not target.exists():
        new.rename(target)
    else:
        try:
            _exchange(new, target)
        except OSError:  # the system can't exchange names
            ready, old = (_hidden(kind, target, target.parent) for kind in ("ready", "old"))
            new.rename(ready)
            try:
                target.rename(old)
                ready.rename(target)
            except OSError:  # for example, a mount point
                if old.exists():
                    old.rename(target)
                ready.rename(new)
                return False
            shutil.rmtree(old, ignore_errors=True)
    _flush(target.parent)
    return True


def _exchange(one: Path, other: Path) -> None:
    """Exchange two names in one atomic step (Linux)."""
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, TypeError):  # another system, or an old C library
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS)) from None
    here, exchange = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux
    if renameat2(here, os.fsencode(one), here, os.fsencode(other), exchange):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(other))


def _move_in(new: Path, target: Path, gone: Iterable[str], others: Iterable[str]) -> None:
    """Replace our files in a folder one by one; after a kill, `_settle` finishes this."""
    names = sorted(entry.name for entry in os.scandir(new))
    for other in others:
        if other in names or other.split("/")[0] in names:
            raise FileExistsError(f"{target / other} is not a file of optllm-pymoo; move it away")
    if new.parent != target:
        new = Path(shutil.move(new, _hidden("new", target, target)))
        _prepare(new, target, ())
    old = _hidden("old", target, target)
    old.mkdir()
    try:
        for name in (*gone, *(name for name in names if (target / name).is_dir())):
            (target / name).rename(old / name)
        new.rename(_hidden("ready", target, target))
        _flush(target)
    finally:
        _settle(target, target)


def _settle(target: Path, home: Path) -> bool:
    """Finish an interrupted run if its new files are complete; else restore the old files.

    Returns:
        Whether the new files are in place.
    """
    new, ready, old = (_hidden(kind, target, home) for kind in ("new", "ready", "old"))
    complete = ready.exists()
    if home != target:
        if complete and target.exists():
            shutil.rmtree(old, ignore_errors=True)
            try:
                target.rename(old)
            except OSError:  # a mount point: the run would have replaced its files one by one
                complete = False
                shutil.rmtree(ready)
        if not target.exists() and (complete or old.exists()):
            (ready if complete else old).rename(target)
    elif complete:
        for entry in sorted(ready.iterdir()):
            entry.replace(target / entry.name)
    elif old.exists():
        for entry in sorted(old.iterdir()):
            if not (target / entry.name).exists():
                entry.rename(target / entry.name)
    _flush(target if target.exists() else home)
    for leftover in (new, old):
        shutil.rmtree(leftover, ignore_errors=True)
    if home == target and complete:
        shutil.rmtree(ready)  # last: without it, the next run would restore the remaining old files
    return complete


def _recover(target: Path) -> None:
    """Clean up after killed runs, beside a folder and in it, and warn."""
    for home in (target.parent, target):
        if any(_hidden(kind, target, home).exists() for kind in ("new", "ready", "old")):
            with held_back():
                complete = _settle(target, home)
            state = "its files are in place now" if complete else "its incomplete files are deleted"
            warnings.warn(f"an earlier run was killed while it wrote {target}; {state}", Notice, stacklevel=4)


def _flush(path: Path) -> None:
    """Flush a file, or the names in a folder, to the disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows can't open folders
    if path.is_file() or path.is_dir():
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
