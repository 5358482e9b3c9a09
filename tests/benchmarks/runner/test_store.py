"""What is written is read back; whatever else lies in a file's place is damaged."""

from __future__ import annotations

import json
import math
import os
import time

import numpy as np
import pytest

from benchmarks.cells.cell import Outcome, definition, key_of, seed_of
from benchmarks.runner import store as record_module
from benchmarks.runner.store import STALE_SECONDS, Provenance, Store, plain_outcome
from tests.benchmarks.runner.made_up import Leaf, MadeUp

HERE = Provenance({"numpy": "2"}, "a machine", "abc-dirty")


def _stored(store, cell, **arrays):
    measures = {"nan": math.nan, "inf": math.inf, "tiny": 5e-324, "third": 1 / 3, "no": None, "name": "è", "yes": True}
    outcome = Outcome(measures, {"seconds": -math.inf}, arrays, [{"what": "a row", "measured": 1.5, "required": None}])
    store.keep(cell, outcome, HERE, 0.1 + 0.2)
    return outcome


def test_round_trip(tmp_path):
    """Every float, NaN and the infinities among them, text, None, and arrays of any shape and kind come back."""
    store, cell = Store(tmp_path / "cells"), MadeUp(3, 0.5)
    arrays = {"empty": np.empty((0, 3)), "scalar": np.array(7, dtype=np.int8), "file": np.array(["a", "bc"])}
    arrays["random"] = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)[:, ::2]
    written = _stored(store, cell, **arrays)
    read = store.read(cell)
    assert read is not None
    assert repr(read.outcome.measures) == repr(written.measures)
    assert read.outcome.rows == written.rows
    assert read.outcome.timings == {"seconds": -math.inf}
    assert read.description == {"kind": "root", "definition": definition(cell), "place": 3, "pause": 0.5}
    assert (read.seed, read.provenance, read.seconds) == (seed_of(cell), HERE, 0.1 + 0.2)
    assert list(read.outcome.arrays) == list(arrays)
    for name, array in arrays.items():
        assert read.outcome.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(read.outcome.arrays[name], array, strict=True)
    assert {path.name for path in store.folder.iterdir()} == {f"{key_of(cell)}.npz", "format.txt"}


def test_missing(tmp_path):
    """No file and no folder: missing, and looking makes neither."""
    store = Store(tmp_path / "cells")
    assert store.look(MadeUp(0)) == ("missing", None, "")
    assert not store.folder.exists()


def _random(content):
    return np.random.default_rng(0).bytes(500)


def _flipped(content):
    """One bit of an array, which only the checksum can tell."""
    place = content.index(b"NUMPY", content.index(b"array.numbers")) + 130
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize(
    "spoil",
    [
        _random,
        _flipped,
        lambda content: b"",
        lambda content: content[: len(content) // 2],
        lambda content: content[:-1],
    ],
    ids=["random", "one bit", "empty", "half", "one byte short"],
)
def test_damaged(tmp_path, spoil):
    """Damage of any sort is seen, and said; never raised."""
    store, cell = Store(tmp_path), MadeUp(0)
    _stored(store, cell, numbers=np.arange(100.0))
    assert store.look(cell).state == "done"
    path = store.path(cell)
    path.write_bytes(spoil(path.read_bytes()))
    state, record, reason = store.look(cell)
    assert (state, record) == ("damaged", None)
    assert reason


def test_every_byte_counts_or_does_not_matter(tmp_path):
    """Whichever byte of a file is changed: it is damaged, or what is read is the same as before."""
    store, cell = Store(tmp_path), MadeUp(0)
    _stored(store, cell, numbers=np.arange(3.0))
    path = store.path(cell)
    content, whole = path.read_bytes(), store.read(cell)
    assert whole is not None
    seen = set()
    for place in range(0, len(content), 3):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :])
        state, record, _ = store.look(cell)
        seen.add(state)
        if record is not None:
            assert repr(record) == repr(whole)
    assert "damaged" in seen


def test_a_file_that_can_not_be_read_is_not_damaged(tmp_path):
    """What stands in a file's place and can't be opened is told, not measured again and written over."""
    store = Store(tmp_path)
    store.path(MadeUp(0)).mkdir()
    with pytest.raises(OSError, match=key_of(MadeUp(0))):
        store.look(MadeUp(0))


def test_the_file_of_another_cell(tmp_path):
    """A whole file under the wrong name is damaged."""
    store = Store(tmp_path)
    _stored(store, MadeUp(0))
    store.path(MadeUp(0)).rename(store.path(MadeUp(1)))
    state, _, reason = store.look(MadeUp(1))
    assert state == "damaged"
    assert f"this is another cell than {key_of(MadeUp(1))}" in reason


def test_another_version_of_the_format(tmp_path, monkeypatch):
    """A file of another version of the format is damaged."""
    store = Store(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(record_module, "FORMAT", 0)
        _stored(store, MadeUp(0))
    assert store.look(MadeUp(0)).reason == "ValueError: format 0; this version reads format 2"


def test_pickles_are_not_loaded(tmp_path):
    """An array of Python objects is refused when it is written, and in a file of somebody else's."""
    with pytest.raises(TypeError, match="array 'objects' holds Python objects"):
        plain_outcome(Outcome({}, {}, {"objects": np.array([{}])}))
    store = Store(tmp_path)
    text = np.frombuffer(json.dumps({"arrays": ["objects"]}).encode(), dtype=np.uint8)
    np.savez(store.path(MadeUp(0)), **{"record": text, "array.objects": np.array([{}], dtype=object)})
    assert "allow_pickle=False" in store.look(MadeUp(0)).reason


@pytest.mark.parametrize(
    ("outcome", "message"),
    [
        ({"mean": 1}, "must return an Outcome; got dict"),
        (Outcome({"list": [1]}), "measure 'list' is a list; expected a number"),
        (Outcome({"mean": 1j}), "measure 'mean' is a complex"),
    ],
)
def test_what_can_not_be_kept(outcome, message):
    """The message has the place."""
    with pytest.raises(TypeError, match=message):
        plain_outcome(outcome)


def test_numpy_scalars_become_plain():
    """A measure is the same before and after it was stored."""
    plain = plain_outcome(Outcome({"a": np.int64(3), "b": np.float32(0.5), "c": np.bool_(True), "d": np.str_("x")}))
    assert [(value, type(value)) for value in plain.measures.values()] == [
        (3, int),
        (0.5, float),
        (True, bool),
        ("x", str),
    ]


def test_sweep_takes_old_leftovers_only(tmp_path):
    """What a killed run left half-written goes; what another run may be writing, and what is done, stays."""
    store = Store(tmp_path)
    _stored(store, MadeUp(0))
    old, new = tmp_path / ".0123abcd.old.npz", tmp_path / ".0123abcd.new.npz"
    for path in (old, new):
        path.touch()
    before = time.time() - STALE_SECONDS - 1
    for path in (old, store.path(MadeUp(0))):
        os.utime(path, (before, before))
    store.sweep()
    assert sorted(tmp_path.iterdir()) == sorted([new, store.path(MadeUp(0)), tmp_path / "format.txt"])


def test_names_and_seeds_depend_on_the_description_alone():
    """Equal descriptions, equal key and seed; another value or kind, other ones; seeds are fixed for ever."""
    assert key_of(MadeUp(1)) == key_of(MadeUp(1, 0.0)) != key_of(Leaf(1))
    assert len({seed_of(cell) for cell in (MadeUp(0), MadeUp(1), MadeUp(0, 1.0), Leaf(0), Leaf(1))}) == 5
    assert seed_of(MadeUp(0)) == 2271424717
