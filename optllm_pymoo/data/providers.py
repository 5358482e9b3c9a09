"""Who offers which LLM: a provider's quota counts all calls of its LLMs."""

from __future__ import annotations

from optllm_pymoo.data.dataset import Dataset


def providers_of(dataset: Dataset, /) -> dict[str, tuple[str, ...]]:
    """List the LLMs of every provider that a data set knows.

    Providers stand in `about`, under ``llms``: a list of objects with ``name`` and ``provider``, as in `about.json`.
    The provider of an LLM that isn't there is what precedes the first slash of its name: ``openai/gpt-4``.

    Args:
        dataset: Says which LLMs there are.

    Returns:
        Names of LLMs by provider, in the data set's order. LLMs without a known provider are left out.

    Examples:
        >>> about = {"llms": [{"name": "yi", "provider": "TogetherAI"}, {"name": "gone", "provider": "AI21"}]}
        >>> data = Dataset([[1, 2, 3]], [[0, 1, 1]], llms=["yi", "openai/gpt-4", "own"], about=about)
        >>> providers_of(data)
        {'TogetherAI': ('yi',), 'openai': ('openai/gpt-4',)}
    """
    told = _told(dataset.about.get("llms"))
    found: dict[str, tuple[str, ...]] = {}
    for llm in dataset.llms:
        prefix, slash, _ = llm.partition("/")
        provider = told.get(llm) or (prefix.strip() if slash else "")
        if provider:
            found[provider] = (*found.get(provider, ()), llm)
    return found


def _told(listed: object) -> dict[str, str]:
    """Provider by LLM; `about` may hold anything, so what has another form tells nothing."""
    entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    pairs = [(entry.get("name"), entry.get("provider")) for entry in entries]
    return {name: who.strip() for name, who in pairs if isinstance(name, str) and isinstance(who, str)}
