"""What a killed harness left is found again; what merely has the same number is left alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mle_star.execution import LocalExecutor, reap_stale
from mle_star.execution.environment import MARK
from mle_star.execution.probe import start_time
from mle_star.execution.registry import Registry
from tests.execution.running import is_running, job, wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

SLEEP = "import os, time\nopen('final/pid', 'w').write(str(os.getpid()))\ntime.sleep(300)"


def leave_behind(folder: Path) -> int:
    """Run a harness until its script runs, then kill both the harness and the supervisor."""
    program = f"""
from pathlib import Path
from mle_star.execution import Job, LocalExecutor
executor = LocalExecutor(registry=Path({str(folder / "processes.json")!r}))
executor.submit(Job({SLEEP!r}, Path({str(folder / "job")!r}))).result()
"""
    harness = subprocess.Popen([sys.executable, "-c", program])
    file = folder / "job" / "final" / "pid"
    wait_for(lambda: file.exists() and file.read_text() != "")
    wait_for(lambda: '"pgid"' in (folder / "processes.json").read_text())
    record = json.loads((folder / "processes.json").read_text())
    (entry,) = record["running"]
    assert entry["folder"] == "job"
    assert {"pid", "pgid", "start", "mark"} <= entry.keys()
    # Stopped first: a supervisor that is killed takes the script along, one that sleeps does not.
    os.kill(entry["pid"], 19)
    harness.kill()
    harness.wait()
    return int(file.read_text())


def test_what_a_killed_harness_left_is_ended(tmp_path: Path) -> None:
    pid = leave_behind(tmp_path)
    assert is_running(pid)
    assert reap_stale(tmp_path / "processes.json") == 1
    wait_for(lambda: not is_running(pid))
    assert reap_stale(tmp_path / "processes.json") == 0


def test_a_reused_process_id_is_not_hit(tmp_path: Path) -> None:
    innocent = subprocess.Popen(["sleep", "300"])
    entry = {"mark": "f" * 32, "folder": "x", "pid": innocent.pid, "pgid": innocent.pid}
    for start in (1, start_time(innocent.pid)):
        record = {"owner": {"pid": 2**22 + 5, "start": 1}, "running": [{**entry, "start": start}]}
        (tmp_path / "p.json").write_text(json.dumps(record))
        assert reap_stale(tmp_path / "p.json") == 0
        assert is_running(innocent.pid)
    innocent.kill()
    innocent.wait()


def test_what_a_living_harness_runs_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    with ProcessWithMark("a" * 32) as process:
        registry = Registry(path)
        registry.announce("a" * 32, tmp_path)
        registry.started("a" * 32, process.pid)
        assert reap_stale(path) == 0
        assert is_running(process.pid)
        record = json.loads(path.read_text())
        record["owner"]["start"] += 1  # the same number, but a later process
        path.write_text(json.dumps(record))
        assert reap_stale(path) == 1
        wait_for(lambda: not is_running(process.pid))


class ProcessWithMark:
    def __init__(self, mark: str) -> None:
        self.process = subprocess.Popen(["sleep", "300"], env={MARK: mark, "PATH": os.defpath})

    def __enter__(self) -> subprocess.Popen[bytes]:
        wait_for(lambda: b"sleep" in Path(f"/proc/{self.process.pid}/cmdline").read_bytes())
        return self.process

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()


def test_the_record_is_empty_after_a_run(tmp_path: Path) -> None:
    executor = LocalExecutor(registry=tmp_path / "run" / "p.json")
    executor.submit(job("1", tmp_path / "job")).result(30)
    executor.shutdown()
    assert json.loads((tmp_path / "run" / "p.json").read_text())["running"] == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"owner": 1, "running": 2}', "null"])
def test_a_damaged_record_counts_as_empty(tmp_path: Path, text: str) -> None:
    (tmp_path / "p.json").write_text(text)
    assert reap_stale(tmp_path / "p.json") == 0
    assert reap_stale(tmp_path / "missing.json") == 0


def test_a_record_that_a_killed_script_left_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    Registry(path).announce("c" * 32, tmp_path / "job")
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "execution.json").write_text("forged")
    (tmp_path / "job" / "final").mkdir()
    record = json.loads(path.read_text())
    record["owner"]["start"] += 1
    moved = tmp_path / "moved"
    moved.mkdir()
    (tmp_path / "job").rename(moved / "job")
    (moved / "p.json").write_text(json.dumps(record))
    reap_stale(moved / "p.json")
    assert [entry.name for entry in (moved / "job").iterdir()] == ["final"]
