"""A copy of a run as it would be if the run had been killed right after one of its steps.

The original is only read. Databases are copied by SQLite's backup, which waits for nobody, so the
original may be running.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mle_star.errors import RunError
from mle_star.models.base import Call
from mle_star.models.client import ANSWERS
from mle_star.models.ledger import Ledger
from mle_star.models.wallet import LEDGER
from mle_star.runs.checkpoints import damaged
from mle_star.runs.databases import connect, database_problem
from mle_star.runs.events import read_events
from mle_star.runs.folder import RunFolder, leftovers, remove, write_text
from mle_star.runs.history import Event, Mark, Step, marks_of, steps_of

JOBS = ("trials", "smoke", "studies", "final")
"""Folders with a folder for each job that a script was run for."""
FILES = ("task.json", "profile.json", "recalled.json", "traffic.jsonl")
"""Files that a fork gets as they are."""
TOLD = "told.jsonl"
"""What people told the run, a line each, with its ``time``."""


@dataclass(frozen=True)
class Cut:
    """Where a copied run was cut."""

    step: Step
    mark: Mark | None
    """The checkpoint the step left; None where the step was not over when the run was killed."""
    elapsed: float
    """Active seconds of the run until then."""


def copy_until(source: RunFolder, target: RunFolder, number: int) -> Cut:
    """Fill a new run folder, but for ``run.json``, with what a run had after one of its steps.

    All scripts that ran, and all answers of models, are copied, those after the step as well: what
    the fork asks for again costs nothing. Its ledger ends with the step.

    Args:
        source: the run. Nothing in it is changed.
        target: an empty run folder.
        number: of the step, see :func:`mle_star.runs.history.steps_of`.

    Raises:
        RunError: there is no such step, its checkpoint is gone, or a database is damaged.
        OSError: a file can't be copied.
    """
    _back_up(source.checkpoints, target.checkpoints)
    # The journal after the checkpoints: each of them has its step in it.
    events = read_events(source.path)
    step = find_step(events, number)
    mark, last = _cut_checkpoints(target.checkpoints, steps_of(events), step)
    kept = events[: last + 1]
    lines = (json.dumps(event, ensure_ascii=False) + "\n" for event in kept)
    write_text(target.path / "events.jsonl", "".join(lines))
    _copy_files(source.path, target.path)
    for path in leftovers(target.path):
        remove(path)
    _cut_told(source.path / TOLD, target.path / TOLD, until=str(kept[-1].get("time", "")))
    for name in (ANSWERS, LEDGER):
        if (source.path / name).exists():
            _back_up(source.path / name, target.path / name)
    if (target.path / LEDGER).exists():
        _cut_ledger(target.path / LEDGER, kept, events[last + 1 :])
    return Cut(step, mark, max(float(event.get("elapsed", 0.0)) for event in kept))


def find_step(events: Sequence[Event], number: int) -> Step:
    """A step of a run by its number.

    Raises:
        RunError: there is none of that number.
    """
    steps = steps_of(events)
    if not steps:
        raise RunError("The run has not finished a step yet: wait until it has.")
    if not 1 <= number <= len(steps):
        raise RunError(
            f"There is no step {number}: the steps are 1 to {len(steps)}; 'mle-star history' "
            "lists them."
        )
    return steps[number - 1]


def _back_up(source: Path, target: Path) -> None:
    if problem := database_problem(source):
        raise damaged(source, problem)
    with closing(connect(source)) as old, closing(connect(target)) as new:
        old.backup(new)


def _cut_checkpoints(database: Path, steps: Sequence[Step], step: Step) -> tuple[Mark | None, int]:
    """Drop what was written after a step; returns its mark and the last event to keep.

    A step of a branch that ran alongside may have ended before and left its checkpoint after, or
    the other way round. It is kept where its checkpoint is, and done again where not.
    """
    marks = marks_of(database, steps)
    before = [mark for mark in marks if 0 <= mark.last <= step.last]
    if not before:
        raise RunError(
            f"The checkpoint of step {step.number} is gone, so the run can't be taken up there: "
            "choose a later step."
        )
    newest = max(before, key=lambda mark: mark.row)
    kept = [mark for mark in marks if mark.row <= newest.row]
    with closing(connect(database)) as connection:
        _drop_later(connection, newest, kept)
        connection.execute("VACUUM")
    own = [mark for mark in kept if mark.last == step.last]
    return own[-1] if own else None, max(step.last, *(mark.last for mark in kept))


def _drop_later(connection: sqlite3.Connection, newest: Mark, kept: Sequence[Mark]) -> None:
    """Drop later checkpoints, and what running nodes had written by then.

    A write belongs to the checkpoint before it. Those of the checkpoints that have a successor were
    written before that one, and so was everything with a lower number than the last of them.
    """
    followed = {(mark.namespace, mark.parent) for mark in kept}
    names = {(mark.namespace, mark.checkpoint) for mark in kept}
    writes = connection.execute(
        "SELECT rowid, thread_id, checkpoint_ns, checkpoint_id FROM writes ORDER BY rowid"
    ).fetchall()
    own = [(row, (ns, name)) for row, thread, ns, name in writes if thread == newest.thread]
    last = max((row for row, name in own if name in followed), default=0)
    good = {row for row, name in own if row <= last and name in names}
    with connection:
        connection.execute(
            "DELETE FROM checkpoints WHERE thread_id != ? OR rowid > ?", (newest.thread, newest.row)
        )
        connection.executemany(
            "DELETE FROM writes WHERE rowid = ?", [(row,) for row, *_ in writes if row not in good]
        )


def _copy_files(source: Path, target: Path) -> None:
    for name in FILES:
        if (source / name).exists():
            shutil.copy2(source / name, target / name)
    # Nothing ever writes to a file of the views again, and they may be large.
    _copy_folder(source / "views", target / "views", _link)
    _copy_folder(source / "scripts", target / "scripts", shutil.copy2)
    for kind in JOBS:
        # A job without a record is still running, or never ended.
        for record in sorted(source.glob(f"{kind}/*/execution.json")):
            name = record.parent.name
            _copy_folder(record.parent, target / kind / name, shutil.copy2)


def _copy_folder(source: Path, target: Path, copy: Callable[[str, str], object]) -> None:
    try:
        shutil.copytree(source, target, symlinks=True, copy_function=copy, dirs_exist_ok=True)
    except shutil.Error as error:  # of each file that could not be copied: from, to, why
        name, _, why = error.args[0][0]
        raise RunError(f"{name} can't be copied: {why}.") from None
    except FileNotFoundError:
        raise RunError(
            f"{source} is missing: mend the run with 'mle-star repair {source.parent}'."
        ) from None


def _link(source: str, target: str) -> None:
    """Make a second name for a file; a copy where the file system knows none."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target)


