"""From a plan to request files and back: forms, limits, ids, templates, and what answers come to."""

import json
import tracemalloc
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from optllm_pymoo import UserError
from optllm_pymoo.data import DataFileError, Ledger, Price, PriceTable, Tier, collect, write_requests
from optllm_pymoo.data import requests as module
from optllm_pymoo.data.requests import plan_code

LLMS = ("openai/gpt-x", "anthropic/claude-x@batch", "gemini/flash", "together_ai/meta/llama", "own")
PRICES = PriceTable.of({llm: Price((Tier(0, 1e-7, 3.3e-6),)) for llm in LLMS})


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """Ten queries with system prompts, two per LLM, and their plan."""
    monkeypatch.chdir(tmp_path)
    ids = [f"t{k}" for k in range(10)]
    pd.DataFrame({"query_id": ids, "text": [f"Why {k}?" for k in range(10)], "system": "Be brief."}).to_csv(
        "queries.csv", index=False
    )
    plan = pd.DataFrame({"query_id": ids, "llm": LLMS * 2, "cost_usd": 0.1})
    plan.to_csv("plan.csv", index=False)
    return tmp_path


def lines_of(path):
    """All requests of a file, whichever form it has."""
    text = path.read_text()
    return json.loads(text)["requests"] if path.suffix == ".json" else [json.loads(line) for line in text.splitlines()]


def answer(request, tokens=(10, 7), **others):
    """What a provider makes of a request: another name for the model, and token counts."""
    name = request.get("custom_id") or request["key"]
    if "key" in request:
        usage = {"promptTokenCount": tokens[0], "candidatesTokenCount": tokens[1]}
        return {"key": name, "response": {"responseId": f"r{name}{tokens}", "usageMetadata": usage}, **others}
    if "params" in request:
        message = {"id": f"m{name}{tokens}", "model": "claude-x-2026-01-01"}
        message["usage"] = dict(zip(("input_tokens", "output_tokens"), tokens, strict=True))
        return {"custom_id": name, "result": {"type": "succeeded", "message": message}, **others}
    body = {"id": f"c{name}{tokens}", "model": "gpt-x-2026-01-01"}
    body["usage"] = dict(zip(("prompt_tokens", "completion_tokens"), tokens, strict=True))
    return {"custom_id": name, "response": {"status_code": 200, "body": body}, "error": None, **others}


def write(path, records):
    """Write JSON lines."""
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_forms(desk):
    """Every provider gets its own form, the name it knows the LLM by, and the system prompt where it wants it."""
    told = write_requests("plan.csv", "queries.csv", "out")
    first = {each.llm: lines_of(desk / "out" / each.files[0])[0] for each in told}
    code = plan_code(desk / "plan.csv")
    chat = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why 0?"}]
    assert first["openai/gpt-x"] == {
        "custom_id": f"t0:openai%2Fgpt-x:optllm-{code}-0",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "gpt-x", "messages": chat},
    }
    assert first["anthropic/claude-x@batch"] == {
        "custom_id": f"optllm-{code}-1",
        "params": {
            "max_tokens": 4096,
            "model": "claude-x",
            "messages": [{"role": "user", "content": "Why 1?"}],
            "system": "Be brief.",
        },
    }
    assert first["gemini/flash"] == {
        "key": f"t2:gemini%2Fflash:optllm-{code}-2",
        "request": {
            "contents": [{"role": "user", "parts": [{"text": "Why 2?"}]}],
            "system_instruction": {"parts": [{"text": "Be brief."}]},
        },
    }
    assert first["together_ai/meta/llama"]["body"]["model"] == "meta/llama"
    assert first["own"]["model"] == "own"
    assert [(each.form, each.n_requests, each.cost_usd) for each in told] == [
        (form, 2, Decimal("0.2")) for form in ("openai", "anthropic", "gemini", "openai", "jsonl")
    ]
    ledger = pd.read_csv("out/requests.csv")
    assert ledger["query_id"].tolist() == [f"t{k}" for k in range(10)]
    assert ledger["custom_id"].is_unique
    assert set(ledger["file"]) == {path.name for path in (desk / "out").iterdir()} - {"requests.csv"}


