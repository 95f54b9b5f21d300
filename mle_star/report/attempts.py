"""What a run tries: attempts, outer steps, branches, blends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

WHOLE = -1
"""Number of the branch that stands for the whole run: ensemble and submission."""

LARGEST = 1e300
"""A number beyond it is none: the axes of a plot need some room to reckon."""

OUTCOMES = {
    "behind": "stopped as behind",
    "timeout": "out of time",
    "out_of_memory": "out of memory",
    "disk_limit": "disk limit",
    "output_limit": "output limit",
    "killed": "killed",
    "cancelled": "cancelled",
    "lost": "lost",
    "no_score": "no score",
}
"""Outcome of a script -> its verdict; any other one without a score has failed."""


@dataclass
class Attempt:
    """One idea, and what came of its script after all repairs."""

    number: int
    """Counts the attempts of the run from 1."""
    label: str
    phase: str
    solution: int
    trial: str = ""
    """Key of the trial that counts; empty where no script was run."""
    outcome: str = ""
    score: float | None = None
    error: float | None = None
    audit: float | None = None
    audit_error: float | None = None
    alarm: str = ""
    problem: str = ""
    seconds: float = 0.0
    at: float = 0.0
    """Active seconds of the run when it ended."""
    repairs: int = 0
    leaks: list[str] = field(default_factory=list)
    """What the leakage checker found."""
    accepted: bool = False
    base: Attempt | None = None
    """Whose script it was made from."""
    closed: bool = False

    @property
    def verdict(self) -> str:
        """What became of it, in a word or two."""
        if self.accepted:
            return "accepted"
        if self.alarm:
            return "leakage alarm"
        if self.score is not None:
            return "not better"
        if not self.outcome:
            return "not run"
        return OUTCOMES.get(self.outcome, "failed")


@dataclass
class OuterStep:
    """An ablation study, the block it led to, and the plans for that block."""

    number: int
    base: Attempt | None
    summary: str = ""
    study: str = ""
    """Key of the study's folder; empty where none was run."""
    outcome: str = ""
    """How the study ended."""
    plan: str = ""
    """The first plan for the block; empty where no block was picked."""
    attempts: list[Attempt] = field(default_factory=list)
    gain: float | None = None
    turned: str = ""
    """Candidate that the branch turned to after this step."""


@dataclass
class Branch:
    """One solution branch, or (number -1) the ensembles."""

    number: int
    cards: list[dict[str, str]] = field(default_factory=list)
    """Names and reasons of the models that were found."""
    candidates: list[Attempt] = field(default_factory=list)
    grafts: list[Attempt] = field(default_factory=list)
    """Merges, and rewrites that use all data."""
    steps: list[OuterStep] = field(default_factory=list)
    ensembles: list[Attempt] = field(default_factory=list)
    best: Attempt | None = None
    """What is being refined."""
    finished: str = ""
    """Label of what the branch handed over; empty while it has not ended."""

    @property
    def attempts(self) -> list[Attempt]:
        """All of them, phase by phase."""
        refined = [attempt for step in self.steps for attempt in step.attempts]
        return [*self.candidates, *self.grafts, *refined, *self.ensembles]


@dataclass
class Blend:
    """Members of an ensemble with their weights."""

    label: str
    members: list[tuple[str, float | None]]
    sharpened: float = 1.0
    """Factor by which the average was moved away from the middle; 1 for none."""


def solution_of(event: Mapping[str, Any]) -> int:
    """The branch that an event belongs to; the whole run where it says nothing that counts."""
    value = event.get("solution", WHOLE)
    return value if isinstance(value, int) else WHOLE


def finite(value: object) -> float | None:
    """A number that can be drawn, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if abs(number) <= LARGEST else None
