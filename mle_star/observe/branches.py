"""Parts of the picture of a run: a branch and where it stands, a script that runs, a best score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mle_star.roles import ROLES

PHASES = {
    "prepare": "reading the task",
    "retrieve": "looking for models",
    "write": "first scripts",
    "merge": "merging models",
    "check_usage": "checking data use",
    "ablate": "ablation",
    "extract": "choosing a block",
    "refine": "refining",
    "finish": "finished",
    "try_card": "a model that was asked for",
    "blend": "blending predictions",
    "ensemble": "planned ensemble",
    "submit": "final run",
}
"""Node -> what a person reads. Any other node (the evaluation loop) leaves the phase as it is."""

ASKING = frozenset({*ROLES, "debug_ablation", "try_card", "propose", "propose_ensemble"})
"""Nodes that ask the engineer."""


@dataclass(frozen=True)
class Best:
    """A score to beat, with the script it belongs to."""

    label: str
    value: float
    error: float | None


@dataclass(frozen=True)
class Running:
    """A script that runs now."""

    label: str
    phase: str
    solution: int
    since: float
    """``time.monotonic()`` when it started."""
    limit: float | None = None
    """Seconds it may take; None where the journal does not say."""


@dataclass
class Branch:
    """One solution branch, or (number -1) the part that joins them."""

    number: int
    phase: str = "waiting"
    outer: int = 0
    """Outer steps begun."""
    inner: int = 0
    """Plans begun in this outer step, or planned ensembles begun."""
    accepted: int = 0
    """Outer steps finished."""
    learned: int = 0
    """Plans finished in this outer step, or planned ensembles written."""
    scripts: int = 0
    failed: int = 0
    best: Best | None = None
    asking: dict[str, float] = field(default_factory=dict)
    """Nodes under way that ask the engineer -> ``time.monotonic()`` when they began."""
    questions: list[str] = field(default_factory=list)
    """What a person was asked about and has not answered, oldest first."""

    def where(self, settings: Mapping[str, Any]) -> str:
        """The phase with its place in the loops: ``refining 1/3, plan 2/4``."""

        def of(done: int, name: str) -> str:
            return f"{done}/{settings.get(name, '?')}"

        if self.phase == PHASES["refine"]:
            outer, inner = of(self.outer, "outer_steps"), of(self.inner, "inner_steps")
            return f"refining {outer}, plan {inner}"
        if self.phase == PHASES["ensemble"]:
            return f"{self.phase} {of(self.inner, 'ensemble_rounds')}"
        if self.phase in (PHASES["ablate"], PHASES["extract"]):
            return f"{self.phase} {of(self.outer, 'outer_steps')}"
        return self.phase