def test_providers_come_from_the_batch_or_are_said(desk):
    """A batch's llms.csv and --provider name whose an LLM is; Anthropic's ids are then short."""
    (desk / "batch").mkdir()
    pd.read_csv("queries.csv").to_csv("batch/queries.csv", index=False)
    (desk / "batch/llms.csv").write_text("llm,provider\nown,anthropic\n")
    by_batch = write_requests("plan.csv", "batch", "a")[-1]
    said = write_requests("plan.csv", "queries.csv", "b", providers={"Anthropic": ["own"]})[-1]
    assert (by_batch.form, said.form) == ("anthropic", "anthropic")
    assert lines_of(desk / "a" / by_batch.files[0])[0]["params"]["model"] == "own"


def test_template(desk):
    """Later sections win: all, provider, LLM, mode, LLM in a mode; texts are filled in once, whatever they hold."""
    plan = pd.DataFrame({"query_id": ["t0", "t1"], "llm": ["openai/gpt-x@high", "openai/gpt-x"], "cost_usd": 1})
    plan.to_csv("plan.csv", index=False)
    (desk / "queries.csv").write_text("query_id,text\nt0,Why {system}?\nt1,How?\n")
    sections = {
        "*": {"temperature": 0, "messages": [{"role": "user", "content": "Q: {query}{system}"}]},
        "openai": {"temperature": 1, "max_tokens": 5},
        "openai/gpt-x": {"model": "gpt-x-special"},
        "@high": {"reasoning_effort": "high", "max_tokens": 9},
        "openai/gpt-x@high": {"$url": "/v1/responses", "seed": 3},
    }
    (desk / "t.json").write_text(json.dumps(sections))
    high, plain = (
        lines_of(desk / "out" / each.files[0])[0]
        for each in write_requests("plan.csv", "queries.csv", "out", template="t.json")
    )
    body = {"model": "gpt-x-special", "messages": [{"role": "user", "content": "Q: Why {system}?"}], "temperature": 1}
    assert high["body"] == {**body, "max_tokens": 9, "reasoning_effort": "high", "seed": 3}
    assert high["url"] == "/v1/responses"
    assert plain["body"] == {**body, "messages": [{"role": "user", "content": "Q: How?"}], "max_tokens": 5}


def test_a_section_is_about_its_own_llm_alone(desk):
    """The requests of others hold nothing of it; one without sections is for all; it may be of an LLM not chosen."""
    pd.read_csv("plan.csv").assign(**{"predicted:spare@low": 0.5}).to_csv("plan.csv", index=False)
    (desk / "t.json").write_text(json.dumps({"spare": {"seed": 1}, "spare@low": {"seed": 2}}))
    assert write_requests("plan.csv", "queries.csv", "spare", template="t.json")
    for k, (template, expected) in enumerate([({"own": {"seed": 1}}, [0, 1]), ({"seed": 1}, [1, 1])]):
        (desk / "t.json").write_text(json.dumps(template))
        told = {each.llm: each for each in write_requests("plan.csv", "queries.csv", f"{k}", template="t.json")}
        bodies = [lines_of(desk / f"{k}" / told[llm].files[0])[0] for llm in (LLMS[0], "own")]
        assert [str(body).count("'seed': 1") for body in bodies] == expected
        assert "'own': {" not in str(bodies[0])


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ({"api_key": "abc"}, "api_key looks like a secret"),
        ({"*": {"headers": {"Authorization": "x"}}}, r"\*.headers.Authorization looks like a secret"),
        ({"metadata": {"note": ["Bearer abcdef123456"]}}, r"metadata.note.0 looks like a secret"),
        ({"*": {}, "openia": {}}, "'openia' is no provider, LLM or @mode of this plan"),
        ({"*": {"messages": [{"role": "user", "content": "Hi"}]}}, "don't contain {query}"),
        ({"*": {"$form": "soap"}}, r"unknown \$form 'soap'"),
        ({"*": 3}, "expected an object of fields under"),
    ],
)
def test_templates_that_are_refused(desk, template, message):
    """Secrets are named by their place and never shown; nothing is written."""
    (desk / "t.json").write_text(json.dumps(template))
    with pytest.raises(UserError, match=message) as caught:
        write_requests("plan.csv", "queries.csv", "out", template="t.json")
    assert "abc" not in str(caught.value)
    assert not (desk / "out").exists()


