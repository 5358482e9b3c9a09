"""Cost from token counts and prices, by hand arithmetic."""

import json
import re
import sys
import warnings
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optllm_pymoo.data import DataFileError, DataFileWarning, Price, PriceTable, Tier

TABLE = PriceTable(["small", "large"], [1e-6, 1e-5], [4e-6, 3e-5])
LITELLM = {
    "sample_spec": {"input_cost_per_token": 0.0, "output_cost_per_token": 0.0, "max_tokens": "LEGACY"},
    "gpt-4o-mini": {"input_cost_per_token": 1.5e-07, "output_cost_per_token": 6e-07, "mode": "chat"},
    "claude-3-haiku": {"input_cost_per_token": 2.5e-07, "output_cost_per_token": 1.25e-06},
    "dall-e-3": {"output_cost_per_image": 0.04, "mode": "image_generation"},
    "free": {"input_cost_per_token": 0, "output_cost_per_token": 0},
}


def test_cost_by_hand():
    """1000 and 100 tokens cost 1000·1e-6 + 100·4e-6 = 0.0014 on small, 0.01 + 0.003 = 0.013 on large."""
    np.testing.assert_allclose(TABLE.cost([1000, 0], [100, 0]), [[0.0014, 0.013], [0, 0]], rtol=1e-15)


def test_counts_per_model():
    """Counts of shape (N, M) are taken per model, and mix with counts that are the same for all."""
    cost = TABLE.cost([[1000, 2000]], [100])
    np.testing.assert_allclose(cost, [[0.0014, 0.02 + 0.003]], rtol=1e-15)
    np.testing.assert_allclose(TABLE.cost([1000], [[100, 0]]), [[0.0014, 0.01]], rtol=1e-15)


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=5), st.floats(0, 0.99))
def test_discount_takes_its_share(tokens, discount):
    """A discount of d leaves (1 − d) of every cost."""
    expected = TABLE.cost(tokens, tokens) * (1 - discount)
    np.testing.assert_allclose(TABLE.cost(tokens, tokens, batch_discount=discount), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([-1], [0]), {}, "input_tokens must be finite and >= 0 tokens; input_tokens[0] = -1.0"),
        (([0], [[1, -2]]), {}, "output_tokens[0, 1] = -2.0"),
        (([float("nan")], [0]), {}, "input_tokens[0] = nan"),
        (([1], [[1, 2, 3]]), {}, "output_tokens must have shape (N,) or (N, 2); got shape (1, 3)"),
        ((5, [1]), {}, "input_tokens must have shape (N,) or (N, 2); got shape ()"),
        (([1, 2], [1]), {}, "must be of the same queries; got 2 and 1"),
        (
            ([1], [1]),
            {"batch_discount": 1.0},
            "batch_discount must lie in [0, 1), a share of the price; got 1",
        ),
        (([1], [1]), {"batch_discount": -0.1}, "got -0.1"),
        (([1], [1]), {"batch_discount": 50}, "A discount of 50 % is 0.5"),
        (([1], [1]), {"batch_discount": float("nan")}, "got nan"),
    ],
)
def test_bad_counts_and_discounts_are_refused(arguments, options, message):
    """The message has the place and what was expected."""
    with pytest.raises(ValueError, match=re.escape(message)):
        TABLE.cost(*arguments, **options)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], [], []), "a price table needs one model at least"),
        ((["a", "a"], [1, 1], [1, 1]), "models must be distinct; 'a' is at positions 0 and 1"),
        ((["a", "b"], [1], [1, 1]), "input_usd_per_token must have one entry per model, 2; got 1"),
        ((["a"], [[1]], [1]), "input_usd_per_token must have shape (M,)"),
        ((["a"], [1], [-1]), "output_usd_per_token must be finite and >= 0; that of 'a' is -1.0"),
        ((["a"], [float("inf")], [1]), "that of 'a' is inf"),
    ],
)
def test_bad_tables_are_refused(arguments, message):
    """The message names the model."""
    with pytest.raises(ValueError, match=re.escape(message)):
        PriceTable(*arguments)


def test_tables_are_read_only_and_can_be_narrowed():
    """Select gives the models asked for in their order, and nothing can be changed."""
    part = TABLE.select(["large"])
    assert (part.models, part.input_usd_per_token.tolist(), len(part)) == (("large",), [1e-5], 1)
    with pytest.raises(ValueError, match="unknown model 'lage'; did you mean 'large'"):
        TABLE.select(["lage"])
    with pytest.raises(ValueError, match="read-only"):
        part.input_usd_per_token[0] = 1
    assert repr(part) == "PriceTable(large $10/$30 per million input/output tokens)"


