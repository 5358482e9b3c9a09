"""Who offers which LLM."""

from __future__ import annotations

import numpy as np
import pytest

from optllm_pymoo.data import Dataset, providers_of


def batch(llms: list[str], about: object = None) -> Dataset:
    """A batch of one query."""
    given = {} if about is None else {"llms": about}
    return Dataset(np.ones((1, len(llms))), np.ones((1, len(llms))), llms=llms, about=given)


def test_told_before_prefix() -> None:
    """What `about` says counts more than the name; an LLM without either has no provider."""
    data = batch(["a/x", "a/y", "z"], [{"name": "a/x", "provider": "Cloud"}])
    assert providers_of(data) == {"Cloud": ("a/x",), "a": ("a/y",)}


@pytest.mark.parametrize(
    "about", [None, "x", ["x"], [{"name": "m"}], [{"provider": "p"}], [{"name": 1, "provider": "p"}]]
)
def test_anything_may_stand_in_about(about: object) -> None:
    """Other forms tell nothing."""
    assert providers_of(batch(["m"], about)) == {}


def test_only_llms_of_the_batch() -> None:
    """Some LLMs of a larger data set: the others are left out, the order is the batch's."""
    about = [{"name": name, "provider": "P"} for name in ("a", "b", "c")]
    assert providers_of(batch(["c", "a"], about)) == {"P": ("c", "a")}
