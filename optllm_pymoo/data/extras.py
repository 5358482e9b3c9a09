"""Optional packages, imported when they are needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def import_extra(module: str, /, *, extra: str, purpose: str) -> Any:
    """Import a package that is installed only with an extra of this one.

    Args:
        module: What to import.
        extra: The extra that installs it.
        purpose: What it is needed for.

    Raises:
        ImportError: It is not installed; the message has the command that installs it.

    Examples:
        >>> import_extra("not_there", extra="parquet", purpose="reading Parquet")
        Traceback (most recent call last):
        ...
        ImportError: reading Parquet needs not_there; install it with: pip install "optllm-pymoo[parquet]"
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != package:
            raise
        hint = f'install it with: pip install "optllm-pymoo[{extra}]"'
        raise ImportError(f"{purpose} needs {package}; {hint}", name=package) from None
