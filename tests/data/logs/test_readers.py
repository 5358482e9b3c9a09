"""A reader per kind of log: what each makes of made-up files with the harness's own keys, and of real ones."""

import gzip
import json
import math
import pickle
import zipfile
from importlib.metadata import EntryPoint

import pandas as pd
import pytest

from optllm_pymoo import UserError
from optllm_pymoo.data import DataFileError, read_log
from optllm_pymoo.data.logs import READERS, Call, Log, Reader, reader_of

NAN = math.nan


def lines(path, *records):
    """Write JSON lines."""
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def document(path, content):
    """Write one JSON document."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1))
    return path


def known(call):
    """The fields of a call that say something."""
    return {
        name: value
        for name, value in call._asdict().items()
        if name != "bill" and value != "" and not (isinstance(value, float) and math.isnan(value))
    }


def kind_of(path, columns=None):
    """The kind a file is told to be."""
    return reader_of(Log(path, columns)).kind


def test_long_json_lines(tmp_path):
    """Names in the usual variants, milliseconds, messages of a chat, an error and a gap."""
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
    path = lines(
        tmp_path / "run.jsonl",
        {"id": 7, "model": "yi", "correct": True, "prompt_tokens": 9, "completion_tokens": 3, "latency_ms": 250},
        {"query_id": "8", "llm": "yi", "score": 0.5, "cost": "0.01", "messages": turns, "task": "t"},
        {"id": "9", "model": "yi", "error": "timeout"},
    )
    assert kind_of(path) == "JSON lines"
    first, second, third = map(known, read_log(path))
    assert first == {
        "query": "7", "llm": "yi", "score": 1.0, "input_tokens": 9.0, "output_tokens": 3.0, "latency_s": 0.25
    }  # fmt: skip
    assert second == {
        "query": "8", "llm": "yi", "score": 0.5, "cost_usd": 0.01, "text": "Why?", "system": "Be brief.", "group": "t"
    }  # fmt: skip
    assert third == {"query": "9", "llm": "yi", "error": "timeout"}


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet"])
def test_long_tables(tmp_path, suffix):
    """CSV, an archive of it and Parquet say the same; unusual names are said."""
    import pandas as pd

    path = tmp_path / f"run{suffix}"
    frame = pd.DataFrame({"ticket": ["a", "b"], "bot": ["yi", "yi"], "score": [1, None], "latency_ms": [500, 250]})
    frame.to_parquet(path) if suffix == ".parquet" else frame.to_csv(path, index=False)
    columns = {"id": "ticket", "llm": "bot"}
    assert kind_of(path, columns) == "table"
    assert list(map(known, read_log(path, columns))) == [
        {"query": "a", "llm": "yi", "score": 1.0, "latency_s": 0.5},
        {"query": "b", "llm": "yi", "latency_s": 0.25},
    ]
    with pytest.raises(DataFileError, match="no reader knows this file"):
        list(read_log(path))


def test_every_eval_ever(tmp_path):
    """The hash is the key; is_correct stands in for a score; milliseconds become seconds."""
    record = {
        "evaluation_id": "e", "sample_id": "s1", "sample_hash": "h1", "model_id": "org/m", "evaluation_name": "bench",
        "input": {"raw": "2 + 2?"}, "evaluation": {"is_correct": True}, "performance": {"latency_ms": 1500},
        "token_usage": {"input_tokens": 12, "output_tokens": 5},
    }  # fmt: skip
    path = lines(tmp_path / "x_samples.jsonl", record)
    assert kind_of(path) == "Every Eval Ever"
    assert list(map(known, read_log(path))) == [
        {
            "query": "h1", "llm": "org/m", "score": 1.0, "input_tokens": 12.0, "output_tokens": 5.0, "latency_s": 1.5,
            "text": "2 + 2?", "group": "bench",
        }
    ]  # fmt: skip


def test_lm_evaluation_harness(tmp_path):
    """One filter counts, the others are counted; the model stands in the results of the same run, or is the folder."""
    folder = tmp_path / "org__m"
    folder.mkdir()
    time = "2026-01-21T03-44-18.4"
    sample = {"doc_id": 0, "doc_hash": "h", "resps": [["x"]], "metrics": ["acc"], "acc": 1.0, "doc": {"question": "?"}}
    path = lines(
        folder / f"samples_arc_{time}.jsonl", {**sample, "filter": "strict"}, {**sample, "filter": "loose", "acc": 0.0}
    )
    log = Log(path)
    calls = list(reader_of(log).calls(log))
    assert list(map(known, calls)) == [{"query": "h", "llm": "org/m", "score": 1.0, "text": "?", "group": "arc"}]
    assert dict(log.left_out) == {"of another filter than 'strict'": 1}
    document(folder / f"results_{time}.json", {"config": {"model_args": "pretrained=org/other,dtype=float"}})
    assert [call.llm for call in read_log(path)] == ["org/other"]
    document(folder / f"results_{time}.json", {"model_name": "org/named"})
    assert [call.llm for call in read_log(path)] == ["org/named"]


INSPECT = {
    "status": "success",
    "eval": {"model": "openai/gpt-x", "task": "arc"},
    "samples": [
        {
            "id": 1, "epoch": 1, "input": [{"role": "user", "content": "Q"}], "scores": {"choice": {"value": "C"}},
            "model_usage": {"openai/gpt-x": {"input_tokens": 10, "output_tokens": 2, "total_cost": 0.5}},
            "total_time": 2,
        },
        {"id": 2, "epoch": 1, "input": "R", "scores": {"choice": {"value": "P"}}, "model_usage": {}},
        {"id": 3, "epoch": 1, "input": "S", "scores": {"choice": {"value": "I"}}, "error": {"message": "refused"}},
    ],
}  # fmt: skip


def test_inspect_as_json_and_as_archive(tmp_path):
    """Letters become grades; a sample with an error says so; the archive, a file per sample, says the same."""
    path = document(tmp_path / "run.json", INSPECT)
    assert kind_of(path) == "Inspect"
    first, second, third = read_log(path)
    assert known(first) == {
        "query": "1", "llm": "openai/gpt-x", "score": 1.0, "input_tokens": 10.0, "output_tokens": 2.0, "cost_usd": 0.5,
        "latency_s": 2.0, "text": "Q", "group": "arc",
    }  # fmt: skip
    assert (second.score, second.error, third.error) == (0.5, "", "refused")
    archive = tmp_path / "run.eval"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("header.json", json.dumps({key: INSPECT[key] for key in ("status", "eval")}))
        for sample in INSPECT["samples"]:
            file.writestr(f"samples/{sample['id']}_epoch_1.json", json.dumps(sample))
    assert kind_of(archive) == "Inspect"
    assert list(map(known, read_log(archive))) == list(map(known, read_log(path)))


def test_promptfoo(tmp_path):
    """Reason 2 is an error; an answer from the cache that cost nothing has no known cost."""
    result = {"testIdx": 0, "provider": {"id": "openai:gpt-x"}, "success": True, "score": 1, "vars": {"question": "Q"}}
    usage = {"tokenUsage": {"prompt": 5, "completion": 2}, "cost": 0.25, "latencyMs": 100, "failureReason": 0}
    cached = {"testIdx": 1, "tokenUsage": {"cached": 7}, "cost": 0, "failureReason": 1, "score": 0}
    failed = {"testIdx": 2, "failureReason": 2, "error": "rate limit", "score": 0}
    results = [{**result, **usage}, {**result, **cached}, {**result, **failed}]
    path = document(tmp_path / "out.json", {"evalId": "e", "results": {"version": 3, "results": results}})
    assert kind_of(path) == "promptfoo"
    first, second, third = read_log(path)
    assert known(first) == {
        "query": "0", "llm": "openai:gpt-x", "score": 1.0, "input_tokens": 5.0, "output_tokens": 2.0, "cost_usd": 0.25,
        "latency_s": 0.1, "text": "Q",
    }  # fmt: skip
    assert math.isnan(second.cost_usd)
    assert (second.score, third.error) == (0.0, "rate limit")


def test_helm(tmp_path):
    """Model and texts stand beside; perturbed rows are left out and counted."""
    stats = [{"name": {"name": name}, "mean": mean} for name, mean in (("exact_match", 1.0), ("num_prompt_tokens", 33))]
    rows = [{"instance_id": "id1", "stats": stats}, {"instance_id": "id1", "stats": stats, "perturbation": {"n": 1}}]
    path = document(tmp_path / "per_instance_stats.json", rows)
    with pytest.raises(DataFileError, match=r"its folder has no run_spec.json"):
        list(read_log(path))
    document(tmp_path / "run_spec.json", {"name": "mmlu:subject=law,model=m", "adapter_spec": {"model": "org/m"}})
    states = [{"instance": {"id": "id1", "input": {"text": "Q"}}}]
    document(tmp_path / "scenario_state.json", {"request_states": states})
    log = Log(path)
    assert list(map(known, reader_of(log).calls(log))) == [
        {
            "query": "id1", "llm": "org/m", "score": 1.0, "input_tokens": 33.0, "text": "Q",
            "group": "mmlu:subject=law",
        }
    ]  # fmt: skip
    assert log.left_out["perturbed"] == 1


def test_llmrouterbench(tmp_path):
    """The folder is the model."""
    record = {"index": 4, "origin_query": "Q", "score": 0.0, "prompt_tokens": 3, "completion_tokens": 1, "cost": 0.1}
    path = document(tmp_path / "gpt-x" / "run.json", {"records": [record]})
    assert kind_of(path) == "LLMRouterBench"
    assert list(map(known, read_log(path))) == [
        {
            "query": "4", "llm": "gpt-x", "score": 0.0, "input_tokens": 3.0, "output_tokens": 1.0, "cost_usd": 0.1,
            "text": "Q",
        }
    ]  # fmt: skip


@pytest.mark.parametrize("cost", ["response_cost", "spend"])
def test_litellm(tmp_path, cost):
    """Log and table of spending; what came from the cache has no known cost, and keys are not read."""
    record = {
        "request_id": "r1", "model": "gpt-x", cost: 0.5, "prompt_tokens": 4, "completion_tokens": 2,
        "request_duration_ms": 300, "api_key": "sk-secret", "messages": [{"role": "user", "content": "Q"}],
    }  # fmt: skip
    path = lines(
        tmp_path / "log.jsonl", record, {**record, "cache_hit": "True"}, {**record, "metadata": {"query_id": "q"}}
    )
    assert kind_of(path) == "LiteLLM"
    first, second, third = read_log(path)
    assert known(first) == {
        "query": "r1", "llm": "gpt-x", "input_tokens": 4.0, "output_tokens": 2.0, "cost_usd": 0.5, "latency_s": 0.3,
        "text": "Q",
    }  # fmt: skip
    assert math.isnan(second.cost_usd)
    assert third.query == "q"
    assert "secret" not in str([first, second, third])


def test_spans(tmp_path):
    """Flat, nested and exported spans give the same call; a span of no model is none."""
    flat = {
        "gen_ai.request.model": "gpt-x", "gen_ai.response.model": "gpt-x-2026-05-01", "gen_ai.usage.input_tokens": 4,
        "gen_ai.usage.output_tokens": 2,
    }  # fmt: skip
    nested = {"gen_ai": {"response": {"model": "gpt-x-2026-05-01"}, "usage": {"input_tokens": 4, "output_tokens": 2}}}
    exported = [
        {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}}
        for key, value in flat.items()
    ]
    graded = [{"name": "gen_ai.evaluation.result", "attributes": {"gen_ai.evaluation.score.value": 1}}]
    span = {"traceId": "t", "startTimeUnixNano": "1000000000", "endTimeUnixNano": "3000000000", "events": graded}
    spans = [
        {**span, "attributes": flat},
        {**span, "attributes": nested},
        {"resourceSpans": [{"scopeSpans": [{"spans": [{**span, "attributes": exported}]}]}]},
        {"traceId": "t", "attributes": {"http.method": "GET"}},
    ]
    path = lines(tmp_path / "spans.jsonl", *spans)
    log = Log(path)
    assert reader_of(log).kind == "OpenTelemetry spans"
    expected = {
        "query": "t", "llm": "gpt-x-2026-05-01", "score": 1.0, "input_tokens": 4.0, "output_tokens": 2.0,
        "latency_s": 2.0,
    }  # fmt: skip
    assert list(map(known, reader_of(log).calls(log))) == [expected] * 3
    assert log.left_out["no call of a model"] == 1
    openinference = {"llm.model_name": "yi", "llm.token_count.prompt": 3, "input.value": "Q"}
    path = lines(tmp_path / "oi.jsonl", {"context": {"trace_id": "u"}, "attributes": openinference})
    assert list(map(known, read_log(path))) == [{"query": "u", "llm": "yi", "input_tokens": 3.0, "text": "Q"}]


@pytest.mark.parametrize(
    "record",
    [
        {
            "custom_id": "q", "error": None,
            "response": {
                "status_code": 200, "body": {"model": "m", "usage": {"prompt_tokens": 4, "completion_tokens": 6}}
            },
        },
        {
            "custom_id": "q",
            "result": {
                "type": "succeeded", "message": {"model": "m", "usage": {"input_tokens": 4, "output_tokens": 6}}
            },
        },
        {
            "key": "q",
            "response": {
                "modelVersion": "m",
                "usageMetadata": {"promptTokenCount": 4, "candidatesTokenCount": 5, "thoughtsTokenCount": 1},
            },
        },
    ],
    ids=["OpenAI", "Anthropic", "Gemini"],
)  # fmt: skip
def test_batch_answers(tmp_path, record):
    """Each provider's form gives the column at batch prices; thoughts are paid as answers."""
    path = lines(tmp_path / "answers.jsonl", record)
    assert kind_of(path) == "batch answers"
    expected = {"query": "q", "llm": "m@batch", "input_tokens": 4.0, "output_tokens": 6.0}
    assert list(map(known, read_log(path))) == [expected]


