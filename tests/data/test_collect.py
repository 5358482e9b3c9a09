"""From logs, queries and prices to a batch: joins, means, errors, prices and counts by hand."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from optllm_pymoo import UserError
from optllm_pymoo.data import (
    DataFileError,
    Dataset,
    Price,
    PriceTable,
    Tier,
    collect,
    load_batch,
    load_dataset,
    read_outcomes,
    read_table,
    save_batch,
    save_dataset,
)
from optllm_pymoo.data.estimates import estimated

PRICES = PriceTable.of(
    {
        "small": Price((Tier(0, 1e-6, 2e-6),), (Tier(0, 5e-7, 1e-6),), provider="acme", context_tokens=100),
        "large": Price((Tier(0, 1e-5, 2e-5),), provider="big"),
    },
    {"file": "p.json", "sha256": "ab", "date": "2026-11-28"},
)


def write(path, *records):
    """Write JSON lines."""
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def call(query, llm, score=1, **others):
    """One record of a log."""
    return {"id": query, "model": llm, "score": score, "prompt_tokens": 10, "completion_tokens": 5, **others}


def counts(found):
    """Rows, matched, repeated, errors, unpriced and unscored of each file."""
    return [each[2:8] for each in found.files]


@pytest.fixture
def logs(tmp_path):
    """A log per LLM; the second has a query twice, an error, and one that the first lacks."""
    small = write(tmp_path / "small.jsonl", call("a", "small", 1, text="Why?"), call("b", "small", 0, text="How long?"))
    large = write(
        tmp_path / "large.jsonl",
        call("a", "large", 1),
        call("a", "large", 0, prompt_tokens=30),
        {**call("b", "large"), "error": "timeout, Authorization: Bearer abcdefgh1234"},
        call("c", "large", 1, text="Which?"),
    )
    return [small, large]


def test_logs_meet_on_their_keys(logs, tmp_path):
    """Every row is in the batch or counted; two runs of a query become their means: (10+30)/2 tokens, score 1/2."""
    found = collect(logs, prices=PRICES)
    assert counts(found) == [(2, 2, 0, 0, 0, 0), (4, 3, 1, 1, 0, 0)]
    table = found.batch.calls.set_index(["query_id", "llm"])
    twice = table.loc[("a", "large")]
    assert (twice["score"], twice["input_tokens"]) == (0.5, 20.0)
    assert twice["cost_usd"] == pytest.approx(20 * 1e-5 + 5 * 2e-5)
    assert table.loc[("a", "small"), "cost_usd"] == pytest.approx(10 * 1e-6 + 5 * 2e-6)
    assert "pairs of query and LLM with several calls: 1; their means count; the scores of 1 differ" in found.notes
    failed = table.loc[("b", "large")]
    assert np.isnan(failed["score"])
    assert failed["error"] == "timeout, Authorization: Bearer ***"
    assert found.batch.llms["provider"].tolist() == ["acme", "big"]
    assert found.batch.llms["price_date"].tolist() == ["2026-11-28"] * 2


def test_errors_may_count_as_wrong(logs):
    """Then the outcome is 0, and the tokens that were paid count."""
    table = collect(logs, prices=PRICES, errors_are_wrong=True).batch.calls.set_index(["query_id", "llm"])
    assert table.loc[("b", "large"), "score"] == 0
    assert table.loc[("b", "large"), "cost_usd"] == pytest.approx(10 * 1e-5 + 5 * 2e-5)


def test_a_batch_is_written_and_read_back(logs, tmp_path):
    """Three files; what comes back is the same, and costs of calls that weren't made are told as estimates."""
    found = collect(logs, prices=PRICES)
    save_batch(found.batch, tmp_path / "batch")
    again = load_batch(tmp_path / "batch")
    for before, after in zip(found.batch, again, strict=True):
        pd.testing.assert_frame_equal(before, after, check_dtype=False)
    with pytest.warns(UserWarning, match="2 of 6 costs are missing and estimated from known calls"):
        data = read_table(tmp_path / "batch", allow_missing=True)
    assert (data.llms, data.query_ids) == (("small", "large"), ("a", "b", "c"))
    np.testing.assert_array_equal(data.correct, [[1, 0.5], [0, np.nan], [np.nan, 1]])
    assert data.about["estimated_costs"] == {"small": 1, "large": 1}
    assert data.about["prices"] == [PRICES.provenance]
    with pytest.raises(DataFileError, match=r"calls.csv: 2 outcomes and 2 costs are missing; pass allow_missing=True"):
        read_table(tmp_path / "batch")
    with pytest.raises(FileExistsError, match="exists already"):
        save_batch(found.batch, tmp_path / "batch")
    (tmp_path / "batch" / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match=r"holds 'notes.txt', which is no part of a batch"):
        save_batch(found.batch, tmp_path / "batch", overwrite=True)


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("calls.csv", "a,small,1.0", "x,small,1.0", "line 2, column 'query_id': queries.csv has no query 'x'"),
        ("calls.csv", "a,small,1.0", "a,small,1.5", "line 2, column 'score': expected a value in"),
        ("calls.csv", "a,large,0.5", "a,small,0.5", "line 3, column 'llm': query 'a' has an earlier row of 'small'"),
        ("llms.csv", "small,small", "tiny,small", "column 'llm': there is no row of 'small', which calls.csv has"),
        ("queries.csv", "b,How", "a,How", "line 3, column 'query_id': 'a' is already on line 2"),
    ],
)
def test_damaged_batches_are_refused_with_the_place(logs, tmp_path, name, old, new, message):
    """File, line and column, as of other tables."""
    save_batch(collect(logs, prices=PRICES).batch, tmp_path / "batch")
    path = tmp_path / "batch" / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(DataFileError, match=f"{re.escape(name)}.*{message}"):
        load_batch(tmp_path / "batch")


