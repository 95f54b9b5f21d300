"""A run as tables: one row per attempt, one row per event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mle_star.report.attempts import Attempt
from mle_star.report.tried import read_tried

if TYPE_CHECKING:
    import pandas as pd

TRIAL_COLUMNS = {
    "solution": "int64",
    "phase": "object",
    "change": "object",
    "score": "float64",
    "error": "float64",
    "audit": "float64",
    "audit_error": "float64",
    "verdict": "object",
    "accepted": "bool",
    "seconds": "float64",
    "at": "float64",
    "repairs": "int64",
    "problem": "object",
    "base": "Int64",
    "trial": "object",
    "script": "object",
}
"""Columns of :func:`trials_frame` and their types."""


def trials_frame(run: Path, events: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Everything a run tried, one row per attempt, in the order of the journal.

    Args:
        run: the run folder.
        events: its journal.

    Returns:
        A table of :data:`TRIAL_COLUMNS`, indexed by the number of the attempt. ``change`` says
        what was tried and ``base`` on which attempt; ``score``, ``error`` (standard error),
        ``audit`` are in the metric's units; ``seconds`` is what the script took, ``at`` when it
        ended, in active seconds of the run; ``verdict`` is a word or two; ``solution`` is -1 for
        ensembles; ``script`` is the path of the script, empty where none was run.
    """
    import pandas as pd

    attempts = read_tried(events).attempts
    rows = [_row(run, attempt) for attempt in attempts]
    index = pd.Index([attempt.number for attempt in attempts], name="number", dtype="int64")
    return pd.DataFrame(rows, index=index, columns=list(TRIAL_COLUMNS)).astype(TRIAL_COLUMNS)


def _row(run: Path, attempt: Attempt) -> dict[str, Any]:
    script = run / "trials" / attempt.trial / "script.py" if attempt.trial else None
    return {
        "solution": attempt.solution,
        "phase": attempt.phase,
        "change": attempt.label,
        "score": attempt.score,
        "error": attempt.error,
        "audit": attempt.audit,
        "audit_error": attempt.audit_error,
        "verdict": attempt.verdict,
        "accepted": attempt.accepted,
        "seconds": attempt.seconds,
        "at": attempt.at,
        "repairs": attempt.repairs,
        "problem": attempt.alarm or attempt.problem,
        "base": attempt.base.number if attempt.base else None,
        "trial": attempt.trial,
        "script": str(script) if script else "",
    }


def events_frame(events: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """A journal as a table, one row per event, with a column for every field that occurs.

    ``time`` is UTC, ``elapsed`` and ``seconds`` are seconds; what a kind has no field for is empty.
    """
    import pandas as pd

    frame = pd.DataFrame([dict(event) for event in events])
    for name in ("time", "elapsed", "kind", "node", "solution"):
        if name not in frame:
            frame[name] = None
    frame["time"] = pd.to_datetime(frame["time"], utc=True, errors="coerce", format="ISO8601")
    return frame
