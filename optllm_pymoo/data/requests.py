"""Request files for the batch APIs of providers, made from a plan, and a table that matches answers to queries."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import sys
from array import array
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from decimal import Decimal
from os import PathLike
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote, unquote

import numpy as np

from optllm_pymoo.data.atomic import replacing_folder
from optllm_pymoo.data.columns import GROUP_NAMES, ID_NAMES, TEXT_NAMES, roles_of
from optllm_pymoo.data.formats import open_source, parquet_files, read_json_object
from optllm_pymoo.data.logs.log import SECRET, Call, Log, at, said, without_secrets
from optllm_pymoo.data.prices import BATCH, split_mode
from optllm_pymoo.data.source import COST, DataFileError, exact_usd
from optllm_pymoo.validation import FloatArray, UserError, listed, shown

LEDGER: Final = "requests.csv"
"""The table in a folder of requests, with one row per request."""
_COLUMNS: Final = ("custom_id", "query_id", "llm", "provider", "file", "cost_usd")
_SENT: Final = re.compile(r"(?:(.*):([^:]+):)?optllm-([0-9a-f]{8})-\d+", re.DOTALL)
"""The id of a request: query, column (quoted) and plan; the first two only where a provider's ids can hold them."""
_MAX_TOKENS: Final = 4096
"""Largest number of answer tokens for Anthropic, which requires a limit, if the template has none."""
_FRAME: Final = 32
"""Largest number of bytes before and after the requests of a file."""
_MESSAGES: Final = ("messages", "body.messages", "params.messages", "request.contents", "contents")


class Query(NamedTuple):
    """A query to be sent."""

    name: str
    """Its id."""
    text: str
    group: str = ""
    system: str = ""
    """The system prompt, if the file has one that is separate from the text."""


def queries_of(
    path: str | PathLike[str], columns: Mapping[str, str] | None = None, used: set[str] | None = None, /
) -> Iterator[Query]:
    """Stream the queries of a table, of JSON lines, of requests to a batch API, or of the folder of a batch.

    Args:
        path: The file or folder.
        columns: Fields by role ("id", "text", "group") that differ from the usual ones.
        used: A set to which the roles are added whose named field was found.

    Raises:
        FileNotFoundError: There is no such file or folder.
        DataFileError: A query has no id, two queries have the same id, or the file can't be read.
    """
    path, columns, used = Path(path), columns or {}, set() if used is None else used
    if path.is_dir() and parquet_files(path) is None:
        path = next(iter(sorted(path.glob("queries.*"))), path / "queries.csv")
    if not (path.is_file() or parquet_files(path)):
        raise FileNotFoundError(f"there is no file {path}")
    if ".jsonl" in path.name.lower():
        log = Log(path, columns)
        for record in log.records():
            asked = next((at(record, name) for name in _MESSAGES if at(record, name) is not None), None)
            text, system = said(asked)
            text = log.text(record, "text", TEXT_NAMES, text)
            name = log.text(record, "id", (*ID_NAMES, "custom_id", "key")) or text
            instruction = system or log.text(record, "system", ("system",)) or said(at(record, "params.system"))[0]
            group = log.text(record, "group", GROUP_NAMES)
            yield Query(name or log.need(record, "id", ID_NAMES), text, group, instruction)
        used |= log.used
        return
    source = open_source(path)
    there = {role: name for role, name in columns.items() if name in source.names}
    used |= set(there)
    roles = roles_of(source, query_id=there.get("id"), text=there.get("text"), group=there.get("group"))
    if roles.query_id is None and roles.text is None:
        source.require(["query_id"])
    key = roles.query_id or roles.text or ""
    names = [name for name in (key, roles.text, roles.group) if name]
    names += ["system"] if "system" in source.names else []
    ids: list[str] = []
    for cells in source.records(list(dict.fromkeys(names))):
        ids.append(cells[key])
        others = (cells.get(name or "", "") for name in (roles.text, roles.group, "system"))
        yield Query(cells[key], *others)
    source.check_ids(ids, key)


