"""Finding runs again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mle_star.errors import RunError
from mle_star.runs.folder import read_record
from mle_star.runs.lock import is_driven


@dataclass(frozen=True)
class RunSummary:
    """One line about a run."""

    name: str
    path: Path
    task: str
    status: str
    """running, stopped, failed, finished, or interrupted: killed before it could say more."""
    started: str
    seconds: float
    best: float | None
    metric: str
    direction: str


def list_runs(runs_dir: Path) -> list[RunSummary]:
    """Every run below a folder, newest first. Folders that are not whole runs are left out."""
    found = []
    for path in sorted(runs_dir.glob("*/run.json")) if runs_dir.is_dir() else []:
        try:
            found.append(summarise(path.parent))
        except RunError:
            continue
    return sorted(found, key=lambda run: run.started, reverse=True)


def summarise(path: Path) -> RunSummary:
    """Read the summary of one run.

    Raises:
        RunError: the folder is not a whole run.
    """
    record = read_record(path)
    spec = record.get("spec") or {}
    return RunSummary(
        name=path.name,
        path=path,
        task=str(record.get("task", "")),
        status=status_of(path, record),
        started=str(record.get("started", "")),
        seconds=float(record.get("seconds") or 0.0),
        best=record.get("best"),
        metric=str(spec.get("metric", "")),
        direction=str(spec.get("direction", "")),
    )


def status_of(path: Path, record: Mapping[str, Any]) -> str:
    """How a run stands.

    A run that was killed could not write that down: no process holds its lock.

    Args:
        path: its folder.
        record: what its ``run.json`` says.
    """
    said = str(record.get("status", "running"))
    return "interrupted" if said == "running" and is_driven(path) is False else said


def find_run(name: str | None, runs_dir: Path) -> Path:
    """Folder of a run by name, by path, or (None) the newest.

    Raises:
        RunError: there is no such run.
    """
    if name is None:
        runs = list_runs(runs_dir)
        if not runs:
            raise RunError(f"There are no runs in {runs_dir}: start one with 'mle-star run TASK'.")
        return runs[0].path
    for path in (Path(name), runs_dir / name):
        if (path / "run.json").is_file():
            return path
    raise RunError(
        f"There is no run {name!r} in {runs_dir}: 'mle-star runs' lists the runs there are."
    )
