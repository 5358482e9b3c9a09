"""All readers in the order in which they are tried; those of long tables are last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from os import PathLike
from typing import Final

from optllm_pymoo.data.columns import GROUP_NAMES, ID_NAMES, LLM_NAMES, TEXT_NAMES, is_long, usual
from optllm_pymoo.data.formats import open_source
from optllm_pymoo.data.logs.kinds import KINDS
from optllm_pymoo.data.logs.log import TOKENS, Call, Log, Reader, currency_of, said
from optllm_pymoo.data.source import COST, LATENCY, SCORE, DataFileError, Measure, table_suffix
from optllm_pymoo.validation import UserError, as_path

_PUT: Final = ("input_tokens", "prompt_tokens")
_GOT: Final = ("output_tokens", "completion_tokens")
_SCORES: Final = tuple(SCORE.names)


class _JsonTable(Reader):
    """A long table in JSON lines, record by record."""

    kind = "JSON lines"

    def is_of(self, log: Log) -> bool:
        names = {usual(name) for name in log.first}
        named, is_graded = log.columns.get("llm"), "custom_id" in names and bool(names & set(_SCORES))
        return is_graded or bool(names & set(LLM_NAMES)) or (named is not None and named.partition(".")[0] in log.first)

    def calls(self, log: Log) -> Iterator[Call]:
        id_names = (*ID_NAMES, "custom_id")
        score_names = [log.columns["score"], *_SCORES] if "score" in log.columns else _SCORES
        for record in log.records():
            messages = record.get("messages")
            text, system = said(messages) if messages is not None else ("", "")
            text = log.text(record, "text", TEXT_NAMES, text)
            yield Call(
                log.text(record, "id", id_names) or text or log.need(record, "id", id_names),
                # the id of a request contains its LLM
                (log.text if record.get("custom_id") else log.need)(record, "llm", LLM_NAMES),
                log.number(record, score_names, SCORE),
                **log.amounts(record, _PUT, _GOT),
                error=str(record.get("error") or ""),
                text=text,
                group=log.text(record, "group", GROUP_NAMES),
                system=log.text(record, "system", ("system",), system),
            )


class _Table(Reader):
    """A long table in CSV, TSV or Parquet."""

    kind = "table"

    def is_of(self, log: Log) -> bool:
        suffix = table_suffix(log.path)
        if suffix is None or ".jsonl" in suffix:
            return False
        source = open_source(log.path)
        if "custom_id" in source.names and set(_SCORES) & set(source.names):
            return True
        return log.columns.get("llm") in source.names or is_long(source, (SCORE, COST, LATENCY))

    def calls(self, log: Log) -> Iterator[Call]:
        source = open_source(log.path)
        there = {usual(name): name for name in reversed(source.names)}

        def column(role: str, names: tuple[str, ...]) -> str | None:
            if log.columns.get(role) in source.names:
                log.used.add(role)
                return log.columns[role]
            return next((there[name] for name in names if name in there), None)

        texts = {
            "query": column("id", ("custom_id", *ID_NAMES)) or column("text", TEXT_NAMES),
            "llm": column("llm", LLM_NAMES),
            "text": column("text", TEXT_NAMES),
            "group": column("group", GROUP_NAMES),
            "system": column("system", ("system",)),
            "error": column("error", ("error",)),
        }
        # the id of a request contains its LLM
        if texts["query"] is None or (texts["llm"] is None and texts["query"] != there.get("custom_id")):
            what, role = ("id", "id") if texts["query"] is None else ("LLM", "llm")
            problem = f"found no column of the {what}; name it with --map {role}=COLUMN"
            raise DataFileError(log.path, problem, source.header_line)
        found: dict[str, tuple[str, Measure, float]] = {}
        for name, measure, names in (
            ("score", SCORE, dict.fromkeys(_SCORES, 1.0)),
            ("input_tokens", TOKENS, dict.fromkeys(_PUT, 1.0)),
            ("output_tokens", TOKENS, dict.fromkeys(_GOT, 1.0)),
            ("cost_usd", COST, dict(COST.names)),
            ("latency_s", LATENCY, dict(LATENCY.names)),
        ):
            where = column(name, tuple(names))
            if where is not None:
                found[name] = where, measure, names.get(usual(where), 1.0)
        currencies = [name for name in source.names if currency_of(name) is not None]
        cells, numbers = source.read(
            text=[*dict.fromkeys(where for where in (*texts.values(), *currencies) if where)],
            numbers={where: measure for where, measure, _ in found.values()},
        )
        said_of = {role: cells[where] for role, where in texts.items() if where}
        amounts = {name: (numbers[where] * scale).tolist() for name, (where, _, scale) in found.items()}
        for name in currencies:
            for currency in dict.fromkeys(cells[name]):
                log.check_currency({name: currency})
        columns = {"llm": [""] * len(said_of["query"]), **said_of, **amounts}
        blank = next((row for row, llm in enumerate(said_of.get("llm", ())) if not llm.strip()), None)
        if blank is not None:
            raise source.fault("this row names no LLM", blank, texts["llm"])
        for values in zip(*columns.values(), strict=True):
            yield Call(**dict(zip(columns, values, strict=True)))


TABLES: Final = (_JsonTable(), _Table())
READERS: Final[tuple[Reader, ...]] = (*KINDS, *TABLES)


def reader_of(log: Log, /) -> Reader | None:
    """Return the reader that recognises the content of a file, None if there is none.

    Readers of other packages, entry points of the group `optllm_pymoo.readers`, are tried first.

    Raises:
        UserError: The file is a pickle, or an entry point is not a `Reader`.
    """
    with log.path.open("rb") as file:
        head = file.read(2)
    if head[:1] == b"\x80" and head[1:] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        problem = "this is a pickle, which can run any code when it is read; save it as CSV or Parquet"
        raise DataFileError(log.path, problem)
    others = []
    for entry in entry_points(group="optllm_pymoo.readers"):
        found = entry.load()
        if not isinstance(found, Reader):
            problem = f"the entry point {entry.name!r} of optllm_pymoo.readers is no Reader but {type(found).__name__}"
            raise UserError(f"{problem}; mend or remove the package that offers it")
        others.append(found)
    return next((reader for reader in (*others, *READERS) if reader.is_of(log)), None)


def read_log(path: str | PathLike[str], columns: Mapping[str, str] | None = None, /) -> Iterator[Call]:
    """Stream the calls of a log of graded runs, of any known harness.

    Args:
        path: The file.
        columns: Fields by role, see `Log`.

    Raises:
        DataFileError: No reader recognises the file, or a record is damaged; the message shows the line, if there are
            lines.

    Examples:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     log = Path(folder, "run.jsonl")
        ...     _ = log.write_text('{"id": "q1", "model": "yi", "correct": true, "prompt_tokens": 9}')
        ...     [call] = read_log(log)
        >>> call.query, call.llm, call.score, call.input_tokens
        ('q1', 'yi', 1.0, 9.0)
    """
    log = Log(as_path(path), columns)
    if not log.path.is_file():
        raise FileNotFoundError(f"there is no file {log.path}")
    reader = reader_of(log)
    if reader is None:
        kinds = ", ".join(each.kind for each in READERS)
        raise DataFileError(log.path, f"no reader knows this file; known are {kinds}, with a column of the LLM each")
    yield from reader.calls(log)