def test_queries_that_nobody_has_run_are_added(logs, tmp_path):
    """From a table, JSON lines and requests of batch APIs alike; they have estimated costs and no outcomes."""
    (tmp_path / "new.csv").write_text("ticket_id,body,lang\na,Why?,en\nz,What now?,de\n")
    columns = {"id": "ticket_id", "text": "body", "group": "lang"}
    write(tmp_path / "new.jsonl", {"ticket_id": "a", "body": "Why?"}, {"ticket_id": "z", "body": "What now?"})
    turn = [{"role": "user", "content": "What now?"}]
    requests = [
        {"custom_id": "z", "method": "POST", "body": {"model": "m", "messages": turn}},
        {"custom_id": "z", "params": {"model": "m", "messages": turn}},
        {"key": "z", "request": {"contents": [{"parts": [{"text": "What now?"}]}]}},
    ]
    files = [(tmp_path / "new.csv", columns), (tmp_path / "new.jsonl", {"id": "ticket_id", "text": "body"})]
    files += [(write(tmp_path / f"{k}.jsonl", each), {}) for k, each in enumerate(requests)]
    for path, names in files:
        # the logs with the names that are said to be used in them
        renamed = []
        for log in logs:
            records = [json.loads(row) for row in log.read_text().splitlines()]
            records = [{**each, "ticket_id": each["id"], "body": each.get("text")} for each in records]
            renamed.append(write(log.with_suffix(".renamed.jsonl"), *records))
        found = collect(renamed, queries=path, prices=PRICES, columns=names)
        queries = found.batch.queries.set_index("query_id")
        assert queries.loc["z", "text"] == "What now?"
        data = found.batch.dataset()
        assert np.isnan(data.correct[data.query_ids.index("z")]).all()
        assert len(data) == 4


def test_logs_meet_on_texts(tmp_path):
    """Where keys differ and texts agree, that is offered; then rows meet, whatever the blanks."""
    logs = [
        write(tmp_path / "1.jsonl", call("1", "small", text="Why  so?")),
        write(tmp_path / "2.jsonl", call("x", "large", text="Why so? ")),
    ]
    apart = collect(logs)
    assert [each.matched for each in apart.files] == [0, 0]
    assert "no query was sent to two LLMs: if the same texts have different ids, pass --key text" in apart.notes
    together = collect(logs, by_text=True)
    assert [each.matched for each in together.files] == [1, 1]
    assert together.batch.queries["query_id"].tolist() == ["1"]
    with pytest.raises(DataFileError, match="query '2' has no text by which it could be matched"):
        collect([write(tmp_path / "3.jsonl", call("2", "small"))], by_text=True)


def test_one_id_with_two_texts_is_refused(tmp_path):
    """With file, line and both texts, and what to do."""
    log = write(tmp_path / "1.jsonl", call("1", "small", text="Why?"), call("1", "large", text="How?"))
    with pytest.raises(DataFileError, match=r"line 2: query '1' has two texts: 'How\?', and before 'Why\?'"):
        collect([log])


