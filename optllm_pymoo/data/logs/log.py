"""Logs and their calls: a reader streams the records of a log, and looks up fields in them."""

from __future__ import annotations

import json
import math
import re
import zipfile
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from optllm_pymoo.data.csv import open_text
from optllm_pymoo.data.formats import JsonDocument, records_of
from optllm_pymoo.data.source import COST, LATENCY, NUMBER, SCORE, DataFileError, Measure, number_or_problem

_HEAD: Final = 2**20
"""Largest number of characters in the first line of a file of JSON lines."""
_ERROR: Final = 200
"""Largest number of characters of an error message; the rest is cut off."""
SECRET: Final = re.compile(
    r"(?i)(bearer\s+|api[-_ ]?key\S*\W+|\bsk-)[\w.*-]{6,}|\b(AIza|AKIA|ghp_|gsk_|hf_|xai-)[\w-]{16,}"
)
"""Pattern of text that looks like a key."""
_OTHER: Final = re.compile(
    r"(?:\w*_)?(?:cost|spend|billed|amount)_(eur|gbp|cny|rmb|jpy|inr|chf|cad|aud|krw|brl)|(?:\w+_)?currency()"
)
_COSTS: Final = tuple(COST.names)
TOKENS: Final = NUMBER._replace(name="tokens")


class Call(NamedTuple):
    """One query sent to one LLM. Unknown values are NaN or empty."""

    query: str
    """The harness's own key of the query, the same in the logs of other LLMs."""
    llm: str
    score: float = math.nan
    """In [0, 1]."""
    input_tokens: float = math.nan
    output_tokens: float = math.nan
    cost_usd: float = math.nan
    latency_s: float = math.nan
    error: str = ""
    """The reason if there is no outcome because of an error outside the LLM."""
    text: str = ""
    """The text of the query, without the prompt template."""
    group: str = ""
    system: str = ""
    """The system prompt, if the log has it separately."""
    cached_tokens: float = math.nan
    """Number of input tokens that the provider had in its cache."""
    bill: str = ""
    """The provider's id of this answer: an answer that is read twice was paid once."""


