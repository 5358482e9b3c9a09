"""Costs of calls, from token counts and a table of prices."""

from __future__ import annotations

import hashlib
import math
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from os import PathLike
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from optllm_pymoo.data.formats import open_source, read_json_object
from optllm_pymoo.data.source import NUMBER, DataFileError, DataFileWarning, number_or_problem
from optllm_pymoo.validation import (
    FloatArray,
    UserError,
    as_names,
    as_path,
    first_place,
    import_extra,
    listed,
    positions_of,
    shown,
    unknown_name,
)

JSON_FIELDS = ("input_cost_per_token", "output_cost_per_token")
CSV_FIELDS = ("input_usd_per_million", "output_usd_per_million")
_LITELLM: Final = (*JSON_FIELDS, "cache_read_input_token_cost", "output_cost_per_reasoning_token")
_CELLS: Final = (*CSV_FIELDS, "cached_input_usd_per_million", "reasoning_usd_per_million")
_ABOVE: Final = re.compile(r"(.+)_above_(\d+(?:\.\d+)?)k_tokens(_batches)?")
BATCH: Final = "batch"
"""The mode of a column with batch prices: ``gpt-x@batch``."""
_DATED: Final = re.compile(r"(.+?)[-@:](?:20\d\d-\d\d-\d\d|20\d{6})$")
_MODE: Final = re.compile(r"(.+)@([A-Za-z][\w-]*)$")


class Tier(NamedTuple):
    """US$ per token of calls whose prompt has more than `above` tokens; the prices apply to the whole call."""

    above: float
    input: float
    output: float
    cached: float | None = None
    """For prompt tokens that the provider has in its cache; `input` if None."""
    reasoning: float | None = None
    """For reasoning tokens, which are not part of the visible answer; `output` if None."""


