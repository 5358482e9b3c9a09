"""Planning again without learning: a plan folder keeps its predictions."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from optllm_pymoo.data import Dataset
from optllm_pymoo.planning.constraints import NO_CONSTRAINTS, Constraints
from optllm_pymoo.planning.front import Front
from optllm_pymoo.planning.labels import Prediction
from optllm_pymoo.planning.policy import POLICY, Policy, read_archive, write_archive
from optllm_pymoo.prediction.heldout import Optimism, Shift, Skill
from optllm_pymoo.validation import UserError, positions_of

PREDICTIONS: Final = "predictions.npz"
"""The file of a plan folder with its predictions."""

_KIND: Final = "file of predictions"
_LAYOUT: Final = 1


class Learnt(NamedTuple):
    """Queries to plan and their predictions, as stored in a plan folder."""

    planned: Dataset
    """N queries with costs, groups and `about`; without texts and outcomes."""
    prediction: Prediction | None
    """Their predictions; None if all outcomes were known, which `planned` then has."""
    n_labelled: int
    options: tuple[str, ...]
    """Of the command that learnt it; empty if it was no command."""

    def changed(
        self,
        *,
        llms: Sequence[str] | None = None,
        drop: Collection[str] = (),
        price_factors: Sequence[tuple[str, float]] = (),
        constraints: Constraints = NO_CONSTRAINTS,
    ) -> Learnt:
        """Return a copy with fewer LLMs, or other prices, and the same predictions.

        Args:
            llms: Those to keep; all if not given.
            drop: Those to leave out.
            price_factors: Names as in quotas, and what costs are multiplied by.
            constraints: Knows providers beside those of the data.

        Raises:
            UserError: If a name is unknown, or no LLM is left.
        """
        positions_of([*(llms or ()), *drop], self.planned.llms)
        kept = [name for name in llms or self.planned.llms if name not in drop]
        if not kept:
            raise UserError("no LLM is left; drop fewer")
        columns = positions_of(kept, self.planned.llms)
        prediction = self.prediction
        if prediction is not None:
            accuracy, sigma = prediction.accuracy[:, columns], prediction.sigma[:, columns]
            prediction = prediction._replace(accuracy=accuracy, sigma=sigma)
        planned = self.planned.with_llms(kept)
        factors = _scale(planned, price_factors, constraints)
        if prediction is not None and prediction.learner is not None:
            prediction = prediction._replace(learner=prediction.learner.changed(columns, factors))
        return self._replace(planned=priced(planned, price_factors, constraints), prediction=prediction)


def priced(
    dataset: Dataset, factors: Sequence[tuple[str, float]], constraints: Constraints = NO_CONSTRAINTS, /
) -> Dataset:
    """Multiply the costs of some LLMs.

    Args:
        dataset: The batch.
        factors: Names as in quotas (an LLM with its modes, a provider, a pattern) and factors, finite and >= 0. Several
            factors of an LLM are multiplied.
        constraints: Knows providers beside those of the data.

    Raises:
        UserError: If a name is unknown, or a factor is none.

    Example:
        >>> data = Dataset([[1.0, 2.0]], [[0, 1]], llms=["own", "acme/large"])
        >>> priced(data, [("acme/*", 1.5)]).cost
        array([[1., 3.]])
    """
    if not factors:
        return dataset
    return dataset.with_cost(dataset.cost * _scale(dataset, factors, constraints))


def _scale(dataset: Dataset, factors: Sequence[tuple[str, float]], constraints: Constraints) -> np.ndarray:
    """Return the factor of each LLM's costs, (M,)."""
    scale = np.ones(dataset.n_llms)
    for name, factor in factors:
        if not (math.isfinite(factor) and factor >= 0):
            raise UserError(f"the price factor of {name!r} must be a finite number, at least 0; got {factor}")
        scale[constraints.members(name, dataset)] *= factor
    return scale


def write_learnt(path: str | Path, front: Front, options: Sequence[str] = (), /) -> None:
    """Write the tables of a front, without limits: some 20 bytes per query and LLM before compression.

    Args:
        path: The file.
        front: From `plan_front`.
        options: Of the command.
    """
    problem, planned = front.problem, front.planned
    assert planned is not None
    arrays: dict[str, np.ndarray] = {"cost": np.asarray(problem.cost), "accuracy": np.asarray(problem.accuracy)}
    if front.sigma is not None:
        arrays["sigma"] = np.asarray(front.sigma, dtype=np.float32)
    if front.optimism is not None:
        arrays |= {f"optimism_{name}": values for name, values in front.optimism._asdict().items()}
    header = {
        "llms": problem.llms,
        "query_ids": problem.query_ids,
        "groups": planned.groups,
        "about": planned.about,
        "n_labelled": front.n_labelled,
        "shift": front.shift,
        "skill": front.skill,
        "options": list(options),
    }
    write_archive(path, _KIND, _LAYOUT, header, arrays)


def read_learnt(folder: str | Path, /, *, with_policy: bool = False) -> Learnt:
    """Read the predictions of a plan folder.

    Args:
        folder: Where `optllm-pymoo plan` or `front` has written to.
        with_policy: Whether to read its policy too, if there is one, so that plans made of it have theirs.

    Raises:
        FileNotFoundError: If there is none, or it keeps no predictions.
        UserError: If they are of another version, or not as they were written.
    """
    header, arrays = read_archive(Path(folder) / PREDICTIONS, _KIND, _LAYOUT)
    accuracy, sigma = arrays["accuracy"], arrays.get("sigma")
    prediction = None
    if sigma is not None:
        optimism = None
        if "optimism_shares" in arrays:
            optimism = Optimism(*(arrays[f"optimism_{name}"] for name in Optimism._fields))
        shift = None if header["shift"] is None else Shift(*header["shift"])
        skill = None if header["skill"] is None else Skill(*header["skill"])
        learner = None
        if with_policy and (Path(folder) / POLICY).is_file():
            learner = Policy.load(folder).learner
        prediction = Prediction(accuracy, np.asarray(sigma, dtype=float), optimism, shift, skill, learner)
    named: dict[str, Any] = {name: header[name] for name in ("llms", "query_ids", "groups", "about")}
    planned = Dataset(arrays["cost"], accuracy if sigma is None else np.full(accuracy.shape, np.nan), **named)
    return Learnt(planned, prediction, header["n_labelled"], tuple(header["options"]))
