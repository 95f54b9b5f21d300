"""The command itself, in its own process, on a small task: nothing is faked but the engineer."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.tasks import slope_task

ROOT = Path(__file__).parents[2]
TINY = ["-M", "1", "-L", "1", "-T", "0", "-K", "1", "-R", "0", "--folds", "2"]
SCRIPTED = ["--model", "tests.support.engineers:plain"]


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "mle_star", *arguments],
        cwd=ROOT,
        env=dict(os.environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=240)
    return process.returncode, out, err


@pytest.mark.slow
def test_run_then_show(tmp_path: Path) -> None:
    task = slope_task(tmp_path / "slope")
    code, out, err = finish(start("run", str(task), *TINY, *SCRIPTED, "--json"))
    assert code == 0, err
    result = json.loads(out)
    assert Path(result["submission"]).is_file()
    assert (Path(result["solution"]) / "run.py").is_file()
    assert "final run on all data" in err
    code, out, err = finish(start("show"))
    assert code == 0, err
    assert "slope: rmse, lower is better; finished after" in out
    assert "→  best single" in out
    assert str(Path(result["submission"])) in out


@pytest.mark.slow
def test_ctrl_c_then_resume(tmp_path: Path) -> None:
    task = slope_task(tmp_path / "slope")
    process = start("run", str(task), *TINY)  # the playbook: its script takes seconds
    assert process.stdout is not None
    for line in process.stdout:
        if "first scripts" in line:
            break
    process.send_signal(signal.SIGINT)
    code, _, err = finish(process)
    assert code == 130, err
    [said] = [line for line in err.splitlines() if "mle-star resume " in line]
    run = said.partition("mle-star resume ")[2]
    code, out, err = finish(start("resume", run, "--quiet"))
    assert code == 0, err
    assert out.startswith("slope: rmse ")
    code, _, err = finish(start("resume", run))
    assert code == 2
    assert "is finished" in err
