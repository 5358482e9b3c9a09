"""Makes a batch from logs of graded runs, a file of queries and a list of prices."""

from __future__ import annotations

import hashlib
import math
import re
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from os import PathLike
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from optllm_pymoo.data.folder import CALL_COLUMNS, LLM_COLUMNS, Batch, is_batch, load_batch
from optllm_pymoo.data.logs import READERS, Call, Log, reader_of
from optllm_pymoo.data.logs.kinds import ANSWERS
from optllm_pymoo.data.logs.log import without_secrets
from optllm_pymoo.data.prices import BATCH, PriceTable, split_mode, undated
from optllm_pymoo.data.requests import Ledger, queries_of
from optllm_pymoo.data.source import DataFileError, exact_usd, table_suffix
from optllm_pymoo.validation import FloatArray, UserError, listed, shown

_ROLES: Final = ("id", "text", "group", "llm", "score", "system")
_NUMBERS: Final = ("score", "input_tokens", "output_tokens", "cost_usd", "latency_s")
_ALL_NUMBERS: Final = (*_NUMBERS, "cached_tokens")


class FileCount(NamedTuple):
    """Counts of the rows of one file, by their use."""

    path: Path
    kind: str
    rows: int
    matched: int
    """Rows whose query was also sent to another LLM, or is in the file of queries."""
    repeated: int
    """Rows with a score or cost that an earlier row of the same query and LLM also has: means are used."""
    errors: int
    unpriced: int
    """Rows without an error whose query and LLM have no cost in any log, and no tokens and prices to compute it."""
    unscored: int
    """Rows without an error whose query and LLM have no score in any log."""
    left_out: dict[str, int]
    """Number of records that are not calls, by reason."""


class Collected(NamedTuple):
    """A batch, and a report about the files it was made from."""

    batch: Batch
    files: list[FileCount]
    notes: list[str]
    """Messages for the user: merged names, missing prices, files that weren't read."""
    ledger: Ledger
    """The states of the requests; empty if no folders of requests were given."""


def collect(
    runs: Sequence[str | PathLike[str]],
    /,
    *,
    queries: str | PathLike[str] | None = None,
    prices: PriceTable | None = None,
    price_keys: Mapping[str, str] | None = None,
    batch_prices: bool = False,
    columns: Mapping[str, str] | None = None,
    by_text: bool = False,
    errors_are_wrong: bool = False,
    requests: Sequence[str | PathLike[str]] = (),
) -> Collected:
    """Make a batch from logs of graded runs. Logs are streamed, one record at a time. O(calls).

    Args:
        runs: Logs, or folders of logs, of any kind in `READERS`.
        queries: More queries, also without any call: a table or JSON lines with an id and a text, or requests of a
            batch API.
        prices: Prices per token, for calls without a cost in their log. None: the prices of the batch, if
            ``queries`` is a batch.
        price_keys: Names in `prices` by LLM, if they can't be found from the LLM's name.
        batch_prices: Add a column `<llm>@batch` for every LLM that has batch prices: the same outcomes at lower
            costs.
        columns: Fields by role, see `Log`.
        by_text: Match queries of different logs by their texts instead of the harness's keys.
        errors_are_wrong: Count a harness's error as a wrong answer instead of a missing one.
        requests: Folders of requests, see `write_requests`: a call with the id of a request is its answer, even if
            the provider uses another name of the LLM. An answer that is read twice counts once; every billed answer
            counts as spent.

    Raises:
        FileNotFoundError: There is no such file.
        UserError: No reader recognises a file, a log is damaged (with the line), a query has two texts, an LLM has
            several prices, an answer belongs to none of the requests, or an amount is in another currency.
    """
    strange = set(columns or {}) - set(_ROLES)
    if strange:
        raise UserError(f"can't map {shown(min(strange))}; known are {', '.join(_ROLES)}")
    rows, ledger = _Rows(by_text, errors_are_wrong), Ledger(requests)
    notes: list[str] = []
    # the field of the score is found by each reader itself
    unused = set(columns or {}) - {"score"}
    if queries is not None:
        path = Path(queries)
        used: set[str] = set()
        for query in queries_of(path, columns or {}, used):
            rows.query(Call(query.name, "", text=query.text, group=query.group, system=query.system), path, None)
        unused -= used
        rows.n_asked = len(rows.names)
        if prices is None and is_batch(path):
            prices = load_batch(path).prices()
    files: list[tuple[Path, str, Counter[str]]] = []
    unread: list[Path] = []
    companions: set[Path] = set()
    for path, log, reader in _logs(runs, columns or {}, unread):
        rows.file = len(files)
        for call in reader.calls(log):
            rows.add(ledger.settled(call, log, is_answer=reader is ANSWERS), log)
        files.append((path, reader.kind, log.left_out))
        unused -= log.used
        companions |= log.companions
    unknown = [path.name for path in unread if path not in companions]
    if unknown:
        notes.append(f"not read, as no reader knows them: {listed(unknown)}")
    if not len(rows.of_llm):
        problem = f"there is no call in {listed([str(path) for path in runs])}"
        raise UserError(f"{problem}; expected a log of {', '.join(each.kind for each in READERS)}")
    if unused:
        role = min(unused)
        raise UserError(f"no log has the field {shown((columns or {})[role])} that is named for {role}; see --map")
    llms, of_llm = rows.without_dates(notes)
    return _joined(rows, llms, of_llm, files, prices, price_keys or {}, batch_prices, notes, ledger)


