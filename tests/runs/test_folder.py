"""The run folder: never overwritten, never half-written, scripts stored once by content."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mle_star.errors import RunError
from mle_star.runs import RunFolder, find_run, list_runs
from mle_star.runs.folder import write_text


def make(path: Path, **fields: object) -> RunFolder:
    folder = RunFolder.create(path)
    folder.update(**fields)
    return folder


def test_a_folder_that_holds_a_run_is_never_taken_again(tmp_path: Path) -> None:
    make(tmp_path / "a", status="finished")
    with pytest.raises(RunError, match="already holds a run"):
        RunFolder.create(tmp_path / "a")


def test_a_folder_that_is_no_run_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="not a run folder"):
        RunFolder.open(tmp_path)


def test_a_place_that_can_not_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunError, match="--runs-dir"):
        RunFolder.create(tmp_path / "file" / "run")


def test_a_script_is_stored_once_by_content(tmp_path: Path) -> None:
    folder = make(tmp_path / "a")
    first = folder.save_script("print('é')\r\n")
    assert folder.save_script("print('é')\r\n") == first
    assert folder.script(first) == "print('é')\r\n"
    assert len(list((tmp_path / "a" / "scripts").iterdir())) == 1


def test_a_script_changed_behind_the_runs_back_is_noticed(tmp_path: Path) -> None:
    folder = make(tmp_path / "a")
    digest = folder.save_script("x = 1\n")
    (path,) = (tmp_path / "a" / "scripts").iterdir()
    path.write_text("x = 2\n")
    with pytest.raises(RunError, match="was changed"):
        folder.script(digest)
    path.unlink()
    with pytest.raises(RunError, match="is missing"):
        folder.script(digest)


def test_update_keeps_the_other_fields(tmp_path: Path) -> None:
    folder = make(tmp_path / "a", status="running", task="t")
    folder.update(status="finished")
    assert folder.record() == {"status": "finished", "task": "t"}


def test_a_write_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "a.json"
    write_text(target, "old")

    def full_disk(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        write_text(target, "new")
    assert target.read_text() == "old"


def test_runs_are_listed_newest_first_and_broken_folders_left_out(tmp_path: Path) -> None:
    make(tmp_path / "old", started="2026-01-01T00:00:00", status="finished", best=1.5, task="t")
    make(
        tmp_path / "new",
        started="2026-02-01T00:00:00",
        status="stopped",
        spec={"metric": "rmse", "direction": "minimize"},
    )
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.json").write_text("{")
    runs = list_runs(tmp_path)
    assert [run.name for run in runs] == ["new", "old"]
    assert (runs[0].metric, runs[0].status, runs[1].best) == ("rmse", "stopped", 1.5)
    assert list_runs(tmp_path / "nowhere") == []


def test_a_run_is_found_by_name_by_path_or_as_the_newest(tmp_path: Path) -> None:
    make(tmp_path / "a", started="2026-01-01")
    make(tmp_path / "b", started="2026-01-02")
    assert find_run("a", tmp_path) == tmp_path / "a"
    assert find_run(str(tmp_path / "a"), Path("elsewhere")) == tmp_path / "a"
    assert find_run(None, tmp_path) == tmp_path / "b"
    with pytest.raises(RunError, match="no run 'c'"):
        find_run("c", tmp_path)
    with pytest.raises(RunError, match="no runs"):
        find_run(None, tmp_path / "nowhere")


def test_a_record_that_is_not_a_record_is_refused(tmp_path: Path) -> None:
    folder = make(tmp_path / "a")
    (tmp_path / "a" / "run.json").write_text(json.dumps([1]))
    with pytest.raises(RunError, match="does not describe a run"):
        folder.record()
