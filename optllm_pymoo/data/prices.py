"""What calls cost, from token counts and a table of prices."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from optllm_pymoo.data.extras import import_extra
from optllm_pymoo.data.formats import open_source
from optllm_pymoo.data.jsonl import read_json_object
from optllm_pymoo.data.source import NUMBER, DataFileError, DataFileWarning, number_or_problem
from optllm_pymoo.validation import FloatArray, UserError, as_names, first_place, positions_of, shown, unknown_name

JSON_FIELDS = ("input_cost_per_token", "output_cost_per_token")
CSV_FIELDS = ("input_usd_per_million", "output_usd_per_million")


@dataclass(frozen=True, init=False, eq=False, repr=False)
class PriceTable:
    """Prices of LLMs per token. It is never changed.

    Args:
        models: M different names.
        input_usd_per_token: (M,), US$ per token of the prompt, finite and ≥ 0.
        output_usd_per_token: (M,), US$ per token of the answer, finite and ≥ 0.

    Raises:
        UserError: Lengths disagree, a name occurs twice, or a price is no finite number ≥ 0.

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

    def __init__(
        self,
        models: Sequence[str],
        input_usd_per_token: npt.ArrayLike,
        output_usd_per_token: npt.ArrayLike,
    ) -> None:
        models = as_names("models", list(models), len(models), default="")
        if not models:
            raise UserError("a price table needs one model at least")
        self.__dict__.update(
            models=models,
            input_usd_per_token=_prices(input_usd_per_token, "input_usd_per_token", models),
            output_usd_per_token=_prices(output_usd_per_token, "output_usd_per_token", models),
        )

    @classmethod
    def from_json(cls, path: str | PathLike[str], models: Sequence[str] | None = None, /) -> PriceTable:
        """Read a price table shaped like LiteLLM's `model_prices_and_context_window.json`.

        That is an object with an entry per model, which holds `input_cost_per_token` and
        `output_cost_per_token` in US$, as numbers or as text; -1 means that there is none. Other fields, such as prices
        of cached tokens, are left alone. Only the models wanted are judged; how many of the others have no usable price
        is told in a `DataFileWarning`.

        Args:
            path: The JSON file.
            models: The models wanted, in this order; all that are priced by token if not given.

        Raises:
            DataFileError: A UserError: the file is not of this shape, or a model is unknown (the message has the
                closest) or not priced by token.
        """
        return cls(*_prices_from_json(Path(path), models))

    @classmethod
    def from_csv(cls, path: str | PathLike[str], models: Sequence[str] | None = None, /) -> PriceTable:
        """Read a table with the columns model, input_usd_per_million and output_usd_per_million.

        Cells are judged as in `from_json`.

        Args:
            path: The table: CSV, or another format that `read_table` knows.
            models: The models wanted, in this order; all if not given.

        Raises:
            DataFileError: A UserError that names line and column, or an unknown model and the closest.
        """
        return cls(*_prices_from_csv(Path(path), models))

    @classmethod
    def from_genai_prices(cls, models: Sequence[str], /) -> PriceTable:
        """Look models up in the table that comes with the `genai-prices` package; nothing is downloaded.

        The prices are those of the first token: higher tiers for long prompts don't count.

        Args:
            models: Names such as "gpt-4o-mini"; "anthropic:claude-3-haiku-20240307" says whose price.

        Raises:
            ImportError: `genai-prices` is not installed; the message has the command that installs it.
            UserError: A model is unknown (the message has the closest) or not priced by token.
        """
        return cls(*_prices_from_genai(models))

    def __len__(self) -> int:
        """Number of models, M."""
        return len(self.models)

    def __repr__(self) -> str:
        """Every model with its prices per million tokens."""
        prices = zip(self.models, self.input_usd_per_token, self.output_usd_per_token, strict=True)
        listed = ", ".join(f"{model} ${1e6 * put:g}/${1e6 * got:g}" for model, put, got in prices)
        return f"PriceTable({listed} per million input/output tokens)"

    def select(self, models: Sequence[str], /) -> PriceTable:
        """The table of some of the models, in the order given.

        Raises:
            UserError: A model is unknown (the message has the closest) or given twice.
        """
        rows = positions_of(models, self.models, kind="model")
        return PriceTable(models, self.input_usd_per_token[rows], self.output_usd_per_token[rows])

    def cost(
        self, input_tokens: npt.ArrayLike, output_tokens: npt.ArrayLike, /, *, batch_discount: float = 0.0
    ) -> FloatArray:
        """What every query costs on every model.

        Args:
            input_tokens: Tokens of the prompt, ≥ 0: (N,) if all models count alike, else (N, M).
            output_tokens: Tokens of the answer, likewise.
            batch_discount: Share of the price that a batch API takes off, in [0, 1).

        Returns:
            (N, M), US$ per call.

        Raises:
            UserError: A count is negative or not finite, shapes disagree, or the discount is outside [0, 1).
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
        cost: FloatArray = put * self.input_usd_per_token + got * self.output_usd_per_token
        return cost * (1 - batch_discount)


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


Prices = tuple[list[str], list[float], list[float]]
"""Names and, in the same order, US$ per input token and US$ per output token."""


def _prices_from_json(path: Path, models: Sequence[str] | None) -> Prices:
    """Prices from LiteLLM-shaped JSON."""
    entries = {name: entry for name, entry in read_json_object(path).items() if name != "sample_spec"}

    def pair_of(name: str) -> tuple[float, float] | None:
        entry = entries[name]
        fields = [entry.get(field) if isinstance(entry, dict) else None for field in JSON_FIELDS]
        found = []
        for field, value in zip(JSON_FIELDS, fields, strict=True):
            price = _price(value)
            if isinstance(price, str):
                raise DataFileError(path, f"{shown(name)}, {field}: {price}")
            found.append(price)
        return None if None in found else (found[0] or 0.0, found[1] or 0.0)

    names, pairs = _chosen(list(entries), models, pair_of, path, f"{JSON_FIELDS[0]} and {JSON_FIELDS[1]}")
    return names, [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def _prices_from_csv(path: Path, models: Sequence[str] | None) -> Prices:
    """Prices from a table, given per million tokens."""
    source = open_source(path)
    source.require(["model", *CSV_FIELDS])
    cells, _ = source.read(text=["model", *CSV_FIELDS])
    known = cells["model"]
    source.check_ids(known, "model", what="row")
    row_of = {name: row for row, name in enumerate(known)}

    def pair_of(name: str) -> tuple[float, float] | None:
        found = []
        for field in CSV_FIELDS:
            price = _price(cells[field][row_of[name]])
            if isinstance(price, str):
                raise source.fault(f"US$ per million tokens: {price}", row_of[name], field)
            found.append(price)
        return None if None in found else (found[0] or 0.0, found[1] or 0.0)

    names, pairs = _chosen(known, models, pair_of, path, f"{CSV_FIELDS[0]} and {CSV_FIELDS[1]}")
    return names, [pair[0] / 1e6 for pair in pairs], [pair[1] / 1e6 for pair in pairs]


def _chosen(
    known: Sequence[str],
    models: Sequence[str] | None,
    pair_of: Callable[[str], tuple[float, float] | None],
    path: Path,
    fields: str,
) -> tuple[list[str], list[tuple[float, float]]]:
    """The models wanted with their two prices, and only those judged; without names, all that have usable prices."""
    found: dict[str, tuple[float, float]] = {}
    for name in known if models is None else models:
        if name not in known:
            raise DataFileError(path, unknown_name(name, known, kind="model"))
        try:
            pair = pair_of(name)
        except DataFileError:
            if models is not None:
                raise
            pair = None
        if pair is not None:
            found[name] = pair
        elif models is not None:
            raise DataFileError(path, f"{shown(name)} has no price per token of both input and output ({fields})")
    if not found:
        raise DataFileError(path, f"no model has prices; expected {fields} for each")
    unpriced = 0 if models is not None else len(known) - len(found)
    if unpriced:
        note = f"{unpriced:,} of {len(known):,} models have no usable price per token of both input and output"
        warnings.warn(f"{path}: {note}, and are left out", DataFileWarning, stacklevel=4)
    names = list(found) if models is None else list(models)
    return names, [found[name] for name in names]


def _price(value: Any) -> float | str | None:
    """A price, None where there is none (nothing, or -1), or what is wrong with it."""
    price = number_or_problem(value, NUMBER)
    if isinstance(price, float):
        return None if math.isnan(price) else price
    return None if str(value).strip() in ("-1", "-1.0") else price


def _prices_from_genai(models: Sequence[str]) -> Prices:
    """Prices from the `genai-prices` package; each pair by name."""
    pairs = [_genai_prices(name) for name in models]
    return list(models), [per_input for per_input, _ in pairs], [per_output for _, per_output in pairs]


def _genai_prices(name: str) -> tuple[float, float]:
    genai = _genai("genai_prices")
    providers = _genai("genai_prices.data_snapshot").get_snapshot().providers
    # Model names have colons too, so only a known provider counts as one
    provider, colon, model = name.partition(":")
    owners = {owner.id for owner in providers}
    provider_id, model = (provider, model) if provider in owners else (None, name)
    try:
        # One token each, so the price asked for is that of a token
        usage = genai.Usage(input_tokens=1, output_tokens=1)
        price = genai.calc_price(usage, model, provider_id=provider_id)
    except LookupError:
        models = [(owner.id, entry.id) for owner in providers for entry in owner.models]
        known = sorted({f"{owner}:{entry}" if colon else entry for owner, entry in models})
        raise UserError(unknown_name(name, known, kind="model")) from None
    if price.model_price.input_mtok is None or price.model_price.output_mtok is None:
        raise UserError(f"{name!r} is not priced by token in genai-prices: {price.model_price}")
    return float(price.input_price), float(price.output_price)


def _genai(module: str) -> Any:
    return import_extra(module, extra="prices", purpose="PriceTable.from_genai_prices")