def _logs(
    runs: Sequence[str | PathLike[str]], columns: Mapping[str, str], unread: list[Path]
) -> Iterator[tuple[Path, Log, Any]]:
    """Yield each log with its reader. A file that the user named must be a log; other files in folders are skipped."""
    for run in runs:
        path = Path(run)
        if not path.exists():
            raise FileNotFoundError(f"there is neither a folder nor a file {path}; check the path")
        inside = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
        for each in inside:
            if each.name.startswith("."):
                continue
            log = Log(each, columns)
            is_table = table_suffix(each) is not None or each.suffix.lower() in (".json", ".eval", ".gz", ".pkl")
            reader = reader_of(log) if is_table or not path.is_dir() else None
            if reader is not None:
                yield each, log, reader
            elif path.is_dir():
                unread.append(each)
            else:
                kinds = ", ".join(known.kind for known in READERS)
                problem = f"no reader knows this file; known are {kinds}. Name the column of the LLM with --map llm="
                raise DataFileError(each, problem)


class _Rows:
    """All calls as columns of numbers: a million calls take about 100 MB, without their texts."""

    def __init__(self, by_text: bool, errors_are_wrong: bool) -> None:
        self.by_text, self.errors_are_wrong = by_text, errors_are_wrong
        self.file, self.n_asked = 0, 0
        self.keys: dict[str, int] = {}
        self.names: list[str] = []
        self.texts: list[str] = []
        self.groups: list[str] = []
        self.systems: list[str] = []
        self.llms: dict[str, int] = {}
        self.errors: dict[int, str] = {}
        self.of_query, self.of_llm, self.of_file = array("q"), array("q"), array("q")
        self.numbers = {name: array("d") for name in _ALL_NUMBERS}
        self.bills: set[bytes] = set()

    def query(self, call: Call, path: Path, line: int | None) -> int:
        """Return the number of a call's query; a new query is added."""
        key = call.query.strip()
        if self.by_text:
            key = " ".join(call.text.split())
            if not key:
                raise DataFileError(path, f"query {shown(call.query)} has no text by which it could be matched", line)
        i = self.keys.setdefault(key, len(self.keys))
        if i == len(self.names):
            self.names.append(call.query.strip())
            self.texts.append(call.text)
            self.groups.append(call.group)
            self.systems.append(call.system)
            return i
        if call.text and not self.texts[i]:
            self.texts[i] = call.text
        elif call.text and call.text != self.texts[i] and call.text.split() != self.texts[i].split():
            both = f"{shown(call.text)}, and before {shown(self.texts[i])}"
            hint = "pass --key text (by_text=True) to match queries by text, or give the queries other ids"
            raise DataFileError(path, f"query {shown(call.query)} has two texts: {both}; {hint}", line)
        self.groups[i] = self.groups[i] or call.group
        self.systems[i] = self.systems[i] or call.system
        return i

    def ids(self) -> list[str]:
        """Return the ids of queries; if logs were matched by text and the ids clash, the texts themselves."""
        if not self.by_text:
            return self.names
        count = Counter(self.names)
        keys = list(self.keys)
        return [name if count[name] == 1 else keys[i] for i, name in enumerate(self.names)]

    def add(self, call: Call, log: Log) -> None:
        """Add a call."""
        if call.bill:
            bill = hashlib.blake2b(f"{call.query}\0{call.llm}\0{call.bill}".encode(), digest_size=12).digest()
            if bill in self.bills:
                log.left_out["an answer that was read before"] += 1
                return
            self.bills.add(bill)
        if not call.llm.strip() and call.error:
            log.left_out[f"without an answer ({call.error})"] += 1
            return
        if not call.llm.strip():
            raise DataFileError(log.path, "a call names no LLM; is a file of the run missing in its folder?", log.line)
        row = len(self.of_llm)
        self.of_query.append(self.query(call, log.path, log.line))
        self.of_llm.append(self.llms.setdefault(call.llm.strip(), len(self.llms)))
        self.of_file.append(self.file)
        values: tuple[float, ...] = (*call[2:7], call.cached_tokens)
        if call.error:
            self.errors[row] = without_secrets(call.error)
            values = (0.0 if self.errors_are_wrong else math.nan, *values[1:])
        for column, value in zip(self.numbers.values(), values, strict=True):
            column.append(value)

    def without_dates(self, notes: list[str]) -> tuple[list[str], npt.NDArray[np.int64]]:
        """Return LLMs, and their index by row; `gpt-x-2026-05-01` is `gpt-x` if both exist, and no other date does."""
        llms = list(self.llms)
        bare: dict[str, list[str]] = {}
        for name in llms:
            base, mode = split_mode(name)
            plain = undated(base)
            if plain != base and (plain in llms or f"{plain}@{mode}" in llms):
                bare.setdefault(f"{plain}@{mode}" if mode else plain, []).append(name)
        target = {name: name for name in llms}
        for plain, dated in bare.items():
            if len(dated) == 1:
                target[dated[0]] = plain
                notes.append(f"{shown(dated[0])} is counted as {shown(plain)}: only the date in the name differs")
            else:
                notes.append(f"{listed(dated)} have different dates and are not merged with {shown(plain)}")
        names = list(dict.fromkeys(target.values()))
        where = np.array([names.index(target[name]) for name in llms], dtype=np.int64)
        return names, where[np.frombuffer(self.of_llm, dtype=np.int64)]