def test_batch_answers_that_failed_name_no_llm(tmp_path):
    """Expired, canceled and refused lines say why; which LLM they are of shows in the id at best."""
    path = lines(
        tmp_path / "answers.jsonl",
        {"custom_id": "a", "result": {"type": "expired"}},
        {"custom_id": "b", "response": None, "error": {"code": "batch_expired", "message": "bad request"}},
        {"custom_id": "c", "response": {"status_code": 429, "body": {"error": {"message": "slow down"}}}},
        {"custom_id": "d", "response": {"status_code": 500, "body": {}}, "error": None},
        {"custom_id": "e", "result": {"type": "errored", "error": {"error": {"message": "overloaded"}}}},
        {"key": "f", "error": {"message": "quota"}},
    )
    expected = dict(
        zip("abcdef", ["expired", "bad request", "slow down", "status 500", "overloaded", "quota"], strict=True)
    )
    assert {call.query: call.error for call in read_log(path)} == expected
    assert {call.llm for call in read_log(path)} == {""}


def test_batch_answers_with_cached_tokens(tmp_path):
    """OpenAI and Gemini count cached tokens among those of the prompt, Anthropic beside them: 100 of 300 each."""
    path = lines(
        tmp_path / "answers.jsonl",
        {"custom_id": "a", "response": {"body": {"model": "m", "usage": {"prompt_tokens": 300, "completion_tokens": 1,
                                                 "prompt_tokens_details": {"cached_tokens": 100}}}}},
        {"custom_id": "b", "result": {"message": {"model": "m", "usage": {"input_tokens": 150, "output_tokens": 1,
                                "cache_read_input_tokens": 100, "cache_creation_input_tokens": 50}}}},
        {"key": "c", "response": {"modelVersion": "m", "usageMetadata": {
            "promptTokenCount": 300, "candidatesTokenCount": 1, "cachedContentTokenCount": 100}}},
    )  # fmt: skip
    assert [call.input_tokens for call in read_log(path)] == [300.0] * 3
    assert [call.cached_tokens for call in read_log(path)] == [100.0] * 3


