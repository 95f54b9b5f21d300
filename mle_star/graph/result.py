"""What a run hands back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mle_star.runs import RunFolder, read_events
from mle_star.scoring import best_of
from mle_star.state import Trial


@dataclass(frozen=True)
class Result:
    """What a run hands back."""

    run: Path
    submission: Path | None
    """None when no script ran to a score, or the task has no test data."""
    solution: Path | None
    """Folder with run.py, which reproduces the submission."""
    best: Trial | None
    single: Trial | None
    """Best trial that is one script."""
    ensemble: Trial | None
    """Best trial that combines others."""
    source: str
    """View the submission came from: ``full``, ``part`` (no time for all rows), ``search`` (no
    final run, or it failed) or ``none``."""
    seconds: float
    """Active seconds over all sittings."""
    solutions: list[Trial] = field(default_factory=list)
    trials: list[Trial] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    interrupted: bool = False
    """Whether the run was resumed at least once."""
    engineer: str = "playbook"
    """Who led: ``playbook``, a model as ``provider:name``, or ``module:factory``."""
    bill: dict[str, Any] | None = None
    """Calls, tokens, seconds and US dollars spent on models; None where none was asked."""


def read_result(folder: RunFolder, values: Mapping[str, Any]) -> Result:
    """Gather a finished run's result from its last state."""
    direction = values["spec"]["direction"]
    trials: list[Trial] = values.get("trials", [])
    events, record = read_events(folder.path), folder.record()
    return Result(
        run=folder.path,
        submission=Path(values["submission"]) if values.get("submission") else None,
        solution=Path(values["solution_folder"]) if values.get("solution_folder") else None,
        best=values.get("best"),
        single=best_of([t for t in trials if not t["members"]], direction),
        ensemble=best_of([t for t in trials if t["members"]], direction),
        source=str(values.get("final", {}).get("source", "none")),
        seconds=float(values.get("elapsed", 0.0)),
        solutions=values.get("solutions", []),
        trials=trials,
        notes=[event["text"] for event in events if event["kind"] == "note"],
        interrupted=int(record.get("sittings", 1)) > 1,
        engineer=str(record.get("engineer", {}).get("name", "")),
        bill=record.get("bill"),
    )
