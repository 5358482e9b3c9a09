"""Where prices of LLMs come from: JSON, CSV or an optional package.

Every function returns names and, in the same order, US$ per input token and US$ per output token.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from optllm_pymoo.data.csv_file import read_csv, require_columns
from optllm_pymoo.data.csv_trace import read_header
from optllm_pymoo.data.errors import DataFileError
from optllm_pymoo.data.extras import import_extra
from optllm_pymoo.data.file_checks import check_ids, fault_at
from optllm_pymoo.validation import UserError, positions_of, unknown_name

Prices = tuple[list[str], list[float], list[float]]
JSON_FIELDS = ("input_cost_per_token", "output_cost_per_token")
CSV_FIELDS = ("input_usd_per_million", "output_usd_per_million")


def prices_from_json(path: str | PathLike[str], models: Sequence[str] | None, /) -> Prices:
    """Prices from LiteLLM-shaped JSON; see `PriceTable.from_json`."""
    path = Path(path)
    entries = _read_object(path)
    priced = {name: pair for name, entry in entries.items() if (pair := _json_prices(path, name, entry))}
    if not priced:
        fields = " and ".join(JSON_FIELDS)
        raise DataFileError(path, f"no entry has {fields}; expected an object with an entry per model")
    names = list(priced) if models is None else list(models)
    for name in names:
        if name not in entries:
            raise DataFileError(path, unknown_name(name, list(priced), kind="model"))
        if name not in priced:
            raise DataFileError(path, f"{name!r} has no price per token of both input and output")
    return names, [priced[name][0] for name in names], [priced[name][1] for name in names]


def prices_from_csv(path: str | PathLike[str], models: Sequence[str] | None, /) -> Prices:
    """Prices from CSV, given per million tokens; see `PriceTable.from_csv`."""
    path = Path(path)
    require_columns(path, read_header(path), ["model", *CSV_FIELDS])
    frame = read_csv(path, text=["model"], numbers=CSV_FIELDS)
    known = frame["model"].tolist()
    check_ids(path, known, "model")
    for field in CSV_FIELDS:
        for row, price in enumerate(frame[field]):
            if not _is_price(price):
                raise fault_at(path, f"expected US$ per million tokens, >= 0; found {price}", row, field)
    names = known if models is None else list(models)
    try:
        chosen = frame.iloc[positions_of(names, known, kind="model")]
    except ValueError as error:
        raise DataFileError(path, str(error)) from None
    per_input, per_output = (chosen[field].div(1e6).tolist() for field in CSV_FIELDS)
    return names, per_input, per_output


def prices_from_genai(models: Sequence[str], /) -> Prices:
    """Prices from the `genai-prices` package; see `PriceTable.from_genai_prices`."""
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


def _read_object(path: Path) -> Mapping[str, Any]:
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise DataFileError(path, f"expected JSON ({error.msg})", error.lineno) from None
    if not isinstance(entries, dict):
        raise DataFileError(path, f"expected a JSON object, found {type(entries).__name__}")
    return entries


def _json_prices(path: Path, name: str, entry: Any) -> tuple[float, float] | None:
    """The two prices of an entry, or None if it has not both: images, audio and the like."""
    if not isinstance(entry, dict) or name == "sample_spec":
        return None
    found = {field: entry.get(field) for field in JSON_FIELDS}
    if None in found.values():
        return None
    for field, price in found.items():
        if not _is_price(price):
            raise DataFileError(path, f"{name!r}: expected {field} in US$, >= 0; found {price!r}")
    per_input, per_output = (float(price) for price in found.values() if price is not None)
    return per_input, per_output


def _is_price(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and value >= 0
