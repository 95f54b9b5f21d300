"""Leaves a model alone for a while that does not answer, so that a run does not wait for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

ENOUGH = 2
"""Requests in a row without an answer, each after every retry, until a model is left alone."""
FIRST_PAUSE = 30.0
"""Seconds it is left alone at first; doubled each time that it still does not answer."""
LONGEST_PAUSE = 600.0


@dataclass
class _State:
    failures: int = 0
    pause: float = FIRST_PAUSE
    until: float = float("-inf")


class Breaker:
    """Counts unanswered requests of each model. One object serves all threads of a run."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._states: dict[str, _State] = {}
        self._lock = threading.Lock()

    def seconds_left(self, model: str) -> float:
        """For how long a model is still left alone; 0: it may be asked.

        Once the time is over one request may try it; the others are kept off until that one is
        answered or as long again.
        """
        with self._lock:
            state = self._states.get(model)
            if state is None or state.failures < ENOUGH:
                return 0.0
            left = state.until - self._clock()
            if left > 0:
                return left
            state.until = self._clock() + state.pause
            return 0.0

    def answered(self, model: str) -> None:
        """A request was answered: all is well again."""
        with self._lock:
            self._states.pop(model, None)

    def failed(self, model: str, wished: float | None = None) -> None:
        """A request was given up.

        Args:
            model: whose.
            wished: seconds the provider asked to wait, where it did.
        """
        with self._lock:
            state = self._states.setdefault(model, _State())
            state.failures += 1
            if state.failures > ENOUGH:
                state.pause = min(2 * state.pause, LONGEST_PAUSE)
            pause = max(state.pause, min(wished or 0.0, LONGEST_PAUSE))
            state.until = self._clock() + pause