class Provider(NamedTuple):
    """The form of a batch of requests to a provider, and its limits."""

    form: str
    """openai, anthropic, gemini or jsonl."""
    n_lines: int
    """Largest number of requests in a file."""
    n_bytes: int
    """Largest size of a file in bytes."""
    ids: str = r"[^\x00-\x1f]{1,256}"
    """Pattern of the ids that the provider accepts."""


_OPENAI_LIKE: Final = Provider("openai", 50_000, 100_000_000)
PROVIDERS: Final[dict[str, Provider]] = {
    "openai": _OPENAI_LIKE._replace(n_bytes=200_000_000),
    "anthropic": Provider("anthropic", 100_000, 256_000_000, r"[a-zA-Z0-9_-]{1,64}"),
    "together": _OPENAI_LIKE,
    "gemini": Provider("gemini", 10**9, 2_000_000_000),
}
"""Providers with known form and limits, by name."""
_ALIASES: Final = {
    "togetherai": "together",
    "google": "gemini",
    "vertexai": "gemini",
    "vertexailanguagemodels": "gemini",
}
FORMS: Final = {
    "openai": _OPENAI_LIKE,
    "anthropic": PROVIDERS["anthropic"],
    "gemini": PROVIDERS["gemini"],
    "jsonl": Provider("jsonl", 10**9, 2_000_000_000),
}
"""Allowed values of `$form` in a template, each with the limits used if the provider's own limits aren't known."""

_SECRET_NAME: Final = re.compile(r"(?i)api[-_ ]?key|authori[sz]ation|secret|passw|credential|bearer|\b(\w+[-_])?token$")


class RequestFiles(NamedTuple):
    """The files of requests to one column."""

    provider: str
    form: str
    llm: str
    files: list[str]
    n_requests: int
    cost_usd: Decimal
    """Planned cost; exact sum of the plan's amounts."""


def plan_code(plan: Path, /) -> str:
    """Return the eight characters that identify a plan in the ids of its requests: from the SHA-256 of its files."""
    digest = hashlib.sha256()
    for file in parquet_files(plan) or [str(plan)]:
        digest.update(Path(file).read_bytes())
    return digest.hexdigest()[:8]


def write_requests(
    plan: str | PathLike[str],
    queries: str | PathLike[str],
    folder: str | PathLike[str],
    /,
    *,
    template: str | PathLike[str] | None = None,
    providers: Mapping[str, Collection[str]] | None = None,
    answered: Collection[str] = (),
) -> list[RequestFiles]:
    """Write the requests of a plan as files in the form of each column's provider; all files are written, or none.

    Queries are streamed: only the ids and LLMs of the plan are in memory. The table `requests.csv` in the folder has
    one row per request, with the id that its answer will have. The id contains query and column
    (``t7:acme%2Flarge%40high:optllm-0f3a9c21-7``), or only the last part if the provider does not accept such ids; the
    eight characters identify the plan.

    Args:
        plan: A plan.csv or plan.parquet, or the folder that has one.
        queries: Texts of the planned queries, and possibly of others: a batch, or a file that `queries_of` reads.
        folder: New folder for the files; it must not exist yet.
        template: A JSON file with the fields of requests other than model and messages: one object of fields for all
            requests, or such objects by ``*`` (all), provider, LLM, ``@mode`` and LLM@mode; later ones in this order
            override earlier ones. ``{query}`` and ``{system}`` in it are replaced by the query's text and system
            prompt; ``$form`` and ``$url`` set the form and the URL of a request, ``model`` the provider's name of the
            LLM.
        providers: LLMs by provider, if neither the batch nor the first part of an LLM's name shows its provider.
        answered: Ids of queries to leave out.

    Returns:
        The files written, by column in the plan's order.

    Raises:
        FileExistsError: `folder` exists already.
        FileNotFoundError: There is no such plan, template or file of queries.
        UserError: A planned query isn't among the queries; the template is not valid, has an unknown name, contains
            what looks like a secret, or does not define a mode; a request is larger than a file may be; or every
            query has its answer.
    """
    folder, plan = Path(folder), Path(plan)
    if plan.is_dir() and parquet_files(plan) is None:
        plan = plan / ("plan.parquet" if (plan / "plan.parquet").exists() else "plan.csv")
    if not (plan.is_file() or parquet_files(plan)):
        raise FileNotFoundError(f"there is no plan {plan}; `optllm-pymoo plan` writes one to optllm-plan/plan.csv")
    code, (rows, llms, of_row, usd) = plan_code(plan), _planned(plan, set(answered))
    if not rows:
        raise UserError(f"all queries of {plan} have their answers; there is nothing left to ask")
    columns = [llms[k] for k in dict.fromkeys(of_row[row] for row in rows.values())]
    owners = {llm: name for name, llms in (providers or {}).items() for llm in llms}
    known = {**_providers_beside(Path(queries)), **owners}
    # a template may name LLMs that were candidates of this plan, but were not chosen
    others = [name.removeprefix("predicted:") for name in open_source(plan).names if name.startswith("predicted:")]
    forms = {
        llm: _Form(llm, known.get(llm) or known.get(split_mode(llm)[0], ""))
        for llm in dict.fromkeys([*columns, *llms, *others])
    }
    if template is not None:
        said = _template(Path(template), [section for form in forms.values() for section in form.sections])
    for llm in columns:
        forms[llm].take({} if template is None else said)
    if folder.exists():
        raise FileExistsError(f"{folder} exists already; name another folder, as answers to those requests need it")
    with replacing_folder(folder) as new, closing(_Outbox(new, code)) as box:
        for query in queries_of(queries):
            row = rows.pop(query.name, None)
            if row is not None:
                llm = llms[of_row[row]]
                full = f"{query.name}:{quote(llm, safe='')}:optllm-{code}-{row}"
                fits = re.fullmatch(forms[llm].provider.ids, full)
                box.add(forms[llm], full if fits else f"optllm-{code}-{row}", query, float(usd[row]))
        if rows:
            problem = f"{queries} has no query {shown(next(iter(rows)))}"
            more = f", and {len(rows) - 1:,} more of the plan are missing" if len(rows) > 1 else ""
            raise UserError(f"{problem}{more}; pass the queries that {plan} was made for")
    return [box.written[llm] for llm in columns]


