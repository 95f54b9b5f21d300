"""The command itself, in its own process, on a small task: nothing is faked but the engineer."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.journal import PRO
from tests.support.adapters import gemini_brain
from tests.support.brain import Brain
from tests.support.gemini import GeminiServer
from tests.support.loopback import KEY
from tests.support.tasks import slope_task

ROOT = Path(__file__).parents[2]
TINY = ["-M", "1", "-L", "1", "-T", "0", "-K", "1", "-R", "0", "--folds", "2"]
SCRIPTED = ["--engineer", "tests.support.engineers:plain"]


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
def test_run_is_followed_then_shown(tmp_path: Path) -> None:
    task = slope_task(tmp_path / "slope")
    driver = start("run", str(task), *TINY, *SCRIPTED, "--json")
    while not list((tmp_path / "runs").glob("*/run.json")) and driver.poll() is None:
        time.sleep(0.02)
    follower = start("show", "--follow")
    code, out, told = finish(driver)
    assert code == 0, told
    result = json.loads(out)
    code, followed, err = finish(follower)
    assert code == 0, err
    assert Path(result["submission"]).is_file()
    assert (Path(result["solution"]) / "run.py").is_file()
    assert "final run" in told
    code, out, err = finish(start("show"))
    assert code == 0, err
    assert "slope: rmse, lower is better; finished after" in out
    assert "→  best single" in out
    assert followed.endswith(out)
    assert followed.startswith("slope: rmse, lower is better, ")
    assert "final run" in followed
    assert result["submission"] in "".join(out.split()), "a long path is folded"


@pytest.mark.slow
def test_a_model_leads_and_its_bill_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = slope_task(tmp_path / "slope")
    with GeminiServer(gemini_brain(Brain()), key=KEY) as server:
        server.point_here(monkeypatch)
        code, out, err = finish(start("run", str(task), *TINY, "--model", PRO, "--max-cost", "5"))
    assert code == 0, err
    assert f"engineer: {PRO}, the playbook stands in; search catalogue" in out
    code, shown, err = finish(start("show", "--json"))
    assert code == 0, err
    report = json.loads(shown)
    # All but the hello stand in the journal.
    assert report["bill"]["total"]["calls"] + report["unlisted"] == len(server.requests)
    assert report["unlisted"] == 1
    assert 0 < report["bill"]["total"]["usd"] < 5
    assert report["bill"]["roles"]["write"]["calls"] == 1
    code, listed, err = finish(start("runs"))
    assert code == 0, err
    assert listed.splitlines()[0].split()[-1] == "USD"
    assert KEY not in out + shown + listed


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
