"""A disk that is full, or that takes no writes, at any moment of a run."""

from __future__ import annotations

import errno
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mle_star.errors import MleStarError, RunError
from mle_star.graph.solving import Result, resume
from mle_star.nodes.evaluate import distrust_full_disk
from mle_star.runs import read_events
from tests.faults.failing_disk import FailingDisk
from tests.faults.outcomes import finished_scripts, half_written, outcome, run_again

MOMENTS = 5


@pytest.fixture(scope="session")
def writes(task: Path, tmp_path_factory: pytest.TempPathFactory) -> int:
    """Writes of a whole run."""
    from mle_star.context import Context
    from mle_star.graph.solving import solve
    from tests.faults.conftest import TINY

    runs = tmp_path_factory.mktemp("counted")
    disk = FailingDisk(runs, 0)
    with pytest.MonkeyPatch.context() as patch:
        disk.install(patch)
        # A page that can't be written is no reason to stop: its write is not among those that are.
        solve(task, context=Context(**TINY, runs_dir=str(runs)), run="run", report=False)
    return disk.writes


def fill(
    runs: Path, number: int, solved: Callable[..., Result], code: int = errno.ENOSPC
) -> tuple[FailingDisk, str]:
    """Run until the disk is full; returns what the user was told."""
    disk = FailingDisk(runs, number, code)
    with pytest.MonkeyPatch.context() as patch:
        disk.install(patch)
        with pytest.raises(MleStarError) as told:
            solved(runs)
    assert disk.failed
    return disk, str(told.value)


@pytest.mark.parametrize("moment", range(MOMENTS))
def test_a_full_disk_is_said_and_costs_nothing(
    tmp_path: Path,
    moment: int,
    writes: int,
    solved: Callable[..., Result],
    undisturbed: dict[str, Any],
) -> None:
    chance = random.Random(moment)
    number = 1 + int((moment + chance.random()) * (writes - 1) / MOMENTS)
    disk, told = fill(tmp_path, number, solved)
    assert "space" in told
    assert told.count("\n") == 0
    run = tmp_path / "run"
    if not (run / "run.json").exists():
        assert not run.exists(), "nothing was begun, so nothing is left"
        return
    assert f"mle-star resume {run}" in told or "check free disk space" in told, disk.failed[0]
    before = finished_scripts(run)
    assert outcome(resume(run)) == undisturbed, disk.failed[0]
    assert run_again(before, run) == []
    assert half_written(run) == []
    texts = [event["text"] for event in read_events(run) if event["kind"] == "note"]
    assert not [text for text in texts if "failed unexpectedly" in text]


def test_a_folder_that_became_read_only_is_said(
    tmp_path: Path, writes: int, solved: Callable[..., Result], undisturbed: dict[str, Any]
) -> None:
    _, told = fill(tmp_path, writes // 2, solved, errno.EROFS)
    assert "read-only" in told.lower() or "readonly" in told
    assert outcome(resume(tmp_path / "run")) == undisturbed


def test_a_script_that_fails_while_the_disk_is_full_is_not_a_result(
    stopped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage
    record = next(stopped.glob("trials/*/execution.json"))
    stored = json.loads(record.read_text())
    failed = SimpleNamespace(outcome="error")
    distrust_full_disk(failed, record.parent)  # type: ignore[arg-type]
    assert record.exists(), "with room on the disk a failure is the script's own"
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(path)._replace(free=0))
    distrust_full_disk(SimpleNamespace(outcome="ok"), record.parent)  # type: ignore[arg-type]
    assert json.loads(record.read_text()) == stored
    with pytest.raises(RunError, match="There is no space left"):
        distrust_full_disk(failed, record.parent)  # type: ignore[arg-type]
    assert not record.exists(), "it is run again on resume"