class Price(NamedTuple):
    """The prices of a model, and other data about it in a table of prices."""

    tiers: tuple[Tier, ...]
    """Sorted by `above`, which is 0 for the first tier."""
    batch: tuple[Tier, ...] = ()
    """The tiers of the batch API; empty if there is none."""
    per_request: float = 0.0
    """US$ per call, in addition to the price of tokens."""
    provider: str = ""
    context_tokens: float = math.inf
    """Largest number of tokens of a prompt."""
    valid_until: str = ""
    """Last valid day, as YYYY-MM-DD; empty if unknown."""

    @classmethod
    def of_litellm(cls, entry: Mapping[str, Any], /) -> Price:
        """Read an entry of LiteLLM's table."""
        tiers = _tiers(entry, *_LITELLM)
        listing = entry.get("tiered_pricing")
        ranges = [each for each in listing if isinstance(each, dict)] if isinstance(listing, list) else []
        if len(tiers) < 2:
            starts = [float((each.get("range") or [0])[0]) for each in ranges]
            of_ranges = zip(starts, (_tiers(each, *_LITELLM) for each in ranges), strict=True)
            tiers = tuple(tier[0]._replace(above=start) for start, tier in of_ranges if tier) or tiers
        if not tiers:
            prices = [_number(entry, field) for field in JSON_FIELDS]
            others = any("cost" in field and value not in (None, 0, -1, "-1") for field, value in entry.items())
            if any(price is not None for price in prices):
                raise _Unpriced("no price of input tokens" if prices[0] is None else "no price of output tokens")
            raise _Unpriced("priced by other units than tokens" if others else "no price")
        return cls(
            tiers,
            _tiers(entry, *(f"{field}_batches" for field in _LITELLM[:3])),
            _number(entry, "input_cost_per_request") or 0.0,
            str(entry.get("litellm_provider") or ""),
            _context(entry.get("max_input_tokens")),
            str(entry.get("deprecation_date") or ""),
        )

    @classmethod
    def of_openrouter(cls, entry: Mapping[str, Any], /) -> Price:
        """Read an entry of OpenRouter's list."""
        tiers = _tiers(entry.get("pricing") or {}, "prompt", "completion", "input_cache_read", "internal_reasoning")
        if not tiers:
            raise _Unpriced("the price varies, or there is none")
        # 0 means that reasoning tokens have the price of other tokens
        first = tiers[0]._replace(reasoning=tiers[0].reasoning or None)
        return cls(
            (first,),
            per_request=_number(entry["pricing"], "request") or 0.0,
            provider=str(entry.get("id") or "").partition("/")[0],
            context_tokens=_context(entry.get("context_length")),
        )

    @classmethod
    def of_cells(cls, entry: Mapping[str, str], /) -> Price:
        """Read a row of a table of prices; see `PriceTable.from_csv`."""
        tiers = _tiers(entry, *_CELLS, per=1e6)
        if not tiers:
            raise _Unpriced("no price of both input and output")
        return cls(
            tiers,
            _tiers(entry, *(f"batch_{field}" for field in _CELLS), per=1e6),
            _number(entry, "usd_per_request") or 0.0,
            entry.get("provider", ""),
            _context(entry.get("context_tokens")),
            entry.get("valid_until", ""),
        )

    @property
    def cells(self) -> dict[str, str]:
        """Return the row of a table that `of_cells` reads, without unknown values.

        Examples:
            >>> Price((Tier(0, 1e-6, 2e-6), Tier(200_000, 2e-6, 2e-6)), per_request=0.01).cells
            {'input_usd_per_million': '1', 'output_usd_per_million': '2',
             'input_usd_per_million_above_200k_tokens': '2', 'output_usd_per_million_above_200k_tokens': '2',
             'usd_per_request': '0.01'}
        """
        cells = {}
        for mode, tiers in (("", self.tiers), ("batch_", self.batch)):
            for above, *prices in tiers:
                end = f"_above_{above / 1000:.15g}k_tokens" if above else ""
                for field, price in zip(_CELLS, prices, strict=True):
                    if price is not None:
                        cells[f"{mode}{field}{end}"] = f"{1e6 * price:.15g}"
        others = {"usd_per_request": f"{self.per_request:.15g}" if self.per_request else "", "provider": self.provider}
        others["context_tokens"] = "" if math.isinf(self.context_tokens) else f"{self.context_tokens:.15g}"
        return cells | {name: cell for name, cell in (others | {"valid_until": self.valid_until}).items() if cell}

    def cost(
        self,
        put: FloatArray,
        got: FloatArray,
        /,
        *,
        cached: FloatArray | float = 0.0,
        thought: FloatArray | float = 0.0,
        batch: bool = False,
    ) -> FloatArray:
        """Return US$ of calls (N,), from tokens of prompts and answers; the whole prompt selects the tier of a call."""
        tiers = self.batch if batch else self.tiers
        row = np.maximum(np.searchsorted([tier.above for tier in tiers], put, side="left") - 1, 0)
        columns = zip(*tiers, strict=True)
        _, input_, output, of_cached, of_thought = (np.array(column, dtype=np.float64)[row] for column in columns)
        saved = np.where(np.isnan(of_cached), 0.0, of_cached - input_)
        more = np.where(np.isnan(of_thought), 0.0, of_thought - output)
        charged: FloatArray = self.per_request + put * input_ + got * output + cached * saved + thought * more
        return charged