def _joined(
    rows: _Rows,
    llms: list[str],
    of_llm: npt.NDArray[np.int64],
    files: list[tuple[Path, str, Counter[str]]],
    prices: PriceTable | None,
    price_keys: Mapping[str, str],
    batch_prices: bool,
    notes: list[str],
    ledger: Ledger,
) -> Collected:
    """Compute missing costs from prices, take means of repeated calls, and count rows by their use."""
    of_query = np.frombuffer(rows.of_query, dtype=np.int64)
    numbers = {name: np.frombuffer(column, dtype=np.float64).copy() for name, column in rows.numbers.items()}
    found = _price_calls(numbers, llms, of_llm, prices, price_keys, notes)
    failed = np.zeros(len(of_llm), dtype=bool)
    failed[list(rows.errors)] = True
    pair, inverse = np.unique(of_query * len(llms) + of_llm, return_inverse=True)
    # without the rounding error of binary fractions, sums of bills are exact
    billed = [float(exact_usd(each)) for each in _totals(numbers["cost_usd"], inverse, len(pair))[0].tolist()]
    if not rows.errors_are_wrong:
        # a failed call may have been billed, but its cost is not typical of an answer
        for name in _NUMBERS:
            numbers[name][failed] = np.nan
    calls = {name: _totals(numbers[name], inverse, len(pair))[1] for name in _NUMBERS}
    error = np.full(len(pair), "", dtype=object)
    answered = np.bincount(inverse[~failed], minlength=len(pair)) > 0
    for row, text in rows.errors.items():
        if not answered[inverse[row]] or rows.errors_are_wrong:
            error[inverse[row]] = text
    repeated = _repeated(numbers["score"], inverse) | _repeated(numbers["cost_usd"], inverse)
    n_repeated = len(np.unique(inverse[repeated]))
    if n_repeated:
        scored = ~np.isnan(numbers["score"])
        apart = numbers["score"][scored] != calls["score"][inverse[scored]]
        n_apart = len(np.unique(inverse[scored][apart]))
        differ = f"; the scores of {n_apart:,} differ" if n_apart else ""
        notes.append(f"pairs of query and LLM with several calls: {n_repeated:,}; their means count{differ}")
    n_llms = np.bincount(pair // len(llms), minlength=len(rows.names))
    is_matched = (n_llms > 1) | (np.arange(len(rows.names)) < rows.n_asked)
    counts = {
        "rows": np.ones(len(of_llm), dtype=bool),
        "matched": is_matched[of_query],
        "repeated": repeated,
        "errors": failed,
        "unpriced": np.isnan(calls["cost_usd"])[inverse] & (~failed | rows.errors_are_wrong),
        "unscored": np.isnan(calls["score"])[inverse] & ~failed,
    }
    of_file = np.frombuffer(rows.of_file, dtype=np.int64)
    by_file = {name: np.bincount(of_file[mask], minlength=len(files)).tolist() for name, mask in counts.items()}
    file_counts = [
        FileCount(path, kind, **{name: of_each[k] for name, of_each in by_file.items()}, left_out=dict(left_out))
        for k, (path, kind, left_out) in enumerate(files)
    ]
    notes += _hints_to_match(rows, file_counts, has_matches=len(llms) < 2 or bool(is_matched.any()))
    frame = pd.DataFrame(
        {
            "query_id": pd.array(rows.ids())[pair // len(llms)],
            "llm": pd.array(llms)[pair % len(llms)],
            **calls,
            "billed_usd": billed,
            "error": error,
        }
    )
    if batch_prices:
        frame, llms, found = _with_batch(frame, llms, found, prices, price_keys, notes)
    listing = pd.DataFrame([_row_of(llm, found[llm]) for llm in llms]).fillna("")
    said_ = {"text": rows.texts, "group": rows.groups, "system": rows.systems}
    queries = pd.DataFrame({"query_id": rows.ids(), **{name: each for name, each in said_.items() if any(each)}})
    return Collected(Batch(queries, frame[list(CALL_COLUMNS)], listing), file_counts, notes, ledger)


def _price_calls(
    numbers: Mapping[str, FloatArray],
    llms: Sequence[str],
    of_llm: npt.NDArray[np.int64],
    prices: PriceTable | None,
    price_keys: Mapping[str, str],
    notes: list[str],
) -> dict[str, PriceTable | None]:
    """Fill in missing costs of logs, in place, and return each LLM's prices."""
    if price_keys and prices is None:
        raise UserError("names of prices need a list of prices; pass prices= (--prices FILE)")
    unknown = [llm for llm in price_keys if llm not in llms]
    if unknown:
        raise UserError(f"no log has an LLM {shown(unknown[0])}, for which a price is named; there are {listed(llms)}")
    cost = numbers["cost_usd"]
    found: dict[str, PriceTable | None] = dict.fromkeys(llms)
    if prices is None:
        return found
    for j, llm in enumerate(llms):
        without_cost = (of_llm == j) & np.isnan(cost)
        try:
            found[llm] = table = prices.of_column(llm, price_keys.get(llm))
        except UserError as ambiguous:
            if llm in price_keys or not np.isnan(numbers["output_tokens"][without_cost]).all():
                raise
            notes.append(f"{ambiguous}; without it the costs in the logs count")
            continue
        if table is not None:
            cost[without_cost] = _priced(table, numbers, without_cost)
        elif without_cost.any():
            hint = f"name one with --price {llm}=KEY, or leave it out of plans with --drop"
            notes.append(f"no price of {shown(llm)} was found; {hint}")
    notes += _price_notes(found)
    return found


def _hints_to_match(rows: _Rows, files: Sequence[FileCount], *, has_matches: bool) -> list[str]:
    """Return notes if queries with different ids have the same text."""
    if rows.by_text:
        return []
    if not has_matches and any(rows.texts):
        return ["no query was sent to two LLMs: if the same texts have different ids, pass --key text"]
    several = Counter(" ".join(text.split()) for text in rows.texts if text)
    n_texts = sum(count > 1 for count in several.values())
    if n_texts and any(not each.matched for each in files):
        return [f"texts under several ids: {n_texts:,}; pass --key text to match queries by text"]
    return []


def _price_notes(found: Mapping[str, PriceTable | None]) -> list[str]:
    """Return notes about prices found under another name, and about prices that have expired."""
    tables = {llm: table for llm, table in found.items() if table is not None}
    keys = {llm: table.provenance["key"] for llm, table in tables.items()}
    others = [f"{shown(key)} for {shown(llm)}" for llm, key in keys.items() if key not in (llm, split_mode(llm)[0])]
    notes = [f"prices taken: {', '.join(others)}"] if others else []
    today = date.today().isoformat()
    for llm, table in tables.items():
        until = table.prices[0].valid_until
        if re.fullmatch(r"\d{4}-\d\d-\d\d", until) and until < today:
            notes.append(f"the price of {shown(llm)} was valid until {until}; get a new list, or leave the LLM out")
    return notes


def _priced(table: PriceTable, numbers: Mapping[str, FloatArray], where: npt.NDArray[np.bool_]) -> FloatArray:
    """Return US$ of some calls, NaN where tokens are unknown."""
    put, got = numbers["input_tokens"][where], numbers["output_tokens"][where]
    known = ~np.isnan(put) & ~np.isnan(got)
    cached = np.nan_to_num(numbers["cached_tokens"][where])[known] if "cached_tokens" in numbers else None
    cost = np.full(len(put), np.nan)
    cost[known] = table.cost(put[known], got[known], cached_tokens=cached)[:, 0]
    return cost


def _totals(values: FloatArray, inverse: npt.NDArray[np.intp], n: int) -> tuple[FloatArray, FloatArray]:
    """Return sums and means of the known values of each pair, NaN where none is known."""
    known = ~np.isnan(values)
    count = np.bincount(inverse[known], minlength=n)
    sums = np.where(count > 0, np.bincount(inverse[known], values[known], n), np.nan)
    return sums, sums / np.maximum(count, 1)


def _repeated(values: FloatArray, inverse: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
    """Return for each row whether its value is known, and an earlier row of its pair has a value, too."""
    known = np.flatnonzero(~np.isnan(values))
    again = np.zeros(len(values), dtype=bool)
    again[known] = True
    again[known[np.unique(inverse[known], return_index=True)[1]]] = False
    return again


def _with_batch(
    frame: pd.DataFrame,
    llms: list[str],
    found: dict[str, PriceTable | None],
    prices: PriceTable | None,
    price_keys: Mapping[str, str],
    notes: list[str],
) -> tuple[pd.DataFrame, list[str], dict[str, PriceTable | None]]:
    """Add a column at batch prices for each LLM that has them."""
    if prices is None:
        raise UserError("batch prices need a list of prices; pass --prices FILE")
    parts, names, tables = [frame], list(llms), dict(found)
    for llm in llms:
        column, table = f"{llm}@{BATCH}", found[llm]
        if split_mode(llm)[1] or column in llms or table is None:
            continue
        cheaper = prices.of_column(column, table.provenance["key"])
        if cheaper is None:
            notes.append(f"{shown(llm)} has no batch price")
            continue
        part = frame[frame["llm"] == llm].assign(llm=column)
        numbers = {name: part[name].to_numpy(dtype=np.float64) for name in _NUMBERS}
        part["cost_usd"] = _priced(cheaper, numbers, np.ones(len(part), dtype=bool))
        parts.append(part.assign(latency_s=np.nan, billed_usd=np.nan))  # these calls were not made
        names.append(column)
        tables[column] = cheaper
    return pd.concat(parts, ignore_index=True), names, tables


def _row_of(llm: str, table: PriceTable | None) -> dict[str, Any]:
    """Return the row of llms.csv for a column."""
    model, mode = split_mode(llm)
    row: dict[str, Any] = {**dict.fromkeys(LLM_COLUMNS, ""), "llm": llm, "model": model, "mode": mode}
    row["provider"] = model.partition("/")[0] if "/" in model else ""
    if table is not None:
        row |= table.prices[0].cells
        row |= {f"price_{name}": table.provenance.get(name, "") for name in ("key", "file", "sha256", "date")}
    return row
