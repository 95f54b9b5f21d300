"""Whose script runs next, where several wait."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

GRACE = 0.3
"""Seconds after the first comes in which the others may come, so that the first in rank begins."""
LOOK = 0.1
"""Seconds between two looks at whether to stop waiting."""


class Turns:
    """Lets so many in at once, those of lowest rank first.

    Args:
        slots: how many may be inside at once.
        stopped: whether nobody needs to wait any more.
    """

    def __init__(self, slots: int, stopped: Callable[[], bool]) -> None:
        self._free = max(1, slots)
        self._stopped = stopped
        self._waiting: list[tuple[int, int, int]] = []
        self._numbers = itertools.count()
        self._opens: float | None = None
        self._changed = threading.Condition()

    @contextmanager
    def take(self, place: int, solution: int) -> Iterator[None]:
        """Wait for a turn and hold it inside the ``with`` block.

        Rank is the place within the solution, then the number of the solution: each solution's
        first comes before anybody's second.
        """
        with self._changed:
            ticket = (place, solution, next(self._numbers))
            self._waiting.append(ticket)
            if self._opens is None:
                self._opens = time.monotonic() + GRACE
            while not (self._stopped() or self._may_begin(ticket)):
                self._changed.wait(LOOK)
            self._waiting.remove(ticket)
            self._free -= 1
            self._changed.notify_all()  # the next may fit in as well
        try:
            yield
        finally:
            with self._changed:
                self._free += 1
                self._changed.notify_all()

    def _may_begin(self, ticket: tuple[int, int, int]) -> bool:
        opened = self._opens is not None and time.monotonic() >= self._opens
        return opened and self._free > 0 and ticket == min(self._waiting)
