"""Who thinks in a run, why, and where model cards come from, in one line."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from mle_star.context import DEFAULT_MODEL, Settings
from mle_star.report.text import clean

Choice = Mapping[str, Any]
"""A :class:`mle_star.engineer.Choice` as the journal holds it."""


def choice_of(settings: Settings) -> dict[str, Any]:
    """Who would lead a run with these settings now; empty where it is an engineer of the user's.

    Raises:
        SettingsError: there is no such model, or its key is missing where only it may answer.
    """
    from mle_star.engineer import choose

    if settings.engineer not in ("auto", "llm", "playbook"):
        return {}  # choosing would load it, which the run does itself
    return asdict(choose(settings))


def model_is_named(settings: Mapping[str, Any]) -> bool:
    """Whether the settings name a language model."""
    return bool(settings.get("model") or settings.get("models"))


def fell_back(choice: Choice, settings: Mapping[str, Any]) -> str:
    """Why the playbook thinks although a language model was named; empty where it does not."""
    asked = settings.get("engineer") in ("auto", None) and model_is_named(settings)
    if choice.get("lead") != "playbook" or not asked or not choice.get("why"):
        return ""
    return f"the playbook thinks, not the model that was named: {sentence(choice['why'])}."


def who_thinks(choice: Choice, settings: Mapping[str, Any], search: str = "") -> str:
    """The engineer of a run: ``engineer: google_genai:gemini-2.5-pro, the playbook stands in``.

    Args:
        choice: who leads.
        settings: of the run.
        search: where model cards come from; empty: what the settings and the keys decide now.
    """
    name = choice.get("name") or settings.get("engineer") or "playbook"
    if choice.get("lead") != "llm":
        why = f" ({sentence(choice['why'])})" if choice.get("why") else ""
        return f"engineer: {clean(name)}{why}"
    parts = [clean(settings.get("model") or name or DEFAULT_MODEL)]
    if others := settings.get("models"):
        parts[0] += f" ({', '.join(f'{clean(k)}: {clean(v)}' for k, v in others.items())})"
    if settings.get("replay"):
        parts[0] += f", replayed from {clean(settings['replay'])}"
    if settings.get("fallback_model"):
        parts.append(f"else {clean(settings['fallback_model'])}")
    if choice.get("stands_in"):
        parts.append("the playbook stands in")
    if settings.get("warm_start") == "playbook":
        parts.append("the playbook writes the first scripts")
    looks_in = search or choice.get("search") or searched(settings)
    return f"engineer: {', '.join(parts)}; search {clean(looks_in)}"


def searched(settings: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> str:
    """Where model cards come from; ``auto`` is decided by the key of the environment."""
    name = str(settings.get("search") or "auto")
    if name != "auto":
        return name
    environ = os.environ if environ is None else environ
    return "tavily" if environ.get("TAVILY_API_KEY", "").strip() else "catalogue"


def sentence(text: Any) -> str:
    """A sentence without its full stop, to stand inside another."""
    return clean(text).rstrip(".")
