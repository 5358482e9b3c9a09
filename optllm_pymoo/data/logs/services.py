"""Readers of what gateways, tracers and batch APIs write: calls with their tokens, mostly without grades."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, Final

from optllm_pymoo.data.logs.log import TOKENS, Call, Log, Reader, at, said
from optllm_pymoo.data.prices import BATCH
from optllm_pymoo.data.source import COST, SCORE


class _LiteLlm(Reader):
    """LiteLLM's log of calls, or its table of spending as JSON lines."""

    kind = "LiteLLM"

    def is_of(self, log: Log) -> bool:
        has_cost = "response_cost" in log.first or "spend" in log.first
        return "model" in log.first and has_cost and not {"score", "correct", "is_correct"} & set(log.first)

    def calls(self, log: Log) -> Iterator[Call]:
        for record in log.records():
            amounts = log.amounts(record, ("prompt_tokens",), ("completion_tokens",))
            if str(record.get("cache_hit")).lower() == "true":
                # what the gateway answered from its cache cost nothing, and would not the next time
                amounts["cost_usd"] = amounts["latency_s"] = math.nan
            failed = str(record.get("status") or "").lower() in ("failure", "error")
            text, system = said(record.get("messages"))
            yield Call(
                log.need(record, "id", ("metadata.query_id", "id", "request_id")),
                log.need(record, "llm", ("model",)),
                log.number(record, (log.columns.get("score", "score"),), SCORE),
                **amounts,
                error=str(record.get("error_str") or "failure") if failed else "",
                text=log.text(record, "text", (), text),
                group=log.text(record, "group", ("metadata.group",)),
                system=system,
            )


_MODELS: Final = ("gen_ai.response.model", "gen_ai.request.model", "llm.model_name")


