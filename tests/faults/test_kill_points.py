"""Runs that are killed at random moments, resumed, and compared with one that was left alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

POINTS = 8


def test_killed_runs_end_as_if_nothing_had_happened_and_run_no_script_twice(
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.points", "--points", str(POINTS), "--seed", "0"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        check=False,
        text=True,
        timeout=300,
    )
    first, *points = [json.loads(line) for line in done.stdout.splitlines()]
    assert first["undisturbed"]["trials"], done.stderr
    assert [point for point in points if not point["passed"]] == []
    assert len(points) == POINTS
    assert {point["target"] for point in points if point["hit"]} >= {"group", "tree", "script"}