def test_a_mode_needs_its_template(desk):
    """Without, another mode would be run and paid than was planned; @batch is how requests are sent anyhow."""
    pd.DataFrame({"query_id": ["t0"], "llm": ["own@high"]}).to_csv("plan.csv", index=False)
    with pytest.raises(UserError, match="doesn't define the mode of 'own@high'; add \"@high\""):
        write_requests("plan.csv", "queries.csv", "out")


def test_splits_at_limits(desk, monkeypatch):
    """Three lines a file at the most, or so many bytes; a request that no file takes is refused; all come back."""
    pd.DataFrame({"query_id": [f"t{k}" for k in range(10)], "llm": "anthropic/c"}).to_csv("plan.csv", index=False)
    limits = module.PROVIDERS["anthropic"]
    for name, changed in (("lines", limits._replace(n_lines=3)), ("bytes", limits._replace(n_bytes=400))):
        monkeypatch.setitem(module.PROVIDERS, "anthropic", changed)
        [told] = write_requests("plan.csv", "queries.csv", name)
        files = [desk / name / file for file in told.files]
        assert [len(lines_of(file)) for file in files] == ([3, 3, 3, 1] if name == "lines" else [2] * 5)
        assert all(file.stat().st_size <= changed.n_bytes for file in files)
    monkeypatch.setitem(module.PROVIDERS, "anthropic", limits._replace(n_bytes=100))
    with pytest.raises(UserError, match=r"the request of query 't0' to 'anthropic/c' has 1.. bytes, and a file"):
        write_requests("plan.csv", "queries.csv", "no")


def test_names_of_files_differ_where_llms_do(desk):
    """'a/b' and 'a_b' would both be a_b."""
    pd.DataFrame({"query_id": ["t0", "t1"], "llm": ["x/a/b", "x/a:b"]}).to_csv("plan.csv", index=False)
    one, two = write_requests("plan.csv", "queries.csv", "out")
    assert one.files != two.files


def test_only_what_has_no_answer(desk):
    """Answered queries are left out; when all are, it says so. A folder that is there stays."""
    told = write_requests("plan.csv", "queries.csv", "out", answered=["t0", "t5", "t1"])
    assert {each.llm: each.n_requests for each in told} == {**dict.fromkeys(LLMS[2:], 2), LLMS[1]: 1}
    with pytest.raises(FileExistsError, match="name another folder, as answers to those requests need it"):
        write_requests("plan.csv", "queries.csv", "out")
    with pytest.raises(UserError, match=r"all queries of plan.csv have their answers"):
        write_requests("plan.csv", "queries.csv", "more", answered=[f"t{k}" for k in range(10)])


def test_queries_that_are_missing(desk):
    """The first is named; nothing is written."""
    (desk / "few.csv").write_text("query_id,text\nt0,a\nt1,b\n")
    with pytest.raises(UserError, match=r"few.csv has no query 't2', and 7 more of the plan are missing"):
        write_requests("plan.csv", "few.csv", "out")
    assert not (desk / "out").exists()


def test_memory_is_bounded_by_ids(tmp_path):
    """Of 20,000 queries with 40 MB of texts no more is held than ids and rows: some 20 MB."""
    n, text = 20_000, "x" * 2000
    pd.DataFrame({"query_id": np.arange(n), "llm": "openai/m"}).to_csv(tmp_path / "plan.csv", index=False)
    with (tmp_path / "queries.jsonl").open("w") as file:
        for k in range(n):
            file.write(f'{{"id": "{k}", "text": "{text}"}}\n')
    tracemalloc.start()
    [told] = write_requests(tmp_path / "plan.csv", tmp_path / "queries.jsonl", tmp_path / "out")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert told.n_requests == n
    assert peak < 20e6


def answered(desk, folder="out"):
    """All requests of a folder with their answers, in an order of its own."""
    requests = [each for path in sorted((desk / folder).glob("*-*")) for each in lines_of(path)]
    return [answer(request, (10 + k, 7)) for k, request in enumerate(requests)][::-1]


