"""Results kept by content: the same job is never run twice, not even after a crash."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, field, replace
from pathlib import Path

from mle_star.execution.base import Execution, Executor, Isolation, Job
from mle_star.execution.key import job_key
from mle_star.execution.record import described, load, store

_RETRIES = 2
"""How often a job is sent again whose worker was lost."""
_SENT_BY_OTHERS = {None, signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
"""Signals that come from outside rather than from a fault; None: the supervisor was ended."""


class CachedExecutor(Executor):
    """Answers from the record in a job's folder where it holds, and runs equal jobs in flight once.

    Args:
        inner: runs what has to be run.
        python: interpreter of the scripts, as it is part of the key; None: that of ``inner``.
    """

    def __init__(self, inner: Executor, python: str | None = None) -> None:
        self._inner = inner
        self.python = python or str(getattr(inner, "python", sys.executable))
        self.image = str(getattr(inner, "image", ""))
        self._flights: dict[tuple[str, Path, str], _Flight] = {}
        self._lock = threading.Lock()
        self._generation = 0

    def submit(self, job: Job) -> Future[Execution]:
        """Give the kept result, join an equal job in flight, or run the job.

        Cancelling one of several futures of an equal job lets it run on for the others.
        """
        key = job_key(job, self.python, self.image)
        place = (key, job.folder, str(described(job)))
        waiter = _Waiter(self)
        with self._lock:
            flight = self._flights.get(place)
            if flight is not None and flight.generation == self._generation:
                waiter.flight = flight
                flight.waiters.append(waiter)
                return waiter
            kept = load(job, key)
            if kept is None:
                flight = _Flight(job, place, self._generation, [waiter])
                waiter.flight = flight
                self._flights[place] = flight
        if kept is not None:
            waiter.set_result(kept)
        elif flight is not None:
            self._launch(flight)
        return waiter

    def capabilities(self) -> Isolation:
        """The isolation of the inner executor."""
        return self._inner.capabilities()

    def cancel_all(self) -> None:
        """Stop everything submitted so far; takes no lock, so a signal handler may call it."""
        self._generation += 1
        self._inner.cancel_all()

    def shutdown(self) -> None:
        """Cancel everything and shut the inner executor down."""
        self._generation += 1
        self._inner.shutdown()

    def leave(self, waiter: _Waiter) -> bool:
        """Let a waiter go; the last one to go takes the job with it."""
        flight = waiter.flight
        if flight is None:
            return False
        with self._lock:
            last = flight.waiters == [waiter]
            if last:
                self._forget(flight)
            elif waiter in flight.waiters:
                flight.waiters.remove(waiter)
        if not last:
            return waiter.drop()
        flight.unwanted = True
        return flight.inner.cancel() if flight.inner is not None else True

    def _launch(self, flight: _Flight) -> None:
        try:
            inner = self._inner.submit(flight.job)
        except BaseException as error:
            self._settle(flight, error)
            raise
        flight.inner = inner
        if flight.unwanted:  # cancelled before there was anything to cancel
            inner.cancel()
        inner.add_done_callback(lambda done: self._landed(flight, done))

    def _landed(self, flight: _Flight, inner: Future[Execution]) -> None:
        if inner.cancelled():
            self._settle(flight, None)
            return
        error = inner.exception()
        if error is not None:
            self._settle(flight, error)
            return
        result = inner.result()
        again = flight.generation == self._generation and not flight.unwanted
        if again and flight.attempts <= _retries(result):
            flight.attempts += 1
            with contextlib.suppress(BaseException):  # whoever waits has been told
                self._launch(flight)
            return
        result = replace(result, attempts=flight.attempts)
        store(flight.job, result)
        self._settle(flight, result)

    def _settle(self, flight: _Flight, result: Execution | BaseException | None) -> None:
        """Tell everyone who waits; None: the job was dropped before it ran."""
        with self._lock:
            self._forget(flight)
            waiters = list(flight.waiters)
        for waiter in waiters:
            with contextlib.suppress(InvalidStateError):  # it was cancelled meanwhile
                if result is None:
                    waiter.drop()
                elif isinstance(result, Execution):
                    waiter.set_result(result)
                else:
                    waiter.set_exception(result)

    def _forget(self, flight: _Flight) -> None:
        if self._flights.get(flight.place) is flight:
            del self._flights[flight.place]


def _retries(result: Execution) -> int:
    """How often a job with this result is sent again in all.

    Somebody may have killed a script that is sound; one that is killed twice is thought to do it.
    """
    if result.outcome == "lost":
        return _RETRIES
    return int(result.outcome == "killed" and result.signal in _SENT_BY_OTHERS)


class _Waiter(Future[Execution]):
    """What one caller of ``submit`` holds; several may wait for one flight."""

    def __init__(self, executor: CachedExecutor) -> None:
        super().__init__()
        self._executor = executor
        self.flight: _Flight | None = None

    def cancel(self) -> bool:
        return not self.done() and self._executor.leave(self)

    def drop(self) -> bool:
        """Mark as cancelled, whatever becomes of the job."""
        return super().cancel()


@dataclass
class _Flight:
    """A job that was handed to the inner executor, and who waits for it."""

    job: Job
    place: tuple[str, Path, str]
    """Key, folder, and the race if any: one that lost against another script tells nothing."""
    generation: int
    waiters: list[_Waiter] = field(default_factory=list)
    inner: Future[Execution] | None = None
    attempts: int = 1
    unwanted: bool = False
