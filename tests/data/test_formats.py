"""JSON documents read piece by piece say what json.load says, wherever a piece ends, and keep little in memory."""

from __future__ import annotations

import json
import math
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from optllm_pymoo.data import DataFileError, formats, read_log
from optllm_pymoo.data.formats import JsonDocument

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


@given(before=values, items=st.lists(values, max_size=4), after=values, piece=st.integers(1, 9), gap=st.integers(0, 2))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
def test_pieces_of_any_length_give_the_same(tmp_path, monkeypatch, before, items, after, piece, gap):
    """Items, a value before and one behind them, and the whole, are what they were when they were written."""
    monkeypatch.setattr(formats, "_PIECE", piece)
    whole = {"a": before, "b": {"x": after, "list": items}, "c": after}
    path = tmp_path / "a.json"
    path.write_text(json.dumps(whole, indent=gap or None))
    document = JsonDocument(path)
    assert list(document.items("b", "list")) == items
    assert (document.value("a"), document.value("c"), document.value()) == (before, after, whole)
    assert document.value("b", "nothing") is None
    assert list(document.items("c", "nothing")) == []


def test_damage_is_found_wherever_it_is(tmp_path, monkeypatch):
    """A document that is cut off at any character is refused; the line of damage is the one an editor shows."""
    monkeypatch.setattr(formats, "_PIECE", 3)
    path = tmp_path / "a.json"
    text = json.dumps({"head": {"n": 12}, "rows": [{"x": "two words"}, 3, NAN]}, indent=1)
    assert math.isnan(list(JsonDocument(_written(path, text)).items("rows"))[2])
    for end in range(len(text)):
        with pytest.raises(DataFileError, match="expected JSON"):
            list(JsonDocument(_written(path, text[:end])).items("rows"))
    with pytest.raises(DataFileError, match="the file ends here and may be cut off"):
        JsonDocument(_written(path, text[:-20])).value()
    rows = JsonDocument(_written(path, '{"rows": [\n{"x": 1},\n{"x": 2},\n{"x" 3}]}')).items("rows")
    assert [next(rows), next(rows)] == [{"x": 1}, {"x": 2}]
    with pytest.raises(DataFileError, match=r"a.json, line 4: expected JSON \(Expecting ':' delimiter\)"):
        next(rows)
    with pytest.raises(DataFileError, match=r"line 2: expected JSON \(Extra data\)"):
        list(JsonDocument(_written(path, "{}\n{}")).items("rows"))


NAN = math.nan


def _written(path, text):
    path.write_text(text)
    return path


@pytest.mark.parametrize("kind", ["Inspect", "promptfoo", "HELM", "LLMRouterBench"])
def test_logs_of_one_document_are_streamed(tmp_path, kind):
    """Reading 24 MB in 300 records takes less than 6 MB of memory: a piece of the file and a record at a time."""
    answer = "x" * 80_000
    usage = {"prompt_tokens": 5, "completion_tokens": 2}
    record = {
        "Inspect": {"id": 1, "input": "Q", "scores": {"s": {"value": "C"}}, "output": answer},
        "promptfoo": {"testIdx": 1, "provider": {"id": "m"}, "score": 1, "response": {"output": answer}},
        "HELM": {"instance_id": "1", "stats": [{"name": {"name": "exact_match"}, "mean": 1}], "note": answer},
        "LLMRouterBench": {"index": 1, "origin_query": "Q", "score": 1, **usage, "prediction": answer},
    }[kind]
    before, after = {
        "Inspect": ('{"status": "success", "eval": {"model": "m", "task": "t"}, "samples": [', "]}"),
        "promptfoo": ('{"evalId": "e", "results": {"version": 3, "results": [', "]}}"),
        "HELM": ("[", "]"),
        "LLMRouterBench": ('{"model_name": "m", "records": [', "]}"),
    }[kind]
    folder = tmp_path / "m"
    folder.mkdir()
    (folder / "run_spec.json").write_text(json.dumps({"name": "n", "adapter_spec": {"model": "m"}}))
    path = _written(folder / "run.json", before + ",\n".join([json.dumps(record)] * 300) + after)
    tracemalloc.start()
    try:
        total = sum(call.score for call in read_log(path))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total == 300
    assert path.stat().st_size > 24e6
    assert peak < 6e6


def test_a_record_of_a_document_that_is_none_has_its_line(tmp_path):
    """A score out of range and a number among records, with the line on which the record begins."""
    head = '{"status": "success", "eval": {"model": "m", "task": "t"},\n"samples": [\n{"id": 1, "scores": {}},\n'
    path = _written(tmp_path / "a.json", head + '{"id": 2, "scores": {"s": {"value": 7}}}]}')
    with pytest.raises(DataFileError, match=r"line 4, column 's': expected a value in \[0, 1\]; found 7.0"):
        list(read_log(path))
    with pytest.raises(DataFileError, match=r"line 4: expected a JSON object in this list, found int"):
        list(read_log(_written(path, head + "5]}")))
