"""A reader for each kind of log of harnesses, gateways, tracers and batch APIs; it finds its files by their keys."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, Final

from optllm_pymoo.data.logs.log import TOKENS, Call, Log, Reader, at, said
from optllm_pymoo.data.prices import BATCH
from optllm_pymoo.data.source import COST, LATENCY, SCORE, DataFileError

_QUESTIONS: Final = ("question", "query", "problem", "text", "prompt", "input", "sentence")


class _EveryEvalEver(Reader):
    """Samples of Every Eval Ever, the common schema."""

    kind = "Every Eval Ever"

    def is_of(self, log: Log) -> bool:
        return _has(log.first, "evaluation_id", "sample_id", "evaluation")

    def calls(self, log: Log) -> Iterator[Call]:
        for record in log.records():
            yield Call(
                log.need(record, "id", ("sample_hash", "sample_id")),
                log.need(record, "llm", ("model_id",)),
                log.number(record, ("evaluation.score", "evaluation.is_correct"), SCORE),
                **{
                    **log.amounts(record, ("token_usage.input_tokens",), ("token_usage.output_tokens",)),
                    "latency_s": log.number(record, ("performance.latency_ms",), LATENCY) / 1e3,
                },
                text=log.text(record, "text", ("input.raw",)),
                group=log.text(record, "group", ("evaluation_name",)),
            )


class _LmEvaluation(Reader):
    """Samples of lm-evaluation-harness; the LLM is read from the results beside them, or from the folder's name."""

    kind = "lm-evaluation-harness"

    def is_of(self, log: Log) -> bool:
        return _has(log.first, "doc_id", "doc_hash", "resps")

    def calls(self, log: Log) -> Iterator[Call]:
        found = re.match(r"samples_(.+)_(\d{4}-.+?)\.jsonl", log.path.name)
        task, time = (found[1], found[2]) if found else ("", "")
        llm = self._llm(log, time)
        kept = None
        for record in log.records():
            kept = record.get("filter") if kept is None else kept
            if record.get("filter") != kept:
                log.left_out[f"of another filter than {kept!r}"] += 1
                continue
            metric = log.columns.get("score") or next(iter(record.get("metrics") or ()), "")
            yield Call(
                log.need(record, "id", ("doc_hash",)),
                llm,
                log.grade(at(record, metric), metric),
                text=log.text(record, "text", [*(f"doc.{name}" for name in _QUESTIONS), "arguments.gen_args_0.arg_0"]),
                group=log.text(record, "group", (), task),
            )

    @staticmethod
    def _llm(log: Log, time: str) -> str:
        """Return the LLM of a run."""
        others = sorted(path.name for path in log.path.parent.glob("results*.json"))
        same = [name for name in others if time and time in name]
        if not same and len(others) > 1:
            problem = f"its folder has the results of several runs, {', '.join(others)}; use one folder per run"
            raise DataFileError(log.path, problem)
        results = log.beside((same or others)[0]) if others else None
        arguments = None if results is None else results.value("config", "model_args")
        named = re.search(r"(?:pretrained|model)=([^,]+)", arguments) if isinstance(arguments, str) else None
        name = None if results is None else results.value("model_name")
        return str(name or (named[1] if named else log.path.parent.resolve().name.replace("__", "/")))


class _Inspect(Reader):
    """Samples of an Inspect log: one JSON file, or an archive with a file per sample."""

    kind = "Inspect"

    def is_of(self, log: Log) -> bool:
        in_archive = any(name.startswith("samples/") for name in log.names)
        return (in_archive and {"header.json", "_journal/start.json"} & set(log.names) != set()) or _has(
            log.outline, "eval", "samples", "status"
        )

    def calls(self, log: Log) -> Iterator[Call]:
        if log.names:
            header: Any = next(log.entries("header"), None) or next(log.entries("_journal/start"), {})
            samples = log.entries("samples/")
        else:
            header, samples = {"eval": log.document.value("eval")}, log.items("samples")
        llm, task = str(at(header, "eval.model") or ""), str(at(header, "eval.task") or "")
        for sample in samples:
            scores = sample.get("scores") or {}
            scorer = log.columns.get("score") or next(iter(scores), "")
            usage = at(sample, "model_usage") or {}
            spent = usage.get(llm) or (next(iter(usage.values())) if len(usage) == 1 else {})
            stopped = at(sample, "error.message") or sample.get("error")
            stopped = stopped or at(sample, "limit.type") or sample.get("limit")
            text, system = said(sample.get("input"))
            yield Call(
                log.need(sample, "id", ("id",)),
                llm,
                log.grade(at(scores, f"{scorer}.value"), scorer),
                **{
                    **log.amounts(spent, ("input_tokens",), ("output_tokens",)),
                    "cost_usd": log.number(spent, ("total_cost",), COST),
                    "latency_s": log.number(sample, ("total_time",), LATENCY),
                },
                error=str(stopped or ""),
                text=log.text(sample, "text", (), text),
                group=log.text(sample, "group", (), task),
                system=system,
            )


class _Promptfoo(Reader):
    """Results of promptfoo, version 3."""

    kind = "promptfoo"

    def is_of(self, log: Log) -> bool:
        return isinstance(at(log.outline, "results.results"), list)

    def calls(self, log: Log) -> Iterator[Call]:
        for result in log.items("results", "results"):
            cached = bool(at(result, "response.cached") or at(result, "tokenUsage.cached"))
            amounts = log.amounts(result, ("tokenUsage.prompt",), ("tokenUsage.completion",))
            if cached and amounts["cost_usd"] == 0:
                amounts["cost_usd"] = float("nan")
            is_error = result.get("failureReason") == 2
            variables = result.get("vars") or at(result, "testCase.vars") or {}
            only = next(iter(variables.values())) if len(variables) == 1 else at(result, "prompt.raw")
            yield Call(
                log.need(result, "id", ("testIdx",)),
                log.need(result, "llm", ("provider.id", "provider")),
                log.number(result, ("score", "success"), SCORE),
                **amounts,
                error=str(result.get("error") or "error") if is_error else "",
                text=log.text(result, "text", [f"vars.{name}" for name in _QUESTIONS], said(only)[0]),
                group=log.text(result, "group", ("testCase.description",)),
            )


