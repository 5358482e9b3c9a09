"""Pages of the site that follow the code by themselves: the reference, the options of the commands, kept results."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import typer
from typer.cli import get_docs_for_click

import optllm_pymoo

SUBPACKAGES = {
    "problems": "Problems",
    "algorithms": "The search",
    "exact": "Exact fronts",
    "limits": "Limits and objectives",
    "decision": "Choosing a plan",
    "prediction": "Prediction",
    "planning": "From a batch to its files",
    "data": "Data in and out",
    "measures": "Measures",
    "operators": "Operators",
    "testing": "Tests for operators of your own",
    "baselines": "Baselines",
    "plotting": "Pictures",
}
"""Subpackages with public names, in the order of the reference."""

COMMANDS = {"optllm-pymoo": "optllm_pymoo.cli", "python -m benchmarks": "benchmarks.cli"}
"""What is typed, and the module of the typer application behind it."""


def write_all(docs: Path) -> None:
    """Write every generated page below ``docs``, over those of an earlier build."""
    for folder in ("reference", "results"):
        shutil.rmtree(docs / folder, ignore_errors=True)
        (docs / folder).mkdir()
    write_reference(docs / "reference")
    write_commands(docs / "reference")
    copy_results(docs.parent / "benchmarks" / "results", docs / "results")
    _WHERE_USED.update(where_used(docs))


def all_names(subpackage: str) -> list[str]:
    """List what a subpackage offers: its ``__all__``, else what it defines without an underscore."""
    module = importlib.import_module(f"optllm_pymoo.{subpackage}")
    own = (name for name, thing in vars(module).items() if getattr(thing, "__module__", None) == module.__name__)
    return list(getattr(module, "__all__", None) or (name for name in own if not name.startswith("_")))


def public_names(subpackage: str) -> list[str]:
    """List the names of a subpackage that aren't names of the package itself."""
    return [name for name in all_names(subpackage) if name not in optllm_pymoo.__all__]


def write_reference(folder: Path) -> None:
    """Write a page for the package and one for each subpackage; autosummary makes a page of each name."""
    subpackages = "\n".join(f"   {subpackage}" for subpackage in SUBPACKAGES)
    page = f"""Reference
=========

This page has what ``from optllm_pymoo import ...`` gives; the pages of the subpackages have everything else.
:doc:`commands` has every option of the command line. All are made from the docstrings. Each name has an example: in its
docstring, or on the page that its entry names.

.. currentmodule:: optllm_pymoo

.. autosummary::
   :toctree: names
   :nosignatures:

{_indented(optllm_pymoo.__all__)}

.. toctree::
   :caption: The command
   :hidden:

   commands

.. toctree::
   :caption: Subpackages

{subpackages}
"""
    (folder / "index.rst").write_text(page, encoding="utf-8")
    for subpackage, title in SUBPACKAGES.items():
        module = importlib.import_module(f"optllm_pymoo.{subpackage}")
        title = f"{title}: ``optllm_pymoo.{subpackage}``"
        names = public_names(subpackage)
        data = [name for name in names if isinstance(getattr(module, name), tuple)]
        values = "".join(f"\n.. autodata:: {name}\n   :no-value:\n" for name in data)
        own = [name for name in all_names(subpackage) if name in optllm_pymoo.__all__]
        above = f"\nOn the first page: {', '.join(f':py:obj:`~optllm_pymoo.{name}`' for name in own)}.\n" if own else ""
        table = _indented(name for name in names if name not in data)
        summary = f"\n.. autosummary::\n   :toctree: names\n   :nosignatures:\n\n{table}\n" if table else ""
        head = inspect.cleandoc(module.__doc__ or "").split("\nExample:")[0].strip()
        top = f"{title}\n{'=' * len(title)}\n\n{head}\n{above}\n.. currentmodule:: {module.__name__}\n"
        (folder / f"{subpackage}.rst").write_text(top + summary + values, encoding="utf-8")


def write_commands(folder: Path) -> None:
    """Write every command with every option, as typer documents it."""
    parts = ["# Every command, every option\n"]
    for name, module in COMMANDS.items():
        command = typer.main.get_command(importlib.import_module(module).app)
        parts.append(get_docs_for_click(obj=command, ctx=typer.Context(command), name=name, indent=1))
    (folder / "commands.md").write_text("\n".join(parts), encoding="utf-8")


def copy_results(kept: Path, folder: Path) -> None:
    """Copy the reports that are kept in the repository, with their pictures."""
    for report in sorted(kept.glob("*/report.md")):
        target = folder / report.parent.name
        shutil.copytree(report.parent, target)


