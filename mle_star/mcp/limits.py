"""Which settings an assistant may choose; the others belong to whoever starts the server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mle_star.context import Context, context_from, resolve
from mle_star.errors import SettingsError

OPEN = frozenset({
    "preset", "time_budget", "num_candidates", "num_solutions", "outer_steps", "inner_steps",
    "ensemble_rounds", "debug_rounds", "script_timeout", "reserve", "seed", "audit", "search_rows",
    "folds", "racing", "share_lessons", "evaluation", "engineer", "model", "models",
    "temperatures", "fallback_model", "model_timeout", "requests_per_minute", "answer_tries",
    "prompt_tokens", "max_cost", "max_tokens", "max_calls", "search", "search_exclude",
    "warm_start", "record", "cpus_per_script", "memory_limit_mb", "cpu_limit", "disk_limit_mb",
    "process_limit",
})  # fmt: skip
"""Settings that tools take. None of them loosens the sandbox, names a file or a server, or loads
code: an assistant may have read something that wants it to."""

CAPS = ("max_cost", "max_tokens", "max_calls")
"""What the server's environment says of these, a tool may lower and not raise."""
ENGINEERS = ("auto", "llm", "playbook")


def allowed(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings, if an assistant may choose them all and every value can be used.

    Raises:
        SettingsError: one is unknown, can't be used, or is not an assistant's to choose.
    """
    given = {name: value for name, value in settings.items() if value is not None}
    for name in given:
        if name in Context.model_fields and name not in OPEN:
            raise SettingsError(
                f"{name} is chosen where the server is started (MLE_STAR_{name.upper()} in its "
                "environment), not by a tool."
            )
    if given.get("engineer", "auto") not in ENGINEERS:
        raise SettingsError(
            f"A tool chooses between the engineers {', '.join(ENGINEERS)}; one of the user's own "
            "is named where the server is started (MLE_STAR_ENGINEER in its environment)."
        )
    chosen, owner = context_from(given), resolve()
    for name in CAPS:
        cap, wish = getattr(owner, name), getattr(chosen, name)
        if None not in (cap, wish) and wish > cap:
            raise SettingsError(
                f"{name} can be at most {cap:g}: so says MLE_STAR_{name.upper()} in the server's "
                "environment."
            )
    return given