def test_dated_names_are_taken_for_the_name_asked_for(tmp_path):
    """One date beside the plain name is joined and told; two dates, or a date alone, stay as they are."""
    log = write(tmp_path / "1.jsonl", call("1", "gpt-x"), call("2", "gpt-x-2026-05-01"))
    found = collect([log])
    assert found.batch.llms["llm"].tolist() == ["gpt-x"]
    assert found.notes[0] == "'gpt-x-2026-05-01' is counted as 'gpt-x': only the date in the name differs"
    write(log, call("1", "gpt-x"), call("2", "gpt-x-2026-05-01"), call("2", "gpt-x-2026-08-01"))
    assert len(collect([log]).batch.llms) == 3
    write(log, call("2", "gpt-x-2026-05-01"))
    assert collect([log]).batch.llms["llm"].tolist() == ["gpt-x-2026-05-01"]


def test_prices_that_are_missing_are_counted_and_told(tmp_path):
    """The rows stay; the LLM has no cost, and a plan without it can be had."""
    log = write(tmp_path / "1.jsonl", call("1", "small"), call("1", "unheard-of"))
    found = collect([log], prices=PRICES)
    assert found.files[0].unpriced == 1
    assert "no price of 'unheard-of' was found; name one with --price unheard-of=KEY" in found.notes[0]
    with pytest.raises(UserError, match="no cost of 'unheard-of' is known, so none can be estimated"):
        found.batch.dataset()
    assert found.batch.dataset(drop=["unheard-of"]).llms == ("small",)
    named = collect([log], prices=PRICES, price_keys={"unheard-of": "large"})
    assert named.batch.calls["cost_usd"].tolist() == pytest.approx([2e-5, 2e-4])
    with pytest.raises(UserError, match="no log has an LLM 'x', for which a price is named"):
        collect([log], prices=PRICES, price_keys={"x": "large"})
    with pytest.raises(UserError, match=r"names of prices need a list of prices; pass prices= \(--prices FILE\)"):
        collect([log], price_keys={"small": "large"})


def test_a_price_that_is_ambiguous_is_asked_for_only_where_it_is_needed(tmp_path):
    """Costs that stand in the log need none: it is told; tokens without costs do."""
    prices = PriceTable(["eu/yi", "us/yi"], [1, 2], [1, 2])
    found = collect([write(tmp_path / "1.jsonl", call("1", "yi", cost=0.5))], prices=prices)
    assert found.notes == [
        "'yi' has several prices; name one of them in full (--price yi=KEY): 'eu/yi', 'us/yi'; without it the costs in"
        " the logs count"
    ]
    assert found.batch.dataset().cost.tolist() == [[0.5]]
    with pytest.raises(UserError, match=r"'yi' has several prices; name one of them in full \(--price yi=KEY\)"):
        collect([write(tmp_path / "2.jsonl", call("1", "yi"))], prices=prices)


def test_batch_prices_add_columns(logs):
    """The same outcomes at half the price, for the LLM that has batch prices; the other is told."""
    found = collect(logs, prices=PRICES, batch_prices=True)
    assert found.batch.llms["llm"].tolist() == ["small", "large", "small@batch"]
    assert found.batch.llms["model"].tolist()[-1] == "small"
    assert "'large' has no batch price" in found.notes
    data = found.batch.dataset()
    np.testing.assert_allclose(data.cost[:2, 2], data.cost[:2, 0] / 2)
    np.testing.assert_array_equal(data.correct[:, 2], data.correct[:, 0])
    with pytest.raises(UserError, match="batch prices need a list of prices"):
        collect(logs, batch_prices=True)


def test_prompts_beyond_the_context_are_told(tmp_path):
    """100 tokens fit into small; 500 don't, unless it has answered."""
    log = write(
        tmp_path / "1.jsonl",
        call("1", "small", prompt_tokens=90),
        call("2", "small", prompt_tokens=500, score=None),
        call("3", "small", prompt_tokens=500),
    )
    assert collect([log], prices=PRICES).batch.dataset().about["too_long"] == {"small": ["2"]}