def _planned(plan: Path, answered: set[str]) -> tuple[dict[str, int], list[str], array[int], FloatArray]:
    """Read a plan: row by unanswered query; names of LLMs; index of the LLM, and planned US$, of each row."""
    source = open_source(plan)
    source.require(["query_id", "llm"])
    numbers = {"cost_usd": COST} if "cost_usd" in source.names else {}
    texts, amounts = source.read(text=["query_id"], numbers=numbers)
    ids = texts["query_id"]
    source.check_ids(ids, "query_id")
    llms: dict[str, int] = {}
    of_row = array("i", (llms.setdefault(cells["llm"], len(llms)) for cells in source.records(["llm"])))
    usd = amounts["cost_usd"] if amounts else np.zeros(len(ids))
    return {name: row for row, name in enumerate(ids) if name not in answered}, list(llms), of_row, usd


def _providers_beside(queries: Path) -> dict[str, str]:
    """Return the provider by column, from the table of LLMs of a batch."""
    table = queries / "llms.csv"
    if not table.is_file():
        return {}
    cells, _ = open_source(table).read(text=["llm", "provider"])
    return {llm: provider for llm, provider in zip(cells["llm"], cells["provider"], strict=True) if provider}


def _template(path: Path, sections: Sequence[str]) -> dict[str, Any]:
    """Read a template by section; without sections it is the section "*". Refuse secrets and unknown sections."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no template {path}")
    found, known = read_json_object(path), {"*", *PROVIDERS, *sections}
    _refuse_secrets(found, path, "")
    if not any(name in known or name.startswith("@") for name in found):
        return {"*": found}
    for name, fields in found.items():
        if name not in known and not name.startswith("@"):
            problem = f"{shown(name)} is no provider, LLM or @mode of this plan, and no *"
            raise DataFileError(path, f"{problem}; it has {listed(sorted(known - {*PROVIDERS, '*'}))}")
        if not isinstance(fields, dict):
            raise DataFileError(path, f"expected an object of fields under {shown(name)}")
    return found


def _refuse_secrets(value: Any, path: Path, where: str) -> None:
    """Raise an error for names and values that look like keys; the message never shows them."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in inside:
        place = f"{where}.{name}".lstrip(".")
        is_named = isinstance(part, str) and _SECRET_NAME.search(str(name)) is not None
        if is_named or (isinstance(part, str) and SECRET.search(part)):
            problem = f"{place} looks like a secret, and request files are sent, kept and shared"
            raise DataFileError(path, f"{problem}; remove it, and give keys to the tool that sends the files")
        _refuse_secrets(part, path, place)