def where_used(docs: Path) -> dict[str, set[str]]:
    """Say for every name where an executed page or example imports it, or what returns it, as marked-up text."""
    found: dict[str, set[str]] = {}
    for path in sorted(docs.glob("**/*.md")):
        place = path.relative_to(docs).with_suffix("").as_posix()
        blocks = re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        for name in _imported(blocks):
            found.setdefault(name, set()).add(f":doc:`/{place}`")
    for path in sorted((docs / "examples").glob("*.py")):
        for name in _imported([path.read_text(encoding="utf-8")]):
            found.setdefault(name, set()).add(f":doc:`/gallery/{path.stem}`")
    things = {name: thing for _, name, thing in public_things()}
    for name, thing in things.items():
        for owner, annotation in _returned(name, thing):
            for other in set(re.findall(r"\w+", annotation)) & things.keys() - {name}:
                found.setdefault(other, set()).add(f"what `{owner}` is or returns")
    return found


def public_things() -> Iterator[tuple[str, str, Any]]:
    """Yield every public class and function, with its subpackage and name."""
    for subpackage in SUBPACKAGES:
        module = importlib.import_module(f"optllm_pymoo.{subpackage}")
        for name in all_names(subpackage):
            if callable(getattr(module, name)):
                yield subpackage, name, getattr(module, name)


def without_example() -> list[str]:
    """List public names with an example neither in their docstring nor in what `where_used` finds."""
    names = (
        (f"{subpackage}.{name}", ">>>" in (thing.__doc__ or ""), name) for subpackage, name, thing in public_things()
    )
    return sorted({path for path, has_own, name in names if not has_own and name not in _WHERE_USED})


def _returned(name: str, thing: Any) -> Iterator[tuple[str, str]]:
    """Yield what a function, or each method, property and field of a class, says that it returns."""
    if not isinstance(thing, type):
        yield name, str(thing.__annotations__.get("return", ""))
        return
    fields = {key: kind for key, kind in getattr(thing, "__annotations__", {}).items() if not key.startswith("_")}
    yield from ((f"{name}.{key}", str(kind)) for key, kind in fields.items())
    for key, member in vars(thing).items():
        function = next(
            (getattr(member, part) for part in ("fget", "func", "__func__") if hasattr(member, part)), member
        )
        if not key.startswith("_"):
            yield f"{name}.{key}", str(getattr(function, "__annotations__", {}).get("return", ""))


def _imported(blocks: Iterable[str]) -> Iterator[str]:
    """Yield the names that code imports from the package."""
    for block in blocks:
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("optllm_pymoo"):
                yield from (alias.name for alias in node.names)


_WHERE_USED: dict[str, set[str]] = {}


def add_where_used(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Add to the docstring of a public name the pages that use it, for autodoc."""
    places = sorted(_WHERE_USED.get(name.rpartition(".")[2], ()))
    if places and what in ("class", "function", "exception"):
        lines += ["", f"Examples: {', '.join(places)}.", ""]


_QUOTED = re.compile(r"(``.+?``|`.+?`)")
_MARKUP = re.compile(r"(?<=\w)_(?!\w)|\|")


def escape(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Take names that end in "_", and bars, for what they are in a docstring, for autodoc."""
    in_example = False
    for k, line in enumerate(lines):
        in_example = line.lstrip().startswith(">>>") or (in_example and bool(line.strip()))
        if not in_example and not line.lstrip().startswith(".."):
            parts = _QUOTED.split(line)
            parts[::2] = [_MARKUP.sub(r"\\\g<0>", part) for part in parts[::2]]
            lines[k] = "".join(parts)


def skip_foreign(app: Any, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """Leave out what named tuples and scikit-learn put into a class, for autodoc."""
    is_field = (getattr(obj, "__doc__", "") or "").startswith("Alias for field number")
    return True if is_field or name.endswith("_request") else None


def resolve_by_last_name(app: Any, env: Any, node: Any, contnode: Any) -> Any:
    """Resolve `name` in a docstring where only one documented object ends in it."""
    if node.get("reftype") != "obj":
        return None
    objects = env.get_domain("py").objects
    target = node["reftarget"]
    fitting = [name for name in objects if name == target or name.endswith(f".{target}")]
    if len(fitting) != 1:
        return None
    from sphinx.util.nodes import make_refnode

    entry = objects[fitting[0]]
    return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, contnode, fitting[0])


def _indented(names: Iterable[str]) -> str:
    """Write a name per line, as a directive wants them."""
    return "\n".join(f"   {name}" for name in names)