def test_litellm_json(tmp_path):
    """Entries priced by token are read, in the order asked for; a free model is one of them."""
    path = tmp_path / "prices.json"
    path.write_text(json.dumps(LITELLM))
    with pytest.warns(DataFileWarning, match="1 of 4 models have no usable price"):
        assert PriceTable.from_json(path).models == ("gpt-4o-mini", "claude-3-haiku", "free")
    table = PriceTable.from_json(path, ["claude-3-haiku", "gpt-4o-mini"])
    assert table.input_usd_per_token.tolist() == [2.5e-07, 1.5e-07]
    assert table.output_usd_per_token.tolist() == [1.25e-06, 6e-07]


@pytest.mark.parametrize(
    ("text", "models", "message"),
    [
        (json.dumps(LITELLM), ["gpt4o-mini"], "unknown model 'gpt4o-mini'; did you mean 'gpt-4o-mini'"),
        (json.dumps(LITELLM), ["dall-e-3"], "'dall-e-3' has no price per token of both input and output"),
        ('{"a": 1,\n}', None, "line 2: expected JSON"),
        ("[]", None, "expected a JSON object, found list"),
        ("{}", None, "no model has prices; expected input_cost_per_token and output_cost_per_token"),
        (
            '{"a": {"input_cost_per_token": "free", "output_cost_per_token": 1}}',
            ["a"],
            "'a', input_cost_per_token: expected a number, found 'free'",
        ),
        ('{"a": {"input_cost_per_token": 1, "output_cost_per_token": -2}}', ["a"], "found -2"),
        ('{"a": {"input_cost_per_token": 1, "output_cost_per_token": NaN}}', ["a"], "no price per token"),
    ],
)
def test_bad_json_is_refused(tmp_path, text, models, message):
    """The message has the file, and the model or the line."""
    path = tmp_path / "prices.json"
    path.write_text(text)
    with pytest.raises(DataFileError, match=r"prices.json.*" + message):
        PriceTable.from_json(path, models)


def test_csv_per_million_tokens(tmp_path):
    """0.15 US$ per million tokens is 1.5e-7 per token."""
    path = tmp_path / "prices.csv"
    path.write_text("model,input_usd_per_million,output_usd_per_million,note\nb,3,15,\na,0.15,0.6,x\n")
    table = PriceTable.from_csv(path, ["a", "b"])
    np.testing.assert_allclose(table.input_usd_per_token, [1.5e-7, 3e-6], rtol=1e-15)
    np.testing.assert_allclose(table.output_usd_per_token, [6e-7, 1.5e-5], rtol=1e-15)
    assert PriceTable.from_csv(path).models == ("b", "a")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a,1\n", "line 2: expected 3 cells"),
        ("a,1,x\n", "line 2, column 'output_usd_per_million': US\\$ per million tokens: expected a number, found 'x'"),
        ("b,1,1\na,-2,1\n", "line 3, column 'input_usd_per_million': US\\$ per million tokens: .*found -2"),
        ("a,1,1\na,2,2\n", "line 3, column 'model': 'a' is already on line 2"),
        ("c,1,1\nb,1,1\n", "unknown model 'a'"),
    ],
)
def test_bad_csv_is_refused(tmp_path, rows, message):
    """The message has file, line and column."""
    path = tmp_path / "prices.csv"
    path.write_text("model,input_usd_per_million,output_usd_per_million\n" + rows)
    with pytest.raises(DataFileError, match=r"prices.csv.*" + message):
        PriceTable.from_csv(path, ["a"])
    path.write_text("model,input,output\na,1,1\n")
    with pytest.raises(DataFileError, match="line 1, column 'input_usd_per_million': this column is missing"):
        PriceTable.from_csv(path)


def test_without_genai_prices_the_error_says_what_to_install(monkeypatch):
    """The extra is named."""
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    message = r'needs genai_prices; install it with: pip install "optllm-pymoo\[prices\]"'
    with pytest.raises(ImportError, match=message):
        PriceTable.from_genai_prices(["gpt-4o-mini"])


@pytest.mark.skipif(not find_spec("genai_prices"), reason="the extra `prices` is not installed")
class TestGenaiPrices:
    def test_prices_are_those_the_package_charges(self):
        """The cost of 1000 and 500 tokens is what the package itself calculates for them."""
        from genai_prices import Usage, calc_price

        table = PriceTable.from_genai_prices(["gpt-4o-mini", "anthropic:claude-3-haiku-20240307"])
        usage = Usage(input_tokens=1000, output_tokens=500)
        charged = [
            float(calc_price(usage, "gpt-4o-mini").total_price),
            float(calc_price(usage, "claude-3-haiku-20240307", provider_id="anthropic").total_price),
        ]
        np.testing.assert_allclose(table.cost([1000], [500]), [charged], rtol=1e-12)

    def test_unknown_models_and_other_units_are_refused(self):
        """The closest names are offered; a model priced by the hour has no price per token."""
        with pytest.raises(ValueError, match="unknown model 'gpt-4o-minni'; did you mean 'gpt-4o-mini'"):
            PriceTable.from_genai_prices(["gpt-4o-minni"])
        with pytest.raises(ValueError, match="unknown model 'opnai:gpt-4o'; did you mean 'openai:gpt-4o'"):
            PriceTable.from_genai_prices(["opnai:gpt-4o"])
        with pytest.raises(ValueError, match="'whisper-1' is not priced by token"):
            PriceTable.from_genai_prices(["whisper-1"])