class _Form:
    """The form of the requests to one column."""

    def __init__(self, llm: str, provider: str) -> None:
        base, mode = split_mode(llm)
        self.llm, self.name = llm, provider or (base.partition("/")[0] if "/" in base else "")
        sections = ["*", _plain(self.name), self.name, base, *([f"@{mode}", llm] if mode else [])]
        self.sections = [name for name in dict.fromkeys(sections) if name]

    def take(self, said: Mapping[str, Any]) -> None:
        """Set the form from the sections of a template; later sections override earlier ones."""
        llm, (base, mode), plain = self.llm, split_mode(self.llm), _plain(self.name)
        owner, slash, rest = base.partition("/")
        parts = [said[name] for name in self.sections if name in said]
        if mode not in ("", BATCH) and not {f"@{mode}", llm} & set(said):
            hint = f'add "@{mode}": {{...}} with the fields that stand for it'
            raise UserError(f"the template doesn't define the mode of {shown(llm)}; {hint}")
        fields: dict[str, Any] = {name: value for part in parts for name, value in part.items()}
        form = fields.pop("$form", None)
        if form is not None and form not in FORMS:
            raise UserError(f"unknown $form {shown(form)} of {shown(llm)}; known are {', '.join(FORMS)}")
        known = PROVIDERS.get(plain)
        self.provider = known if known and form in (None, known.form) else FORMS[form or "jsonl"]
        self.url = fields.pop("$url", "/v1/chat/completions")
        own = slash and plain in PROVIDERS and _plain(owner) == plain
        self.model = fields.pop("model", rest if own else base)
        self.fields = fields
        turns = fields.get("contents" if self.provider.form == "gemini" else "messages")
        if turns is not None and "{query}" not in json.dumps(turns):
            raise UserError(f"the template's messages to {shown(llm)} don't contain {{query}}, so no text is sent")

    def request(self, custom_id: str, text: str, system: str) -> bytes:
        """Return one request as a line of JSON."""
        form, body = self.provider.form, _filled(self.fields, {"query": text, "system": system})
        if form == "gemini":
            body.setdefault("contents", [{"role": "user", "parts": [{"text": text}]}])
            if system:
                body.setdefault("system_instruction", {"parts": [{"text": system}]})
            record = {"key": custom_id, "request": body}
        else:
            turns = [{"role": "user", "content": text}]
            if system and form == "anthropic":
                body.setdefault("system", system)
            elif system:
                turns.insert(0, {"role": "system", "content": system})
            body = {"model": self.model, "messages": turns, **body}
            if form == "anthropic":
                record = {"custom_id": custom_id, "params": {"max_tokens": _MAX_TOKENS, **body}}
            elif form == "openai":
                record = {"custom_id": custom_id, "method": "POST", "url": self.url, "body": body}
            else:
                record = {"custom_id": custom_id, **body}
        return json.dumps(record).encode("ascii")


def _plain(name: str) -> str:
    """Return the name of a provider in the spelling of `PROVIDERS`."""
    letters = re.sub(r"[^a-z0-9]", "", name.lower())
    return _ALIASES.get(letters, letters)


def _filled(value: Any, by_name: Mapping[str, str]) -> Any:
    """Return a copy of a template's value with {query} and {system} replaced."""
    if isinstance(value, str):
        return re.sub(r"\{(query|system)\}", lambda found: by_name[found[1]], value)
    if isinstance(value, dict):
        return {name: _filled(part, by_name) for name, part in value.items()}
    return [_filled(part, by_name) for part in value] if isinstance(value, list) else value


