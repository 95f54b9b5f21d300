"""What is seen of a run while it is watched."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from mle_star.execution.base import Capture, Limits
from mle_star.execution.race import FoldLine
from mle_star.execution.scoreline import ScoreLine

Stop = Literal[
    "",
    "cancelled",
    "timeout",
    "out_of_memory",
    "disk_limit",
    "output_limit",
    "processes",
    "cpu",
    "behind",
]


@dataclass
class Evidence:
    """What was seen of a run: the verdict's material."""

    limits: Limits
    stop: Stop = ""
    """Why we stopped it; empty when it ended by itself."""
    status: int | None = None
    """Wait status of the script; None when its supervisor vanished."""
    began: bool = False
    """Whether something inside the cage said that the script is about to begin."""
    stdout: Capture = field(default_factory=Capture)
    stderr: Capture = field(default_factory=Capture)
    score: ScoreLine = field(default_factory=ScoreLine)
    folds: tuple[FoldLine, ...] = ()
    behind: str = ""
    """Why it can't beat the script it races against; empty while it may."""
    wall_seconds: float = 0.0
    cpu_seconds: float | None = None
    peak_memory_mb: float | None = None
    disk_mb: float = 0.0
    processes: int = 0
    cpus: int = 1
    kernel_killed: bool = False
    """Whether the kernel killed a process of this machine for want of memory meanwhile."""
