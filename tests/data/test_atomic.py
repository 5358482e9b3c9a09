"""Files and folders that are complete or not there."""

import errno
import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from optllm_pymoo.data import atomic
from optllm_pymoo.data.atomic import foreign_entries, recover, replacing, replacing_folder, write_text_atomically
from optllm_pymoo.validation import Notice


def names(folder: Path) -> list[str]:
    """What is in a folder, hidden files included."""
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_when_the_block_ends(tmp_path):
    """In the block only the temporary file is there, with the same suffixes; after it only the final one."""
    with replacing(tmp_path / "a.csv.gz") as temporary:
        temporary.write_text("new")
        assert temporary.name.endswith(".a.csv.gz")
        assert not (tmp_path / "a.csv.gz").exists()
    assert names(tmp_path) == ["a.csv.gz"]
    assert (tmp_path / "a.csv.gz").read_text() == "new"


@pytest.mark.parametrize("interruption", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_interrupted_block_leaves_what_was_there(tmp_path, interruption):
    """After an error or Ctrl-C the old content stands, and no temporary file is left."""
    (tmp_path / "a").write_text("old")

    def be_interrupted() -> None:
        with replacing(tmp_path / "a") as temporary:
            temporary.write_text("half")
            raise interruption

    with pytest.raises(interruption):
        be_interrupted()
    assert (tmp_path / "a").read_text() == "old"
    assert names(tmp_path) == ["a"]


def test_existing_files_are_kept_on_request(tmp_path):
    """overwrite=False refuses before the block runs, and only if there is a file."""
    write_text_atomically(tmp_path / "a", "old", overwrite=False)
    with pytest.raises(FileExistsError, match="a exists already; pass overwrite=True"):
        write_text_atomically(tmp_path / "a", "new", overwrite=False)
    assert (tmp_path / "a").read_text() == "old"
    write_text_atomically(tmp_path / "a", "new: ß")
    assert (tmp_path / "a").read_text(encoding="utf-8") == "new: ß"


def test_what_cannot_be_written_is_named_before_the_block_runs(tmp_path):
    """A missing folder, a folder in the place of the file, and a device are refused by the final name."""
    for path, error, message in [
        (tmp_path / "no" / "a", FileNotFoundError, "can't write a: there is no folder .*no"),
        (tmp_path, IsADirectoryError, "is a folder; expected the name of a file"),
        (Path(os.devnull), OSError, "is not a regular file"),
    ]:
        with pytest.raises(error, match=message), replacing(path):
            pytest.fail("the block ran")


def test_an_unwritable_folder_is_an_error_with_the_final_name(tmp_path, monkeypatch):
    """The message names the file that the user asked for, not the temporary one."""

    def refuse(self, *args, **kwargs):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", refuse)
    with (
        pytest.raises(PermissionError, match=r"can't write here, Permission denied: '.*/plan.csv'") as caught,
        replacing(tmp_path / "plan.csv"),
    ):
        pytest.fail("the block ran")
    assert caught.value.filename == str(tmp_path / "plan.csv")


def test_links_are_followed_and_permissions_kept(tmp_path):
    """A link to a file stays a link to the new content, and the file keeps its mode."""
    (tmp_path / "real").write_text("old")
    (tmp_path / "real").chmod(0o640)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_text_atomically(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"
    assert stat.S_IMODE((tmp_path / "real").stat().st_mode) == 0o640


def test_a_folder_is_exchanged_as_a_whole(tmp_path):
    """The old folder stands with all its files until the new one is complete; then nothing of it is left."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "old").write_text("")
    with replacing_folder(tmp_path / "d", overwrite=True) as temporary:
        (temporary / "new").write_text("")
        assert names(tmp_path / "d") == ["old"]
    assert names(tmp_path / "d") == ["new"]
    assert names(tmp_path) == ["d"]


def test_an_interrupted_folder_leaves_what_was_there(tmp_path):
    """After an error the old folder stands, and no temporary one is left."""
    (tmp_path / "d").mkdir()

    def be_interrupted() -> None:
        with replacing_folder(tmp_path / "d", overwrite=True) as temporary:
            (temporary / "half").write_text("")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        be_interrupted()
    assert names(tmp_path) == ["d"]
    assert names(tmp_path / "d") == []


def test_without_an_exchange_two_renames_do(tmp_path, monkeypatch):
    """Where names can't be swapped the folder changes all the same, and nothing is left beside it."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "old").write_text("")
    monkeypatch.setattr(atomic, "_exchange", refuse)
    with replacing_folder(tmp_path / "d", overwrite=True) as temporary:
        (temporary / "new").write_text("")
    assert names(tmp_path / "d") == ["new"]
    assert names(tmp_path) == ["d"]


def test_a_folder_that_cannot_be_renamed_changes_file_by_file(tmp_path, monkeypatch):
    """As with a mount point: neither names can be swapped nor the folder renamed, but its files can be replaced."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "old").write_text("")
    (tmp_path / "d" / "both").write_text("old")
    before = (tmp_path / "d").stat().st_ino
    rename = Path.rename
    monkeypatch.setattr(atomic, "_exchange", refuse)
    monkeypatch.setattr(Path, "rename", lambda self, to: refuse() if self == tmp_path / "d" else rename(self, to))
    with replacing_folder(tmp_path / "d", overwrite=True) as temporary:
        (temporary / "both").write_text("new")
    assert (tmp_path / "d").stat().st_ino == before
    assert contents(tmp_path) == {"d/both": "new"}


def test_a_folder_that_a_killed_run_took_away_is_there_again(tmp_path):
    """Killed between two renames, the folder is missing under its name: it comes back before it is looked for."""
    (tmp_path / ".optllm-pymoo-old.d").mkdir()
    (tmp_path / ".optllm-pymoo-old.d" / "old").write_text("old")
    with (
        pytest.warns(Notice, match="its incomplete files are deleted"),
        pytest.raises(FileExistsError, match="pass overwrite=True"),
        replacing_folder(tmp_path / "d"),
    ):
        pytest.fail("the block ran")
    assert contents(tmp_path) == {"d/old": "old"}


def test_what_cannot_be_finished_is_given_up(tmp_path, monkeypatch):
    """A run was killed as it found that the folder can't be renamed: the old files stay, and nothing beside them."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "both").write_text("old")
    (tmp_path / ".optllm-pymoo-ready.d").mkdir()
    (tmp_path / ".optllm-pymoo-ready.d" / "both").write_text("new")
    rename = Path.rename
    monkeypatch.setattr(Path, "rename", lambda self, to: refuse() if self == tmp_path / "d" else rename(self, to))
    with pytest.warns(Notice, match="its incomplete files are deleted"):
        recover(tmp_path / "d")
    assert contents(tmp_path) == {"d/both": "old"}


def refuse(*args):
    """Fail as the system does."""
    raise OSError(errno.EBUSY, "no")


def contents(folder: Path) -> dict[str, str]:
    """All files below a folder, hidden ones included."""
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", ["foreign file", "foreign folder", "link", "working folder", "nothing"])
def test_only_a_folder_of_ours_is_exchanged(tmp_path, monkeypatch, kind):
    """What others may rely on stays the same folder, and their files the same files; ours are new in any case."""
    folder = tmp_path / "d"
    folder.mkdir()
    (folder / "ours.csv").write_text("old")
    (folder / "gone.csv").write_text("old")
    path = folder
    if kind == "foreign file":
        (folder / "notes.txt").write_text("theirs")
    elif kind == "foreign folder":
        (folder / "theirs").mkdir()
        (folder / "theirs" / "deep.csv").write_text("theirs")
    elif kind == "link":
        path = tmp_path / "link"
        path.symlink_to(folder)
    elif kind == "working folder":
        monkeypatch.chdir(folder)
        path = Path(".")
    before = folder.stat().st_ino
    theirs = {str(file): file.stat().st_ino for file in folder.rglob("*") if "ours" not in file.name and file.is_file()}
    with replacing_folder(path, overwrite=True, ours=["*.csv"], keep=True) as temporary:
        (temporary / "ours.csv").write_text("new")
        assert (folder / "ours.csv").read_text() == "old"
    assert (folder.stat().st_ino == before) == (kind != "nothing")
    assert theirs == {str(file): file.stat().st_ino for file in folder.rglob("*") if str(file) in theirs}
    assert (folder / "ours.csv").read_text() == "new"
    with replacing_folder(path, overwrite=True, ours=["*.csv"]) as temporary:
        (temporary / "ours.csv").write_text("newer")
    assert "gone.csv" not in names(folder)
    assert [name for name in (*names(folder), *names(tmp_path)) if "optllm" in name] == []


def test_what_is_not_ours_is_never_in_the_way_for_good(tmp_path):
    """A folder called like a file of ours, and a file of others in a folder of ours: refused, and all stays."""
    (tmp_path / "plan.csv").mkdir()
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "mine.txt").write_text("theirs")

    def write(name: str) -> None:
        with replacing_folder(tmp_path, overwrite=True, ours=["plan.csv", "figures/*.svg"]) as temporary:
            (temporary / name).parent.mkdir(exist_ok=True)
            (temporary / name).write_text("new")

    for name in ("plan.csv", "figures/a.svg"):
        with pytest.raises(FileExistsError, match="is not a file of optllm-pymoo; move it away"):
            write(name)
        assert contents(tmp_path) == {"figures/mine.txt": "theirs"}
        assert names(tmp_path) == ["figures", "plan.csv"]


def test_foreign_entries_are_told_by_name_and_kind(tmp_path):
    """Files of other names, links, and folders are not ours, whatever they are called."""
    for name in ("cost.csv", "about.txt"):
        (tmp_path / name).write_text("")
    (tmp_path / "queries.csv").mkdir()
    (tmp_path / "about.json").symlink_to("cost.csv")
    assert list(foreign_entries(tmp_path, ["*.csv", "about.json"])) == ["about.json", "about.txt", "queries.csv"]


@pytest.mark.filterwarnings("ignore::optllm_pymoo.validation.Notice")  # of waiting, on a busy machine
def test_two_runs_to_one_folder_wait_for_each_other(tmp_path):
    """Eight threads write a folder of four files again and again: it is always of one run, and nothing stays."""

    def write(run: int) -> None:
        for _ in range(10):
            with replacing_folder(tmp_path / "d", overwrite=True) as temporary:
                for name in "abcd":
                    (temporary / name).write_text(str(run))
            with replacing(tmp_path / "file") as temporary:
                temporary.write_text(str(run))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert len({(tmp_path / "d" / name).read_text() for name in "abcd"}) == 1
    assert names(tmp_path) == ["d", "file"]


def test_a_long_wait_is_told(tmp_path, monkeypatch):
    """A run that finds another one at work says what it waits for, and goes on when that one is done."""
    monkeypatch.setattr(atomic, "PATIENCE_SECONDS", 0.05)
    begun, told = threading.Event(), threading.Event()

    def slowly() -> None:
        with replacing_folder(tmp_path / "d") as temporary:
            (temporary / "first").write_text("")
            begun.set()
            assert told.wait(timeout=30)

    monkeypatch.setattr(atomic.warnings, "warn", lambda message, *args, **kwargs: (said.append(message), told.set()))
    said: list[str] = []
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(slowly)
        assert begun.wait(timeout=30)
        with replacing_folder(tmp_path / "d", overwrite=True) as temporary:
            (temporary / "second").write_text("")
        first.result()
    assert said == [f"waiting for another run that writes {tmp_path / 'd'}"]
    assert names(tmp_path / "d") == ["second"]


def test_hidden_files_of_earlier_versions_are_swept(tmp_path):
    """Only such that end in a name of ours, and only files."""
    (tmp_path / ".0a1b2c3d.plan.csv").write_text("")
    (tmp_path / ".0a1b2c3d.notes.txt").write_text("")
    (tmp_path / ".plan.csv").write_text("")
    recover(tmp_path, ours=["plan.csv"])
    assert names(tmp_path) == [".0a1b2c3d.notes.txt", ".plan.csv"]


def test_existing_folders_are_refused(tmp_path):
    """Without overwrite any folder is refused, with it still a file in its place; a new name is fine."""
    (tmp_path / "d").mkdir()
    (tmp_path / "f").write_text("")
    for path, overwrite, message in [("d", False, "pass overwrite=True"), ("f", True, "it is not a folder")]:
        with (
            pytest.raises(FileExistsError, match=message),
            replacing_folder(tmp_path / path, overwrite=overwrite),
        ):
            pytest.fail("the block ran")
    with replacing_folder(tmp_path / "new"):
        pass
    assert names(tmp_path) == ["d", "f", "new"]