class _File:
    """A file with one request per line; for some providers these lines are a list in one JSON object."""

    def __init__(self, path: Path) -> None:
        self.name, self.is_object = path.name, path.suffix == ".json"
        self.n_lines, self.n_bytes = 0, 0
        self._file = path.open("wb")

    def add(self, line: bytes) -> None:
        """Write a request."""
        before = b"" if not self.is_object else b",\n" if self.n_lines else b'{"requests": [\n'
        self.n_bytes += self._file.write(before + line + (b"" if self.is_object else b"\n"))
        self.n_lines += 1

    def close(self) -> None:
        """Write the end of the JSON object, if there is one, and close the file."""
        self._file.write(b"\n]}\n" if self.is_object else b"")
        self._file.close()


class _Outbox:
    """A new folder of requests: files, split at the provider's limits, and the table of all requests."""

    def __init__(self, folder: Path, code: str) -> None:
        self.folder, self.code = folder, code
        self.written: dict[str, RequestFiles] = {}
        self._open: dict[str, _File] = {}
        self._names: set[str] = set()
        self._table = (folder / LEDGER).open("w", encoding="utf-8", newline="")
        self._ledger = csv.writer(self._table, lineterminator="\n")
        self._ledger.writerow(_COLUMNS)

    def add(self, form: _Form, custom_id: str, query: Query, usd: float) -> None:
        """Write a request; start a new file if the last one is full."""
        limits, line = form.provider, form.request(custom_id, query.text, query.system)
        written = self.written.get(form.llm) or RequestFiles(form.name, limits.form, form.llm, [], 0, Decimal(0))
        file = self._open.get(form.llm)
        if len(line) + _FRAME > limits.n_bytes:
            problem = f"the request of query {shown(query.name)} to {shown(form.llm)} has {len(line):,} bytes"
            raise UserError(
                f"{problem}, and a file of {form.name or limits.form} may have {limits.n_bytes:,}; shorten it"
            )
        if file is None or file.n_lines == limits.n_lines or file.n_bytes + len(line) + _FRAME > limits.n_bytes:
            if file is not None:
                file.close()
            file = self._open[form.llm] = _File(self.folder / self._name(form, len(written.files) + 1))
            written.files.append(file.name)
        file.add(line)
        self._ledger.writerow((custom_id, query.name, form.llm, form.name, file.name, repr(usd)))
        written = written._replace(n_requests=written.n_requests + 1, cost_usd=written.cost_usd + exact_usd(usd))
        self.written[form.llm] = written

    def _name(self, form: _Form, number: int) -> str:
        """Return a unique file name, also if columns differ only in characters that are not allowed in file names."""
        stem = re.sub(r"[^\w.@-]+", "_", f"{form.name}-{form.llm}" if form.name else form.llm).lstrip(".")
        ending = f"-{self.code}-{number:03}.{'json' if form.provider.form == 'anthropic' else 'jsonl'}"
        while f"{stem}{ending}" in self._names:
            stem += "_"
        self._names.add(f"{stem}{ending}")
        return f"{stem}{ending}"

    def close(self) -> None:
        """End and close all files."""
        for file in self._open.values():
            file.close()
        self._table.close()


_STATES: Final = ("missing", "expired", "canceled", "failed", "answered")