@pytest.mark.parametrize(
    "amount", [{"cost": 1, "currency": "EUR"}, {"cost_eur": 1}, {"cost": 1, "Billing_Currency": "eur"}]
)
@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_other_currencies_are_refused(tmp_path, amount, ending):
    """Whether a column says so or the name of the amount; the way to convert is named. US$ may be said."""
    rows = pd.DataFrame([{"id": "a", "model": "m", "score": 1, **amount}])
    path = tmp_path / f"run.{ending}"
    rows.to_csv(path, index=False) if ending == "csv" else rows.to_json(path, orient="records", lines=True)
    with pytest.raises(DataFileError, match=r"amounts are in EUR, and US\$ are needed; multiply them by .*cost_usd"):
        list(read_log(path))
    path.write_text("id,model,cost,currency\na,m,1,usd\nb,m,2,\n")
    if ending == "csv":
        assert [call.cost_usd for call in read_log(path)] == [1, 2]


def test_pickles_are_never_opened(tmp_path):
    """Whatever its name, and before anything in it runs."""

    class Bomb:
        def __reduce__(self):
            return exec, ("raise SystemExit('it ran')",)

    path = tmp_path / "routerbench.pkl"
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(DataFileError, match=r"this is a pickle, .*save it as CSV or Parquet"):
        list(read_log(path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '{"id": 1, "model": "a", "score": 1}\n{"id": 2, "mod',
            "line 2: expected a JSON object on one line .*; the file ends here and may be cut",
        ),
        ('{"id": 1, "model": "a", "score": 7}\n', "line 1, column 'score': expected a value in \\[0, 1\\]; found 7.0"),
        ('{"id": 1, "model": "a"}\n{"model": "a"}\n', "line 2: there is no id in this record .*--map id=FIELD"),
        ('{"id": 1, "model": "a"}\n{"id": 1}\n', "line 2: there is no llm in this record"),
    ],
)
def test_damage_has_its_line(tmp_path, text, message):
    """A log that was cut off, a score of percent, a record without a key."""
    path = tmp_path / "run.jsonl"
    path.write_text(text)
    with pytest.raises(DataFileError, match=message):
        list(read_log(path))