def _spans(record: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The spans of a record and their attributes, whether exported one by one or in the nested form."""
    if "resourceSpans" in record:
        for resource in record["resourceSpans"]:
            for scope in resource.get("scopeSpans") or ():
                for span in scope.get("spans") or ():
                    yield span, _attributes(span)
    else:
        yield record, _attributes(record)


def _attributes(record: dict[str, Any]) -> dict[str, Any]:
    """Attributes as a flat dict, from that or from a list of keys and typed values."""
    found = record.get("attributes") or {}
    if isinstance(found, list):
        return {each["key"]: next(iter((each.get("value") or {}).values()), None) for each in found}
    return _flat(found) if isinstance(found, dict) else {}


def _flat(nested: dict[str, Any], before: str = "") -> dict[str, Any]:
    """Nested names as dotted ones."""
    flat: dict[str, Any] = {}
    for name, value in nested.items():
        flat.update(_flat(value, f"{before}{name}.") if isinstance(value, dict) else {f"{before}{name}": value})
    return flat


class _Spans(Reader):
    """Spans of OpenTelemetry or OpenInference; a span that names a model is a call."""

    kind = "OpenTelemetry spans"

    def is_of(self, log: Log) -> bool:
        spans = list(_spans(dict(log.first))) if "resourceSpans" in log.first or "attributes" in log.first else []
        return any(name.startswith(("gen_ai.", "llm.", "openinference.")) for _, known in spans for name in known)

    def calls(self, log: Log) -> Iterator[Call]:
        for record in log.records():
            for span, known in _spans(record):
                if not any(known.get(name) for name in _MODELS):
                    log.left_out["no call of a model"] += 1
                    continue
                graded = (each for each in span.get("events") or () if "evaluation" in str(each.get("name")))
                value = next((_attributes(each).get("gen_ai.evaluation.score.value") for each in graded), None)
                asked = known.get("gen_ai.input.messages") or known.get("llm.input_messages.0.message.content")
                text, system = said(_parsed(asked or known.get("input.value")))
                start, end = (at(span, name) for name in ("startTimeUnixNano", "endTimeUnixNano"))
                code = str(at(span, "status.code") or at(span, "status.status_code") or "").upper()
                failed = code in ("2", "ERROR", "STATUS_CODE_ERROR")
                both = {**span, **known}
                yield Call(
                    log.need(both, "id", ("traceId", "trace_id", "context.trace_id")),
                    log.need(both, "llm", _MODELS),
                    log.grade(value, "gen_ai.evaluation.score.value"),
                    log.number(known, ("gen_ai.usage.input_tokens", "llm.token_count.prompt"), TOKENS),
                    log.number(known, ("gen_ai.usage.output_tokens", "llm.token_count.completion"), TOKENS),
                    log.number(known, ("gen_ai.usage.cost", "llm.cost.total"), COST),
                    (int(end) - int(start)) / 1e9 if start and end else math.nan,
                    str(at(span, "status.message") or "error") if failed else "",
                    log.text(both, "text", (), text),
                    log.text(both, "group", ()),
                    system,
                )


def _parsed(value: Any) -> Any:
    """Messages that were written as JSON into a text."""
    if isinstance(value, str) and value[:1] in "[{":
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


class _Answers(Reader):
    """Answers of a batch API, in OpenAI's form, Anthropic's or Gemini's; the column is the LLM at batch prices.

    A refusal doesn't say which LLM it is of: that shows in the id, if this package has written the request.
    """

    kind = "batch answers"

    def is_of(self, log: Log) -> bool:
        first = log.first
        ours = "custom_id" in first and ("response" in first or isinstance(first.get("result"), dict))
        found = (at(first, name) for name in ("response.usageMetadata", "error.message"))
        return ours or ("key" in first and any(each is not None for each in found))

    def calls(self, log: Log) -> Iterator[Call]:
        for record in log.records():
            body = at(record, "response.body") or at(record, "result.message") or at(record, "response") or {}
            usage = at(body, "usage") or at(body, "usageMetadata") or {}
            log.check_currency(record, body, usage)
            model = at(body, "model") or at(body, "modelVersion")
            own = log.number(usage, ("prompt_tokens", "input_tokens", "promptTokenCount"), TOKENS)
            # Anthropic counts what it has read from its cache, or written there, apart
            read, written = (
                log.number(usage, (f"cache_{name}_input_tokens",), TOKENS) for name in ("read", "creation")
            )
            cached = log.number(usage, ("prompt_tokens_details.cached_tokens", "cachedContentTokenCount"), TOKENS)
            got = log.number(usage, ("completion_tokens", "output_tokens", "candidatesTokenCount"), TOKENS)
            thought = log.number(usage, ("thoughtsTokenCount",), TOKENS)
            name = next((str(each) for each in (at(body, "id"), at(body, "responseId"), record.get("id")) if each), "")
            yield Call(
                log.need(record, "id", ("custom_id", "key")),
                f"{model}@{BATCH}" if model else "",
                log.number(record, (log.columns.get("score", "score"),), SCORE),
                input_tokens=_plus(own, read, written),
                output_tokens=_plus(got, thought),
                cost_usd=log.number({**usage, **body, **record}, tuple(COST.names), COST),
                error=self._error(record, body),
                cached_tokens=read if math.isnan(cached) else cached,
                bill=name or json.dumps(record, sort_keys=True),
            )

    @staticmethod
    def _error(record: dict[str, Any], body: Any) -> str:
        """Why there is no answer, empty if there is one."""
        kind, code = str(at(record, "result.type") or "succeeded"), at(record, "response.status_code") or 200
        if kind not in ("succeeded", "errored"):
            return kind
        parts = (record, body, record.get("result"), at(record, "result.error"))
        found = next(filter(None, (at(part, f"error.{name}") for name in ("message", "code") for part in parts)), None)
        found = found or record.get("error") or (kind if kind != "succeeded" else None)
        return str(found or (f"status {code}" if code != 200 else ""))


def _plus(first: float, *others: float) -> float:
    """A sum in which what isn't known counts for nothing beside a first that is."""
    return first + sum(0.0 if math.isnan(each) else each for each in others)


ANSWERS: Final = _Answers()
SERVICES: Final = (ANSWERS, _Spans(), _LiteLlm())