def test_folders_are_searched_and_what_is_no_log_is_named(logs, tmp_path):
    """A README among the logs is no fault."""
    (tmp_path / "settings.json").write_text("{}")
    found = collect([tmp_path], prices=PRICES)
    assert len(found.files) == 2
    assert found.notes[0] == "not read, as no reader knows them: 'settings.json'"
    with pytest.raises(DataFileError, match=r"settings.json: no reader knows this file; known are"):
        collect([tmp_path / "settings.json"])
    with pytest.raises(UserError, match="can't map 'wrong'; known are id, text"):
        collect(logs, columns={"wrong": "x"})
    with pytest.raises(UserError, match="no log has the field 'ticket' that is named for id"):
        collect(logs, columns={"id": "ticket"})


def test_estimates_by_hand():
    """On a line by length the gaps lie on it, whatever the order of the rows; with too little known, the mean."""
    lengths = np.arange(20.0)
    values = 3 + 2 * lengths
    values[[4, 11]] = np.nan
    filled, error = estimated(values, lengths)
    np.testing.assert_allclose(filled, 3 + 2 * lengths)
    assert 0 < error < 0.01  # of the ends alone, which lie outside what is left without them
    order = np.random.default_rng(0).permutation(20)
    noisy = values + np.random.default_rng(1).normal(size=20)
    there, here = estimated(noisy, lengths), estimated(noisy[order], lengths[order])
    np.testing.assert_allclose(there[0][order], here[0])
    assert there[1] == pytest.approx(here[1])
    filled, error = estimated(np.array([1.0, 3.0, np.nan]), np.array([1.0, 2.0, 9.0]))
    assert (filled[2], error) == (2.0, np.inf)


@pytest.mark.parametrize("name", ["paretobandit", "llmdrift", "bfcl"])
def test_totals_from_a_fifth_of_the_calls(shared, name):
    """The mean error of totals is below 5 %, and what is told of it holds nine times of ten even in a small sample."""
    data = load_dataset(shared / "data" / name)
    groups = None if data.groups is None else pd.factorize(pd.Series(data.groups))[0]
    lengths = np.array([float(len(text)) for text in data.texts])
    off, held = [], []
    for seed in range(6):
        known = np.random.default_rng(seed).random(len(data)) < 0.2
        for cost in data.cost.T[:12]:
            if cost.sum() > 0:
                filled, error = estimated(np.where(known, cost, np.nan), lengths, groups)
                off.append(abs(filled.sum() - cost.sum()) / cost.sum())
                held.append(off[-1] <= error)
    assert np.mean(off) < 0.05
    assert np.mean(held) >= 0.9


