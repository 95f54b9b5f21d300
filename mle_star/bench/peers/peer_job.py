"""What a peer is asked to do, and what it hands in.

The scripts of this folder are run by an interpreter that need not have our package, so they import
nothing of it; only the type checker sees them as parts of it. This module needs the standard
library alone.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_MAX_THREADS",
    "LOKY_MAX_CPU_COUNT",
)


def _age() -> float:
    """Seconds that this process has lived, its imports included (Linux; elsewhere 0)."""
    try:
        started = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
        now = time.clock_gettime(time.CLOCK_BOOTTIME)
        return max(0.0, now - int(started) / os.sysconf("SC_CLK_TCK"))
    except (OSError, ValueError, IndexError, AttributeError):
        return 0.0


_BEGUN = time.monotonic() - _age()


@dataclass(frozen=True)
class Task:
    """What to predict; the fields are those of ``mle_star.tasks.TaskSpec``."""

    train: str
    test: str
    sample_submission: str | None
    id: str | None
    target: list[str]
    kind: str
    metric: str
    maximize: bool
    prediction: str
    classes: list[Any]
    prediction_columns: list[str]
    submission_columns: list[str]
    time: list[str]
    group: str | None
    exclude: list[str]

    @property
    def own_metric(self) -> bool:
        """Whether the metric is a function of the task's author."""
        return ".py:" in self.metric

    @property
    def per_class(self) -> bool:
        """Whether there is one probability column per class."""
        return self.prediction == "probability" and self.kind == "multiclass"

    def alone(self, number: int) -> Task:
        """The same task with one of its targets only."""
        if len(self.target) == 1:
            return self
        columns = [self.prediction_columns[number]]
        return replace(self, target=[self.target[number]], prediction_columns=columns)


@dataclass(frozen=True)
class Job:
    """One run."""

    public: Path
    out: Path
    seconds: float
    """Wall clock for everything, from the start of the process."""
    cores: int
    seed: int
    task: Task
    options: dict[str, Any]

    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - _BEGUN

    def left(self) -> float:
        """Seconds until the end."""
        return self.seconds - self.elapsed()


def read_job() -> Job:
    """The job whose file is the only argument; caps the threads of what is loaded later."""
    if len(sys.argv) != 2:
        sys.exit(f"usage: {Path(sys.argv[0]).name} JOB.json")
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    for name in _THREADS:
        os.environ[name] = str(job["cores"])
    return Job(
        Path(job["public"]),
        Path(job["out"]),
        float(job["seconds"]),
        int(job["cores"]),
        int(job["seed"]),
        _task(job["task"]),
        dict(job.get("options") or {}),
    )


def _task(told: dict[str, Any]) -> Task:
    if not told.get("test"):
        sys.exit("The task has no test table: there is nothing to predict.")
    target = told["target"]
    return Task(
        train=told["train"],
        test=told["test"],
        sample_submission=told.get("sample_submission"),
        id=told.get("id"),
        target=target,
        kind=told["kind"],
        metric=told["metric"],
        maximize=told["direction"] == "maximize",
        prediction=told["prediction"],
        classes=list(told.get("classes") or []),
        prediction_columns=told.get("prediction_columns") or target,
        submission_columns=told["submission_columns"],
        time=list(told.get("time") or []),
        group=told.get("group"),
        exclude=list(told.get("exclude") or []),
    )


def write_text(path: Path, text: str) -> None:
    """Write a file so that a run that is killed leaves the old one or the new one."""
    waiting = path.with_name(f".{path.name}.part")
    waiting.write_text(text, encoding="utf-8", newline="")
    os.replace(waiting, path)  # noqa: PTH105


def write_report(
    job: Job,
    version: str,
    validation: float | None = None,
    curve: Sequence[tuple[float, float]] = (),
) -> None:
    """Say what is believed of the submission that was handed in.

    Args:
        job: the run.
        version: of the system.
        validation: in the task's metric.
        curve: (seconds since the start, best validation so far).
    """
    points = [(round(at, 2), value) for at, value in curve if abs(value) < float("inf")]
    known = validation is not None and abs(validation) < float("inf")
    report = {"validation": validation if known else None, "curve": points, "version": version}
    write_text(job.out / "report.json", json.dumps(report))


def version_of(package: str) -> str:
    """Name and version of an installed package."""
    return f"{package} {importlib.metadata.version(package)}"
