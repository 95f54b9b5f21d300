"""A system's process tree: its end, its time, its memory, its cores."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import pytest

from mle_star.bench import process
from mle_star.bench.process import Ended, overtime, run_process
from mle_star.bench.records import Budget
from mle_star.errors import SettingsError
from tests.execution.running import SLACK, strays, wait_for


def run(
    code: str, folder: Path, seconds: float = 30.0, stopping: threading.Event | None = None,
    cores: frozenset[int] = frozenset(), memory_mb: int | None = None, **environment: str,
) -> Ended:  # fmt: skip
    return run_process(
        [sys.executable, "-c", code],
        folder,
        folder / "log.txt",
        Budget(seconds, 1, memory_mb),
        cores,
        stopping or threading.Event(),
        environment,
    )


def test_an_end_of_its_own(tmp_path: Path) -> None:
    ended = run("import sys; print('hello'); print('oh', file=sys.stderr)", tmp_path)
    assert (ended.exit_code, ended.timed_out, ended.stopped) == (0, False, False)
    assert set((tmp_path / "log.txt").read_text().split()) == {"hello", "oh"}
    assert run("raise SystemExit(3)", tmp_path).exit_code == 3
    assert run("import os; os.kill(os.getpid(), 9)", tmp_path).exit_code is None


def test_it_starts_where_and_with_what_it_is_told(tmp_path: Path) -> None:
    code = "import os; print(os.getcwd(), os.environ['MINE'], os.environ['OMP_NUM_THREADS'])"
    run(code, tmp_path, MINE="yes", cores=frozenset([0]))
    assert (tmp_path / "log.txt").read_text().split() == [str(tmp_path), "yes", "1"]


@pytest.mark.skipif(sys.platform != "linux", reason="cores are bound on Linux only")
def test_it_runs_on_the_cores_it_is_given(tmp_path: Path) -> None:
    core = min(os.sched_getaffinity(0))
    run("import os; print(os.sched_getaffinity(0))", tmp_path, cores=frozenset([core]))
    assert (tmp_path / "log.txt").read_text().strip() == f"{{{core}}}"


def test_time_is_over_for_the_whole_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "overtime", lambda _: 0.2)
    monkeypatch.setattr(process, "_GRACE", 0.3)
    code = f"""
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
here = {str(tmp_path)!r}
time.sleep(60)
"""
    begun = time.monotonic()
    ended = run(code, tmp_path, seconds=1.0)
    assert ended.timed_out
    assert ended.exit_code is None
    assert 1.0 < ended.seconds <= time.monotonic() - begun < 4 + SLACK
    wait_for(lambda: not strays(tmp_path))


def test_what_it_leaves_behind_is_ended(tmp_path: Path) -> None:
    code = f"""
import os, time
if os.fork() == 0:
    os.setsid()
    here = {str(tmp_path)!r}
    time.sleep(60)
"""
    assert run(code, tmp_path).exit_code == 0
    wait_for(lambda: not strays(tmp_path))


def test_a_stop_ends_it(tmp_path: Path) -> None:
    stopping = threading.Event()
    threading.Timer(0.5, stopping.set).start()
    ended = run("import time; time.sleep(60)", tmp_path, stopping=stopping)
    assert ended.stopped
    assert not ended.timed_out


def test_memory_is_watched(tmp_path: Path) -> None:
    code = "import time; x = bytearray(b'x' * 150_000_000); time.sleep(20)"
    ended = run(code, tmp_path, memory_mb=100)
    assert ended.over_memory
    assert ended.peak_memory_mb is not None
    assert ended.peak_memory_mb > 100


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no program 'no-such-program'"):
        run_process(
            ["no-such-program"], tmp_path, tmp_path / "log", Budget(1, 1), frozenset(),
            threading.Event(),
        )  # fmt: skip


def test_overtime_is_a_tenth_and_at_least_ten_seconds() -> None:
    assert overtime(30) == 10
    assert overtime(600) == 60
