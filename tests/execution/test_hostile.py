"""Scripts that try to outlive, outgrow or hurt their keeper."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mle_star.execution import Limits
from tests.execution import running
from tests.execution.running import GOOD, job, run, strays, wait_for

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"),
    pytest.mark.usefixtures("level"),
]

DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open("final/daemon", "w").write("started")
        {quit}
        time.sleep(300)
    os._exit(0)
while not (os.path.exists("final/daemon") and os.path.getsize("final/daemon")):
    time.sleep(0.01)
"""


def test_a_daemon_that_holds_stdout_does_not_make_a_timeout(tmp_path: Path) -> None:
    done = run(DAEMON.format(quit="") + GOOD, tmp_path)
    assert done.outcome == "ok"
    assert done.printed == 0.75
    assert strays(tmp_path) == []


def test_a_daemon_that_empties_its_environment_dies_too(tmp_path: Path) -> None:
    command = "[sys.executable, '-c', 'import time; time.sleep(300)', os.getcwd()]"
    quit = f"os.execve(sys.executable, {command}, {{}})"
    done = run(DAEMON.format(quit=quit) + GOOD, tmp_path)
    assert done.outcome == "ok"
    assert strays(tmp_path) == []


def test_timeout_ends_children_that_changed_session_and_ignore_signals(tmp_path: Path) -> None:
    script = "import signal\nfor n in (1, 2, 15): signal.signal(n, signal.SIG_IGN)\n"
    done = run(script + DAEMON.format(quit="") + "time.sleep(300)", tmp_path, wall_seconds=3)
    assert done.outcome == "timeout"
    assert done.signal == signal.SIGKILL
    assert strays(tmp_path) == []


def test_a_fork_bomb_is_put_out(tmp_path: Path) -> None:
    # Bounded at 256 processes, so that a failure of this test does not take the machine with it.
    script = "import os, time\nfor _ in range(8): os.fork()\ntime.sleep(300)"
    done = run(script, tmp_path, processes=30)
    assert done.outcome == "error"
    assert "30 processes" in done.problem
    assert strays(tmp_path) == []


@pytest.mark.parametrize("level", ["process"], indirect=True)
def test_killing_the_supervisor_is_noticed(tmp_path: Path) -> None:
    script = DAEMON.format(quit="") + "os.kill(os.getppid(), 9)\ntime.sleep(300)"
    done = run(script, tmp_path)
    assert done.outcome == "killed"
    assert done.exit_code is None
    assert strays(tmp_path) == []


@pytest.mark.parametrize("level", ["process"], indirect=True)
def test_stopping_the_supervisor_gains_nothing(tmp_path: Path) -> None:
    done = run(GOOD + "import os\nos.kill(os.getppid(), 19)", tmp_path)
    assert done.outcome == "ok"


def test_killing_its_own_process_group_hits_the_script_only(tmp_path: Path) -> None:
    done = run("import os\nos.killpg(0, 9)", tmp_path)
    assert (done.outcome, done.signal) == ("killed", signal.SIGKILL)


def test_closing_the_streams_is_no_end(tmp_path: Path) -> None:
    done = run("import os, time\nos.close(1); os.close(2)\ntime.sleep(0.5)\nos._exit(4)", tmp_path)
    assert done.exit_code == 4


def test_endless_output_without_a_line_end_is_bounded(tmp_path: Path) -> None:
    script = "import os\nos.write(2, b'E')\nwhile True: os.write(1, b'x' * 65536)"
    done = run(script, tmp_path, output_mb=20)
    assert done.outcome == "output_limit"
    assert done.stdout.total >= 20 * 1024**2
    assert len(done.stdout.text) < 200_000
    assert done.stderr.text == "E"


def test_limits_of_the_kernel_hold(tmp_path: Path) -> None:
    script = """
    import resource
    limits = resource.RLIMIT_NOFILE, resource.RLIMIT_CORE, resource.RLIMIT_FSIZE
    print([resource.getrlimit(limit)[1] for limit in limits])
    """
    done = run(script, tmp_path, required=(), open_files=100, disk_mb=7)
    assert done.stdout.text.strip() == str([100, 0, 7 * 1024**2])


def test_a_killed_harness_takes_its_scripts_along(tmp_path: Path) -> None:
    """SIGKILL leaves the harness no time to clean up: the supervisor does it."""
    program = f"""
from pathlib import Path
from mle_star.execution import Job, LocalExecutor
script = {DAEMON.format(quit="") + "time.sleep(300)"!r}
job = Job(script, Path({str(tmp_path / "job")!r}))
LocalExecutor(level={running.LEVEL!r}).submit(job).result()
"""
    harness = subprocess.Popen([sys.executable, "-c", program])
    daemon = tmp_path / "job" / "final" / "daemon"
    wait_for(lambda: daemon.exists() and daemon.read_text() != "")
    assert len(strays(tmp_path / "job")) > 1  # beside the harness, whose command line names it
    harness.kill()
    harness.wait()
    wait_for(lambda: not strays(tmp_path / "job"))


def test_limits_default_to_something_sane() -> None:
    assert job("", Path("x")).limits == Limits(wall_seconds=30.0)
