"""The lock of a run: held by whoever drives it, gone with the process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mle_star.errors import RunError
from mle_star.runs import RunFolder, list_runs
from mle_star.runs.lock import is_driven, only_one

HOLDER = """
import sys
from pathlib import Path
from mle_star.runs.lock import only_one
with only_one(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_holder_is_refused_and_lookers_do_no_harm(tmp_path: Path) -> None:
    with only_one(tmp_path):
        assert is_driven(tmp_path)
        with pytest.raises(RunError, match="another process"), only_one(tmp_path):
            pytest.fail("held twice")
    assert is_driven(tmp_path) is False
    with only_one(tmp_path):
        assert is_driven(tmp_path)


def test_a_run_without_a_lock_is_not_ours_to_judge(tmp_path: Path) -> None:
    RunFolder.create(tmp_path / "a").update(status="running")
    assert is_driven(tmp_path / "a") is None
    assert list_runs(tmp_path)[0].status == "running"


def test_a_killed_process_leaves_an_interrupted_run(tmp_path: Path) -> None:
    RunFolder.create(tmp_path / "a").update(status="running")
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "a")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert list_runs(tmp_path)[0].status == "running"
        holder.kill()
    assert list_runs(tmp_path)[0].status == "interrupted"
    RunFolder.open(tmp_path / "a").update(status="finished")
    assert list_runs(tmp_path)[0].status == "finished"