@dataclass(frozen=True, init=False, eq=False, repr=False)
class PriceTable:
    """Prices of LLMs per token. It is immutable.

    Args:
        models: M different names.
        input_usd_per_token: (M,), US$ per token of the prompt, finite and ≥ 0.
        output_usd_per_token: (M,), US$ per token of the answer, finite and ≥ 0.

    Attributes:
        prices: M prices, with tiers and batch prices if the file has them.
        provenance: ``file``, ``sha256`` and ``date`` of a table that was read from a file.

    Raises:
        UserError: Lengths disagree, a name occurs twice, or a price is not a finite number ≥ 0.

    Examples:
        >>> prices = PriceTable(["small", "large"], [1e-7, 3e-6], [4e-7, 1.5e-5])
        >>> prices.cost([1000], [200])
        array([[0.00018, 0.006  ]])
        >>> prices.cost([1000], [200], batch_discount=0.5)
        array([[9.e-05, 3.e-03]])
    """

    models: tuple[str, ...]
    input_usd_per_token: FloatArray
    output_usd_per_token: FloatArray
    prices: tuple[Price, ...]
    provenance: dict[str, str]

    def __init__(
        self,
        models: Sequence[str],
        input_usd_per_token: npt.ArrayLike,
        output_usd_per_token: npt.ArrayLike,
    ) -> None:
        models = as_names("models", list(models), len(models), default="")
        if not models:
            raise UserError("a price table needs one model at least")
        put = _prices(input_usd_per_token, "input_usd_per_token", models)
        got = _prices(output_usd_per_token, "output_usd_per_token", models)
        prices = tuple(Price((Tier(0.0, *pair),)) for pair in zip(put.tolist(), got.tolist(), strict=True))
        self.__dict__.update(
            models=models, input_usd_per_token=put, output_usd_per_token=got, prices=prices, provenance={}
        )

    @classmethod
    def of(cls, prices: Mapping[str, Price], /, provenance: Mapping[str, str] | None = None) -> PriceTable:
        """Make a table from prices that may have tiers, batch prices and more.

        Examples:
            >>> tiers = (Tier(0, 1e-6, 2e-6), Tier(200_000, 2e-6, 4e-6))
            >>> PriceTable.of({"long": Price(tiers)}).cost([200_000, 200_001], [0, 0]).round(6).ravel().tolist()
            [0.2, 0.400002]
        """
        first = [price.tiers[0] for price in prices.values()]
        table = cls(list(prices), [tier.input for tier in first], [tier.output for tier in first])
        table.__dict__.update(prices=tuple(prices.values()), provenance=dict(provenance or {}))
        return table

    @classmethod
    def from_file(cls, path: str | PathLike[str], models: Sequence[str] | None = None, /) -> PriceTable:
        """Read prices from a file: JSON as `from_json`, tables as `from_csv`.

        Raises:
            DataFileError: As `from_json` and `from_csv`.
        """
        is_json = as_path(path).name.lower().removesuffix(".gz").endswith(".json")
        return cls.from_json(path, models) if is_json else cls.from_csv(path, models)

    @classmethod
    def from_json(cls, path: str | PathLike[str], models: Sequence[str] | None = None, /) -> PriceTable:
        """Read a price table in the form of LiteLLM's `model_prices_and_context_window.json`, or OpenRouter's list.

        LiteLLM's is an object with an entry per model, which holds `input_cost_per_token` and `output_cost_per_token`
        in US$, as numbers or as text, or `tiered_pricing`; -1 means no price. Also read: `*_above_Nk_tokens`,
        `*_batches`, `cache_read_input_token_cost`, `output_cost_per_reasoning_token`, `input_cost_per_request`,
        `max_input_tokens`, `litellm_provider`, `deprecation_date`. OpenRouter's has `data`, a list of `id` and
        `pricing`. Only the models wanted are checked. If `models` is not given, models without a usable price are left
        out; a `DataFileWarning` shows their number and the reasons.

        Args:
            path: The JSON file, plain or gzipped.
            models: The models wanted, in this order; all with a price per token if not given.

        Raises:
            DataFileError: A UserError: the file has another form, or a model is unknown (the message shows the closest
                name) or has no price per token.
        """
        path = as_path(path)
        found = read_json_object(path)
        if isinstance(found.get("data"), list):
            listing = {str(entry.get("id")): entry for entry in found["data"] if isinstance(entry, dict)}
            names, read = ("pricing.prompt", "pricing.completion"), Price.of_openrouter
        else:
            listing = {name: entry for name, entry in found.items() if name != "sample_spec"}
            names, read = JSON_FIELDS, Price.of_litellm

        def price_of(name: str) -> Price:
            return read(listing[name] if isinstance(listing[name], dict) else {})

        def fault(name: str, problem: str) -> DataFileError:
            return DataFileError(path, f"{shown(name)}, {problem}")

        return cls._judged(path, list(listing), models, price_of, " and ".join(names), fault)

    @classmethod
    def from_csv(cls, path: str | PathLike[str], models: Sequence[str] | None = None, /) -> PriceTable:
        """Read a table with the columns model, input_usd_per_million and output_usd_per_million.

        Optional columns are `cached_input_usd_per_million`, `reasoning_usd_per_million`, `usd_per_request`,
        `provider`, `context_tokens` and `valid_until`. A column of prices per million with the prefix `batch_` has the
        prices of a batch API, one with the ending `_above_200k_tokens` the prices of calls with a longer prompt. Cells
        are checked as in `from_json`.

        Args:
            path: The table: CSV, or another format that `read_table` can read.
            models: The models wanted, in this order; all if not given.

        Raises:
            DataFileError: A UserError with line and column, or with an unknown model and the closest name.
        """
        path = as_path(path)
        source = open_source(path)
        source.require(["model", *CSV_FIELDS])
        cells, _ = source.read(text=["model", *price_columns(source.names)])
        known = cells["model"]
        source.check_ids(known, "model", what="row")
        row_of = {name: row for row, name in enumerate(known)}

        def price_of(name: str) -> Price:
            return Price.of_cells({field: column[row_of[name]] for field, column in cells.items()})

        def fault(name: str, problem: str) -> DataFileError:
            field, _, problem = problem.partition(": ")
            return source.fault(f"US$ per million tokens: {problem}", row_of[name], field)

        return cls._judged(path, known, models, price_of, " and ".join(CSV_FIELDS), fault)

    @classmethod
    def _judged(
        cls,
        path: Path,
        known: Sequence[str],
        models: Sequence[str] | None,
        price_of: Callable[[str], Price],
        fields: str,
        fault: Callable[[str, str], DataFileError],
    ) -> PriceTable:
        """Return the table of the models wanted, which must have prices; without `models`, all with usable prices."""
        found: dict[str, Price] = {}
        reasons: Counter[str] = Counter()
        there = set(known)
        for name in known if models is None else models:
            if name not in there:
                raise DataFileError(path, unknown_name(name, known, kind="model"))
            try:
                found[name] = price_of(name)
            except _Unpriced as error:
                reasons[error.reason] += 1
                if models is None:
                    continue
                if error.problem:
                    raise fault(name, error.problem) from None
                problem = f"{shown(name)} has no price per token of both input and output ({fields})"
                raise DataFileError(path, problem) from None
        if not found:
            raise DataFileError(path, f"no model has prices; expected {fields} for each")
        if reasons:
            note = f"{reasons.total()} of {len(known):,} models have no usable price per token of both input and output"
            why = ", ".join(f"{count:,} {reason}" for reason, count in sorted(reasons.items()))
            warnings.warn(f"{path}: {note}, and are left out: {why}", DataFileWarning, stacklevel=4)
        day = datetime.fromtimestamp(path.stat().st_mtime, tz=timezone.utc).date().isoformat()
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return cls.of(found, {"file": path.name, "sha256": digest, "date": day})

    @classmethod
    def from_genai_prices(cls, models: Sequence[str], /) -> PriceTable:
        """Look models up in the table that comes with the `genai-prices` package; nothing is downloaded.

        That table has tiers and prices of cached tokens, but no batch prices.

        Args:
            models: Names such as "gpt-4o-mini", or with a provider, "anthropic:claude-3-haiku-20240307".

        Raises:
            ImportError: `genai-prices` is not installed; the message shows the command to install it.
            UserError: A model is unknown (the message shows the closest name) or has no price per token.
        """
        genai, snapshot = (
            import_extra(module, extra="prices", purpose="PriceTable.from_genai_prices")
            for module in ("genai_prices", "genai_prices.data_snapshot")
        )
        providers = snapshot.get_snapshot().providers
        owners = {owner.id for owner in providers}

        def at(price: Any, start: int) -> float | None:
            """Return US$ per token in the tier that begins at `start` tokens."""
            tiers = [tier.price for tier in getattr(price, "tiers", ()) if tier.start <= start]
            found = tiers[-1] if tiers else getattr(price, "base", price)
            return None if found is None else float(found) / 1e6

        prices = {}
        for name in models:
            # names of models may contain colons, so only a known provider is split off
            provider, colon, model = name.partition(":")
            provider_id, model = (provider, model) if provider in owners else (None, name)
            try:
                usage = genai.Usage(input_tokens=1, output_tokens=1)
                price = genai.calc_price(usage, model, provider_id=provider_id)
            except LookupError:
                entries = [(owner.id, entry.id) for owner in providers for entry in owner.models]
                known = sorted({f"{owner}:{entry}" if colon else entry for owner, entry in entries})
                raise UserError(unknown_name(name, known, kind="model")) from None
            listing = price.model_price
            if listing.input_mtok is None or listing.output_mtok is None:
                raise UserError(f"{name!r} is not priced by token in genai-prices: {listing}")
            steps = [listing.input_mtok, listing.output_mtok, getattr(listing, "cache_read_mtok", None)]
            starts = {0, *(tier.start for step in steps for tier in getattr(step, "tiers", ()))}
            tiers = tuple(
                Tier(float(start), at(steps[0], start) or 0.0, at(steps[1], start) or 0.0, at(steps[2], start))
                for start in sorted(starts)
            )
            per_request = float(getattr(listing, "requests_kcount", None) or 0) / 1000
            context = _context(getattr(price.model, "context_window", None))
            prices[name] = Price(tiers, (), per_request, price.provider.id, context)
        return cls.of(prices)

    def __len__(self) -> int:
        """Number of models, M."""
        return len(self.models)

    def __repr__(self) -> str:
        """Return every model with its prices per million tokens."""
        prices = zip(self.models, self.input_usd_per_token, self.output_usd_per_token, strict=True)
        listed = ", ".join(f"{model} ${1e6 * put:g}/${1e6 * got:g}" for model, put, got in prices)
        return f"PriceTable({listed} per million input/output tokens)"

    def select(self, models: Sequence[str], /) -> PriceTable:
        """Return the table of some of the models, in the order given.

        Raises:
            UserError: A model is unknown (the message shows the closest name) or given twice.
        """
        rows = positions_of(models, self.models, kind="model")
        as_names("models", models, len(models), default="")
        return PriceTable.of({self.models[row]: self.prices[row] for row in rows}, self.provenance)

    def key_of(self, llm: str, /) -> str | None:
        """Return the name of an LLM in this table, None if it is not in it.

        These names are tried: the LLM's own name; the name without its mode (``gpt-x@high``), its date
        (``gpt-x-2026-05-01``), or both; with a provider before a colon (``openai:chat:gpt-x``), the name with a slash
        instead, or without the provider. If none is in the table, a name matches that has a further part before a
        slash (``openai/gpt-x``), or lacks such a part of the LLM's name.

        Raises:
            UserError: Several names match, and their prices differ: the user must give the full name.

        Examples:
            >>> table = PriceTable(["openai/gpt-x", "eu/yi", "us/yi"], [1, 1, 2], [1, 1, 2])
            >>> table.key_of("gpt-x-2026-05-01@high"), table.key_of("openai:chat:gpt-x"), table.key_of("mixtral")
            ('openai/gpt-x', 'openai/gpt-x', None)
            >>> table.key_of("yi")
            Traceback (most recent call last):
            ...
            optllm_pymoo.UserError: 'yi' has several prices; name one of them in full (--price yi=KEY): 'eu/yi', 'us/yi'
        """
        base = split_mode(llm)[0]
        provider, _, rest = base.partition(":")
        behind = [rest, *(rest[i + 1 :] for i, letter in enumerate(rest) if letter == ":")] if rest else []
        names = [llm, base, *(f"{provider}/{name}" for name in behind), *behind]
        names = list(dict.fromkeys(each for name in names for each in (name, undated(name))))
        where = {name: row for row, name in enumerate(self.models)}
        for name in names:
            if name in where:
                return name
        for name in names:
            bare = name.rpartition("/")[2]
            found = [key for key in self.models if key.rpartition("/")[2] == bare and ("/" in key) != ("/" in name)]
            if len({self.prices[where[key]][:3] for key in found}) > 1:
                hint = f"name one of them in full (--price {llm}=KEY)"
                raise UserError(f"{shown(llm)} has several prices; {hint}: {listed(found)}")
            if found:
                return found[0]
        return None

    def of_column(self, column: str, /, key: str | None = None) -> PriceTable | None:
        """Return a table with only the prices of one column; in the mode `@batch`, they are the batch prices.

        Args:
            column: An LLM, or an LLM in a mode.
            key: Its name in this table; found by `key_of` if not given.

        Returns:
            A table of one model, None if there is no price.

        Raises:
            UserError: The key is unknown, or there are several prices.
        """
        found = self.key_of(column) if key is None else self.models[positions_of([key], self.models, kind="model")[0]]
        if found is None:
            return None
        price = self.prices[self.models.index(found)]
        if split_mode(column)[1] == BATCH and found != column:
            if not price.batch:
                return None
            price = price._replace(tiers=price.batch, batch=())
        return PriceTable.of({column: price}, {**self.provenance, "key": found})

    def cost(
        self,
        input_tokens: npt.ArrayLike,
        output_tokens: npt.ArrayLike,
        /,
        *,
        cached_tokens: npt.ArrayLike | None = None,
        reasoning_tokens: npt.ArrayLike | None = None,
        batch: bool = False,
        batch_discount: float = 0.0,
    ) -> FloatArray:
        """Return the cost of every query on every model.

        Args:
            input_tokens: Tokens of the prompt, ≥ 0: (N,) if all models have the same tokenizer, else (N, M).
            output_tokens: Tokens of the answer, likewise.
            cached_tokens: Prompt tokens that the provider had in its cache, likewise; 0 if not given.
            reasoning_tokens: Answer tokens of the reasoning, which is not visible, likewise; 0 if not given.
            batch: Whether to use the table's batch prices.
            batch_discount: Share of the price that a batch API takes off, in [0, 1).

        Returns:
            (N, M), US$ per call.

        Raises:
            UserError: A count is negative or not finite, shapes disagree, there is no batch price, or the discount is
                outside [0, 1).
        """
        if not 0 <= batch_discount < 1:
            raise UserError(
                f"batch_discount must lie in [0, 1), a share of the price; got {batch_discount}. "
                "A discount of 50 % is 0.5"
            )
        put = _counts(input_tokens, "input_tokens", len(self))
        got = _counts(output_tokens, "output_tokens", len(self))
        if len(put) != len(got):
            raise UserError(
                f"input_tokens and output_tokens must be of the same queries; got {len(put)} and {len(got)}"
            )
        cached = _counts(np.zeros(len(put)) if cached_tokens is None else cached_tokens, "cached_tokens", len(self))
        thought = np.zeros(len(put)) if reasoning_tokens is None else reasoning_tokens
        thought = _counts(thought, "reasoning_tokens", len(self))
        parts = np.broadcast_arrays(put, got, np.minimum(cached, put), np.minimum(thought, got), np.ones(len(self)))
        cost = np.empty(parts[0].shape)
        for j, price in enumerate(self.prices):
            if batch and not price.batch:
                raise UserError(f"{shown(self.models[j])} has no batch price; leave it out, or give batch_discount=")
            of_j = [part[:, j] for part in parts[:4]]
            cost[:, j] = price.cost(of_j[0], of_j[1], cached=of_j[2], thought=of_j[3], batch=batch)
        return cost * (1 - batch_discount)


