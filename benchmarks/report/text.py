"""Text that comes from data, made safe for Markdown and for file names."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Set
from importlib.resources import files
from string import Template

_SPECIAL = re.compile(r"([\\`*_\[\]<>#|&~$])")
_LINE_START = re.compile(r"^(\d+)([.)])(?=\s|$)|^([-+=])(?![\d.])")


def escape(text: object, /) -> str:
    r"""Write text so that Markdown shows it as it is, on one line: in paragraphs, headings and cells.

    Args:
        text: A name, a message, anything with a ``str``.

    Example:
        >>> print(escape("a|b <script>"))
        a\|b \<script\>
    """
    return _LINE_START.sub(r"\1\\\2\3", _SPECIAL.sub(r"\\\1", " ".join(str(text).split())))


def code(text: object, /) -> str:
    """Write text as a code span, on one line.

    Args:
        text: A name, say.

    Example:
        >>> print(code("nsga2:warm"), code("tick`"))
        `nsga2:warm` `` tick` ``
    """
    line = " ".join(str(text).split())
    if not line:
        return ""
    fence = _longer_than_any(line, 1)
    pad = " " if line[0] == "`" or line[-1] == "`" else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def fenced(text: str, /) -> str:
    """Write text as a block of code that nothing in it can end.

    Args:
        text: A traceback, say.

    Example:
        >>> print(fenced("x = 1"))
        ```text
        x = 1
        ```
    """
    fence = _longer_than_any(text, 3)
    return f"{fence}text\n{text.rstrip()}\n{fence}"


def explained(name: str, /, **numbers: object) -> str:
    """Return a text in Markdown from ``templates/explained.md``.

    Args:
        name: Its heading.
        numbers: Values for each ``$name`` in it.
    """
    whole = (files("benchmarks.report") / "templates" / "explained.md").read_text(encoding="utf-8")
    text = whole.split(f"\n## {name}\n")[1].split("\n## ")[0].strip()
    return Template(text).substitute(numbers) if numbers else text


def listed(names: Iterable[str], separator: str = ", ") -> str:
    """Join names.

    Example:
        >>> listed(["a"]), listed(["a", "b", "c"])
        ('a', 'a, b and c')
    """
    *first, last = names
    return f"{separator.join(first)} and {last}" if first else last


def unmarked(markdown: str, /) -> str:
    r"""Remove emphasis, code and escapes from Markdown, for the terminal.

    Example:
        >>> print(unmarked(r"**On** `a\_b` and c\_d"))
        On a_b and c_d
    """
    return re.sub(r"\\([^a-zA-Z0-9\s])", r"\1", re.sub(r"(?<!\\)(\*\*|`)", "", markdown))


def slug(text: str, /, *, taken: Set[str] = frozenset()) -> str:
    """Make a file name or an anchor: lower-case letters a-z, digits and hyphens, at most 60 of them.

    Args:
        text: A title, say.
        taken: Names in use; a number is added if the name is one of them.

    Example:
        >>> slug("Fronts: <MMLU> & co"), slug("?"), slug("a", taken={"a", "a-2"})
        ('fronts-mmlu-co', 'part', 'a-3')
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9]+", "-", plain)[:60].strip("-") or "part"
    name, k = stem, 2
    while name in taken:
        name, k = f"{stem}-{k}", k + 1
    return name


def _longer_than_any(text: str, at_least: int) -> str:
    return "`" * max([at_least, *(len(run) + 1 for run in re.findall("`+", text))])
