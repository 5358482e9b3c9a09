"""Arrays and a JSON header in one file that can be checked: what a plan and a policy are kept in."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from optllm_pymoo.data.atomic import replacing
from optllm_pymoo.validation import UserError

_HEADER: Final = "header.json"
_TIME: Final = (1980, 1, 1, 0, 0, 0)  # the same content gives the same bytes


def write_archive(
    path: str | Path, kind: str, version: int, header: Mapping[str, Any], arrays: Mapping[str, np.ndarray], /
) -> None:
    """Write a zip file of arrays (as ``.npy``) and ``header.json``, complete or not at all.

    Args:
        path: The file; one that is there is replaced.
        kind: What it is, in a word; `read_archive` asks for it.
        version: Of its layout.
        header: What fits into JSON.
        arrays: By name; of numbers or texts, not of objects.
    """
    from optllm_pymoo import __version__

    about = {**header, "optllm_pymoo": __version__, "kind": kind, "layout": version}
    text = json.dumps(about, ensure_ascii=False)
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as file:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, np.ascontiguousarray(array), allow_pickle=False)
            file.writestr(zipfile.ZipInfo(f"{name}.npy", _TIME), content.getbuffer(), zipfile.ZIP_DEFLATED, 1)
        said = json.dumps({"sha256": _digest(text, arrays), "header": text})
        file.writestr(zipfile.ZipInfo(_HEADER, _TIME), said, zipfile.ZIP_DEFLATED, 1)


def read_archive(path: str | Path, kind: str, version: int, /) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read what `write_archive` has written; nothing in the file is executed.

    Args:
        path: The file.
        kind: What it has to be.
        version: The layout that is understood.

    Returns:
        Header and arrays.

    Raises:
        FileNotFoundError: If there is no such file.
        UserError: If it is something else, of another version, or not as it was written.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no {kind} {path}; `optllm-pymoo plan` writes one beside each plan")
    try:
        with zipfile.ZipFile(path) as file:
            said = json.loads(file.read(_HEADER))
            text = said["header"]
            header = json.loads(text)
            found, layout, by = header["kind"], header["layout"], header["optllm_pymoo"]
            if found != kind:
                raise UserError(f"{path} is a {found} of optllm-pymoo, and a {kind} is needed")
            if layout != version:
                raise UserError(
                    f"{path} was written by optllm-pymoo {by} in layout {layout}, and this version reads layout"
                    f" {version}; make it again with `optllm-pymoo plan`, or use the version that wrote it"
                )
            names = [name for name in file.namelist() if name != _HEADER]
            arrays = {}
            for name in names:
                with file.open(name) as member:
                    arrays[name.removesuffix(".npy")] = np.lib.format.read_array(member, allow_pickle=False)
    except (zipfile.BadZipFile, zlib.error, KeyError, TypeError, ValueError, EOFError, NotImplementedError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path} is no {kind} of optllm-pymoo, or it is damaged; make it again") from None
    if said["sha256"] != _digest(text, arrays):
        raise UserError(f"{path} isn't as optllm-pymoo wrote it: its content was changed. Make it again")
    return header, arrays


def _digest(text: str, arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of header and arrays."""
    found = hashlib.sha256(text.encode())
    for name, array in arrays.items():
        found.update(f"\0{name}\0{array.dtype.str}\0{array.shape}\0".encode())
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()