class Log:
    """A file that may be a log. Nothing in it is run or unpickled.

    Args:
        path: The file.
        columns: Names or dotted paths of fields by role ("id", "text", "group", "llm", "score") that differ from the
            usual ones.

    Attributes:
        line: Line of the record read last, None in a file without lines.
        left_out: Number of records that are not calls, by reason.
        used: Roles whose named field was found.
        companions: Other files that were read with this one.
    """

    def __init__(self, path: Path, columns: Mapping[str, str] | None = None) -> None:
        self.path = path
        self.columns = dict(columns or {})
        self.line: int | None = None
        self.left_out: Counter[str] = Counter()
        self.used: set[str] = set()
        self.companions: set[Path] = set()

    @cached_property
    def names(self) -> list[str]:
        """Names of the files in a zip archive; empty if the file is not an archive."""
        if not zipfile.is_zipfile(self.path):
            return []
        with zipfile.ZipFile(self.path) as archive:
            return archive.namelist()

    @cached_property
    def first(self) -> Mapping[str, Any]:
        """The first record of JSON lines, else empty."""
        if self.path.name.lower().endswith((".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet", ".pq")) or self.names:
            return {}
        try:
            with open_text(self.path) as file:
                line = next((text for text in iter(lambda: file.readline(_HEAD), "") if text.strip()), "")
                found = json.loads(line) if line.lstrip().startswith("{") else None
        except (ValueError, RecursionError, OSError, EOFError):
            return {}
        return found if isinstance(found, dict) else {}

    @cached_property
    def document(self) -> JsonDocument:
        """The file as one JSON object or list, for reading piece by piece."""
        return JsonDocument(self.path)

    @cached_property
    def outline(self) -> Any:
        """The result of `JsonDocument.outline` for one JSON object or list; None for other files.

        Raises:
            DataFileError: The file begins like JSON, but is cut off or damaged.
        """
        is_json = self.path.name.lower().removesuffix(".gz").endswith(".json") and not self.names
        return self.document.outline() if is_json and not self._has_lines else None

    @property
    def _has_lines(self) -> bool:
        """Whether the file has JSON lines although its name ends in .json."""
        if not self.first:
            return False
        with open_text(self.path) as file:
            lines = (text for text in iter(lambda: file.readline(_HEAD), "") if text.strip())
            next(lines)
            return next(lines, "").startswith("{")

    def records(self) -> Iterator[dict[str, Any]]:
        """Stream the records of JSON lines.

        Raises:
            DataFileError: A line is not a JSON object; the message shows its number.
        """
        with closing(records_of(self.path)) as found:
            for self.line, record in found:
                yield record

    def items(self, *names: str) -> Iterator[dict[str, Any]]:
        """Stream the objects of a list in a JSON document; nested names lead to the list.

        Raises:
            DataFileError: An item is not a JSON object; the message shows its line.
        """
        for record in self.document.items(*names):
            self.line = self.document.line
            if not isinstance(record, dict):
                problem = f"expected a JSON object in this list, found {type(record).__name__}"
                raise DataFileError(self.path, problem, self.line)
            yield record

    def entries(self, folder: str) -> Iterator[Any]:
        """Stream the JSON files of a folder in a zip archive, one after another."""
        with zipfile.ZipFile(self.path) as archive:
            for name in self.names:
                if name.startswith(folder) and name.endswith(".json"):
                    try:
                        yield json.loads(archive.read(name))
                    except (ValueError, RecursionError, zipfile.BadZipFile) as error:
                        raise DataFileError(self.path, f"{name} in this archive is no JSON ({error})") from None

    def beside(self, name: str) -> JsonDocument | None:
        """Return another JSON file in the same folder, None if it does not exist."""
        path = self.path.parent / name
        if not path.is_file():
            return None
        self.companions.add(path)
        return JsonDocument(path)

    def number(self, record: Any, names: Sequence[str], measure: Measure) -> float:
        """Return the first existing field of some names as a number; NaN if none exists.

        Raises:
            DataFileError: The value is not a number, or out of range.
        """
        name, value = _first(record, names)
        if value is None:
            return math.nan
        number = number_or_problem(value, measure)
        if isinstance(number, str):
            raise DataFileError(self.path, number, self.line, name)
        return number

    def grade(self, value: Any, name: str) -> float:
        """Return a grade as a number, NaN if missing; letters are Inspect's: correct, incorrect, partly, no answer.

        Raises:
            DataFileError: The value is not a grade in [0, 1].
        """
        letters = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
        return self.number({name: letters.get(value, value) if isinstance(value, str) else value}, (name,), SCORE)

    def check_currency(self, *records: Mapping[str, Any]) -> None:
        """Check that no amount is in another currency than US$.

        Raises:
            DataFileError: An amount is; the message explains how to convert amounts.
        """
        for record in records:
            for name, value in record.items():
                other = currency_of(name)
                other = str(value).strip().upper() if other == "" and value else other
                if other and other not in ("USD", "US$", "$"):
                    problem = f"amounts are in {other}, and US$ are needed"
                    way = "multiply them by the exchange rate of the day of the bill, write them as cost_usd"
                    raise DataFileError(self.path, f"{problem}; {way}, and drop this column", self.line, name)

    def amounts(self, record: Any, put: Sequence[str], got: Sequence[str]) -> dict[str, Any]:
        """Return tokens, cost and seconds of a record: tokens under the names given, the others under usual names."""
        self.check_currency(record)
        latency = self.number(record, ("latency_s", "latency", "response_time"), LATENCY)
        if math.isnan(latency):
            latency = self.number(record, ("latency_ms", "latencyMs", "request_duration_ms"), LATENCY) / 1e3
        return {
            "input_tokens": self.number(record, put, TOKENS),
            "output_tokens": self.number(record, got, TOKENS),
            "cost_usd": self.number(record, _COSTS, COST),
            "latency_s": latency,
        }

    def text(self, record: Any, role: str, names: Sequence[str], default: str = "") -> str:
        """Return the first existing field of some names as text; the user's own name for the role is tried first."""
        if role in self.columns:
            value = at(record, self.columns[role])
            if value is not None:
                self.used.add(role)
            if value is not None and value != "":
                return said(value)[0]
        value = _first(record, names)[1]
        if value is None:
            return default
        return value if isinstance(value, str) else said(value)[0]

    def need(self, record: Any, role: str, names: Sequence[str]) -> str:
        """As `text`, but the field must exist.

        Raises:
            DataFileError: No field exists; the message shows the names.
        """
        found = self.text(record, role, names)
        if not found:
            looked = " or ".join(map(repr, [self.columns[role], *names] if role in self.columns else names))
            problem = f"there is no {role} in this record ({looked}); name the field with --map {role}=FIELD"
            raise DataFileError(self.path, problem, self.line)
        return found


