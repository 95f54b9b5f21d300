from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mle_star.errors import RunStopped
from mle_star.models.gate import Gate


class FakeTime:
    """A clock that waiting moves on."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waits: list[float] = []

    def clock(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


def make(per_minute: float | None = None, at_once: int = 4) -> tuple[Gate, FakeTime]:
    fake = FakeTime()
    gate = Gate(threading.Event(), per_minute, at_once, clock=fake.clock, wait=fake.wait)
    return gate, fake


def in_threads(count: int, work: Callable[[], None]) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
        assert not thread.is_alive()


def test_an_open_gate_makes_nobody_wait() -> None:
    gate, fake = make()
    for _ in range(100):
        with gate.passing():
            pass
    assert not fake.waits


@given(
    per_minute=st.floats(0.05, 30),
    pauses=st.lists(st.floats(0, 30), min_size=1, max_size=25),
)
@settings(deadline=None, max_examples=50)
def test_no_minute_sees_more_requests_than_allowed(per_minute: float, pauses: list[float]) -> None:
    gate, fake = make(per_minute)
    passed: list[float] = []
    for pause in pauses:
        fake.now += pause
        with gate.passing():
            passed.append(fake.now)
    most = max(1, int(per_minute))
    window = max(60.0, 60.0 / per_minute)
    for first, beyond in zip(passed, passed[most:], strict=False):
        assert beyond - first >= window - 1e-6


def test_requests_wait_no_longer_than_needed() -> None:
    gate, fake = make(per_minute=2)
    for _ in range(5):
        with gate.passing():
            pass
    assert fake.now == pytest.approx(100 + 120)


def test_after_a_hold_everybody_waits_out_the_longest() -> None:
    gate, fake = make()
    gate.hold(20)
    gate.hold(5)
    with gate.passing():
        assert fake.now == pytest.approx(120)


def test_a_pause_is_the_caller_s_alone() -> None:
    gate, fake = make()
    gate.pause(7)
    assert fake.now == pytest.approx(107)
    waited = len(fake.waits)
    with gate.passing():
        assert len(fake.waits) == waited


def test_eight_threads_are_never_more_than_four_at_once() -> None:
    gate = Gate(threading.Event())
    inside, most, total = 0, 0, 0
    lock = threading.Lock()

    def work() -> None:
        nonlocal inside, most, total
        for _ in range(5):
            with gate.passing():
                with lock:
                    inside += 1
                    most = max(most, inside)
                time.sleep(0.005)
                with lock:
                    inside -= 1
                    total += 1

    in_threads(8, work)
    assert total == 40
    assert 2 <= most <= 4


def test_a_failure_gives_its_place_back() -> None:
    gate, _ = make(at_once=1)
    for _ in range(3):
        with pytest.raises(ValueError, match="odd"), gate.passing():
            raise ValueError("odd")


@pytest.mark.parametrize("what", ["hold", "place", "rate", "pause"])
def test_a_stop_ends_every_wait_at_once(what: str) -> None:
    stopping = threading.Event()
    gate = Gate(stopping, per_minute=1 if what == "rate" else None, at_once=1)
    waiting, outcome = threading.Event(), []

    def work() -> None:
        waiting.set()
        try:
            if what == "pause":
                gate.pause(1000)
            else:
                with gate.passing():
                    outcome.append("passed")
        except RunStopped:
            outcome.append("stopped")

    def begin_and_stop() -> None:
        thread = threading.Thread(target=work)
        thread.start()
        waiting.wait()
        stopping.set()
        thread.join(timeout=10)
        assert not thread.is_alive()

    if what == "hold":
        gate.hold(1000)
    if what == "place":
        with gate.passing():
            begin_and_stop()
    else:
        if what == "rate":
            with gate.passing():
                pass
        begin_and_stop()
    assert outcome == ["stopped"]


def test_nobody_passes_once_the_run_is_stopped() -> None:
    stopping = threading.Event()
    gate = Gate(stopping)
    stopping.set()
    with pytest.raises(RunStopped), gate.passing():
        pass
    with pytest.raises(RunStopped):
        gate.pause(0)
