"""The definition of an object: class, parameters, source and version, as one hash that is equal in every process."""

from __future__ import annotations

import ast
import hashlib
import inspect
import json
import sys
import textwrap
from collections.abc import Callable, Hashable, Mapping
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

import numpy as np


class Built(NamedTuple):
    """An object that is built before its definition is read; it is hashable itself, so results can be cached."""

    make: Callable[..., Any]
    given: tuple[Hashable, ...] = ()


@cache
def definition_of(subject: Hashable, /) -> str:
    """Return 12 hexadecimal digits that change with the definition of an object.

    The definition includes the path of its class, the code of the class and of its base classes, the version of its
    distribution, and its parameters: its attributes, and theirs. Code that a method calls isn't included, unless it is
    a parameter.

    Args:
        subject: Classes, functions, plain values, `Built` objects, or tuples of them.

    Example:
        >>> from optllm_pymoo import OptLLM
        >>> ten, again, fifty = (definition_of(Built(OptLLM, (n,))) for n in (10, 10, 50))
        >>> ten == again, ten == fifty
        (True, False)
    """
    text = json.dumps(_Walk().of(subject), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


class _Walk:
    """Writes an object down as plain values; one that comes again is written as its number."""

    def __init__(self) -> None:
        self._seen: dict[int, int] = {}
        self._alive: list[Any] = []

    def of(self, value: Any) -> Any:
        if value is None or isinstance(value, (bool, int, str)):
            return value
        if isinstance(value, (float, complex, bytes)):
            return repr(value)
        if isinstance(value, np.generic):
            return self.of(value.item())
        if isinstance(value, type):
            return _class(value)
        if id(value) in self._seen:
            return f"object {self._seen[id(value)]}"
        self._seen[id(value)] = len(self._seen)
        self._alive.append(value)  # so that no other object gets its id
        return self._parts(value)

    def _parts(self, value: Any) -> Any:
        if isinstance(value, Built):
            return self._built(value)
        if isinstance(value, np.ndarray) and not value.dtype.hasobject:
            return ["array", str(value.dtype), list(value.shape), hashlib.sha256(value.tobytes()).hexdigest()]
        if isinstance(value, Mapping):
            return sorted(([self.of(key), self.of(entry)] for key, entry in value.items()), key=json.dumps)
        if isinstance(value, (set, frozenset)):
            return sorted(map(self.of, value), key=json.dumps)
        if isinstance(value, (list, tuple)):
            return [_class(type(value)), *map(self.of, value)]
        if isinstance(value, partial):
            return ["partial", self.of(value.func), self.of(value.args), self.of(value.keywords)]
        if isinstance(value, MethodType):
            return [self.of(value.__func__), self.of(value.__self__)]
        if isinstance(value, FunctionType):
            cells = [cell.cell_contents for cell in value.__closure__ or ()]
            given = [cells, value.__defaults__, value.__kwdefaults__]
            return [_place(value), _source(value), _version(value.__module__), *map(self.of, given)]
        if isinstance(value, (BuiltinFunctionType, ModuleType)):
            return value.__name__
        if hasattr(value, "py_func"):  # numba's
            return ["compiled", self.of(value.py_func)]
        slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
        state = {name: getattr(value, name, None) for name in slots} | getattr(value, "__dict__", {})
        return [_class(type(value)), self.of(state)]

    def _built(self, value: Built) -> Any:
        try:
            return self.of(value.make(*value.given))
        except Exception as error:  # makers may come from other packages: a failure is reported with the cell
            return [self.of(value.make), self.of(value.given), type(error).__name__]


@cache
def _class(kind: type) -> list[Any]:
    sources = [_source(each) for each in kind.__mro__ if each.__module__ != "builtins"]
    return [_place(kind), _version(kind.__module__), *sources]


def _place(thing: Any) -> str:
    return f"{thing.__module__}.{thing.__qualname__}"


@cache
def _source(thing: Any) -> str:
    """Return a hash of the code of a class or function, without comments and docstrings; empty where there is none."""
    try:
        text = inspect.getsource(thing)
        tree = ast.parse(textwrap.dedent(text))
        for node in ast.walk(tree):
            if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and ast.get_docstring(node):
                node.body = node.body[1:]
        text = ast.dump(tree)
    except SyntaxError:  # a lambda in the midst of an expression
        pass
    except (OSError, TypeError):  # compiled, or typed in
        return ""
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def _version(module: str) -> str:
    """Return the version of a module's distribution; empty if it was never installed."""
    top = module.partition(".")[0]
    try:
        return str(getattr(sys.modules[top], "__version__", "")) or version(packages_distributions()[top][0])
    except (KeyError, PackageNotFoundError):
        return ""
