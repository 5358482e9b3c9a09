"""One table in several Parquet files: a folder, a pattern, an address."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from optllm_pymoo import UserError, make_dataset
from optllm_pymoo.data import read_table, write_table


@pytest.fixture
def parts(tmp_path):
    """A batch of 90 queries in three files, beside what an engine leaves there."""
    data = make_dataset(90, 3, random_state=0)
    folder = tmp_path / "parts"
    folder.mkdir()
    for k in range(3):
        write_table(data.select(slice(30 * k, 30 * k + 30)), folder / f"part-{k}.parquet")
    (folder / "_SUCCESS").touch()
    return data, folder


def test_folder_pattern_and_address_are_one_batch(parts):
    """All three are read as the batch that was written; a pattern may leave files out."""
    data, folder = parts
    for path in (folder, f"{folder}/*.parquet", f"file://{folder}", f"{folder}/part-?.parquet"):
        found = read_table(path)
        assert found.query_ids == data.query_ids
        np.testing.assert_array_equal(found.cost, data.cost)
        np.testing.assert_array_equal(found.correct, data.correct)
    assert read_table(f"{folder}/part-[02].parquet").query_ids == data.query_ids[:30] + data.query_ids[60:]


def test_an_address_through_fsspec(parts):
    """What fsspec knows is read where it lies; here in its memory."""
    fsspec = pytest.importorskip("fsspec")
    data, folder = parts
    memory = fsspec.filesystem("memory")
    memory.put(str(folder), "/batch", recursive=True)
    try:
        assert read_table("memory://batch").query_ids == data.query_ids
        with pytest.raises(FileNotFoundError, match="there is no Parquet file at memory://batch/x"):
            read_table("memory://batch/x*.parquet")
    finally:
        memory.rm("/batch", recursive=True)


def test_refusals(parts):
    """Files that differ are refused with file and column, rows are counted over all files."""
    _, folder = parts
    frame = pd.read_parquet(folder / "part-1.parquet")
    name = r"part-1\.parquet, column 'model-2'"
    for changed, message in (
        (frame.drop(columns="model-2"), f"{name}: this column is missing; .*part-0.parquet has it"),
        (frame.astype({"model-2": str}), f"{name}: this column is of type .*string, and of type int8 in .*part-0"),
        (frame.assign(more=1), "column 'more': .*part-0.parquet has no such column; write all files of a batch alike"),
    ):
        changed.to_parquet(folder / "part-1.parquet", index=False)
        with pytest.raises(UserError, match=message):
            read_table(folder)
    frame[frame.columns[::-1]].to_parquet(folder / "part-1.parquet", index=False)
    assert len(read_table(folder)) == 90
    (folder / "part-1.parquet").write_bytes(b"")
    with pytest.raises(UserError, match=r"part-1\.parquet: can't be read as Parquet"):
        read_table(folder)
