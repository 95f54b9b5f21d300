"""Reading a run as data, also one that was stopped, that is still running, or that was moved."""

from __future__ import annotations

import hashlib
import logging
import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from mle_star.context import resolve
from mle_star.errors import ArgumentError, RunError
from mle_star.graph.result import Result, read_result
from mle_star.report.attempts import Attempt
from mle_star.report.tried import read_tried
from mle_star.runs import RunFolder, find_run, read_events
from mle_star.runs.checkpoints import open_checkpoints
from mle_star.runs.events import last_elapsed
from mle_star.runs.listing import status_of
from mle_star.scoring import best_of
from mle_star.state import Direction, Outcome, Score, Trial

logger = logging.getLogger(__name__)


def load(run: str | Path) -> Result:
    """Read a run from its folder; nothing is run and nothing is changed.

    A run that has not ended has a result as well: its trials, the best of them so far, its notes
    and events. Its :attr:`Result.status` says how it stands.

    Args:
        run: the run folder, or the name of a run in the folder of runs.

    Raises:
        ArgumentError: ``run`` is no path.
        RunError: there is no such run, or it had not read its task yet.
    """
    if not isinstance(run, str | Path):
        raise ArgumentError(
            f"load() takes as 'run' a run folder or the name of a run, not {type(run).__name__}."
        )
    path = find_run(str(run), Path(resolve().runs_dir)).absolute()
    folder = RunFolder.open(path)
    record = folder.record()
    if "spec" not in record:
        raise RunError(f"{path.name} was stopped before it had read its task: it has no result.")
    status = status_of(path, record)
    values = _newest_values(folder) if status == "finished" else {}
    if not values.get("final"):
        values = _so_far(folder, record)
    result = replace(read_result(folder, _here(folder, values)), status=status)
    if status == "finished":
        return result
    return replace(result, seconds=last_elapsed(path / "events.jsonl"))


def _newest_values(folder: RunFolder) -> Mapping[str, Any]:
    """The last state; empty where the checkpoints are elsewhere (Studio) or can't be read."""
    if not folder.checkpoints.is_file():
        return {}
    try:
        with open_checkpoints(folder.checkpoints) as saver:
            return saver.newest_values()
    except (RunError, sqlite3.Error, OSError) as error:
        logger.warning("%s is read from its journal: %s", folder.path.name, error)
        return {}


def _here(folder: RunFolder, values: Mapping[str, Any]) -> dict[str, Any]:
    """The state with the paths of this place: the folder may have been moved."""
    there = {
        "submission": folder.submission.is_file() and values.get("submission"),
        "solution_folder": folder.solution.is_dir() and values.get("solution_folder"),
    }
    places = {"submission": folder.submission, "solution_folder": folder.solution}
    return {**values, **{name: str(places[name]) if there[name] else "" for name in there}}


def _so_far(folder: RunFolder, record: Mapping[str, Any]) -> dict[str, Any]:
    """What the state would be, as far as the journal tells."""
    events = read_events(folder.path)
    attempts = [a for a in read_tried(events).attempts if a.trial]
    trials = [_trial(folder, attempt) for attempt in attempts]
    direction = cast(Direction, record["spec"]["direction"])
    final = next((e for e in reversed(events) if e.get("kind") == "run_finished"), None)
    won = [t for t in trials if final and t["id"] == str(final.get("trial", ""))[:16]]
    return {
        "spec": record["spec"],
        "trials": trials,
        "best": won[0] if won else best_of(trials, direction),
        "final": {"source": str(final["source"]) if final else "none"},
        "elapsed": float(record.get("seconds") or 0.0),
        "submission": str(final.get("submission", "")) if final else "",
        "solution_folder": "solution" if final else "",
    }


def _trial(folder: RunFolder, attempt: Attempt) -> Trial:
    """A trial as the journal tells it; folds, members and weights stand in the state alone."""
    path = folder.trial(attempt.trial) / "script.py"
    text = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
    score: Score | None = None
    if attempt.score is not None:
        score = Score(
            value=attempt.score,
            error=attempt.error or 0.0,
            folds=[],
            audit=attempt.audit,
            audit_error=attempt.audit_error,
            printed=None,
            alarm=attempt.alarm,
        )
    return Trial(
        id=attempt.trial,
        script=hashlib.sha256(text).hexdigest(),
        label=attempt.label,
        phase=attempt.phase,
        solution=attempt.solution,
        outcome=cast(Outcome, attempt.outcome),
        score=score,
        seconds=attempt.seconds,
        problem=attempt.problem,
        debugged=attempt.repairs,
        members=[],
    )