def test_totals_from_a_fifth_of_the_tokens(shared):
    """Tokens made up so that their price is the real cost: prompts by the length of the text, answers of the rest."""
    data = load_dataset(shared / "data" / "bfcl")
    put = np.array([float(len(text) // 8) for text in data.texts])
    names = [name for name, cost in zip(data.llms, data.cost.T, strict=True) if cost.sum() > 0][:6]
    off, held = [], []
    for seed in range(4):
        known = np.random.default_rng(seed).random(len(data)) < 0.2
        frames, usd, true = [], [], []
        for name in names:
            cost = data.cost[:, data.llms.index(name)]
            usd.append(cost.sum() / 2 / put.sum())
            got = np.maximum(cost / usd[-1] - put, 0) / 4
            true.append((usd[-1] * put + 4 * usd[-1] * got).sum())
            call = {"query_id": data.query_ids, "llm": name, "input_tokens": put, "output_tokens": got}
            frames.append(pd.DataFrame(call)[known])
        prices = PriceTable(names, usd, [4 * each for each in usd])
        queries = pd.DataFrame({"query_id": data.query_ids, "text": data.texts, "group": data.groups})
        found = Dataset.from_long(pd.concat(frames), prices=prices, queries=queries)
        off += (np.abs(found.cost.sum(axis=0) - true) / true).tolist()
        held += [off[-len(names) + j] <= found.about["cost_errors"][name] for j, name in enumerate(names)]
    assert np.mean(off) < 0.05
    assert np.mean(held) >= 0.9


def test_tokens_are_estimated_and_paid_at_their_tier():
    """Prompts of 100 tokens per letter: the fourth has 400 and is beyond the tier of 250, so it costs the higher price.

    The sizes of prompts are known from the other LLM's tokens, without any text. Of an LLM that was billed otherwise
    than its price says, costs are estimated instead: here a straight line too, at half of it.
    """
    tiers = (Tier(0, 1e-6, 1e-6), Tier(250, 2e-6, 1e-6))
    prices = PriceTable.of({"a": Price(tiers), "b": Price((Tier(0, 1e-6, 0.0),))})
    rows = [(q, "a", 100 * size, 10, np.nan) for q, size in (("1", 1), ("2", 2), ("3", 3), ("5", 5))]
    rows += [(q, "b", 50 * int(q), 0, 25e-6 * int(q)) for q in "12345"]
    frame = pd.DataFrame(rows, columns=["query_id", "llm", "input_tokens", "output_tokens", "cost_usd"])
    data = Dataset.from_long(frame, prices=prices, queries=pd.DataFrame({"query_id": list("12345")}))
    np.testing.assert_allclose(data.cost[:, 0], [110e-6, 210e-6, 610e-6, 810e-6, 1010e-6])
    np.testing.assert_allclose(data.cost[:, 1], 25e-6 * np.arange(1, 6))
    assert data.about["estimated_costs"] == {"a": 1}
    billed = Dataset.from_long(frame.drop(index=6), prices=prices, queries=pd.DataFrame({"query_id": list("12345")}))
    assert billed.about["estimated_costs"] == {"a": 1, "b": 1}
    np.testing.assert_allclose(billed.cost[:, 1], 25e-6 * np.arange(1, 6))


def test_a_batch_keeps_tiers(tmp_path):
    """llms.csv has all that a price says, so that estimates of a batch that was written are those of the prices."""
    tiers = (Tier(0, 1e-6, 1e-6), Tier(250, 2e-6, 1e-6))
    prices = PriceTable.of({"a": Price(tiers, per_request=0.1, provider="acme")}, {"file": "p.json"})
    log = write(tmp_path / "a.jsonl", *(call(f"{k}", "a", text="x" * k, prompt_tokens=100 * k) for k in (1, 2, 3, 5)))
    write(tmp_path / "new.jsonl", {"id": "4", "text": "xxxx"})
    found = collect([log], queries=tmp_path / "new.jsonl", prices=prices)
    save_batch(found.batch, tmp_path / "batch")
    again = load_batch(tmp_path / "batch")
    assert again.prices().prices[0] == prices.prices[0]
    again = collect([log], queries=tmp_path / "batch").batch
    assert (again.prices().provenance["file"], again.prices().prices[0]) == ("p.json", prices.prices[0])
    cost = dict(zip(again.dataset().query_ids, again.dataset().cost[:, 0], strict=True))
    assert cost["4"] == pytest.approx(0.1 + 400 * 2e-6 + 5e-6)


def test_from_long_prices_tokens():
    """Tokens become costs by the table; a pair that stands there twice is refused."""
    frame = pd.DataFrame({"query_id": ["a", "a"], "llm": ["small", "large"], "score": [0, 1]})
    frame = frame.assign(input_tokens=100, output_tokens=10)
    data = Dataset.from_long(frame, prices=PRICES)
    np.testing.assert_allclose(data.cost, [[1.2e-4, 1.2e-3]])
    with pytest.raises(UserError, match="query 'a' has two rows of 'small'; keep one"):
        Dataset.from_long(pd.concat([frame, frame]), prices=PRICES)
    with pytest.raises(UserError, match="no cost of 'small' is known"):
        Dataset.from_long(frame)
    with pytest.raises(UserError, match="queries lacks a query of the calls: 'a'"):
        Dataset.from_long(frame, prices=PRICES, queries=pd.DataFrame({"query_id": ["b"]}))


def test_a_log_is_a_batch_by_itself(tmp_path):
    """What a harness wrote with costs is read as it is; without costs the error says what to give."""
    samples = [
        {"id": k, "input": f"Q{k}", "scores": {"s": {"value": "C"}}, "model_usage": {"m": {"total_cost": 0.1 * k}}}
        for k in (1, 2)
    ]
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"status": "success", "eval": {"model": "m", "task": "t"}, "samples": samples}))
    data = read_table(path)
    assert (data.llms, data.query_ids, data.cost.ravel().tolist()) == (("m",), ("1", "2"), [0.1, 0.2])
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "m.json").write_text(path.read_text())
    (tmp_path / "runs" / "n.json").write_text(path.read_text().replace('"m"', '"n"'))
    assert read_table(tmp_path / "runs").llms == ("m", "n")
    (tmp_path / "runs" / "cost.csv").write_text("query_id,m\n1,1\n")
    with pytest.raises(FileNotFoundError, match=r"runs has neither queries.csv.gz nor queries.csv"):
        read_table(tmp_path / "runs")
    path.write_text(path.read_text().replace("total_cost", "input_tokens"))
    with pytest.raises(UserError, match="no cost of 'm' is known, so none can be estimated; give prices"):
        read_table(path)


