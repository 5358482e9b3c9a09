"""Any format in, any format out."""

import numpy as np
import pytest

from optllm_pymoo.data import Dataset, convert, load_dataset, read_table, save_dataset, write_table

NAMES = ("folder", "wide.csv", "wide.csv.gz", "wide.parquet")


@pytest.mark.parametrize("target", NAMES)
@pytest.mark.parametrize("source", NAMES)
def test_every_format_converts_into_every_other(tmp_path, small, source, target):
    """Tables, names, texts and groups are the same after it, unknown outcomes included."""
    pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    data = Dataset(small.cost, [[0, np.nan], [1, 1], [0.5, 0]], llms=small.llms, texts=small.texts)
    write_table(data, tmp_path / source)
    returned = convert(tmp_path / source, tmp_path / f"new-{target}")
    again = read_table(tmp_path / f"new-{target}", allow_missing=True)
    for found in (returned, again):
        np.testing.assert_array_equal(found.cost, data.cost)
        np.testing.assert_array_equal(found.correct, data.correct)
        assert (found.llms, found.query_ids) == (data.llms, data.query_ids)
        assert (found.texts, found.groups) == (data.texts, None)


def test_conversion_keeps_what_is_there(tmp_path, small):
    """An existing target is refused, or replaced on request; a target may be its own source."""
    save_dataset(small, tmp_path / "a")
    save_dataset(small.select([0]), tmp_path / "b")
    with pytest.raises(FileExistsError, match="pass overwrite=True"):
        convert(tmp_path / "a", tmp_path / "b")
    assert len(load_dataset(tmp_path / "b")) == 1
    convert(tmp_path / "a", tmp_path / "b", overwrite=True)
    convert(tmp_path / "b", tmp_path / "b", overwrite=True)
    assert load_dataset(tmp_path / "b").about == small.about


def test_paths_that_cannot_be_read_are_named(tmp_path):
    """Nothing there, and a file of an unknown kind."""
    with pytest.raises(FileNotFoundError, match=r"neither a folder nor a file .*/x"):
        read_table(tmp_path / "x")
    (tmp_path / "x.xlsx").write_text("")
    with pytest.raises(ValueError, match=r"x.xlsx: can't tell the format"):
        read_table(tmp_path / "x.xlsx")


def test_real_data_converts(real_data, tmp_path):
    """A real folder becomes one wide file and a folder again without a difference."""
    data = load_dataset(real_data / "routerarena")
    convert(real_data / "routerarena", tmp_path / "w.csv.gz")
    again = convert(tmp_path / "w.csv.gz", tmp_path / "folder")
    np.testing.assert_array_equal(again.cost, data.cost)
    np.testing.assert_array_equal(again.correct, data.correct)
    assert (again.texts, again.groups, again.query_ids) == (data.texts, data.groups, data.query_ids)


@pytest.mark.parametrize("name", ["x.xlsx", "x.JSONL", "x.csv.bz2"])
def test_no_folder_is_named_like_a_file_of_another_format(small, tmp_path, name):
    """Who asks for a spreadsheet is told; a dot in the name of a folder is nothing special."""
    with pytest.raises(ValueError, match=f"{name}: can't write that format"):
        write_table(small, tmp_path / name)
    assert list(tmp_path.iterdir()) == []
    write_table(small, tmp_path / "batch.v2")
    assert load_dataset(tmp_path / "batch.v2").llms == small.llms