def test_answers_find_back(desk):
    """In any order, in pieces, twice: each query has its column, whatever the provider calls it, and one bill."""
    write_requests("plan.csv", "queries.csv", "out")
    records = answered(desk)
    (desk / "answers").mkdir()
    for k, part in enumerate((records[:3], records[3:6], records[3:], records[:1])):
        own = {"key" in record for record in part}
        for is_gemini in own:  # one form per file
            write(desk / f"answers/{k}{is_gemini}.jsonl", [each for each in part if ("key" in each) == is_gemini])
    found = collect(["answers"], queries="queries.csv", prices=PRICES, requests=["out"])
    calls = found.batch.calls.set_index("query_id")
    assert calls["llm"].to_dict() == {f"t{k}": (LLMS * 2)[k] for k in range(10)}
    exact = sum((10 + k) * Decimal("1e-7") + 7 * Decimal("3.3e-6") for k in range(10))
    assert sum(Decimal(f"{bill:.15g}") for bill in calls["billed_usd"]) == exact
    assert {state: n for count in found.ledger.counts().values() for state, n in count.items()} == {"answered": 2}
    assert found.ledger.write_again("again") == 0
    assert not (desk / "again").exists()


def test_what_failed_is_written_again(desk):
    """Expired, canceled, failed and missing ones once more, as they were."""
    write_requests("plan.csv", "queries.csv", "out")
    records = {record.get("custom_id", record.get("key")): record for record in answered(desk)}
    ledger = pd.read_csv("out/requests.csv").set_index("query_id")["custom_id"]
    ours = {query: records[ledger[query]] for query in ledger.index}
    ours["t0"] = {"custom_id": ledger["t0"], "response": None, "error": {"code": "batch_expired"}}
    ours["t1"] = {"custom_id": ledger["t1"], "result": {"type": "canceled"}}
    ours["t3"]["error"] = {"message": "the answer was cut off, key sk-abcdef123"}
    ours["t3"]["response"]["status_code"] = 500
    del ours["t2"], ours["t9"]
    write(desk / "a.jsonl", [each for each in ours.values() if "key" not in each])
    write(desk / "b.jsonl", [each for each in ours.values() if "key" in each])
    found = collect(["a.jsonl", "b.jsonl"], queries="queries.csv", prices=PRICES, requests=["out"])
    calls = found.batch.calls.set_index("query_id")
    assert "***" in calls.loc["t3", "error"]
    assert np.isnan(calls.loc["t3", "cost_usd"])
    assert calls.loc["t3", "billed_usd"] > 0  # the provider counted its tokens
    counts = found.ledger.counts()
    assert counts[LLMS[0]] == {"expired": 1, "answered": 1}
    assert counts[LLMS[1]] == {"canceled": 1, "answered": 1}
    assert counts[LLMS[2]] == {"missing": 1, "answered": 1}
    assert counts[LLMS[3]] == {"failed": 1, "answered": 1}
    assert found.ledger.write_again("again") == 5
    again = pd.read_csv("again/requests.csv").set_index("query_id")
    assert again["why"].str[:10].to_dict() == {
        "t0": "batch_expi", "t1": "canceled", "t2": "missing", "t3": "the answer", "t9": "missing"
    }  # fmt: skip
    for path in (desk / "again").glob("*-*"):
        assert all(request in lines_of(desk / "out" / path.name) for request in lines_of(path))
    # the second try is answered, and the first failure was billed too
    second = [answer(each, (10, 8)) for path in (desk / "again").glob("*-*") for each in lines_of(path)]
    write(desk / "c.jsonl", [each for each in second if "key" not in each])
    write(desk / "d.jsonl", [each for each in second if "key" in each])
    done = collect(["a.jsonl", "b.jsonl", "c.jsonl", "d.jsonl"], prices=PRICES, requests=["out"])
    bills = done.batch.calls.set_index("query_id")["billed_usd"]
    assert bills["t3"] == pytest.approx(calls.loc["t3", "billed_usd"] + 10e-7 + 8 * 3.3e-6)
    assert done.batch.calls["error"].eq("").all()
    assert not done.ledger.open_requests()


