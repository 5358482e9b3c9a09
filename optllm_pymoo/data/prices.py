"""What calls cost, from token counts and a table of prices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike

import numpy as np
import numpy.typing as npt

from optllm_pymoo.data.checks import FloatArray, check_length, check_unique, first_place
from optllm_pymoo.data.price_sources import prices_from_csv, prices_from_genai, prices_from_json
from optllm_pymoo.validation import UserError, positions_of


@dataclass(frozen=True, init=False, eq=False, repr=False)
class PriceTable:
    """Prices of LLMs per token. It is never changed.

    Args:
        models: M different names.
        input_usd_per_token: (M,), US$ per token of the prompt, finite and ≥ 0.
        output_usd_per_token: (M,), US$ per token of the answer, finite and ≥ 0.

    Raises:
        ValueError: Lengths disagree, a name occurs twice, or a price is no finite number ≥ 0.

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
        models = tuple(models)
        if not models:
            raise UserError("a price table needs one model at least")
        check_unique(models, "models")
        self.__dict__.update(
            models=models,
            input_usd_per_token=_prices(input_usd_per_token, "input_usd_per_token", models),
            output_usd_per_token=_prices(output_usd_per_token, "output_usd_per_token", models),
        )

    @classmethod
    def from_json(cls, path: str | PathLike[str], models: Sequence[str] | None = None, /) -> PriceTable:
        """Read a price table shaped like LiteLLM's `model_prices_and_context_window.json`.

        That is an object with an entry per model, which holds `input_cost_per_token` and
        `output_cost_per_token` in US$. Other fields, such as prices of cached tokens, are left alone.

        Args:
            path: The JSON file.
            models: The models wanted, in this order; all that are priced by token if not given.

        Raises:
            DataFileError: A ValueError: the file is not of this shape, or a model is unknown (the message
                has the closest) or not priced by token.
        """
        return cls(*prices_from_json(path, models))

    @classmethod
    def from_csv(cls, path: str | PathLike[str], models: Sequence[str] | None = None, /) -> PriceTable:
        """Read a CSV file with the columns model, input_usd_per_million and output_usd_per_million.

        Args:
            path: The CSV file.
            models: The models wanted, in this order; all if not given.

        Raises:
            DataFileError: A ValueError that names line and column, or an unknown model and the closest.
        """
        return cls(*prices_from_csv(path, models))

    @classmethod
    def from_genai_prices(cls, models: Sequence[str], /) -> PriceTable:
        """Look models up in the table that comes with the `genai-prices` package; nothing is downloaded.

        The prices are those of the first token: higher tiers for long prompts don't count.

        Args:
            models: Names such as "gpt-4o-mini"; "anthropic:claude-3-haiku-20240307" says whose price.

        Raises:
            ImportError: `genai-prices` is not installed; the message has the command that installs it.
            ValueError: A model is unknown (the message has the closest) or not priced by token.
        """
        return cls(*prices_from_genai(models))

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
            ValueError: A model is unknown (the message has the closest) or given twice.
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
            ValueError: A count is negative or not finite, shapes disagree, or the discount is outside [0, 1).
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
    check_length(prices.tolist(), len(models), name, "model")
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
