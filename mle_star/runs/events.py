"""The event log: one JSON object per line, appended as things happen.

It is the machine-readable journal of a run, and the clock that survives a crash: every line carries
the
active seconds so far, so a resumed run goes on counting where the last line stopped.
"""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class EventLog:
    """Appends events to ``events.jsonl``. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()

    def append(
        self, kind: str, *, node: str, solution: int, elapsed: float, **fields: Any
    ) -> dict[str, Any]:
        """Write one event and return it as written.

        Args:
            kind: what happened, such as ``script_finished``.
            node: graph node it happened in; empty for the run as a whole.
            solution: index of the solution branch, -1 for the run as a whole.
            elapsed: active seconds of the run so far.
            fields: anything JSON can hold.
        """
        event = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "elapsed": round(elapsed, 3),
            "kind": kind,
            "node": node,
            "solution": solution,
            **fields,
        }
        line = json.dumps(event, ensure_ascii=False, allow_nan=False, default=str) + "\n"
        with self._lock:
            append_line(self.path, line)
        return event


def append_line(path: Path, line: str) -> None:
    """Add a line to a file, whole or not at all.

    Raises:
        OSError: it can't be written; the file is as it was.
    """
    with path.open("a+b", buffering=0) as stream:
        _append(stream, line.rstrip("\n").encode() + b"\n")


def _append(stream: io.FileIO, line: bytes) -> None:
    """Add a whole line or nothing, as far as that is in our hands."""
    size = stream.seek(0, io.SEEK_END)
    # A killed process may have left half a line: start a new one, never glue two together.
    if size and not _ends_with_newline(stream):
        line = b"\n" + line
    try:
        while line:  # a disk that is nearly full takes a part
            line = line[stream.write(line) or 0 :]
    except OSError:
        with suppress(OSError):
            stream.truncate(size)
        raise


def _ends_with_newline(stream: io.FileIO) -> bool:
    stream.seek(-1, io.SEEK_END)
    return stream.read(1) == b"\n"


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as stream:
        for line in stream:
            event = _event(line)
            if event is not None:
                yield event


def _event(line: str) -> dict[str, Any] | None:
    """The event of a line; None for the half line of a killed process."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None


class Tail:
    """Reads a journal that another process is writing, as far as it has got."""

    def __init__(self, path: Path) -> None:
        """Begin at the beginning of ``path``, which need not be there yet."""
        self.path = path
        self._offset = 0
        """Bytes that have been read as whole lines."""

    def read(self) -> list[dict[str, Any]]:
        """The events that were written since the last call; half a line is left for the next."""
        try:
            with self.path.open("rb") as stream:
                # A line that did not fit on the disk is taken back, a journal may be repaired.
                self._offset = min(self._offset, stream.seek(0, io.SEEK_END))
                stream.seek(self._offset)
                whole, newline, _ = stream.read().rpartition(b"\n")
        except FileNotFoundError:
            return []
        self._offset += len(whole) + len(newline)
        lines = whole.decode(errors="replace").split("\n")
        return [event for line in lines if (event := _event(line)) is not None]


def read_events(path: Path) -> list[dict[str, Any]]:
    """Every whole event of a run, oldest first.

    Args:
        path: the run folder or its ``events.jsonl``.
    """
    return list(_lines(path / "events.jsonl" if path.is_dir() else path))


def has_begun(path: Path) -> bool:
    """Whether a run got beyond its first node, of which the journal holds no ``node_started``."""
    return any(event.get("kind") == "node_started" for event in _lines(path / "events.jsonl"))


def last_elapsed(path: Path) -> float:
    """Active seconds when the newest event was written; 0.0 for a new run."""
    elapsed = 0.0
    for event in _lines(path):
        elapsed = max(elapsed, float(event.get("elapsed", 0.0)))
    return elapsed
