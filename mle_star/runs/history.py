"""The steps of a run, and the checkpoint that each of them left.

A step is one call of a node that came to its end. The journal tells what it did; the checkpoints,
those of the solutions and of their evaluation loops included, tell where the run can be taken up
again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mle_star.runs.checkpoints import damaged, plain_serializer
from mle_star.runs.databases import connect

Event = Mapping[str, Any]

SIDE_BY_SIDE = (
    *("write", "check_leakage", "fix_leakage", "ask_script"),
    *("execute", "score", "debug", "hand_over"),
)
"""Nodes that several candidates of a solution run at the same time."""
_ROUNDING = 0.001
"""Seconds that the journal's times may lie above those of the state."""


@dataclass(frozen=True)
class Step:
    """One call of a node that came to its end."""

    number: int
    """From 1, in the order in which they ended."""
    elapsed: float
    """Active seconds of the run when it ended."""
    time: str
    """When that was, ISO 8601 in UTC."""
    solution: int
    """Index of the solution, from 0; -1 for the run as a whole."""
    node: str
    events: tuple[Event, ...]
    """What it wrote to the journal."""
    last: int
    """Index of its last event in the journal."""


def steps_of(events: Sequence[Event]) -> list[Step]:
    """The steps of a run, oldest first.

    Args:
        events: the journal, see :func:`mle_star.runs.read_events`.
    """
    steps: list[Step] = []
    said: dict[tuple[int, str], list[Event]] = {}
    ends = _ends(events)
    for index, event in enumerate(events):
        key = (int(event.get("solution", -1)), str(event.get("node", "")))
        said.setdefault(key, []).append(event)
        if index not in ends:
            continue
        own = _own(said[key], alone=key[1] not in SIDE_BY_SIDE)
        said[key] = [other for other in said[key] if not any(other is event for event in own)]
        steps.append(
            Step(
                number=len(steps) + 1,
                elapsed=float(event.get("elapsed", 0.0)),
                time=str(event.get("time", "")),
                solution=key[0],
                node=key[1],
                events=tuple(own),
                last=index,
            )
        )
    return steps


def _own(said: Sequence[Event], *, alone: bool) -> list[Event]:
    """What a step wrote, of all that its node wrote in its solution; the last event ends it."""
    end = said[-1]
    if end.get("kind") != "node_finished":  # the first node, which is not timed and runs once
        return list(said)
    start = float(end.get("elapsed", 0.0)) - float(end.get("seconds") or 0.0) - 2 * _ROUNDING
    since = [event for event in said if float(event.get("elapsed", 0.0)) >= start]
    if alone:
        return since
    # Each of these nodes says a thing once; a second time is another candidate's.
    return list({event.get("kind"): event for event in reversed(since)}.values())[::-1]


def _ends(events: Sequence[Event]) -> set[int]:
    """Indices of the events with which steps end; the first node ends with its last note."""
    ends = {i for i, event in enumerate(events) if event.get("kind") == "node_finished"}
    first = [
        index
        for index, event in enumerate(events)
        if event.get("node") == "prepare" and event.get("kind") in ("run_started", "note")
    ]
    return ends | set(first[-1:])


@dataclass(frozen=True)
class Mark:
    """A checkpoint that the end of a step left."""

    row: int
    """Its number in the database: later ones have higher numbers."""
    thread: str
    namespace: str
    """Path of the subgraph it belongs to; empty for the graph itself."""
    checkpoint: str
    parent: str
    """Checkpoint of the same subgraph before it; empty where it is the first."""
    last: int
    """Index of the step's last event in the journal; -1 for checkpoints of no step."""


def marks_of(database: Path, steps: Sequence[Step]) -> list[Mark]:
    """The checkpoints of a run's newest thread in the order in which they were written.

    Args:
        database: ``checkpoints.sqlite``; nobody may be writing to it.
        steps: those of the journal as it was then, or later.

    Raises:
        RunError: the database is damaged.
    """
    ended: dict[tuple[str, int], list[Step]] = {}
    for step in steps:
        ended.setdefault((step.node, step.solution), []).append(step)
    marks: dict[tuple[str, str], Mark] = {}
    seen: dict[tuple[str, str], Mapping[str, Any]] = {}
    try:
        for row, thread, namespace, name, parent, source, content in _checkpoints(database):
            before = (namespace, parent)
            seen[namespace, name] = content["versions_seen"]
            if source == "update":  # somebody changed the state after that step
                last = marks[before].last if before in marks else -1
            else:
                ran = [
                    node
                    for node, versions in content["versions_seen"].items()
                    if versions != seen.get(before, {}).get(node)
                ]
                last = _last_event(ended, ran, content["channel_values"])
            marks[namespace, name] = Mark(row, thread, namespace, name, parent, last)
    except (sqlite3.DatabaseError, LookupError, TypeError, ValueError) as error:
        raise damaged(database, f"{type(error).__name__}: {error}") from None
    return list(marks.values())


def _checkpoints(database: Path) -> Iterator[tuple[int, str, str, str, str, str, dict[str, Any]]]:
    serializer = plain_serializer()
    with closing(connect(database)) as connection:
        rows = connection.execute(
            "SELECT rowid, thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, "
            "json_extract(CAST(metadata AS TEXT), '$.source'), type, checkpoint FROM checkpoints "
            "WHERE thread_id = (SELECT thread_id FROM checkpoints ORDER BY rowid DESC LIMIT 1) "
            "ORDER BY rowid"
        )
        for row, thread, namespace, name, parent, source, kind, blob in rows:
            content = serializer.loads_typed((kind, blob))
            yield row, thread, namespace, name, parent or "", str(source), content


def _last_event(
    ended: Mapping[tuple[str, int], Sequence[Step]], ran: Sequence[str], values: Mapping[str, Any]
) -> int:
    """The end of the step that left a checkpoint: the last of that node before the state's time."""
    draft = values.get("draft") or {}
    solution = int(values.get("solution", draft.get("solution", -1)))
    until = float(values.get("elapsed", 0.0)) + _ROUNDING
    found = [
        step.last
        for node in ran
        for step in ended.get((node, solution), ())
        if step.elapsed <= until
    ]
    return max(found, default=-1)
