"""Ctrl-C, a polite kill, a terminal or a pipe that is gone: the run stops and can go on."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from mle_star.graph.solving import resume
from mle_star.runs import RunFolder, list_runs
from tests.faults.conftest import TINY
from tests.faults.outcomes import finished_scripts, processes_below, run_again

ROOT = Path(__file__).parents[2]
SCRIPT = """
import json, sys
from mle_star.context import Context
from mle_star.graph.solving import solve
from mle_star.report import drawing
drawing.svgs = lambda _: []
solve(sys.argv[1], context=Context(**json.loads(sys.argv[2])), run="run")
"""


def start(task: Path, runs: Path, *prefix: str, **rest: Any) -> subprocess.Popen[bytes]:
    """Start a run in a process of its own, and wait until its first script has a result."""
    settings = json.dumps({**TINY, "inner_steps": 3, "runs_dir": str(runs)})
    begun = subprocess.Popen(
        [*prefix, sys.executable, "-c", SCRIPT, str(task), settings], cwd=ROOT, **rest
    )
    wait_for(runs)
    return begun


def wait_for(runs: Path) -> None:
    deadline = time.monotonic() + 120
    while not list(runs.glob("*/trials/*/execution.json")):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def check(run: Path, status: str) -> None:
    """The run says how it ended, nothing of it is left running, and it goes on."""
    assert list_runs(run.parent)[0].status == status
    assert processes_below(run) == []
    before = finished_scripts(run)
    assert resume(run).submission is not None
    assert run_again(before, run) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_cleanly(task: Path, tmp_path: Path, number: int) -> None:
    with start(task, tmp_path, stderr=subprocess.PIPE) as begun:
        begun.send_signal(number)
        _, told = begun.communicate(timeout=60)
    assert b"mle-star resume" in told
    check(tmp_path / "run", "stopped")


def test_a_second_ctrl_c_gives_up_at_once(task: Path, tmp_path: Path) -> None:
    with start(task, tmp_path, stderr=subprocess.PIPE) as begun:
        begun.send_signal(signal.SIGINT)
        begun.send_signal(signal.SIGINT)
        time.sleep(0.05)
        begun.send_signal(signal.SIGINT)
        begun.communicate(timeout=60)
    assert begun.returncode != 0
    assert list_runs(tmp_path)[0].status in ("stopped", "interrupted")
    assert processes_below(tmp_path) == []
    assert resume(tmp_path / "run").submission is not None


def test_nohup_lets_a_run_outlive_its_terminal(task: Path, tmp_path: Path) -> None:
    with start(task, tmp_path, "nohup", stdout=subprocess.DEVNULL) as begun:
        begun.send_signal(signal.SIGHUP)
        assert begun.wait(timeout=120) == 0
    assert RunFolder.open(tmp_path / "run").record()["status"] == "finished"


def command(task: Path, runs: Path) -> list[str]:
    settings = {**TINY, "inner_steps": 3}
    options = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
    return [sys.executable, "-m", "mle_star", "run", str(task), "--runs-dir", str(runs), *options]


def test_a_terminal_that_is_closed_stops_the_run(task: Path, tmp_path: Path) -> None:
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(ROOT)
        os.execv(sys.executable, command(task, tmp_path))
    wait_for(tmp_path)
    os.close(terminal)
    os.waitpid(child, 0)
    (run,) = tmp_path.iterdir()
    check(run, "stopped")


def test_a_reader_that_goes_away_stops_the_run(task: Path, tmp_path: Path) -> None:
    with subprocess.Popen(
        command(task, tmp_path), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as begun:
        wait_for(tmp_path)
        assert begun.stdout is not None
        assert begun.stderr is not None
        begun.stdout.close()
        told = begun.stderr.read()
    assert b"Traceback" not in told
    (run,) = tmp_path.iterdir()
    check(run, "stopped")


def test_two_processes_do_not_drive_one_run(task: Path, tmp_path: Path) -> None:
    with start(task, tmp_path) as begun:
        second = subprocess.run(
            [sys.executable, "-m", "mle_star", "resume", str(tmp_path / "run"), "--quiet"],
            cwd=ROOT,
            capture_output=True,
            check=False,
        )
        assert list_runs(tmp_path)[0].status in ("running", "finished")
        begun.wait(timeout=120)
    assert second.returncode == 2
    assert b"is being run by another process" in second.stderr or b"finished" in second.stderr
    assert RunFolder.open(tmp_path / "run").record()["status"] == "finished"


def test_a_killed_run_is_listed_as_interrupted(task: Path, tmp_path: Path) -> None:
    with start(task, tmp_path) as begun:
        assert list_runs(tmp_path)[0].status == "running"
        begun.kill()
    assert list_runs(tmp_path)[0].status == "interrupted"
