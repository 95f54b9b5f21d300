"""Mending a damaged run folder, so that the run can go on with what is left.

Nothing is thrown away: what is damaged is moved to ``damaged/`` before something takes its place.
"""

from __future__ import annotations

import json
from contextlib import suppress
from functools import partial
from pathlib import Path

from mle_star.errors import RunError
from mle_star.execution import reap_stale
from mle_star.runs.folder import RunFolder, leftovers, remove, write_bytes
from mle_star.runs.ledgers import mend_answers, mend_checkpoints, mend_ledger
from mle_star.runs.lock import only_one
from mle_star.runs.mending import DAMAGED, Finding, Mending
from mle_star.runs.records import mend_record, mend_scripts, mend_task, mend_views
from mle_star.runs.storage import in_one_sentence


def repair_run(path: Path, *, dry_run: bool = False) -> list[Finding]:
    """Find what is damaged in a run folder and mend what can be mended.

    Args:
        path: the run folder; its ``run.json`` may be missing.
        dry_run: look, change nothing.

    Returns:
        What was found, in order; empty for a sound run.

    Raises:
        RunError: this is no run folder, the run is being run, or the folder can't be written.
    """
    if not any((path / name).exists() for name in ("run.json", "events.jsonl", "task.json")):
        raise RunError(f"{path} is not a run folder: 'mle-star runs' lists the runs there are.")
    with in_one_sentence(path), only_one(path):
        work = Mending(RunFolder(path), dry_run=dry_run)
        _end_processes(work)
        _sweep(work)
        mend_record(work)
        mend_task(work)
        mend_views(work)
        mend_scripts(work)
        mend_answers(work)
        mend_ledger(work)
        # The journal before the checkpoints: a run that must start over gets a new journal.
        _mend_journal(work)
        mend_checkpoints(work)
    return work.findings


def _end_processes(work: Mending) -> None:
    record = work.folder.processes
    if not record.exists():
        return
    try:
        running = len(json.loads(record.read_text(encoding="utf-8"))["running"])
    except (OSError, ValueError, KeyError, TypeError):
        work.report(record.name, "unreadable", "moved aside", lambda: _aside(work, record.name))
        return
    if running:
        work.report(
            record.name,
            f"{running} scripts ran when the run was killed",
            "ended what is left of them",
            lambda: _reap(record),
        )


def _reap(record: Path) -> None:
    reap_stale(record)


def _aside(work: Mending, name: str) -> None:
    work.set_aside(name)


def _sweep(work: Mending) -> None:
    """Remove what writes that were cut short left behind; nothing ever reads it."""
    for path in leftovers(work.path):
        name = str(path.relative_to(work.path))
        work.report(name, "left by a write that was cut short", "removed", partial(remove, path))


def _mend_journal(work: Mending) -> None:
    path = work.path / "events.jsonl"
    if not path.exists():
        return
    lines = path.read_bytes().splitlines(keepends=True)
    whole = [line for line in lines if line.endswith(b"\n") and _is_event(line)]
    if len(whole) == len(lines):
        return

    def rewrite() -> None:
        work.set_aside(path.name)
        write_bytes(path, b"".join(whole))

    count = len(lines) - len(whole)
    work.report(
        path.name,
        f"{count} of {len(lines)} lines are not whole",
        f"left out; the file as it was is in {DAMAGED}/",
        rewrite,
    )


def _is_event(line: bytes) -> bool:
    with suppress(ValueError):
        return isinstance(json.loads(line), dict)
    return False
