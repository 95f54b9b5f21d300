"""``mle-star repair``: says what it finds, mends what it can, throws nothing away."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from mle_star.cli import call
from mle_star.errors import RunError
from mle_star.graph.solving import resume
from mle_star.runs import read_events
from mle_star.runs.lock import only_one
from mle_star.runs.repair import repair_run
from tests.faults.outcomes import finished_scripts, outcome, run_again


def everything(run: Path) -> dict[str, bytes]:
    files = [path for path in run.rglob("*") if path.is_file() and path.name != "lock"]
    return {str(path.relative_to(run)): path.read_bytes() for path in files}


def hurt(run: Path) -> None:
    """A little of everything."""
    with (run / "events.jsonl").open("a") as stream:
        stream.write('{"kind": "half a li')
    (run / ".run.json.123.456.tmp").write_text("{")
    (run / "scripts" / ".abc.py.1.2.tmp").write_text("x")
    (run / "views.partial").mkdir()
    (run / "run.json").write_text("{")
    (run / "task.json").unlink()
    (run / "profile.json").write_text("no")
    (run / "views" / "harness" / "views.json").write_text("")
    next((run / "scripts").glob("*.py")).write_text("tampered")
    (run / "checkpoints.sqlite").write_bytes(bytes(10_000))
    for side in ("-wal", "-shm"):
        (run / f"checkpoints.sqlite{side}").unlink(missing_ok=True)


def test_a_sound_run_is_left_as_it_is(stopped: Path) -> None:
    before = everything(stopped)
    assert repair_run(stopped) == []
    assert everything(stopped) == before


def test_a_dry_run_says_the_same_and_changes_nothing(stopped: Path) -> None:
    hurt(stopped)
    before = everything(stopped)
    looked = repair_run(stopped, dry_run=True)
    assert everything(stopped) == before
    files = {finding.file for finding in looked}
    assert files >= {"events.jsonl", "run.json", "task.json", "profile.json", "checkpoints.sqlite"}
    assert {finding.file for finding in repair_run(stopped)} >= files


def test_a_run_that_is_hurt_all_over_goes_on_and_nothing_is_thrown_away(
    stopped: Path, undisturbed: dict[str, Any]
) -> None:
    hurt(stopped)
    before = finished_scripts(stopped)
    found = repair_run(stopped)
    assert [finding for finding in found if not finding.mended] == []
    kept = {path.name for path in (stopped / "damaged").iterdir()}
    assert kept >= {"events.jsonl", "run.json", "profile.json", "views", "checkpoints.sqlite"}
    assert repair_run(stopped) == []
    assert outcome(resume(stopped)) == undisturbed
    assert run_again(before, stopped) == []


def test_what_can_not_be_mended_is_said(stopped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = next((stopped / "scripts").glob("*.py"))
    for name in ("trials", "studies"):
        shutil.rmtree(stopped / name)
    script.write_text("tampered")
    assert call(["repair", str(stopped)]) == 1
    told = capsys.readouterr().out
    assert f"scripts/{script.name}: not what was stored; no copy was found." in told
    assert "can't be mended as a whole" in told


def test_the_command_says_what_it_did_and_how_to_go_on(
    stopped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (stopped / "events.jsonl").open("a") as stream:
        stream.write("half")
    lines = len(read_events(stopped))
    assert call(["repair", str(stopped), "--dry-run"]) == 0
    assert "would be left out" in capsys.readouterr().out
    assert call(["repair", str(stopped)]) == 0
    told = capsys.readouterr().out
    assert f"events.jsonl: 1 of {lines + 1} lines are not whole; left out" in told
    assert "mle-star resume" in told
    assert call(["repair", str(stopped)]) == 0
    assert "is sound" in capsys.readouterr().out
    assert call(["repair", str(stopped), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_a_live_run_and_a_folder_that_is_none_are_refused(stopped: Path, tmp_path: Path) -> None:
    with only_one(stopped), pytest.raises(RunError, match="another process"):
        repair_run(stopped)
    with pytest.raises(RunError, match="not a run folder"):
        repair_run(tmp_path)
    assert not (tmp_path / "lock").exists()


def test_a_folder_without_a_record_is_found_by_name(
    stopped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (stopped / "run.json").unlink()
    assert call(["repair", stopped.name, "--runs-dir", str(stopped.parent)]) == 0
    assert "run.json: missing; written again from the journal" in capsys.readouterr().out
