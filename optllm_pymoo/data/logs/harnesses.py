"""Readers of what evaluation harnesses write: each tells its files by their keys and yields their calls."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from optllm_pymoo.data.logs.log import Call, Log, Reader, at, grade, said
from optllm_pymoo.data.source import COST, LATENCY, SCORE, DataFileError

_QUESTIONS: Final = ("question", "query", "problem", "text", "prompt", "input", "sentence")


def _every_eval_calls(log: Log) -> Iterator[Call]:
    """Samples of Every Eval Ever, the common schema."""
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


def _lm_eval_calls(log: Log) -> Iterator[Call]:
    """Samples of lm-evaluation-harness; the LLM stands in the results beside them, or names the folder."""
    found = re.match(r"samples_(.+)_(\d{4}-.+?)\.jsonl", log.path.name)
    task, time = (found[1], found[2]) if found else ("", "")
    llm = _lm_eval_model(log, time)
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
            grade(log, at(record, metric), metric),
            text=log.text(record, "text", [*(f"doc.{name}" for name in _QUESTIONS), "arguments.gen_args_0.arg_0"]),
            group=log.text(record, "group", (), task),
        )


def _lm_eval_model(log: Log, time: str) -> str:
    """The LLM of a run."""
    others = sorted(path.name for path in log.path.parent.glob("results*.json"))
    same = [name for name in others if time and time in name]
    if not same and len(others) > 1:
        raise DataFileError(log.path, f"which run is it? {', '.join(others)} stand beside it; keep each in its folder")
    results = log.beside((same or others or [""])[0]) if others else None
    arguments = at(results, "config.model_args")
    named = re.search(r"(?:pretrained|model)=([^,]+)", arguments) if isinstance(arguments, str) else None
    return str(at(results, "model_name") or (named[1] if named else log.path.parent.resolve().name.replace("__", "/")))


def _inspect_calls(log: Log) -> Iterator[Call]:
    """Samples of an Inspect log: one JSON file, or an archive with a file per sample."""
    if log.names:
        header: Any = next(log.entries("header"), None) or next(log.entries("_journal/start"), {})
        samples = log.entries("samples/")
    else:
        header, samples = log.document, iter(log.document.get("samples") or ())
    llm, task = str(at(header, "eval.model") or ""), str(at(header, "eval.task") or "")
    for sample in samples:
        scores = sample.get("scores") or {}
        scorer = log.columns.get("score") or next(iter(scores), "")
        usage = at(sample, "model_usage") or {}
        spent = usage.get(llm) or (next(iter(usage.values())) if len(usage) == 1 else {})
        stopped = at(sample, "error.message") or sample.get("error") or at(sample, "limit.type") or sample.get("limit")
        text, system = said(sample.get("input"))
        yield Call(
            log.need(sample, "id", ("id",)),
            llm,
            grade(log, at(scores, f"{scorer}.value"), scorer),
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


def _promptfoo_calls(log: Log) -> Iterator[Call]:
    """Results of promptfoo, version 3."""
    for result in log.document["results"]["results"]:
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


def _helm_calls(log: Log) -> Iterator[Call]:
    """Statistics of a HELM run by instance; the LLM and the texts stand in the files beside them."""
    run, state = log.beside("run_spec.json"), log.beside("scenario_state.json")
    llm = str(at(run, "adapter_spec.model") or at(run, "adapter_spec.model_deployment") or "")
    if not llm:
        raise DataFileError(log.path, "there is no run_spec.json beside it that names the model")
    texts = {at(each, "instance.id"): at(each, "instance.input.text") for each in at(state, "request_states") or ()}
    group = str(at(run, "name") or "").partition(",")[0]
    for record in log.document:
        if record.get("perturbation"):
            log.left_out["perturbed"] += 1
            continue
        stats = {at(stat, "name.name"): stat.get("mean") for stat in record["stats"]}
        names = (log.columns["score"],) if "score" in log.columns else _HELM_SCORES
        name = next((name for name in names if stats.get(name) is not None), names[0])
        spent = log.amounts(stats, ("num_prompt_tokens",), ("num_output_tokens", "num_completion_tokens"))
        yield Call(
            str(record["instance_id"]),
            llm,
            grade(log, stats.get(name), name),
            **{**spent, "latency_s": log.number(stats, ("inference_runtime",), LATENCY)},
            text=str(texts.get(record["instance_id"]) or ""),
            group=group,
        )


def _router_bench_calls(log: Log) -> Iterator[Call]:
    """Records of LLMRouterBench: a file per model and set, in a folder of the model."""
    found: Mapping[str, Any] = log.document
    llm = str(found.get("model_name") or found.get("model") or log.path.parent.resolve().name)
    for record in found["records"]:
        yield Call(
            log.need(record, "id", ("index",)),
            llm,
            log.number(record, ("score",), SCORE),
            **log.amounts(record, ("prompt_tokens",), ("completion_tokens",)),
            text=log.text(record, "text", ("origin_query",)),
            group=log.text(record, "group", (), str(found.get("dataset_name") or "")),
        )


def _has(record: Any, *names: str) -> bool:
    return isinstance(record, dict) and all(at(record, name) is not None for name in names)


def _is_helm(log: Log) -> bool:
    found = log.document
    return isinstance(found, list) and bool(found) and _has(found[0], "instance_id", "stats")


def _is_inspect(log: Log) -> bool:
    in_archive = any(name.startswith("samples/") for name in log.names)
    return (in_archive and {"header.json", "_journal/start.json"} & set(log.names) != set()) or _has(
        log.document, "eval", "samples", "status"
    )


HARNESSES: Final = (
    Reader(
        "Every Eval Ever", lambda log: _has(log.first, "evaluation_id", "sample_id", "evaluation"), _every_eval_calls
    ),
    Reader("lm-evaluation-harness", lambda log: _has(log.first, "doc_id", "doc_hash", "resps"), _lm_eval_calls),
    Reader("Inspect", _is_inspect, _inspect_calls),
    Reader("promptfoo", lambda log: isinstance(at(log.document, "results.results"), list), _promptfoo_calls),
    Reader("HELM", _is_helm, _helm_calls),
    Reader("LLMRouterBench", lambda log: _has(log.document, "records.0.origin_query"), _router_bench_calls),
)