def test_ids_say_query_and_column_themselves(desk):
    """Where a provider has room for it the folder of requests isn't needed; a short id can't do without."""
    write_requests("plan.csv", "queries.csv", "out")
    by_form = {}
    for record in answered(desk):
        by_form.setdefault("key" in record or "result" in record, []).append(record)
    calls = collect([write(desk / "a.jsonl", by_form[False])], prices=PRICES).batch.calls
    assert set(zip(calls["query_id"], calls["llm"], strict=True)) >= {("t0", "openai/gpt-x"), ("t9", "own")}
    short = write(desk / "b.jsonl", [each for each in by_form[True] if "result" in each])
    with pytest.raises(DataFileError, match=r"b.jsonl, line 1: the id 'optllm-.*--requests"):
        collect([short], prices=PRICES)


def test_answers_to_others_are_refused(desk):
    """Of another plan, whose code is named, or of nobody's; with file and line."""
    write_requests("plan.csv", "queries.csv", "out")
    mine = answered(desk)
    pd.DataFrame({"query_id": ["t0"], "llm": ["own"]}).to_csv("plan.csv", index=False)
    write_requests("plan.csv", "queries.csv", "other")
    theirs = answered(desk, "other")
    mixed = write(desk / "a.jsonl", [mine[-1], theirs[0]])
    with pytest.raises(DataFileError, match=r"a.jsonl, line 2: .* of another plan \([0-9a-f]{8}, and those are of"):
        collect([mixed], prices=PRICES, requests=["out"])
    stray = write(desk / "b.jsonl", [{"custom_id": "x1", "response": {"body": {"model": "m"}}}])
    with pytest.raises(DataFileError, match=r"b.jsonl, line 1: 'x1' is the id of no request in"):
        collect([stray], requests=["out"])
    assert len(collect([mixed], prices=PRICES, requests=["out", "other"]).batch.calls) == 2


def test_answers_that_are_cut_off(desk):
    """The line is named, and nothing is lost: with the whole file all is read."""
    write_requests("plan.csv", "queries.csv", "out")
    path = write(desk / "a.jsonl", [each for each in answered(desk) if "key" not in each])
    whole = path.read_text()
    path.write_text(whole[:-20])
    with pytest.raises(DataFileError, match=r"a\.jsonl, line 8: "):
        collect([path], prices=PRICES, requests=["out"])
    path.write_text(whole)
    assert len(collect([path], prices=PRICES, requests=["out"]).batch.calls) == 8


def test_grades_may_come_later(desk):
    """By the ids of requests or by query and LLM, in a file of their own; fractions stay fractions."""
    write_requests("plan.csv", "queries.csv", "out")
    ledger = pd.read_csv("out/requests.csv")
    write(desk / "a.jsonl", [each for each in answered(desk) if "key" not in each])
    ledger[:2].assign(score=[0.25, 1.0])[["custom_id", "score"]].to_csv("g.csv", index=False)
    ledger[3:4].assign(score=0.5)[["query_id", "llm", "score"]].to_csv("h.csv", index=False)
    calls = collect(["g.csv", "a.jsonl", "h.csv"], prices=PRICES, requests=["out"]).batch.calls.set_index("query_id")
    assert calls["score"].dropna().to_dict() == {"t0": 0.25, "t1": 1.0, "t3": 0.5}
    assert calls["cost_usd"].notna().all()


def test_a_bills_own_amounts_count(desk):
    """Where a provider says what an answer cost, its tokens aren't priced."""
    write_requests("plan.csv", "queries.csv", "out")
    first = next(each for each in answered(desk) if each.get("response", {}).get("body"))
    first["response"]["body"]["usage"]["cost"] = 0.125
    calls = collect([write(desk / "a.jsonl", [first])], prices=PRICES, requests=["out"]).batch.calls
    assert calls["billed_usd"].tolist() == [0.125]


def test_a_ledger_without_folder(tmp_path):
    """It says what writes one."""
    with pytest.raises(FileNotFoundError, match=r"there is no requests.csv in .*`optllm-pymoo requests` writes one"):
        Ledger([tmp_path])