def split_mode(column: str, /) -> tuple[str, str]:
    """Return the LLM of a column, and its mode, "" if there is none.

    Examples:
        >>> split_mode("gpt-x@high"), split_mode("claude@20240229"), split_mode("yi")
        (('gpt-x', 'high'), ('claude@20240229', ''), ('yi', ''))
    """
    found = _MODE.match(column)
    return (found[1], found[2]) if found else (column, "")


def undated(model: str, /) -> str:
    """Return the name of a model without the date of its release.

    Examples:
        >>> undated("gpt-x-2026-05-01"), undated("claude-20240229"), undated("gpt-4")
        ('gpt-x', 'claude', 'gpt-4')
    """
    found = _DATED.match(model)
    return found[1] if found else model


def price_columns(names: Iterable[str], /) -> list[str]:
    """Return the columns of a table that `Price.of_cells` reads.

    Examples:
        >>> price_columns(["model", "batch_input_usd_per_million", "provider", "note"])
        ['batch_input_usd_per_million', 'provider']
    """
    others = {"usd_per_request", "provider", "context_tokens", "valid_until"}
    fields = {f"{mode}{field}" for mode in ("", "batch_") for field in _CELLS}
    plain = ((name, _ABOVE.fullmatch(name)) for name in names)
    return [name for name, above in plain if name in others or (above[1] if above else name) in fields]


