"""Which jobs run together, on which cores, and how they are called off."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError
from pathlib import Path
from types import FrameType

import pytest

from mle_star.execution import Job, LocalExecutor
from mle_star.execution.machine import usable_cores
from tests.execution.running import job, wait_for

two_cores = pytest.mark.skipif(len(usable_cores()) < 2, reason="needs two cores")


@pytest.fixture
def executor() -> Iterator[LocalExecutor]:
    made = LocalExecutor(cores=2)
    yield made
    made.shutdown()


class Gate:
    """Jobs that say when they have started, and go on when told to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)

    def job(self, name: str, **fields: object) -> Job:
        script = f"""
        import os, time
        open({str(self.folder / name)!r} + ".started", "w")
        while not os.path.exists({str(self.folder / name)!r} + ".go"):
            time.sleep(0.005)
            cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
            with open({str(self.folder / name)!r} + ".tmp", "w") as f:
                f.write(",".join(map(str, cores)))
            os.replace({str(self.folder / name)!r} + ".tmp", {str(self.folder / name)!r} + ".cores")
        """
        return job(script, self.folder.parent / f"job-{name}", required=(), **fields)

    def started(self) -> set[str]:
        return {path.stem for path in self.folder.glob("*.started")}

    def cores(self, name: str) -> set[int]:
        try:
            text = (self.folder / f"{name}.cores").read_text()
        except OSError:
            return set()
        return {int(core) for core in text.split(",") if core}

    def open(self, name: str) -> None:
        (self.folder / f"{name}.go").touch()


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path / "gate")


@two_cores
def test_as_many_jobs_as_cores_in_order(executor: LocalExecutor, gate: Gate) -> None:
    futures = {name: executor.submit(gate.job(name)) for name in "abc"}
    wait_for(lambda: gate.started() == {"a", "b"})
    assert not futures["c"].running()
    gate.open("b")
    assert futures["b"].result(20).outcome == "ok"
    wait_for(lambda: gate.started() == {"a", "b", "c"})
    gate.open("a")
    gate.open("c")
    assert [futures[name].result(20).outcome for name in "ac"] == ["ok", "ok"]


@two_cores
def test_a_job_that_wants_all_cores_runs_alone(executor: LocalExecutor, gate: Gate) -> None:
    first = executor.submit(gate.job("wide", cpus=2))
    second = executor.submit(gate.job("narrow"))
    wait_for(lambda: gate.started() == {"wide"})
    assert not second.running()
    gate.open("wide")
    gate.open("narrow")
    assert first.result(20).cpus == second.result(20).cpus == 2


def test_a_job_that_wants_more_than_there_is_runs_all_the_same(
    executor: LocalExecutor, gate: Gate
) -> None:
    gate.open("greedy")
    asked = gate.job("greedy", cpus=99, memory_mb=10**9)
    assert executor.submit(asked).result(20).outcome == "ok"


@two_cores
def test_memory_is_a_budget_too(executor: LocalExecutor, gate: Gate) -> None:
    futures = [executor.submit(gate.job(name, memory_mb=10**7)) for name in "ab"]
    wait_for(lambda: gate.started() == {"a"})
    assert not futures[1].running()
    gate.open("a")
    gate.open("b")
    assert [future.result(20).outcome for future in futures] == ["ok", "ok"]


@two_cores
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no pinning here")
def test_cores_are_divided_anew_at_every_start_and_end(executor: LocalExecutor, gate: Gate) -> None:
    both = set(usable_cores()[:2])
    first = executor.submit(gate.job("a"))
    wait_for(lambda: gate.cores("a") == both)
    second = executor.submit(gate.job("b"))
    wait_for(lambda: len(gate.cores("a")) == len(gate.cores("b")) == 1)
    wait_for(lambda: gate.cores("a") | gate.cores("b") == both)
    gate.open("b")
    assert second.result(20).cpus == 1
    wait_for(lambda: gate.cores("a") == both)
    gate.open("a")
    assert first.result(20).cpus == 2


@two_cores
def test_two_jobs_of_one_folder_do_not_meet(executor: LocalExecutor, gate: Gate) -> None:
    first = executor.submit(gate.job("a"))
    second = executor.submit(gate.job("a"))
    wait_for(lambda: gate.started() == {"a"})
    assert not second.running()
    gate.open("a")
    assert [future.result(20).outcome for future in (first, second)] == ["ok", "ok"]


@two_cores
def test_cancelling_one_future(executor: LocalExecutor, gate: Gate) -> None:
    futures = [executor.submit(gate.job(name)) for name in "abc"]
    wait_for(lambda: gate.started() == {"a", "b"})
    assert futures[2].cancel()
    with pytest.raises(CancelledError):
        futures[2].result(20)
    assert futures[0].cancel()
    done = futures[0].result(20)
    assert (done.outcome, done.signal) == ("cancelled", signal.SIGKILL)
    assert done.problem
    gate.open("b")
    assert futures[1].result(20).outcome == "ok"
    assert not futures[1].cancel()
    assert gate.started() == {"a", "b"}


@two_cores
def test_cancel_all_ends_what_runs_and_what_waits(executor: LocalExecutor, gate: Gate) -> None:
    futures = [executor.submit(gate.job(name)) for name in "abcd"]
    wait_for(lambda: gate.started() == {"a", "b"})
    executor.cancel_all()
    assert [future.result(20).outcome for future in futures] == ["cancelled"] * 4
    assert gate.started() == {"a", "b"}
    gate.open("e")
    assert executor.submit(gate.job("e")).result(20).outcome == "ok"


def test_cancel_all_from_a_signal_handler_never_waits_for_a_lock(
    executor: LocalExecutor, gate: Gate
) -> None:
    """A handler runs in the main thread, maybe while that very thread holds the executor's lock."""
    future = executor.submit(gate.job("a"))
    wait_for(lambda: gate.started() == {"a"})
    called = threading.Event()

    def handler(number: int, frame: FrameType | None) -> None:
        executor.cancel_all()
        called.set()

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        with executor._lock:
            os.kill(os.getpid(), signal.SIGUSR1)
            wait_for(called.is_set)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert future.result(20).outcome == "cancelled"


def test_shutdown_leaves_nothing_and_takes_nothing(gate: Gate) -> None:
    executor = LocalExecutor()
    future = executor.submit(gate.job("a"))
    wait_for(lambda: gate.started() == {"a"})
    executor.shutdown()
    executor.shutdown()
    assert future.result(0).outcome == "cancelled"
    with pytest.raises(RuntimeError, match="shut down"):
        executor.submit(gate.job("b"))
