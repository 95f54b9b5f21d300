"""The clock of a run."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Rounds:
    """How long the rounds of a loop took in this sitting, by the run's clock."""

    def __init__(self) -> None:
        self._began: float | None = None
        self.longest = 0.0
        """Seconds of the longest; 0.0 before one ended."""

    def begin(self, elapsed: float) -> None:
        """A round begins."""
        self._began = elapsed

    def end(self, elapsed: float) -> None:
        """The round ends, if one began."""
        if self._began is not None:
            self.longest = max(self.longest, elapsed - self._began)
        self._began = None


class Clock:
    """Seconds a run was active: time counts while at least one node works, over all sittings.

    So neither a night between a crash and its resumption nor a pause in Studio eats the time
    budget.
    """

    def __init__(self, before: float = 0.0) -> None:
        self._total = before
        self._active = 0
        self._since = 0.0
        self._lock = threading.Lock()

    def elapsed(self) -> float:
        """Active seconds so far."""
        with self._lock:
            running = time.monotonic() - self._since if self._active else 0.0
            return self._total + running

    def add(self, seconds: float) -> None:
        """Count time that was spent before the clock was made."""
        with self._lock:
            self._total += seconds

    @contextmanager
    def working(self) -> Iterator[None]:
        """Count the time inside this block; blocks of parallel branches overlap and count once."""
        with self._lock:
            if not self._active:
                self._since = time.monotonic()
            self._active += 1
        try:
            yield
        finally:
            with self._lock:
                self._active -= 1
                if not self._active:
                    self._total += time.monotonic() - self._since
