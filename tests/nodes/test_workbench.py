"""The clock of a run, and its live objects."""

from __future__ import annotations

import threading
from contextlib import suppress

import pytest

from mle_star.errors import RunError
from mle_star.nodes import workbench
from mle_star.nodes.workbench import Clock, plain


class FakeTime:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    fake = FakeTime()
    monkeypatch.setattr(workbench, "time", fake)
    return fake


def test_only_working_time_counts(time: FakeTime) -> None:
    clock = Clock(before=5.0)
    time.now += 1000  # a pause in Studio, a night
    assert clock.elapsed() == 5.0
    with clock.working():
        time.now += 3
        assert clock.elapsed() == 8.0
    time.now += 1000
    assert clock.elapsed() == 8.0


def test_parallel_branches_count_once(time: FakeTime) -> None:
    clock = Clock()
    with clock.working():
        time.now += 2
        with clock.working():
            time.now += 2
        time.now += 2
    assert clock.elapsed() == 6.0


def test_time_spent_before_can_be_added(time: FakeTime) -> None:
    clock = Clock()
    clock.add(4.0)
    assert clock.elapsed() == 4.0


def test_a_node_that_fails_still_stops_the_clock(time: FakeTime) -> None:
    clock = Clock()
    with suppress(ValueError), clock.working():
        time.now += 1
        raise ValueError("bug")
    time.now += 50
    assert clock.elapsed() == 1.0


def test_many_threads_leave_the_clock_stopped() -> None:
    clock = Clock()

    def work() -> None:
        for _ in range(200):
            with clock.working():
                pass

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert clock.elapsed() == clock.elapsed()


def test_a_folder_without_a_run_has_no_workbench(tmp_path: object) -> None:
    with pytest.raises(RunError, match="not a run folder"):
        workbench.open_workbench(str(tmp_path))
    assert workbench.find_workbench(str(tmp_path)) is None


def test_checkpoints_get_plain_numbers() -> None:
    import numpy as np

    value = plain({"score": np.float64(0.5), "folds": [np.int64(3)], "none": None})
    assert value == {"score": 0.5, "folds": [3.0], "none": None}
    assert type(value["score"]) is float