def _cut_told(source: Path, target: Path, until: str) -> None:
    if not source.exists():
        return
    kept = []
    for line in source.read_text(encoding="utf-8", errors="replace").splitlines():
        with suppress(ValueError, AttributeError):  # half a line
            if str(json.loads(line).get("time", "")) <= until:
                kept.append(line + "\n")
    write_text(target, "".join(kept))


def _cut_ledger(path: Path, kept: Sequence[Event], later: Sequence[Event]) -> None:
    """Drop the calls that were made after the step.

    The journal names every call of a step. What it does not name, the hello of each sitting, stays
    if it was before the first call that goes.
    """
    before, after = (
        Counter(_described(event) for event in part if event.get("kind") == "model_called")
        for part in (kept, later)
    )
    gone: list[int] = []
    for number, call in Ledger(path).read().items():
        name = _named(call)
        if before[name]:
            before[name] -= 1
        elif after[name]:
            after[name] -= 1
            gone.append(number)
        elif gone:
            gone.append(number)
    with closing(connect(path)) as database, database:
        database.executemany("DELETE FROM calls WHERE number = ?", [(n,) for n in gone])


def _described(event: Event) -> tuple[Any, ...]:
    """What names a call. Not its solution: some questions of a solution are asked for all."""
    tokens = event.get("tokens") or {}
    return (
        *(event.get(name) for name in ("agent", "phase", "model", "outcome")),
        *(tokens.get(name) for name in ("input", "cached", "output", "thinking")),
        event.get("seconds"),
    )


def _named(call: Call) -> tuple[Any, ...]:
    usage = call.usage
    return (
        *(call.role, call.phase, call.model, call.outcome),
        *(usage.input, usage.cached, usage.output, usage.thinking),
        round(call.seconds, 3),
    )