class Ledger:
    """The requests of some folders, and the state of each (answered, failed, ...).

    Args:
        folders: Folders written by `write_requests` or `write_again`.

    Raises:
        FileNotFoundError: A folder has no table of requests.
        DataFileError: The table is damaged.
    """

    def __init__(self, folders: Sequence[str | PathLike[str]]) -> None:
        self.folders = [Path(folder) for folder in folders]
        self._rows: dict[str, int] = {}
        self._cells: list[tuple[str, ...]] = []
        for folder in self.folders:
            if not (folder / LEDGER).is_file():
                raise FileNotFoundError(f"there is no {LEDGER} in {folder}; `optllm-pymoo requests` writes one")
            source = open_source(folder / LEDGER)
            source.require(_COLUMNS)
            for cells in source.records(_COLUMNS):
                if self._rows.setdefault(cells["custom_id"], len(self._cells)) == len(self._cells):
                    self._cells.append((*(sys.intern(cell) for cell in cells.values()), str(folder)))
        self._states = bytearray(len(self._cells))
        self._reasons: dict[int, str] = {}

    def settled(self, call: Call, log: Log, *, is_answer: bool) -> Call:
        """Return the call with query and column of its request, and record the state of the request.

        Args:
            call: A call of any log; its query may be the id of a request.
            log: The log of the call, for messages.
            is_answer: Whether the log contains only answers of a batch API.

        Raises:
            DataFileError: The answer belongs to no request of these folders.
        """
        row = self._rows.get(call.query)
        if row is None:
            found = _SENT.fullmatch(call.query)
            if not found and not (is_answer and self.folders):
                return call
            if found and found[1] is not None and not self.folders:
                return call._replace(query=found[1], llm=unquote(found[2]))
            problem = f"{shown(call.query)} is the id of no request in {listed([str(each) for each in self.folders])}"
            if not self.folders:
                problem = f"the id {shown(call.query)} stands for a query in a folder of requests"
            plans = {match[3] for name in self._rows if (match := _SENT.fullmatch(name))}
            if found and found[3] not in plans and plans:
                problem += f": it is of another plan ({found[3]}, and those are of {', '.join(sorted(plans))})"
            raise DataFileError(log.path, f"{problem}; name the folder of its requests with --requests", log.line)
        state = len(_STATES) - 1
        if call.error:
            words = call.error.lower()
            state = 1 if "expired" in words else 2 if "cancel" in words else 3
            self._reasons[row] = without_secrets(call.error)
        self._states[row] = max(self._states[row], state)  # an answer counts even if other tries failed
        return call._replace(query=self._cells[row][1], llm=self._cells[row][2])

    def counts(self) -> dict[str, Counter[str]]:
        """Count the requests by column and state: answered, failed, canceled, expired, missing."""
        found: dict[str, Counter[str]] = {}
        for cells, state in zip(self._cells, self._states, strict=True):
            found.setdefault(cells[2], Counter())[_STATES[state]] += 1
        return found

    def open_requests(self) -> dict[str, str]:
        """Return the reasons for missing answers: for each query without any answer, by the id of its last request."""
        answered = {cells[1] for cells, state in zip(self._cells, self._states, strict=True) if state == 4}
        last = {cells[1]: cells[0] for cells in self._cells if cells[1] not in answered}
        rows = ((name, self._rows[name]) for name in last.values())
        return {name: self._reasons.get(row, _STATES[self._states[row]]) for name, row in rows}

    def write_again(self, folder: str | PathLike[str], /) -> int:
        """Write the open requests again, unchanged, into a new folder; its column `why` has the reason.

        Returns:
            Number of open requests; if it is 0, no folder is written.

        Raises:
            FileExistsError: `folder` exists already.
            DataFileError: A file of requests is damaged.
        """
        left = self.open_requests()
        if not left:
            return 0
        rows = [self._cells[self._rows[name]] for name in left]
        with replacing_folder(folder) as new:
            with (new / LEDGER).open("w", encoding="utf-8", newline="") as table:
                ledger = csv.writer(table, lineterminator="\n")
                ledger.writerow((*_COLUMNS, "why"))
                ledger.writerows((*row[:-1], why) for row, why in zip(rows, left.values(), strict=True))
            files: dict[str, _File] = {}
            for path in dict.fromkeys(Path(row[-1], row[4]) for row in rows):
                for name, line in _lines(path):
                    if left.pop(name, None) is not None:
                        if path.name not in files:
                            files[path.name] = _File(new / path.name)
                        files[path.name].add(line)
            for file in files.values():
                file.close()
            if left:
                raise UserError(f"the files of requests lack {shown(next(iter(left)))}, which their {LEDGER} has")
        return len(rows)


def _lines(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the requests of a file that `_File` has written, with their ids."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}, which the {LEDGER} beside it names")
    with path.open("rb") as file:
        for number, text in enumerate(file, 1):
            line = text.strip().removesuffix(b",")
            if line in (b'{"requests": [', b"]}", b""):
                continue
            try:
                record = json.loads(line)
                yield str(record.get("custom_id") or record["key"]), line
            except (ValueError, LookupError, AttributeError):
                raise DataFileError(path, "expected a request", number) from None
