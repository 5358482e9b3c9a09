"""Which cells a plan comes down to, needed ones first."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.experiment.cell import Cell, key_of


def closure(cells: Iterable[Cell], /) -> dict[str, Cell]:
    """Add what is needed, directly or through others; every cell once.

    Returns:
        The cells by key; each behind all that it needs, otherwise in the order given.

    Raises:
        ValueError: A cell needs itself, directly or through others.
    """
    found: dict[str, Cell] = {}
    for cell in cells:
        _add(cell, found, ())
    return found


def _add(cell: Cell, found: dict[str, Cell], path: tuple[str, ...]) -> None:
    key = key_of(cell)
    if key in path:
        raise ValueError(f"cell {cell.title()!r} needs itself")
    if key in found:
        return
    for needed in cell.needs:
        _add(needed, found, (*path, key))
    found[key] = cell
