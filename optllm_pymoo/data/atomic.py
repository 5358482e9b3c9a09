"""Files and folders that change from all old to all new, whenever a run ends, however it ends.

What is new is written under a hidden name, flushed, and then takes its place: a file by one rename, a folder by one
exchange of two names. A folder that can't be exchanged (it holds files of others, is a link, a mount point or the
working folder) gets its files by one rename each; the next run finishes what a killed one began. The hidden names:

* ``.optllm-pymoo-new``: being written. After a kill it is worth nothing;
* ``.optllm-pymoo-ready``: complete. From here on the new files count, and the next run moves what is left of them;
* ``.optllm-pymoo-old``: what the new ones replace. Without ``ready`` it goes back to where it was;
* ``.optllm-pymoo-lock``: belongs to the run that writes. The system takes the lock from a process that ends.
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
except ImportError:  # Windows: runs that write the same folder at once aren't kept apart there
    fcntl = None  # type: ignore[assignment]

PATIENCE_SECONDS = 1.0
"""A run that waits longer for another one says so."""

_EARLIER = re.compile(r"\.[0-9a-f]{8}\.(.+)")
"""Hidden names of version 0.1.0's first drafts, which killed runs have left behind."""


@contextmanager
def replacing(path: str | PathLike[str], /, *, overwrite: bool = True) -> Iterator[Path]:
    """Write a file beside its final place, and rename it at the end.

    The block writes to the path that it is given, which lies in the same folder and ends in the same name,
    so that suffixes keep their meaning. When the block ends, that file takes the place of `path`; when it
    raises or is interrupted, that file is removed and `path` is as it was. Another run that writes `path` waits.

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
            # only here: after the rename the hidden name may belong to the next run already
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
    """Fill a folder beside its final place, and let it take that place at the end.

    An existing folder stays as it is until the new one is complete. If all that it holds is ours, one exchange
    replaces it. Otherwise our files are replaced one by one and nothing else is touched: see the head of this module.
    Another run that writes the folder waits.

    Args:
        path: The final path.
        overwrite: Whether a folder that is there may be replaced.
        ours: Names, or patterns of names relative to the folder, of the files that may be replaced; None for all.
        keep: Whether files of ours stay that aren't written again; otherwise they go.

    Yields:
        An empty folder to write into.

    Raises:
        FileExistsError: There is something already, and `overwrite` is false or it is not a folder; or something
            that is not ours stands where a file is to go.
        OSError: The parent folder is missing or not writable; before the block runs.

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
            gone: list[str] = []  # what is ours and isn't written again
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
        text: What it shall contain.
        overwrite: Whether a file that is there may be replaced.

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
    """Bring a folder that killed runs were writing to a state of its own: all old, or all new, and nothing beside.

    A `Notice` reports what was found. A run that is still writing the folder is waited for.

    Args:
        path: The folder; where it is missing or may not be written to, nothing happens.
        ours: As in `replacing_folder`: hidden files of earlier versions are swept that end in one of these names.
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
    """List what a folder holds beside our files, one after another: only as much is read as is asked for.

    Args:
        folder: The folder.
        ours: Names, or patterns of names relative to the folder, of files.
        inside: What the folder is called in the names, with a slash at its end.

    Yields:
        Names relative to the folder of other files, of links, and of folders in which no file of ours has a place.
    """
    patterns = tuple(ours)
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        name = inside + entry.name
        if entry.is_dir(follow_symlinks=False) and any(pattern.startswith(f"{name}/") for pattern in patterns):
            yield from foreign_entries(entry.path, patterns, f"{name}/")
        elif not entry.is_file(follow_symlinks=False) or not _is_any_of(name, patterns):
            yield name


def _is_any_of(name: str, patterns: Iterable[str]) -> bool:
    """Whether a name fits one of some patterns."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _hidden(kind: str, target: Path, home: Path) -> Path:
    """Return a hidden name beside a file or folder, or in the folder itself."""
    return home / (f".optllm-pymoo-{kind}" if home == target else f".optllm-pymoo-{kind}.{target.name}")


def _check_parent(target: Path) -> None:
    """Refuse a place in a folder that isn't there."""
    if not target.parent.is_dir():
        raise FileNotFoundError(f"can't write {target.name}: there is no folder {target.parent}")


def _cannot_write(error: OSError, path: str | PathLike[str]) -> OSError:
    """Name what the user asked for instead of a hidden name."""
    return type(error)(error.errno, f"can't write here, {error.strerror}", str(path))


@contextmanager
def _claimed(hidden: Path, path: str | PathLike[str]) -> Iterator[None]:
    """Have a hidden file to oneself, empty; another run that has it is waited for, a dead one has it no more."""
    started, was_reported = time.monotonic(), False
    while True:
        try:
            file = hidden.open("ab")
        except OSError as error:
            raise _cannot_write(error, path) from None
        with file:
            if fcntl is None:
                file.close()  # an open file can't be renamed there
            elif not _lock(file):
                if not was_reported and time.monotonic() - started > PATIENCE_SECONDS:
                    warnings.warn(f"waiting for another run that writes {path}", Notice, stacklevel=4)
                    was_reported = True
                time.sleep(0.02)
                continue
            elif not _stands_at(file, hidden):
                continue  # the other run has renamed or removed what was opened here
            os.truncate(hidden, 0)
            yield
            return


