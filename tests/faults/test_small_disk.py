"""A real disk that is too small for the run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

POINTS = 2
NAMESPACE = ["unshare", "--mount"] + ([] if os.getuid() == 0 else ["--user", "--map-root-user"])


def can_mount(folder: Path) -> bool:
    if shutil.which("unshare") is None:
        return False
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    return subprocess.run([*NAMESPACE, *mount], capture_output=True, check=False).returncode == 0


def test_a_run_goes_on_once_there_is_room(task: Path, tmp_path: Path) -> None:
    if not can_mount(tmp_path):
        pytest.skip("this machine lets nobody mount a small disk")
    done = subprocess.run(
        [
            *(*NAMESPACE, sys.executable, "-m", "tests.faults.small_disk"),
            *(str(task), str(tmp_path), "--points", str(POINTS)),
        ],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        check=False,
        text=True,
        timeout=300,
    )
    first, *points = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(points) == POINTS, done.stderr
    assert first["undisturbed"]["trials"]
    for point in points:
        assert "space" in point["told"], point
        assert point["begun"] or not point["left"]
        assert point["same"], point
        assert point["again"] == point["half"] == []
