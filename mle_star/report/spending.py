"""Seconds and money of a run by phase."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mle_star.models.bill import Bill, Spent
from mle_star.report.attempts import finite

PHASES = {
    "retrieve": "looking for models",
    "write": "first scripts",
    "smoke": "first try on few rows",
    "merge": "merging",
    "check_usage": "data use",
    "ablate": "ablation studies",
    "refine": "refinement",
    "blend": "blending",
    "ensemble": "planned ensembles",
    "submit": "final run",
}
"""Phase -> what a person reads, in the order of a run."""


@dataclass
class Phase:
    """What one phase took."""

    name: str
    scripts: int = 0
    seconds: float = 0.0
    """Wall clock of its scripts, added up: several run side by side."""
    asked: Spent = field(default_factory=Spent)
    """What was asked of models."""


def by_phase(events: Iterable[Mapping[str, Any]], bill: Bill | None) -> list[Phase]:
    """The phases that ran a script or asked a model, in the order of a run."""
    found: dict[str, Phase] = {}

    def phase(key: str) -> Phase:
        return found.setdefault(key, Phase(PHASES.get(key, key or "other")))

    for event in events:
        if event.get("kind") == "script_finished" and not event.get("cached"):
            one = phase(str(event.get("phase", "")))
            one.scripts += 1
            one.seconds += finite(event.get("seconds")) or 0.0
    for key, spent in (bill.phases if bill else {}).items():
        phase(key).asked = spent
    order = {key: place for place, key in enumerate(PHASES)}
    return [found[key] for key in sorted(found, key=lambda k: (order.get(k, len(order)), k))]