def test_scores_and_costs_may_come_from_different_logs(tmp_path):
    """A gateway knows tokens, a table knows scores: together nothing is missing, and nothing is repeated."""
    gateway = [{"id": k, "model": "small", "response_cost": 0.5, "prompt_tokens": 3} for k in "ab"]
    log = write(tmp_path / "gateway.jsonl", *gateway)
    (tmp_path / "scores.csv").write_text("query_id,model,score\na,small,1\n")
    found = collect([log, tmp_path / "scores.csv"])
    assert [each.kind for each in found.files] == ["LiteLLM", "table"]
    assert counts(found) == [(2, 0, 0, 0, 0, 1), (1, 0, 0, 0, 0, 0)]
    assert found.batch.calls[["query_id", "score", "cost_usd"]].to_numpy().tolist()[0] == ["a", 1.0, 0.5]
    assert found.notes == []


def test_what_was_taken_for_what_is_told(tmp_path):
    """A price under another name, one that has ended, and texts under two ids, each in a note of its own."""
    one = write(tmp_path / "1.jsonl", call("1", "openai:chat:small", text="Why?"), call("1", "large", text="Why?"))
    two = write(tmp_path / "2.jsonl", call("x", "openai:chat:small", text="Why?"))
    tiers = (Tier(0, 1e-6, 1e-6),)
    ends = {"small": "", "large": "2020-02-01"}
    prices = PriceTable.of({name: Price(tiers, valid_until=until) for name, until in ends.items()})
    assert collect([one, two], prices=prices).notes == [
        "prices taken: 'small' for 'openai:chat:small'",
        "the price of 'large' was valid until 2020-02-01; get a new list, or leave the LLM out",
        "texts under several ids: 1; pass --key text to match queries by text",
    ]
    still = PriceTable.of({name: Price(tiers, valid_until="2999-01-01") for name in ("openai/small", "small", "large")})
    assert collect([one, two], prices=still, by_text=True).notes == [
        "prices taken: 'openai/small' for 'openai:chat:small'",
        "pairs of query and LLM with several calls: 1; their means count",
    ]


def test_files_that_a_reader_takes_along_are_no_strangers(tmp_path):
    """run_spec.json beside a log of HELM was read; stats.json was not."""
    (tmp_path / "run_spec.json").write_text(json.dumps({"name": "n", "adapter_spec": {"model": "m"}}))
    (tmp_path / "stats.json").write_text(json.dumps([{"name": {"name": "exact_match"}}]))
    stats = [{"name": {"name": "exact_match"}, "mean": 1.0}]
    (tmp_path / "per_instance_stats.json").write_text(json.dumps([{"instance_id": "1", "stats": stats}]))
    assert collect([tmp_path]).notes == ["not read, as no reader knows them: 'stats.json'"]


def test_a_folder_of_cost_and_correct_is_no_batch(tmp_path):
    """It says what reads it."""
    save_dataset(Dataset([[1.0]], [[1]]), tmp_path / "data")
    with pytest.raises(FileNotFoundError, match=r"no file .*calls.csv; load_dataset reads a folder of cost"):
        load_batch(tmp_path / "data")


def test_labels_come_from_the_folder_of_a_batch(logs, tmp_path):
    """Of a batch its calls, of a data set its outcomes; a query that is unknown is refused with its line."""
    save_batch(collect(logs, prices=PRICES).batch, tmp_path / "batch")
    data = Dataset([[1.0, 2.0]] * 4, np.full((4, 2), np.nan), llms=["large", "small"], query_ids=["c", "d", "b", "a"])
    expected = [[1, np.nan], [np.nan, np.nan], [np.nan, 0], [0.5, 1]]
    np.testing.assert_array_equal(read_outcomes(tmp_path / "batch", data), expected)
    save_dataset(data.with_outcomes(expected), tmp_path / "data")
    np.testing.assert_array_equal(read_outcomes(tmp_path / "data", data), expected)
    with pytest.raises(DataFileError, match=r"calls.csv, line 2, column 'query_id': the batch has no query 'a'"):
        read_outcomes(tmp_path / "batch", data.select([0, 1, 2]))
