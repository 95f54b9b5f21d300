"""The same job is never run twice: kept results, what is not kept, equal jobs in flight."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future
from dataclasses import replace
from pathlib import Path

import pytest

from mle_star.execution import (
    CachedExecutor,
    Execution,
    Executor,
    Isolation,
    Job,
    Limits,
    LocalExecutor,
    job_key,
)
from mle_star.execution.record import load, reusable
from mle_star.execution.workspace import RECORD
from mle_star.state import Outcome
from tests.execution.levels import need
from tests.execution.running import GOOD, job, wait_for


@pytest.fixture
def executor() -> Iterator[CachedExecutor]:
    made = CachedExecutor(LocalExecutor())
    yield made
    made.shutdown()


def counted(script: str, folder: Path) -> str:
    """A script that leaves a tally of its runs outside its folder."""
    return f"open({str(folder / 'tally')!r}, 'a').write('x')\n{script}"


def tally(folder: Path) -> int:
    return (folder / "tally").stat().st_size


@pytest.mark.parametrize(
    ("script", "outcome", "limits"),
    [
        (GOOD, "ok", {}),
        ("pass", "no_score", {}),
        ("1 / 0", "error", {}),
        ("import sys; sys.exit(3)", "error", {}),
        ("import time; time.sleep(60)", "timeout", {"wall_seconds": 0.3}),
        ("raise MemoryError", "out_of_memory", {}),
        ("while True: print('x' * 10**6)", "output_limit", {"output_mb": 2}),
    ],
)
def test_kept_results(
    executor: CachedExecutor, tmp_path: Path, script: str, outcome: str, limits: dict[str, float]
) -> None:
    asked = job(counted(script, tmp_path), tmp_path / "job", **limits)
    first = executor.submit(asked).result(30)
    second = executor.submit(asked).result(30)
    assert first.outcome == outcome
    assert not first.cached
    assert second == replace(first, cached=True)
    assert outcome == "timeout" or tally(tmp_path) == 1


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        ("import os; os.kill(os.getpid(), 11)", "killed"),
        ("raise ConnectionResetError('by peer')", "error"),
        ("raise OSError(28, 'No space left on device')", "error"),
    ],
)
def test_results_that_may_differ_next_time_are_not_kept(
    executor: CachedExecutor, tmp_path: Path, script: str, outcome: str
) -> None:
    asked = job(counted(script, tmp_path), tmp_path / "job")
    assert [executor.submit(asked).result(30).outcome for _ in "ab"] == [outcome] * 2
    assert tally(tmp_path) == 2


def test_a_cancelled_run_is_run_again(executor: CachedExecutor, tmp_path: Path) -> None:
    script = counted(
        f"import os, time\nwhile not os.path.exists({str(tmp_path / 'go')!r}): time.sleep(0.01)",
        tmp_path,
    )
    asked = job(script, tmp_path / "job", required=())
    future = executor.submit(asked)
    wait_for(lambda: (tmp_path / "tally").exists())
    executor.cancel_all()
    assert future.result(30).outcome == "cancelled"
    (tmp_path / "go").touch()
    assert executor.submit(asked).result(30).outcome == "ok"
    assert tally(tmp_path) == 2


def test_a_longer_time_out_runs_again_a_shorter_does_not(
    executor: CachedExecutor, tmp_path: Path
) -> None:
    for seconds, kept in ((0.3, False), (0.2, True), (0.4, False)):
        asked = job("import time; time.sleep(60)", tmp_path / "job", wall_seconds=seconds)
        done = executor.submit(asked).result(30)
        assert (done.outcome, done.cached) == ("timeout", kept)


@pytest.mark.parametrize("half", ["nothing", "artefact", "record", "other job", "format"])
def test_a_damaged_folder_is_cleaned_and_run_again(
    executor: CachedExecutor, tmp_path: Path, half: str
) -> None:
    asked = job(counted(GOOD, tmp_path), tmp_path / "job")
    first = executor.submit(asked).result(30)
    record = tmp_path / "job" / RECORD
    value = json.loads(record.read_text())
    (tmp_path / "job" / "left over").touch()
    if half == "nothing":
        record.unlink()
    elif half == "artefact":
        (tmp_path / "job" / "final" / "oof.csv").write_text("half")
    elif half == "record":
        record.write_text(record.read_text()[:200])
    elif half == "other job":
        value["execution"]["key"] = "another"
        record.write_text(json.dumps(value))
    else:
        value["format"] = 0
        record.write_text(json.dumps(value))
    again = executor.submit(asked).result(30)
    assert not again.cached
    assert again.artefacts == first.artefacts
    assert tally(tmp_path) == 2
    assert not (tmp_path / "job" / "left over").exists()


def test_a_record_survives_a_move_of_the_run_folder(
    executor: CachedExecutor, tmp_path: Path
) -> None:
    asked = job(GOOD, tmp_path / "old" / "job")
    executor.submit(asked).result(30)
    (tmp_path / "old").rename(tmp_path / "new")
    kept = executor.submit(replace(asked, folder=tmp_path / "new" / "job")).result(30)
    assert kept.cached
    assert kept.artefacts["final/oof.csv"].path == tmp_path / "new" / "job" / "final" / "oof.csv"


def test_equal_jobs_in_flight_run_once(executor: CachedExecutor, tmp_path: Path) -> None:
    script = counted("import time; time.sleep(0.3)\n" + GOOD, tmp_path)
    asked = job(script, tmp_path / "job")
    results = [f.result(30) for f in [executor.submit(asked) for _ in range(5)]]
    assert all(result == results[0] for result in results)
    assert results[0].outcome == "ok"
    assert tally(tmp_path) == 1


class Scripted(Executor):
    """An executor whose results the test hands out."""

    def __init__(self) -> None:
        self.futures: list[Future[Execution]] = []
        self.cancelled = 0

    def submit(self, job: Job) -> Future[Execution]:
        self.futures.append(Future())
        return self.futures[-1]

    def capabilities(self) -> Isolation:
        return Isolation("scripted")

    def cancel_all(self) -> None:
        self.cancelled += 1

    def shutdown(self) -> None:
        self.cancel_all()


def result(asked: Job, outcome: Outcome) -> Execution:
    executor = LocalExecutor()
    future = executor.submit(asked)
    executor.cancel_all()
    return replace(future.result(30), outcome=outcome, key=job_key(asked))


def test_a_lost_job_is_sent_again_twice_at_most(tmp_path: Path) -> None:
    asked = job(GOOD, tmp_path / "job")
    inner = Scripted()
    future = CachedExecutor(inner).submit(asked)
    for number in range(3):
        assert not future.done()
        inner.futures[number].set_result(result(asked, "lost"))
    assert (future.result(0).outcome, future.result(0).attempts) == ("lost", 3)
    assert len(inner.futures) == 3


def test_a_lost_job_may_succeed_later(tmp_path: Path) -> None:
    asked = job(GOOD, tmp_path / "job")
    inner = Scripted()
    executor = CachedExecutor(inner)
    future = executor.submit(asked)
    inner.futures[0].set_result(result(asked, "lost"))
    inner.futures[1].set_result(replace(result(asked, "ok"), artefacts={}))
    assert (future.result(0).outcome, future.result(0).attempts) == ("ok", 2)
    assert executor.submit(asked).result(0).cached


def test_a_lost_job_is_not_sent_again_after_cancel_all(tmp_path: Path) -> None:
    asked = job(GOOD, tmp_path / "job")
    inner = Scripted()
    executor = CachedExecutor(inner)
    future = executor.submit(asked)
    executor.cancel_all()
    inner.futures[0].set_result(result(asked, "lost"))
    assert future.result(0).outcome == "lost"
    assert (len(inner.futures), inner.cancelled) == (1, 1)


def test_one_waiter_may_leave_without_the_others(tmp_path: Path) -> None:
    asked = job(GOOD, tmp_path / "job")
    inner = Scripted()
    executor = CachedExecutor(inner)
    first, second = executor.submit(asked), executor.submit(asked)
    assert first.cancel()
    with pytest.raises(CancelledError):
        first.result(0)
    assert not inner.futures[0].cancelled()
    assert second.cancel()
    assert inner.futures[0].cancelled()
    assert second.cancelled()
    third = executor.submit(asked)
    inner.futures[1].set_result(result(asked, "ok"))
    assert third.result(0).outcome == "ok"


def test_a_submission_after_cancel_all_does_not_join_what_was_called_off(tmp_path: Path) -> None:
    asked = job(GOOD, tmp_path / "job")
    inner = Scripted()
    executor = CachedExecutor(inner)
    first = executor.submit(asked)
    executor.cancel_all()
    second = executor.submit(asked)
    assert len(inner.futures) == 2
    inner.futures[0].set_result(result(asked, "cancelled"))
    inner.futures[1].set_result(result(asked, "ok"))
    assert (first.result(0).outcome, second.result(0).outcome) == ("cancelled", "ok")


def test_what_could_not_be_started_is_raised_to_everyone(tmp_path: Path) -> None:
    asked = job(GOOD, tmp_path / "job")
    inner = Scripted()
    executor = CachedExecutor(inner)
    futures = [executor.submit(asked) for _ in range(2)]
    inner.futures[0].set_exception(OSError("no"))
    for future in futures:
        with pytest.raises(OSError, match="no"):
            future.result(0)


@pytest.mark.parametrize("outcome", ["killed", "lost", "cancelled"])
def test_never_kept(tmp_path: Path, outcome: Outcome) -> None:
    done = result(job(GOOD, tmp_path / "job"), outcome)
    assert not reusable(done, Limits(), Limits())


@pytest.mark.parametrize(
    ("before", "now", "kept"),
    [(100, 100, True), (100, 50, True), (100, 200, False), (100, None, False), (None, None, True)],
)
def test_limits_at_or_below_the_recorded(
    tmp_path: Path, before: int | None, now: int | None, kept: bool
) -> None:
    done = result(job(GOOD, tmp_path / "job"), "out_of_memory")
    assert reusable(done, Limits(memory_mb=before), Limits(memory_mb=now)) is kept


def test_a_record_that_a_script_wrote_is_not_believed(tmp_path: Path) -> None:
    """Nor is a link written through that it left in the place of the record."""
    outside = tmp_path / "outside"
    outside.write_text("mine")
    script = f"""
    import os
    os.symlink({str(outside)!r}, ".execution.json.tmp")
    os.symlink({str(outside)!r}, "execution.json")
    """
    executor = CachedExecutor(LocalExecutor())
    done = executor.submit(job(script, tmp_path / "job", required=())).result(30)
    executor.shutdown()
    assert done.outcome == "ok"
    assert outside.read_text() == "mine"
    assert not (tmp_path / "job" / RECORD).is_symlink()
    assert load(job(script, tmp_path / "job", required=()), done.key) is not None


def test_the_level_is_recorded_but_no_part_of_the_key(tmp_path: Path) -> None:
    done = []
    for level in ("process", "landlock"):
        need(level)
        executor = CachedExecutor(LocalExecutor(level=level))
        done.append(executor.submit(job(GOOD, tmp_path / "job")).result(30))
        executor.shutdown()
    assert done[0].key == done[1].key
    assert done[1].cached
    assert done[1].isolation == done[0].isolation
    assert done[0].isolation.level == "process"
