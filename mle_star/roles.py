"""The agents of MLE-STAR by name, so that settings can speak of one or of a group of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")

TEMPERATURES: dict[str, float] = {
    "retrieve": 0.7,
    "write": 1.0,
    "merge": 0.3,
    "check_usage": 0.0,
    "ablate": 0.7,
    "summarise": 0.0,
    "extract": 0.3,
    "plan": 1.0,
    "refine": 0.7,
    "plan_ensemble": 1.0,
    "ensemble": 0.7,
    "debug": 0.3,
    "check_leakage": 0.0,
    "fix_leakage": 0.0,
}
"""Agent (a method of :class:`mle_star.engineer.Engineer`) -> sampling temperature.

High where the paper samples several ideas, 0 where an answer is right or wrong.
"""

ROLES: tuple[str, ...] = tuple(TEMPERATURES)
"""Every agent."""

GROUPS: dict[str, tuple[str, ...]] = {
    "code": ("write", "merge", "ablate", "refine", "ensemble", "debug", "fix_leakage"),
    "plans": ("extract", "plan", "plan_ensemble"),
    "checks": ("check_leakage", "check_usage"),
    "reading": ("retrieve", "summarise"),
}
"""Names for several agents at once; every agent is in exactly one group."""


def for_role(role: str, chosen: Mapping[str, T]) -> T | None:
    """What was chosen for an agent: by its own name, else by its group's name, else None."""
    if role in chosen:
        return chosen[role]
    group = next((name for name, members in GROUPS.items() if role in members), "")
    return chosen.get(group)
