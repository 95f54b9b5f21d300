"""The bench from the command line, with small systems and real processes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import mle_star.cli
from tests.bench.hidden import hide
from tests.execution.running import strays, wait_for

MEAN = """
import json, pathlib, sys
import pandas as pd
public, out = map(pathlib.Path, sys.argv[1:3])
train, test = pd.read_csv(public / "train.csv"), pd.read_csv(public / "test.csv")
test[["id"]].assign(y=train["y"].mean()).to_csv(out / "submission.csv", index=False)
"""


def call(*arguments: str) -> int:
    return mle_star.cli.call(list(arguments))


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    hide(tmp_path / "tasks" / "a")
    hide(tmp_path / "tasks" / "b", metric="mae")
    return tmp_path / "tasks"


@pytest.fixture
def mean(tmp_path: Path) -> str:
    """A system that predicts the mean."""
    script = tmp_path / "mean.py"
    script.write_text(MEAN)
    return f"mean='{sys.executable}' '{script}' {{public}} {{out}}"


def bench(tasks: Path, out: Path, *more: str) -> int:
    return call("bench", "run", str(tasks), "--out", str(out), "--cores", "1", *more)


def test_systems_are_compared_and_reported(
    tasks: Path, mean: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    common = ["--system", mean, "--system", "dummy", "--seeds", "2", "--seconds", "20"]
    assert bench(tasks, out, *common) == 0
    shown = capsys.readouterr().out
    assert re.search(r"8/8 +b, dummy, 20 s, seed 1: [\d.]+ after", shown) or "8/8" in shown
    assert "rmse, lower is better" in shown
    assert "mae, lower is better" in shown
    assert "8 runs, 0 without a score" in shown
    assert (out / "index.html").is_file()
    rows = pd.read_csv(out / "results.csv")
    assert len(rows) == 8
    assert set(rows["system"]) == {"mean", "dummy"}
    by_task = rows[rows["task"] == "a"].groupby("system")["score"].first()
    assert by_task["mean"] == pytest.approx(by_task["dummy"])  # of rmse the mean is the constant
    assert bench(tasks, out, *common) == 0
    assert (
        "after" not in capsys.readouterr().out.split("lower is better")[0]
    )  # nothing is run again
    assert call("bench", "report", str(out)) == 0
    assert "8 runs" in capsys.readouterr().out


def test_what_is_missing_or_fails_is_named(
    tasks: Path, mean: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    systems = ["--system", "flaml", "--environments", str(tmp_path / "none"), "--system", mean]
    broken = f"broken='{sys.executable}' -c 'raise SystemExit(3)' {{public}}"
    out = tmp_path / "out"
    assert bench(tasks, out, *systems, "--system", broken, "--seeds", "1", "--seconds", "9") == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "flaml is left out: " in shown
    assert "mle-star bench install flaml" in shown
    assert "It ended with exit code 3. It left no submission.csv." in shown
    assert "4 runs, 2 without a score" in shown
    assert "flaml" in (out / "index.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--system", "nothing"], "There is no system 'nothing'"),
        (["--system", "dummy", "--system", "dummy"], "'dummy' is named twice"),
        (["--system", "x=not-there {public}"], "No system that was named is installed"),
        (["--system", "dummy", "--seconds", "0"], "--seconds must be more than 0"),
        (["--system", "dummy", "--cores", "4096"], "lower --cores"),
    ],
)
def test_what_can_not_be_run_is_one_sentence(
    tasks: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    says: str,
) -> None:
    assert call("bench", "run", str(tasks), "--out", str(tmp_path / "out"), *arguments) != 0
    captured = capsys.readouterr()
    assert says in " ".join(captured.err.split())
    assert "Traceback" not in captured.err


def test_tasks_and_reports_that_are_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("bench", "run", str(tmp_path), "--system", "dummy") != 0
    assert "Traceback" not in capsys.readouterr().err
    assert call("bench", "report", str(tmp_path)) != 0
    assert "holds no results of a bench" in " ".join(capsys.readouterr().err.split())


def test_a_table_of_ones_own_becomes_a_task(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], mean: str
) -> None:
    rows = [{"size": n, "y": 2 * n + n % 3} for n in range(80)]
    pd.DataFrame(rows + rows[:2]).to_csv(tmp_path / "mine.csv", index=False)
    out = tmp_path / "task"
    target = ["--target", "y", "--metric", "rmse", "--out", str(out)]
    assert call("bench", "split", str(tmp_path / "mine.csv"), *target) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "mle-star bench run" in shown
    assert "2 rows repeat an earlier one" in shown
    assert bench(out, tmp_path / "out", "--system", "dummy", "--seeds", "1") == 0
    assert json.loads((tmp_path / "out" / "summary.json").read_text())


def test_ctrl_c_stops_a_bench_and_the_same_command_goes_on(tasks: Path, tmp_path: Path) -> None:
    marker = tmp_path / "started"
    code = f"import pathlib, time; pathlib.Path({str(marker)!r}).touch(); time.sleep(60)"
    slow = f'slow={sys.executable} -c "{code}" {{{{public}}}}'.replace("{{", "{").replace("}}", "}")
    command = [sys.executable, "-m", "mle_star", "bench", "run", str(tasks)]
    command += ["--out", str(tmp_path / "out"), "--system", slow, "--cores", "1"]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, env=os.environ
    )
    wait_for(marker.exists)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=30)
    assert process.returncode not in (0, None)
    assert b"the same command goes on" in told
    assert b"Traceback" not in told
    wait_for(lambda: not strays(tmp_path))
