"""Keeping the head and the tail of a stream of any length in bounded memory."""

from __future__ import annotations

import contextlib
import os
import re
from io import FileIO
from pathlib import Path

from mle_star.execution.base import Capture
from mle_star.execution.disk import remove
from mle_star.execution.race import MOST_LINES, FoldLine, parse_fold_line
from mle_star.execution.scoreline import ScoreLine, is_score_line, parse_score_line

KEPT = 64 * 1024
"""Bytes kept of each end of a stream."""
LOGGED = 1024 * 1024
"""Bytes of a stream that go to its log file as they arrive; the tail is added at the end."""
_LONGEST_LINE = 4096
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


class Ring:
    """Head and tail of a byte stream: the first and the last ``kept`` bytes."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._head = bytearray()
        self._tail = bytearray()
        self.total = 0

    def feed(self, data: bytes) -> None:
        """Add the next bytes of the stream."""
        self.total += len(data)
        room = self._kept - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        self._tail += data[-self._kept :]
        if len(self._tail) > self._kept:
            del self._tail[: -self._kept]

    @property
    def tail(self) -> bytes:
        """The last bytes, those in the head excluded."""
        return bytes(self._tail)

    def capture(self) -> Capture:
        """The stream as text; undecodable bytes become U+FFFD."""
        dropped = self.total - len(self._head) - len(self._tail)
        if not dropped:  # one piece, so that no character is cut in two
            text = bytes(self._head + self._tail).decode("utf-8", "replace")
            return Capture(head=text, total=self.total)
        return Capture(
            head=self._head.decode("utf-8", "replace"),
            tail=self._tail.decode("utf-8", "replace"),
            total=self.total,
            dropped=dropped,
        )


class ScoreWatch:
    """Looks for the score line, and those of folds, while a stream passes by.

    So a stopped script's count as well.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._last = ""
        self.folds: list[FoldLine] = []
        """What was said of folds so far; the first :data:`MOST_LINES`."""

    def feed(self, data: bytes) -> None:
        """Add the next bytes of the stream."""
        *lines, rest = re.split(rb"[\r\n]", self._rest + data)
        for line in lines:
            self._look(line)
        # A line without end is cut: nothing a script prints may grow our memory.
        self._rest = rest[:_LONGEST_LINE]

    def result(self) -> ScoreLine:
        """What the last score line says; a last line without a line end counts."""
        self._look(self._rest)
        self._rest = b""
        return parse_score_line(self._last)

    def _look(self, line: bytes) -> None:
        if line[:5].lower() == b"fold " and len(self.folds) < MOST_LINES:
            said = parse_fold_line(line[:_LONGEST_LINE].decode("utf-8", "replace"))
            if said is not None:
                self.folds.append(said)
        if b"alidation" not in line and b"ALIDATION" not in line:
            return
        text = line[:_LONGEST_LINE].decode("utf-8", "replace")
        if is_score_line(text):
            self._last = text


class Stream:
    """One output of a script: ring, capped log file and, for stdout, the watch for the score."""

    def __init__(self, path: Path, score: ScoreWatch | None = None) -> None:
        """Begin an empty log file; nothing may lie in its place."""
        self.ring = Ring()
        self._path = path
        self._log = FileIO(os.open(path, _NEW, 0o644), "w")
        self._written = 0
        self._score = score

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        room = LOGGED - self.ring.total
        self.ring.feed(data)
        if room > 0:
            self._write(data[:room])
        if self._score:
            self._score.feed(data)

    def folds(self) -> list[FoldLine]:
        """What was said of folds so far, in full lines."""
        return self._score.folds if self._score else []

    def score(self) -> ScoreLine:
        """What the last score line says."""
        return self._score.result() if self._score else ScoreLine()

    def close(self) -> Capture:
        """End the log file and return what was kept."""
        beyond = self.ring.total - LOGGED
        if beyond > 0:
            tail = self.ring.tail[-beyond:]
            if beyond > len(tail):
                self._write(b"\n... %d bytes left out ...\n" % (beyond - len(tail)))
            self._write(tail)
        with contextlib.suppress(OSError):
            if not self._untouched():
                self._write_anew()
        self._log.close()
        return self.ring.capture()

    def _untouched(self) -> bool:
        """Whether the file is still ours: a script may put a link or a pipe in its place."""
        ours = os.fstat(self._log.fileno())
        try:
            found = self._path.lstat()
        except OSError:
            return False
        same = (found.st_dev, found.st_ino) == (ours.st_dev, ours.st_ino)
        return same and found.st_nlink == 1 and found.st_size == self._written

    def _write_anew(self) -> None:
        remove(self._path)
        with FileIO(os.open(self._path, _NEW, 0o644), "w") as stream:
            stream.write(self.ring.capture().text.encode("utf-8", "replace"))

    def _write(self, data: bytes) -> None:
        with contextlib.suppress(OSError):  # a full disk costs the log, not the run
            self._written += self._log.write(data)