def _first(record: Any, names: Sequence[str]) -> tuple[str, Any]:
    """Return the first of some names with a value in a record, and the value; ("", None) if no name has one."""
    is_flat = isinstance(record, dict)
    for name in names:
        value = record.get(name) if is_flat else None
        if value is None and (not is_flat or "." in name):
            value = at(record, name)
        if value is not None and value != "":
            return name, value
    return "", None


def without_secrets(error: str, /) -> str:
    """Return an error on one line, shortened, and with *** instead of text that looks like a key.

    Examples:
        >>> without_secrets("401 Authorization: Bearer abcdefgh1234")
        '401 Authorization: Bearer ***'
    """
    return SECRET.sub(lambda found: f"{found[1] or ''}***", " ".join(error.split()))[:_ERROR]


@lru_cache(1024)
def currency_of(name: str) -> str | None:
    """Return the currency at the end of a column's name, "" if its cells have the currency, else None."""
    found = _OTHER.fullmatch(name.lower())
    return found and (found[1] or "").upper()


class Reader(ABC):
    """Recognises and reads one kind of log. A package adds one as an entry point of `optllm_pymoo.readers`."""

    kind: str
    """Name of the kind in the report."""

    @abstractmethod
    def is_of(self, log: Log) -> bool:
        """Return whether the content of a file is of this kind."""

    @abstractmethod
    def calls(self, log: Log) -> Iterator[Call]:
        """Yield the calls of a log."""


def at(record: Any, path: str) -> Any:
    """Return the value of a record under a name or a dotted path of names; None if there is none.

    Examples:
        >>> at({"a": {"b": [4, 5]}, "a.c": 6}, "a.b.1"), at({"a.c": 6}, "a.c"), at({}, "a.b")
        (5, 6, None)
    """
    if isinstance(record, dict):
        found = record.get(path)
        if found is not None or "." not in path:
            return found
    for name in path.split("."):
        if isinstance(record, dict):
            record = record.get(name)
        elif isinstance(record, list) and name.isdecimal() and int(name) < len(record):
            record = record[int(name)]
        else:
            return None
    return record


def said(content: Any) -> tuple[str, str]:
    """Return the last user message and the system prompt of a text or of a chat's messages in any common form.

    Examples:
        >>> said([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}])
        ('Why?', 'Be brief.')
        >>> said([{"parts": [{"text": "Why?"}]}])
        ('Why?', '')
    """
    if isinstance(content, str | int | float):
        return str(content), ""
    if isinstance(content, dict):
        return said(content.get("content") or content.get("parts") or content.get("text") or "")
    if not isinstance(content, list):
        return "", ""
    turns = [turn for turn in content if isinstance(turn, dict)]
    if any("role" in turn for turn in turns):
        users = [said(turn)[0] for turn in turns if turn.get("role") == "user"]
        systems = [said(turn)[0] for turn in turns if turn.get("role") in ("system", "developer")]
        return (users[-1] if users else ""), "\n".join(systems)
    return "\n".join(text for part in content if (text := said(part)[0])), ""
