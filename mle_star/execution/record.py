"""``execution.json`` in a job's folder: how a run is written and when it may be used again."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from pathlib import Path
from typing import Any

from mle_star.execution.artefacts import digest
from mle_star.execution.base import (
    Artefact,
    Capture,
    Execution,
    Isolation,
    Job,
    Limits,
    ScriptError,
)
from mle_star.execution.disk import remove
from mle_star.execution.race import FoldLine
from mle_star.execution.workspace import RECORD, RECORD_WRITTEN

_FORMAT = 1

# What ended these may be gone next time: the machine, the network, another process.
_PASSING = {
    "BlockingIOError",
    "BrokenPipeError",
    "BrokenProcessPool",
    "ChildProcessError",
    "ConnectionError",
    "ConnectionRefusedError",
    "ConnectionResetError",
    "HTTPError",
    "InterruptedError",
    "KeyboardInterrupt",
    "OSError",
    "TerminatedWorkerError",
    "TimeoutError",
    "URLError",
}
_LIMITED = {
    "timeout": "wall_seconds",
    "out_of_memory": "memory_mb",
    "disk_limit": "disk_mb",
    "output_limit": "output_mb",
}
"""Outcome -> the limit that decided it."""


def store(job: Job, execution: Execution) -> None:
    """Write the record under a temporary name, then rename it; a full disk costs the cache only."""
    value = dataclasses.asdict(execution)
    value["artefacts"] = {
        name: {"sha256": a.sha256, "size": a.size} for name, a in execution.artefacts.items()
    }
    record = {
        "format": _FORMAT,
        "limits": dataclasses.asdict(job.limits),
        "race": described(job),
        "execution": value,
    }
    target = job.folder / RECORD
    temporary = job.folder / RECORD_WRITTEN
    with contextlib.suppress(OSError):
        job.folder.mkdir(parents=True, exist_ok=True)
        remove(temporary)
        with temporary.open("x", encoding="utf-8") as stream:
            json.dump(record, stream, indent=1)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(target)


def load(job: Job, key: str) -> Execution | None:
    """Read a record back; None when there is none that holds for this job."""
    try:
        record = json.loads((job.folder / RECORD).read_text(encoding="utf-8"))
        if record["format"] != _FORMAT or record["execution"]["key"] != key:
            return None
        execution = _revive(record["execution"], job.folder)
        limits = Limits(**record["limits"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    if execution.outcome == "behind":  # it lost against that script, and not against another
        return execution if record.get("race") == described(job) else None
    if not reusable(execution, limits, job.limits) or not _whole(execution):
        return None
    return execution


def described(job: Job) -> dict[str, Any] | None:
    """The race of a job as the record has it: JSON knows no number as a key."""
    if job.race is None:
        return None
    return {**dataclasses.asdict(job.race), "folds": sorted(map(list, job.race.folds.items()))}


def recorded_folds(folder: Path) -> tuple[FoldLine, ...]:
    """What the script whose job has this folder said of its folds; empty where nothing is known."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        return tuple(FoldLine(**line) for line in record["execution"]["folds"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ()


def reusable(execution: Execution, recorded: Limits, asked: Limits) -> bool:
    """Whether a result would come out the same again.

    A run that hit a limit is only kept for limits as tight or tighter.
    """
    if execution.outcome in ("ok", "no_score"):
        return True
    if execution.outcome == "error":
        kind = execution.exception.type if execution.exception else ""
        return execution.exit_code not in (None, 0) and kind not in _PASSING
    if execution.outcome in _LIMITED:
        name = _LIMITED[execution.outcome]
        before, now = getattr(recorded, name), getattr(asked, name)
        return before is None or (now is not None and now <= before)
    return False


def _whole(execution: Execution) -> bool:
    """Whether the artefacts are still what they were."""
    return all(digest(a.path) == (a.sha256, a.size) for a in execution.artefacts.values())


def _revive(value: dict[str, Any], folder: Path) -> Execution:
    isolation = value["isolation"]
    changed = {
        "stdout": Capture(**value["stdout"]),
        "stderr": Capture(**value["stderr"]),
        "exception": ScriptError(**value["exception"]) if value["exception"] else None,
        "artefacts": {
            name: Artefact(folder / name, a["sha256"], a["size"])
            for name, a in value["artefacts"].items()
        },
        "isolation": Isolation(isolation["level"], tuple(isolation["gaps"])),
        "folds": tuple(FoldLine(**line) for line in value.get("folds", ())),
        "cached": True,
    }
    return Execution(**{**value, **changed})