def _prices(values: npt.ArrayLike, name: str, models: Sequence[str]) -> FloatArray:
    prices = np.array(values, dtype=np.float64)
    if prices.ndim != 1:
        raise UserError(f"{name} must have shape (M,), one price per model; got shape {prices.shape}")
    if len(prices) != len(models):
        raise UserError(f"{name} must have one entry per model, {len(models)}; got {len(prices)}")
    place = first_place(~(np.isfinite(prices) & (prices >= 0)))
    if place is not None:
        at = place[0]
        raise UserError(f"{name} must be finite and >= 0; that of {models[at]!r} is {prices[at]}")
    prices.setflags(write=False)
    return prices


def _counts(values: npt.ArrayLike, name: str, n_models: int) -> FloatArray:
    counts = np.asarray(values, dtype=np.float64)
    if counts.ndim not in (1, 2) or (counts.ndim == 2 and counts.shape[1] != n_models):
        raise UserError(f"{name} must have shape (N,) or (N, {n_models}); got shape {counts.shape}")
    place = first_place(~(np.isfinite(counts) & (counts >= 0)))
    if place is not None:
        index = ", ".join(map(str, place))
        raise UserError(f"{name} must be finite and >= 0 tokens; {name}[{index}] = {counts[place]}")
    return counts[:, np.newaxis] if counts.ndim == 1 else counts


