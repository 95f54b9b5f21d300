"""One gate for all requests of a run, so that parallel branches don't run into rate limits."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mle_star.errors import RunStopped

_LOOK = 0.02
"""Seconds between looks at what opens without a known time: a place, the end of a hold."""


class Gate:
    """At most so many requests at once and a minute, and none while the provider asks to wait.

    Shared by every thread of a run. All waits end at once with :class:`RunStopped` when the run is
    asked to stop.
    """

    def __init__(
        self,
        stopping: threading.Event,
        per_minute: float | None = None,
        at_once: int = 4,
        *,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        """Make a gate that is open.

        Args:
            stopping: set when the run is asked to stop.
            per_minute: most requests in any 60 seconds; below 1, one in ``60 / per_minute``
                seconds; None for no bound.
            at_once: most requests under way.
            clock: seconds since any moment.
            wait: sleeps so many seconds or until the run is stopped; by default on ``stopping``.
        """
        self.clock = clock
        self.stopping = stopping
        self._wait = wait or stopping.wait
        self._at_once = at_once
        self._most = max(1, int(per_minute)) if per_minute else None
        self._window = 60.0 * max(1.0, 1.0 / per_minute) if per_minute else 0.0
        self._sent: deque[float] = deque()
        self._under_way = 0
        self._closed_until = float("-inf")
        self._lock = threading.Lock()

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Wait for a place, and hold it inside the ``with`` block.

        Raises:
            RunStopped: the run was stopped while waiting.
        """
        while (seconds := self._enter()) > 0:
            self._stop_or_wait(min(seconds, 1.0))
        try:
            yield
        finally:
            with self._lock:
                self._under_way -= 1

    def hold(self, seconds: float) -> None:
        """Let nobody through for so long; requests under way are not touched."""
        with self._lock:
            self._closed_until = max(self._closed_until, self.clock() + seconds)

    def pause(self, seconds: float) -> None:
        """Let the caller alone wait.

        Raises:
            RunStopped: the run was stopped while waiting.
        """
        until = self.clock() + seconds
        while (left := until - self.clock()) > 0:
            self._stop_or_wait(left)
        self.check()

    def check(self) -> None:
        """Raise :class:`RunStopped` if the run is asked to stop."""
        if self.stopping.is_set():
            raise RunStopped("The run was stopped while it waited for a model.")

    def _stop_or_wait(self, seconds: float) -> None:
        self.check()
        self._wait(seconds)
        self.check()

    def _enter(self) -> float:
        """Take a place and return 0, or the seconds after which to look again."""
        self.check()
        with self._lock:
            now = self.clock()
            if now < self._closed_until:
                return self._closed_until - now
            if self._under_way >= self._at_once:
                return _LOOK
            while self._sent and now - self._sent[0] >= self._window:
                self._sent.popleft()
            if self._most is not None and len(self._sent) >= self._most:
                return max(self._window - (now - self._sent[0]), 1e-3)
            if self._most is not None:
                self._sent.append(now)
            self._under_way += 1
            return 0.0
