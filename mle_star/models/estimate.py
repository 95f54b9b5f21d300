"""How many requests a run sends to models when nothing goes wrong."""

from __future__ import annotations

from mle_star.context import DEFAULT_MODEL, Settings
from mle_star.roles import ROLES, for_role


def expected_calls(settings: Settings) -> dict[str, int]:
    """Requests per agent of a run without a leak, a failing script or an answer to ask for again.

    The loop of arXiv 2506.15692, section 3: M candidates, L solutions, T outer and K inner steps, R
    planned ensembles. Every script that the model wrote and that is scored is checked for leaks
    once. ``check`` is the first hello to every distinct model. Repairs, and searches that a model
    makes (``search="google"``), come on top.

    Returns:
        Every agent and ``check``, in the order of :data:`mle_star.roles.ROLES`; all 0 where no
        language model is used.
    """
    calls = dict.fromkeys((*ROLES, "check"), 0)
    models = _models(settings)
    if not models:
        return calls
    solutions, candidates = settings.num_solutions, settings.num_candidates
    steps, rounds = settings.outer_steps * solutions, settings.ensemble_rounds
    if settings.warm_start == "none":
        # All solutions draw on one retrieval: queries for the search, then cards from its pages.
        calls["retrieve"] = 1 if settings.search in ("catalogue", "none") else 2
        calls["write"] = candidates * solutions
        calls["merge"] = (candidates - 1) * solutions
        calls["check_usage"] = solutions
    calls["ablate"] = calls["summarise"] = calls["extract"] = steps
    # The first plan for a block comes with its extraction.
    calls["plan"] = (settings.inner_steps - 1) * steps
    calls["refine"] = settings.inner_steps * steps
    calls["plan_ensemble"] = calls["ensemble"] = rounds
    written = ("write", "merge", "check_usage", "refine", "ensemble")
    calls["check_leakage"] = sum(calls[role] for role in written)
    calls["check"] = len(models)
    return calls


def _models(settings: Settings) -> set[str]:
    """Distinct models of the run, the fallback included; empty where no model is used."""
    named = bool(settings.model or settings.models)
    if settings.engineer != "llm" and not (settings.engineer == "auto" and named):
        return set()
    main = settings.model or DEFAULT_MODEL
    used = {for_role(role, settings.models) or main for role in ROLES}
    return used | ({settings.fallback_model} - {""})