def test_streams(tmp_path):
    """The first call is there before the rest of the file is looked at."""
    path = tmp_path / "run.jsonl.gz"
    with gzip.open(path, "wt") as file:
        file.write('{"id": 1, "model": "a"}\n' * 5000 + "no JSON\n")
    calls = read_log(path)
    assert next(calls).query == "1"
    with pytest.raises(DataFileError, match="line 5001"):
        list(calls)


def test_readers_of_other_packages(tmp_path, monkeypatch):
    """An entry point is asked first; one that is no reader is refused by name."""

    class Mine(Reader):
        kind = "mine"

        def is_of(self, log):
            return log.path.suffix == ".mine"

        def calls(self, log):
            yield Call("q", log.path.stem)

    path = tmp_path / "yi.mine"
    path.write_text("whatever")
    name = "optllm_pymoo.data.logs.readers.entry_points"

    class Point(EntryPoint):
        def load(self):
            return {"good": Mine(), "bad": 3}[self.value]

    monkeypatch.setattr(name, lambda group: [Point("mine", "good", group)])
    assert [call.llm for call in read_log(path)] == ["yi"]
    monkeypatch.setattr(name, lambda group: [Point("mine", "bad", group)])
    with pytest.raises(UserError, match=r"entry point 'mine' of optllm_pymoo.readers is no Reader but int"):
        list(read_log(path))


@pytest.mark.parametrize(
    ("pattern", "kind", "rows", "total"),
    [
        ("lm_eval/samples*.jsonl", "lm-evaluation-harness", 10, 0.0),
        ("inspect/*sonnet.json", "Inspect", 5, 5.0),
        ("inspect/*qwen.json", "Inspect", 3, 1.0),
        ("helm/*/per_instance_stats.json", "HELM", 10, 1.0),
        ("every_eval_ever/*_samples.jsonl", "Every Eval Ever", 1, 1.0),
    ],
)
def test_real_logs(shared, pattern, kind, rows, total):
    """All rows of the real files are read, with texts and the sum of scores that stands in them."""
    [path] = (shared / "logs").glob(pattern)
    calls = list(read_log(path))
    assert (kind_of(path), len(calls), sum(call.score for call in calls)) == (kind, rows, total)
    assert all(call.text and call.llm for call in calls)


def test_every_kind_is_told_apart():
    """Kinds have names of their own."""
    assert len({reader.kind for reader in READERS}) == len(READERS) == 11