class _Unpriced(Exception):
    """A model has no usable price, with the reason; `problem` is set if a price is not a number."""

    def __init__(self, reason: str, problem: str = "") -> None:
        super().__init__(reason)
        self.reason, self.problem = reason, problem


def _number(entry: Mapping[str, Any], field: str) -> float | None:
    """Return a price, None if there is none (missing, or -1)."""
    price = number_or_problem(entry.get(field), NUMBER)
    if isinstance(price, float):
        return None if math.isnan(price) else price
    if str(entry[field]).strip() in ("-1", "-1.0"):
        return None
    raise _Unpriced("no number for a price", f"{field}: {price}")


def _tiers(entry: Mapping[str, Any], *fields: str, per: float = 1.0) -> tuple[Tier, ...]:
    """Return the tiers from fields of input, output, cached and reasoning prices; () if there is no price."""
    starts = {0.0: ""}
    for name in entry:
        above = _ABOVE.fullmatch(name) if "_above_" in name else None
        if above and above[1] + (above[3] or "") in fields[:2]:
            starts[float(above[2])] = f"_above_{above[2]}k_tokens"
    tiers: list[Tier] = []
    for start in sorted(starts):
        prices: list[float | None] = []
        for field in fields:
            stem = field.removesuffix("_batches")
            price = _number(entry, f"{stem}{starts[start]}{field[len(stem) :]}")
            prices.append(None if price is None else price / per)
        put, got = (tiers[-1][k + 1] if price is None and tiers else price for k, price in enumerate(prices[:2]))
        if put is None or got is None:
            return ()
        tiers.append(Tier(1000.0 * start, put, got, *prices[2:]))
    return tuple(tiers)


def _context(value: Any) -> float:
    """Return the largest prompt in tokens; infinite if the value is not a positive number."""
    number = number_or_problem(value, NUMBER)
    return number if isinstance(number, float) and number > 0 else math.inf
