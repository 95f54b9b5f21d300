"""A run folder, or its task, that lies elsewhere than where the run began."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from mle_star.context import Settings
from mle_star.errors import RunError, SettingsError
from mle_star.graph.solving import resume
from mle_star.runs import RunFolder, read_events
from mle_star.runs.moving import find_python
from tests.faults.outcomes import finished_scripts, outcome, run_again


def notes(run: Path) -> str:
    return "\n".join(event["text"] for event in read_events(run) if event["kind"] == "note")


def test_a_copied_run_goes_on_in_the_copy_alone(
    stopped: Path, half_way: Path, undisturbed: dict[str, Any]
) -> None:
    before, there = finished_scripts(stopped), finished_scripts(half_way)
    result = resume(stopped)
    assert outcome(result) == undisturbed
    assert run_again(before, stopped) == []
    assert finished_scripts(half_way) == there, "the original was not touched"
    assert result.submission == stopped / "submission.csv"
    assert not (half_way / "submission.csv").exists()


def test_a_task_that_moved_with_its_run_is_found(
    stopped: Path, task: Path, tmp_path: Path, undisturbed: dict[str, Any]
) -> None:
    old = tmp_path / "old" / "tasks" / "slope"
    pretend(stopped, task_at=old, run_at=tmp_path / "old" / "runs" / "run")
    shutil.copytree(task, tmp_path / "new" / "tasks" / "slope")
    moved = Path(shutil.copytree(stopped, tmp_path / "new" / "runs" / "run"))
    assert outcome(resume(moved)) == undisturbed
    assert f"The task lies in {tmp_path / 'new' / 'tasks' / 'slope'} now" in notes(moved)


def test_a_task_that_is_gone_is_named_on_resume(
    stopped: Path, task: Path, tmp_path: Path, undisturbed: dict[str, Any]
) -> None:
    pretend(stopped, task_at=tmp_path / "gone")
    with pytest.raises(RunError, match=r"is not there any more: .* --task FOLDER"):
        resume(stopped)
    with pytest.raises(RunError, match="There is no task folder"):
        resume(stopped, task=tmp_path / "nowhere")
    new = Path(shutil.copytree(task, tmp_path / "new"))
    assert outcome(resume(stopped, task=new)) == undisturbed
    assert json.loads((stopped / "task.json").read_text())["folder"] == str(new)


def test_another_task_or_changed_tables_are_refused(
    stopped: Path, task: Path, tmp_path: Path
) -> None:
    new = Path(shutil.copytree(task, tmp_path / "new"))
    with (new / "train.csv").open("a") as stream:
        stream.write("9,0.1,0.2,0.3\n")
    with pytest.raises(RunError, match=r"train\.csv is not the train\.csv this run began with"):
        resume(stopped, task=new)
    (new / "train.csv").unlink()
    with pytest.raises(RunError, match=r"train\.csv is not there"):
        resume(stopped, task=new)


def test_an_interpreter_that_is_gone_is_replaced_by_an_equal_one(
    stopped: Path, undisturbed: dict[str, Any]
) -> None:
    folder = RunFolder.open(stopped)
    settings = {**folder.record()["settings"], "python": "/gone/bin/python"}
    folder.update(settings=settings)
    assert outcome(resume(stopped)) == undisturbed
    assert f"scripts now run with {sys.executable}" in notes(stopped)
    assert folder.record()["settings"]["python"] == sys.executable


def test_an_interpreter_with_other_packages_must_be_named(stopped: Path) -> None:
    folder = RunFolder.open(stopped)
    record = folder.record()
    folder.update(interpreter={**record["interpreter"], "torch": "9.9"})
    gone = Settings.model_validate({**record["settings"], "python": "/gone/bin/python"})
    with pytest.raises(SettingsError, match=r"lacks torch 9\.9: .*--python PATH"):
        find_python(folder, gone, None)
    named, text = find_python(folder, gone, sys.executable)
    assert named.python == sys.executable
    assert "other versions of: torch" in text


def pretend(run: Path, task_at: Path, run_at: Path | None = None) -> None:
    """Make the records say that the run began elsewhere."""
    folder = RunFolder.open(run)
    record = folder.record()
    spec = json.loads((run / "task.json").read_text())
    (run / "task.json").write_text(json.dumps({**spec, "folder": str(task_at)}))
    folder.update(task=str(task_at), place=str(run_at or record["place"]))