_HELM_SCORES: Final = ("exact_match", "quasi_exact_match", "prefix_exact_match", "quasi_prefix_exact_match")


class _Helm(Reader):
    """Statistics of a HELM run by instance; the LLM and the texts are in other files of the folder."""

    kind = "HELM"

    def is_of(self, log: Log) -> bool:
        return isinstance(log.outline, list) and bool(log.outline) and _has(log.outline[0], "instance_id", "stats")

    def calls(self, log: Log) -> Iterator[Call]:
        run, states = log.beside("run_spec.json"), log.beside("scenario_state.json")
        adapter = None if run is None else run.value("adapter_spec")
        llm = str(at(adapter, "model") or at(adapter, "model_deployment") or "")
        if run is None or not llm:
            raise DataFileError(log.path, "its folder has no run_spec.json with the model")
        asked = () if states is None else states.items("request_states")
        texts = {at(each, "instance.id"): at(each, "instance.input.text") for each in asked}
        group = str(run.value("name") or "").partition(",")[0]
        for record in log.items():
            if record.get("perturbation"):
                log.left_out["perturbed"] += 1
                continue
            stats = {at(stat, "name.name"): stat.get("mean") for stat in record.get("stats") or ()}
            names = (log.columns["score"],) if "score" in log.columns else _HELM_SCORES
            name = next((name for name in names if stats.get(name) is not None), names[0])
            spent = log.amounts(stats, ("num_prompt_tokens",), ("num_output_tokens", "num_completion_tokens"))
            yield Call(
                log.need(record, "id", ("instance_id",)),
                llm,
                log.grade(stats.get(name), name),
                **{**spent, "latency_s": log.number(stats, ("inference_runtime",), LATENCY)},
                text=str(texts.get(record.get("instance_id")) or ""),
                group=group,
            )


class _LlmRouterBench(Reader):
    """Records of LLMRouterBench: one file per model and data set, in a folder named after the model."""

    kind = "LLMRouterBench"

    def is_of(self, log: Log) -> bool:
        return _has(log.outline, "records.0.origin_query")

    def calls(self, log: Log) -> Iterator[Call]:
        found = log.document
        llm = str(found.value("model_name") or found.value("model") or log.path.parent.resolve().name)
        task = str(found.value("dataset_name") or "")
        for record in log.items("records"):
            yield Call(
                log.need(record, "id", ("index",)),
                llm,
                log.number(record, ("score",), SCORE),
                **log.amounts(record, ("prompt_tokens",), ("completion_tokens",)),
                text=log.text(record, "text", ("origin_query",)),
                group=log.text(record, "group", (), task),
            )


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
                # an answer from the gateway's cache cost nothing, but the next call would cost something
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
    """Yield the spans of a record with their attributes, from the flat or the nested form of export."""
    if "resourceSpans" in record:
        for resource in record["resourceSpans"]:
            for scope in resource.get("scopeSpans") or ():
                for span in scope.get("spans") or ():
                    yield span, _attributes(span)
    else:
        yield record, _attributes(record)


def _attributes(record: dict[str, Any]) -> dict[str, Any]:
    """Return attributes as a flat dict, from a dict or from a list of keys and typed values."""
    found = record.get("attributes") or {}
    if isinstance(found, list):
        return {each["key"]: next(iter((each.get("value") or {}).values()), None) for each in found}
    return _flat(found) if isinstance(found, dict) else {}


def _flat(nested: dict[str, Any], before: str = "") -> dict[str, Any]:
    """Return a nested dict as a flat one with dotted names."""
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
    """Parse messages that are a text of JSON; other values are returned unchanged."""
    if isinstance(value, str) and value[:1] in "[{":
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


class _Answers(Reader):
    """Answers of a batch API, in OpenAI's form, Anthropic's or Gemini's; the column is the LLM at batch prices.

    A failed request doesn't contain the LLM: it is read from the id, if this package has written the request.
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
            # Anthropic counts tokens read from or written to its cache separately
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
        """Return the reason why there is no answer, empty if there is one."""
        kind, code = str(at(record, "result.type") or "succeeded"), at(record, "response.status_code") or 200
        if kind not in ("succeeded", "errored"):
            return kind
        parts = (record, body, record.get("result"), at(record, "result.error"))
        found = next(filter(None, (at(part, f"error.{name}") for name in ("message", "code") for part in parts)), None)
        found = found or record.get("error") or (kind if kind != "succeeded" else None)
        return str(found or (f"status {code}" if code != 200 else ""))


def _plus(first: float, *others: float) -> float:
    """Return the sum; unknown values count as 0, but if the first is unknown, so is the sum."""
    return first + sum(0.0 if math.isnan(each) else each for each in others)


def _has(record: Any, *names: str) -> bool:
    return isinstance(record, dict) and all(at(record, name) is not None for name in names)


ANSWERS: Final = _Answers()
KINDS: Final = (
    *(_EveryEvalEver(), _LmEvaluation(), _Inspect(), _Promptfoo(), _Helm(), _LlmRouterBench()),
    *(ANSWERS, _Spans(), _LiteLlm()),
)
"""All kinds, in the order in which they are tried."""