def _lock(file: IO[bytes]) -> bool:
    """Lock a file, unless another run has locked it; file systems without locks keep nothing apart."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EWOULDBLOCK, errno.EACCES)
    return True


def _stands_at(file: IO[bytes], path: Path) -> bool:
    """Whether an open file is still the one of that name."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


@contextmanager
def only_run(target: Path, path: str | PathLike[str]) -> Iterator[Path]:
    """Be the only run that writes a folder; the lock lies beside the folder, or in it where nothing may lie beside."""
    beside = not target.is_dir() or (os.access(target.parent, os.W_OK | os.X_OK) and not os.path.ismount(target))
    lock = _hidden("lock", target, target.parent if beside else target)
    with _claimed(lock, path):
        try:
            yield lock
        finally:
            with held_back():
                lock.unlink(missing_ok=True)


def _is_exchangeable(path: Path, target: Path, ours: tuple[str, ...] | None, lock: Path) -> bool:
    """Whether another folder may take the place of this one, so that nobody loses anything by it."""
    if not target.exists():
        return True
    if path.is_symlink() or Path.cwd().is_relative_to(target) or lock.parent != target.parent:
        return False
    there, made = target.stat(), lock.stat()
    is_mine = (there.st_uid, there.st_gid) == (made.st_uid, made.st_gid)
    return is_mine and (ours is None or not any(foreign_entries(target, ours)))


def _prepare(new: Path, target: Path, carried: Iterable[str]) -> None:
    """Give a complete folder the modes of the old one and the files that stay, and have it on the disk."""
    for name in carried:
        link(target / name, new / name)
    for folder, _, files in os.walk(new):
        for place in (folder, *(os.path.join(folder, name) for name in files)):
            old = target / os.path.relpath(place, new)
            if old.exists():
                shutil.copymode(old, place)
            _flush(Path(place))


def link(file: Path, name: Path) -> None:
    """Give a file a second name, or copy it where the file system can't; of a folder, every file in it."""
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
    """Let a complete folder take the place of another; whether that could be done, by one step or by two.

    `_settle` finishes the two steps after a kill.
    """
    if not target.exists():
        new.rename(target)
    else:
        try:
            _exchange(new, target)
        except OSError:  # names can't be swapped there
            ready, old = (_hidden(kind, target, target.parent) for kind in ("ready", "old"))
            new.rename(ready)
            try:
                target.rename(old)
                ready.rename(target)
            except OSError:  # a mount point, say
                if old.exists():
                    old.rename(target)
                ready.rename(new)
                return False
            shutil.rmtree(old, ignore_errors=True)
    _flush(target.parent)
    return True


def _exchange(one: Path, other: Path) -> None:
    """Let two names swap what they stand for, in one step that a kill can't cut (Linux)."""
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, TypeError):  # another system, or an old C library
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS)) from None
    here, exchange = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux
    if renameat2(here, os.fsencode(one), here, os.fsencode(other), exchange):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(other))


def _move_in(new: Path, target: Path, gone: Iterable[str], others: Iterable[str]) -> None:
    """Replace our files in a folder one by one; `_settle` finishes it after a kill."""
    names = sorted(entry.name for entry in os.scandir(new))
    for other in others:
        if other in names or other.split("/")[0] in names:
            raise FileExistsError(f"{target / other} is not a file that optllm-pymoo has written, and in the way")
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
    """Finish what a run has begun, if it came so far that the new files count; else put back the old ones.

    Returns:
        Whether the new files stand.
    """
    new, ready, old = (_hidden(kind, target, home) for kind in ("new", "ready", "old"))
    complete = ready.exists()
    if home != target:
        if complete and target.exists():
            shutil.rmtree(old, ignore_errors=True)
            try:
                target.rename(old)
            except OSError:  # a mount point: it was about to be filled file by file instead
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
        shutil.rmtree(ready)  # last: without it what is left of the old files would come back
    return complete


def _recover(target: Path) -> None:
    """Clean up what killed runs have left, beside a folder and in it, and report it."""
    for home in (target.parent, target):
        if any(_hidden(kind, target, home).exists() for kind in ("new", "ready", "old")):
            with held_back():
                complete = _settle(target, home)
            state = "its files are in place now" if complete else "what it left lying is swept away"
            warnings.warn(f"an earlier run was killed while it wrote {target}; {state}", Notice, stacklevel=4)


def _flush(path: Path) -> None:
    """Have a file or the names in a folder on the disk, before anything relies on them."""
    if path.is_dir() and os.name == "nt":
        return  # folders can't be opened there
    if path.is_file() or path.is_dir():
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