def test_one_bad_entry_spoils_no_table(tmp_path):
    """Text that is a number is one, -1 is unpriced, nonsense is left out; the number of these is told, once."""
    entries = {
        "a": {"input_cost_per_token": "3e-07", "output_cost_per_token": 9e-07},
        "auto": {"input_cost_per_token": -1, "output_cost_per_token": "-1"},
        "odd": {"input_cost_per_token": "cheap", "output_cost_per_token": 1},
        "no": {"input_cost_per_token": True, "output_cost_per_token": 1},
    }
    (tmp_path / "p.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(entries).encode())
    (tmp_path / "p.csv").write_text(
        "Model,input_usd_per_million,output_usd_per_million\na,0.3,0.9\nauto,-1,-1\nodd,cheap,1\nno,True,1\n".lower()
    )
    for path, read in ((tmp_path / "p.json", PriceTable.from_json), (tmp_path / "p.csv", PriceTable.from_csv)):
        with pytest.warns(DataFileWarning, match="3 of 4 models have no usable price") as notes:
            table = read(path)
        assert (table.models, len(notes)) == (("a",), 1)
        assert "other units" not in str(notes[0].message)
        np.testing.assert_allclose(table.input_usd_per_token, [3e-7])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert read(path, ["a"]).models == ("a",)
        with pytest.raises(DataFileError, match="'auto' has no price per token"):
            read(path, ["auto"])
        with pytest.raises(DataFileError, match=r"odd|line 4.*found 'cheap'"):
            read(path, ["odd"])
        with pytest.raises(DataFileError, match=r"found (True|true)"):
            read(path, ["no"])


def test_tiers_hold_for_the_whole_call(tmp_path):
    """Above 200k tokens of prompt all tokens cost the higher price; exactly 200k is below; ranges mean the same."""
    flat = {
        "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6, "input_cost_per_token_above_200k_tokens": 3e-6,
        "output_cost_per_token_above_200k_tokens": 4e-6,
    }  # fmt: skip
    first = {"range": [0, 200_000], "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}
    second = {"range": [200_000, 1e6], "input_cost_per_token": 3e-6, "output_cost_per_token": 4e-6}
    path = tmp_path / "prices.json"
    path.write_text(json.dumps({"flat": flat, "ranges": {"tiered_pricing": [first, second]}}))
    cost = PriceTable.from_json(path).cost([200_000, 200_001], [10, 10])
    by_hand = [0.2 + 2e-5, 200_001 * 3e-6 + 4e-5]
    np.testing.assert_allclose(cost, np.transpose([by_hand, by_hand]), rtol=1e-12)


def test_a_table_has_tiers_as_the_list_of_litellm_has(tmp_path):
    """The same names behind the field; the table and its twin in JSON charge the same, also in batches."""
    flat = {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6, "cache_read_input_token_cost": 1e-7}
    flat |= {"input_cost_per_token_above_200k_tokens": 3e-6, "input_cost_per_token_batches": 5e-7}
    flat |= {"output_cost_per_token_batches": 1e-6, "input_cost_per_token_above_200k_tokens_batches": 1.5e-6}
    (tmp_path / "p.json").write_text(json.dumps({"m": flat}))
    (tmp_path / "p.csv").write_text(
        "model,input_usd_per_million,output_usd_per_million,cached_input_usd_per_million,note,"
        "input_usd_per_million_above_200k_tokens,batch_input_usd_per_million,batch_output_usd_per_million,"
        "batch_input_usd_per_million_above_200k_tokens\nm,1,2,0.1,mine,3,0.5,1,1.5\n"
    )
    one, other = (PriceTable.from_file(tmp_path / name) for name in ("p.json", "p.csv"))
    for batch in (False, True):
        costs = [
            table.cost([10, 300_000], [5, 5], cached_tokens=[4, 0], batch=batch).ravel().tolist()
            for table in (one, other)
        ]
        np.testing.assert_allclose(*costs, rtol=1e-12)
        assert costs[0][1] == pytest.approx(300_000 * (1.5e-6 if batch else 3e-6) + 5 * (1e-6 if batch else 2e-6))


usd = st.none() | st.decimals(0, 100, places=3).map(lambda price: float(price) / 1e6)


@given(
    st.lists(
        st.tuples(usd.filter(lambda price: price is not None), usd.filter(lambda price: price is not None), usd, usd),
        min_size=1, max_size=3,
    ),
    st.booleans(),
    st.floats(0, 1),
)  # fmt: skip
def test_a_price_comes_back_from_the_row_it_is_written_in(prices, batch, per_request):
    """Tiers, what is not known and what else is known: 15 digits of each."""
    tiers = tuple(Tier(100_000.0 * k, *each) for k, each in enumerate(prices))
    price = Price(tiers, tiers if batch else (), per_request, "acme", 4000.0, "2027-01-01")
    again = Price.of_cells(price.cells)
    assert again[3:] == price[3:]
    assert again.per_request == pytest.approx(per_request, rel=1e-14)
    for one, other in ((again.tiers, price.tiers), (again.batch, price.batch)):
        assert len(one) == len(other)
        for before, after in zip(one, other, strict=True):
            assert [price is None for price in before] == [price is None for price in after]
            known = [price or 0.0 for price in after]
            assert [price or 0.0 for price in before] == pytest.approx(known, rel=1e-14)


def test_cached_reasoning_batch_and_request_prices(tmp_path):
    """1000 prompt tokens, 400 of them cached, and 100 of an answer, 60 of them thoughts; or as a batch."""
    entry = {
        "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6, "cache_read_input_token_cost": 1e-7,
        "output_cost_per_reasoning_token": 5e-6, "input_cost_per_request": 0.01,
        "input_cost_per_token_batches": 4e-7, "output_cost_per_token_batches": 8e-7, "litellm_provider": "acme",
        "max_input_tokens": 8000, "deprecation_date": "2027-01-01",
    }  # fmt: skip
    path = tmp_path / "prices.json"
    path.write_text(json.dumps({"m": entry, "other": {**LITELLM["claude-3-haiku"]}}))
    table = PriceTable.from_json(path, ["m"])
    cost = table.cost([1000], [100], cached_tokens=[400], reasoning_tokens=[60])
    assert cost[0, 0] == pytest.approx(0.01 + 600e-6 + 400e-7 + 40 * 2e-6 + 60 * 5e-6)
    assert table.cost([1000], [100], batch=True)[0, 0] == pytest.approx(0.01 + 4e-4 + 8e-5)
    price = table.prices[0]
    assert (price.provider, price.context_tokens, price.valid_until) == ("acme", 8000, "2027-01-01")
    assert set(table.provenance) == {"file", "sha256", "date"}
    assert table.of_column("m@batch").cost([1000], [100])[0, 0] == pytest.approx(0.01 + 4e-4 + 8e-5)
    other = PriceTable.from_json(path, ["other"])
    assert other.of_column("other@batch") is None
    with pytest.raises(ValueError, match="'other' has no batch price"):
        other.cost([1], [1], batch=True)


def test_openrouter_and_csv_say_the_same(tmp_path):
    """Text, US$ per token, and -1 for a price that varies; the table has it per million."""
    models = [
        {"id": "acme/m", "context_length": 4000, "pricing": {"prompt": "0.000001", "completion": "0.000002"}},
        {"id": "acme/auto", "pricing": {"prompt": "-1", "completion": "-1"}},
    ]
    (tmp_path / "router.json").write_text(json.dumps({"data": models}))
    (tmp_path / "prices.csv").write_text(
        "model,input_usd_per_million,output_usd_per_million,provider,context_tokens\nacme/m,1,2,acme,4000\n"
    )
    with pytest.warns(DataFileWarning, match="1 of 2 models .* left out: 1 the price varies, or there is none"):
        one = PriceTable.from_file(tmp_path / "router.json")
    other = PriceTable.from_file(tmp_path / "prices.csv")
    np.testing.assert_allclose(one.cost([1000], [10]), other.cost([1000], [10]))
    assert [table.prices[0][3:5] for table in (one, other)] == [("acme", 4000.0)] * 2


def test_real_price_list(shared):
    """At least 99 % of chat, completion and responses entries with any price per token; the rest is told by reason."""
    import gzip

    path = shared / "prices" / "litellm.json.gz"
    with gzip.open(path) as file:
        entries = {name: entry for name, entry in json.load(file).items() if name != "sample_spec"}
    wanted = [
        name
        for name, entry in entries.items()
        if entry.get("mode") in ("chat", "completion", "responses")
        and any("per_token" in field or "token_cost" in field or field == "tiered_pricing" for field in entry)
    ]
    with pytest.warns(DataFileWarning, match=r"left out: \d+ no price, \d+ no price of input tokens, .* other units"):
        table = PriceTable.from_json(path)
    priced = set(table.models)
    assert sum(name in priced for name in wanted) >= 0.99 * len(wanted) > 3500
