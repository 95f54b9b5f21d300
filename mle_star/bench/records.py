"""What the rooms of the bench hand to each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

Direction = Literal["minimize", "maximize"]


@dataclass(frozen=True)
class Grade:
    """What the hidden labels say of a submission."""

    score: float | None
    """In the task's metric; None where the submission is not valid."""
    error: str = ""
    """Why it is not valid, in one sentence."""
    medal: str = ""
    """``gold``, ``silver`` or ``bronze`` on the competition's leaderboard, where there is one."""
    above_median: bool | None = None
    thresholds: dict[str, float] = field(default_factory=dict)
    """``gold``, ``silver``, ``bronze`` and ``median`` scores of that leaderboard."""


@dataclass(frozen=True)
class BenchTask:
    """A task with hidden labels."""

    name: str
    public: Path
    """What a system gets: a task folder. It is copied for each run, so none can spoil it."""
    metric: str
    direction: Direction
    grade: Callable[[Path], Grade]
    """Judges a submission file by the hidden labels; never raises for a bad one."""
    source: str
    """Where it comes from: ``folder`` or ``mlebench``."""


@dataclass(frozen=True)
class Budget:
    """What one run of a system may use."""

    seconds: float
    """Wall clock."""
    cores: int
    memory_mb: int | None = None
    """A run whose processes together use more is ended; None: no bound."""


class CellResult(BaseModel):
    """One run of one system on one task with one seed and one budget, graded."""

    model_config = ConfigDict(extra="forbid")

    task: str
    system: str
    seed: int
    seconds_limit: float
    cores: int
    metric: str
    direction: Direction
    score: float | None
    """On the hidden labels; None where there is no valid submission."""
    validation: float | None
    """What the system itself believed of the submission it handed in, in the task's metric; None
    where it says nothing."""
    error: str = ""
    """Why there is no score, in one sentence."""
    seconds: float
    """Wall clock that it took, start of its process to its end."""
    timed_out: bool = False
    """Whether it had to be ended; what it had handed in by then counts."""
    peak_memory_mb: float | None = None
    medal: str = ""
    above_median: bool | None = None
    thresholds: dict[str, float] = {}
    curve: list[tuple[float, float]] = []
    """(seconds since the start, best validation score so far), as the system reports it."""
    version: str = ""
    """Of the system."""
    machine: str = ""
