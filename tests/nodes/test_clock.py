"""The clock of a run."""

from __future__ import annotations

import threading
from contextlib import suppress

import pytest

from mle_star.nodes import clock
from mle_star.nodes.clock import Clock


class FakeTime:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    fake = FakeTime()
    monkeypatch.setattr(clock, "time", fake)
    return fake


def test_only_working_time_counts(time: FakeTime) -> None:
    running = Clock(before=5.0)
    time.now += 1000  # a pause in Studio, a night
    assert running.elapsed() == 5.0
    with running.working():
        time.now += 3
        assert running.elapsed() == 8.0
    time.now += 1000
    assert running.elapsed() == 8.0


def test_parallel_branches_count_once(time: FakeTime) -> None:
    running = Clock()
    with running.working():
        time.now += 2
        with running.working():
            time.now += 2
        time.now += 2
    assert running.elapsed() == 6.0


def test_time_spent_before_can_be_added(time: FakeTime) -> None:
    running = Clock()
    running.add(4.0)
    assert running.elapsed() == 4.0


def test_a_node_that_fails_still_stops_the_clock(time: FakeTime) -> None:
    running = Clock()
    with suppress(ValueError), running.working():
        time.now += 1
        raise ValueError("bug")
    time.now += 50
    assert running.elapsed() == 1.0


def test_many_threads_leave_the_clock_stopped() -> None:
    running = Clock()

    def work() -> None:
        for _ in range(200):
            with running.working():
                pass

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert running.elapsed() == running.elapsed()
