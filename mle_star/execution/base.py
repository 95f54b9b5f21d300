"""Running a script: the job, the result, and the protocol every executor keeps.

*Where* a script runs (here, a cluster) and *how* it is caged (process, bubblewrap, container) are
hidden behind
:class:`Executor`. A script that fails is a value, an :class:`Execution`; only a child process that
could
not be started at all is an exception (:class:`mle_star.errors.SandboxUnavailable`).
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from mle_star.execution.race import FoldLine, Race
from mle_star.state import Outcome


@dataclass(frozen=True)
class Limits:
    """What one script may use. None: no limit."""

    wall_seconds: float = 300.0
    cpu_seconds: float | None = None
    """Processor time of the whole process tree."""
    memory_mb: int | None = None
    """Of the whole process tree (proportional set size)."""
    disk_mb: int | None = 4096
    """Bytes written below the run folder."""
    output_mb: int = 64
    """Bytes printed; past that the script is stopped."""
    processes: int | None = 512
    open_files: int | None = 4096


@dataclass(frozen=True)
class Job:
    """One script with everything it reads."""

    script: str
    folder: Path
    """Where the artefacts and the log of this job end up; created by the executor, named by the
    job's key."""
    inputs: Mapping[str, Path] = field(default_factory=dict)
    """Path below ``./input`` (POSIX; "" is the folder itself) -> source file or folder, mounted
    read-only."""
    digest: str = ""
    """Content hash of everything in ``inputs``."""
    required: tuple[str, ...] = ("final/oof.csv", "final/submission.csv")
    """Files that must exist for the outcome to be ``ok``."""
    limits: Limits = field(default_factory=Limits)
    seed: int = 0
    cpus: int = 1
    """Cores promised; the scheduler may give more when nothing else runs."""
    label: str = ""
    race: Race | None = None
    """The script to beat: a job that is behind beyond doubt is stopped."""


@dataclass(frozen=True)
class Capture:
    """A stream of a script, bounded: its first and last part."""

    head: str = ""
    tail: str = ""
    total: int = 0
    """Bytes written by the script."""
    dropped: int = 0
    """Bytes between head and tail that were not kept."""

    @property
    def text(self) -> str:
        """Head and tail, with a line between them where something was dropped."""
        if not self.dropped:
            return self.head + self.tail
        return f"{self.head}\n... {self.dropped} bytes left out ...\n{self.tail}"


@dataclass(frozen=True)
class ScriptError:
    """A Python exception that ended a script."""

    type: str
    message: str
    line: int | None
    """Line of the script itself (the deepest frame that is in it)."""
    traceback: str


@dataclass(frozen=True)
class Artefact:
    """A file the script left."""

    path: Path
    sha256: str
    size: int


@dataclass(frozen=True)
class Isolation:
    """What kept the script in, and what it could still do."""

    level: str
    gaps: tuple[str, ...] = ()


@dataclass(frozen=True)
class Execution:
    """What came of running one script."""

    key: str
    """Content key of the job (:func:`job_key`)."""
    outcome: Outcome
    exit_code: int | None
    signal: int | None
    stdout: Capture
    stderr: Capture
    exception: ScriptError | None
    wall_seconds: float
    cpu_seconds: float | None
    peak_memory_mb: float | None
    disk_mb: float
    processes: int
    artefacts: Mapping[str, Artefact]
    """Relative path -> file, for every regular file below ``final/``."""
    isolation: Isolation
    printed: float | None
    """Number of the last ``Final Validation Performance:`` line on stdout."""
    problem: str
    """One sentence that says why the outcome is not ``ok``; empty when it is."""
    cpus: int = 1
    attempts: int = 1
    cached: bool = False
    folds: tuple[FoldLine, ...] = ()
    """What the script said of each fold on stdout."""


class Executor(Protocol):
    """Runs jobs. Thread-safe."""

    def submit(self, job: Job) -> Future[Execution]:
        """Queue a job. Cancelling the future kills a job that runs.

        Raises (from the future):
            SandboxUnavailable: no child process could be started.
        """

    def capabilities(self) -> Isolation:
        """The isolation every job gets."""

    def cancel_all(self) -> None:
        """Kill what runs and drop what waits; their executions end as ``cancelled``."""

    def shutdown(self) -> None:
        """Cancel everything and free what the executor holds."""
