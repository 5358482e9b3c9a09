"""Files and folders that are complete or not there."""

import os
import stat
from pathlib import Path

import pytest

from optllm_pymoo.data.atomic import replacing, replacing_folder, write_text_atomically


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
    """A link stays a link to the new content, and the file keeps its mode."""
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


def test_a_failed_exchange_brings_the_old_folder_back(tmp_path, monkeypatch):
    """If the new folder can't take the name, the old one gets it back."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "old").write_text("")
    rename = Path.rename

    def fail_for_the_new_one(self, target):
        if (self / "new").exists():
            raise OSError("no")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_for_the_new_one)
    with pytest.raises(OSError, match="no"), replacing_folder(tmp_path / "d", overwrite=True) as temporary:
        (temporary / "new").write_text("")
    assert names(tmp_path) == ["d"]
    assert names(tmp_path / "d") == ["old"]


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
