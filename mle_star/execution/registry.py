"""The record of what runs now, so that a resumed run can end what a killed one left behind.

A supervisor ends its script when the harness goes away; this is for the case that both were
killed. A process is only ever killed for the random mark in its environment (or for being below
one that has it) and only while its start time is the one seen with the mark, so a reused process
id is never hit.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
from pathlib import Path
from typing import Any

from mle_star.execution.probe import alive, start_time
from mle_star.execution.tree import below, kill_marked, marked
from mle_star.execution.workspace import drop_record


class Registry:
    """Writes the record; one instance per executor. Without a path it does nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._entries: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()
        self._owner = {"pid": os.getpid(), "start": start_time(os.getpid())}

    def announce(self, mark: str, folder: Path) -> None:
        """Record that a script is about to start."""
        place = folder
        if self._path is not None and folder.is_relative_to(self._path.parent):
            place = folder.relative_to(self._path.parent)  # still true when the run is moved
        self._change(mark, {"mark": mark, "folder": str(place)})

    def started(self, mark: str, pid: int) -> None:
        """Record the supervisor of a script; its process group has the same number."""
        known = self._entries.get(mark, {})
        self._change(mark, {**known, "pid": pid, "pgid": pid, "start": start_time(pid)})

    def ended(self, mark: str) -> None:
        """Strike a script off."""
        self._change(mark, None)

    def _change(self, mark: str, entry: dict[str, Any] | None) -> None:
        if self._path is None:
            return
        with self._lock:
            if entry is None:
                self._entries.pop(mark, None)
            else:
                self._entries[mark] = entry
            record = {"owner": self._owner, "running": list(self._entries.values())}
            # A full or read-only disk must not take the script's result with it.
            temporary = self._path.with_name(f".{self._path.name}.{os.getpid()}.tmp")
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                temporary.write_text(json.dumps(record, indent=1), encoding="utf-8")
                temporary.replace(self._path)
            except OSError:
                with contextlib.suppress(OSError):
                    temporary.unlink()
                _overwrite(self._path, json.dumps(record).encode())


def _overwrite(path: Path, content: bytes) -> None:
    """Strike something off on a full disk, where no new file fits: in place, with one write.

    Else a script that has ended would be taken for one that a kill cut short.
    """
    with contextlib.suppress(OSError), path.open("r+b", buffering=0) as stream:
        room = os.fstat(stream.fileno()).st_size
        if len(content) <= room:
            stream.write(content.ljust(room))


def reap_stale(registry: Path) -> int:
    """Kill every process that a killed harness left running; returns how many scripts that were.

    What belongs to a harness that still lives is left alone. A record that can't be read counts as
    empty.
    """
    try:
        record = json.loads(registry.read_text(encoding="utf-8"))
        owner, running = record["owner"], list(record["running"])
        if alive(int(owner["pid"]), int(owner["start"])):
            return 0
        reaped = sum(_reap(entry, registry.parent) for entry in running)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return 0
    registry.unlink(missing_ok=True)
    return reaped


def _reap(entry: dict[str, Any], home: Path) -> bool:
    """End one recorded script; whether anything of it was left."""
    mark = str(entry["mark"])
    roots = marked(mark)
    # A child that emptied its environment is found below a process that did not.
    found = roots | {pid: start for root in roots for pid, start in below(root).items()}
    for pid, start in found.items():
        if alive(pid, start):
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
    left = bool(found) or kill_marked(mark) > 0
    if "folder" in entry:  # a record is written after the entry is gone: this one is a forgery
        drop_record(home / entry["folder"])
    return left
