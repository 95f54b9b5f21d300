from __future__ import annotations

import math
import os
from pathlib import Path

import pytest

from mle_star.execution import workspace
from mle_star.execution.disk import remove, used_mb
from mle_star.execution.workspace import prepare
from tests.execution.running import job, names


@pytest.fixture
def view(tmp_path: Path) -> Path:
    folder = tmp_path / "view"
    (folder / "images").mkdir(parents=True)
    (folder / "train.csv").write_text("a\n1\n")
    (folder / "images" / "1.png").write_text("png")
    return folder


def test_input_files_are_copies_with_their_permissions(tmp_path: Path, view: Path) -> None:
    oof = tmp_path / "oof.csv"
    oof.write_text("p\n")
    oof.chmod(0o444)
    prepare(job("1", tmp_path / "job", inputs={"": view, "members/0/oof.csv": oof}))
    inside = tmp_path / "job" / "input"
    for copy, source in (("train.csv", view / "train.csv"), ("members/0/oof.csv", oof)):
        assert not (inside / copy).is_symlink()
        assert not (inside / copy).samefile(source)
        assert (inside / copy).read_bytes() == source.read_bytes()
        assert (inside / copy).stat().st_mode == source.stat().st_mode
    assert (inside / "images").is_symlink()
    assert names(view) == ["images", "train.csv"]


@pytest.mark.parametrize(("size", "linked"), [(8, False), (9, True)])
def test_only_files_over_the_limit_are_linked(
    tmp_path: Path, view: Path, monkeypatch: pytest.MonkeyPatch, size: int, linked: bool
) -> None:
    monkeypatch.setattr(workspace, "COPIED_BYTES", 8)
    (view / "train.csv").write_bytes(b"x" * size)
    prepare(job("1", tmp_path / "job", inputs={"": view}))
    inside = tmp_path / "job" / "input" / "train.csv"
    assert inside.samefile(view / "train.csv") == linked
    assert not inside.is_symlink()


def test_a_link_as_source_is_followed(tmp_path: Path, view: Path) -> None:
    (tmp_path / "link").symlink_to(view / "train.csv")
    prepare(job("1", tmp_path / "job", inputs={"a/b.csv": tmp_path / "link"}))
    inside = tmp_path / "job" / "input" / "a" / "b.csv"
    assert not inside.is_symlink()
    assert inside.read_text() == "a\n1\n"


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x"])
def test_no_input_lies_outside(tmp_path: Path, view: Path, name: str) -> None:
    with pytest.raises(ValueError, match="outside"):
        prepare(job("1", tmp_path / "job", inputs={name: view}))


def test_two_inputs_of_one_name_are_refused(tmp_path: Path, view: Path) -> None:
    inputs = {"": view, "train.csv": view / "images" / "1.png"}
    with pytest.raises(ValueError, match=r"train\.csv"):
        prepare(job("1", tmp_path / "job", inputs=inputs))


def test_what_an_interrupted_run_left_is_gone(tmp_path: Path, view: Path) -> None:
    folder = tmp_path / "job"
    prepare(job("1", folder, inputs={"": view}))
    (folder / "final" / "oof.csv").write_text("half")
    (folder / "junk").mkdir(mode=0)
    (folder / "execution.json").write_text("{}")
    (folder / "outside").symlink_to(view, target_is_directory=True)
    prepare(job("2", folder, inputs={"": view}))
    assert names(folder) == ["final", "home", "input", "script.py", "tmp"]
    assert names(folder / "final") == []
    assert (folder / "script.py").read_text() == "2"
    assert (view / "train.csv").read_text() == "a\n1\n"
    assert (view / "images" / "1.png").exists()


def test_a_folder_that_is_no_job_is_not_wiped(tmp_path: Path) -> None:
    (tmp_path / "thesis.docx").write_text("years of work")
    with pytest.raises(ValueError, match="not a job folder"):
        prepare(job("1", tmp_path))
    assert (tmp_path / "thesis.docx").exists()


@pytest.mark.parametrize("name", ["train.csv", "images/1.png"])
def test_altered_sources_of_links_are_named(
    tmp_path: Path, view: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(workspace, "COPIED_BYTES", 0)
    space = prepare(job("1", tmp_path / "job", inputs={"": view}))
    assert space.altered() == []
    (tmp_path / "job" / "input" / name).write_text("changed by the script")
    assert space.altered() == [view / name]


def test_a_copy_may_be_changed_and_the_next_job_sees_the_original(
    tmp_path: Path, view: Path
) -> None:
    space = prepare(job("1", tmp_path / "1", inputs={"": view}))
    (tmp_path / "1" / "input" / "train.csv").write_text("changed by the script")
    assert space.altered() == []
    prepare(job("2", tmp_path / "2", inputs={"": view}))
    assert (tmp_path / "2" / "input" / "train.csv").read_text() == "a\n1\n"


def test_remove_copes_with_closed_folders(tmp_path: Path) -> None:
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)
    (tmp_path / "a" / "b").chmod(0)
    remove(tmp_path / "a")
    remove(tmp_path / "a")
    assert names(tmp_path) == []


def test_disk_use_counts_blocks_below_the_folder_only(tmp_path: Path, view: Path) -> None:
    folder = tmp_path / "job"
    prepare(job("1", folder, inputs={"": view}))
    empty = used_mb(folder)
    (view / "train.csv").write_bytes(b"x" * 4_000_000)
    (folder / "stdout.log").write_bytes(b"x" * 4_000_000)
    with (folder / "sparse").open("wb") as stream:
        stream.truncate(1024**4)
    assert used_mb(folder) == pytest.approx(empty, abs=0.1)
    (folder / "final" / "a").write_bytes(b"x" * 4 * 1024**2)
    assert used_mb(folder) == pytest.approx(empty + 4, abs=0.1)


def test_an_input_inside_a_linked_folder_is_refused(tmp_path: Path, view: Path) -> None:
    """It would be written to the folder that the link leads to."""
    oof = tmp_path / "oof.csv"
    oof.write_text("p\n")
    with pytest.raises(ValueError, match="images"):
        prepare(job("1", tmp_path / "job", inputs={"": view, "images/oof.csv": oof}))
    assert names(view / "images") == ["1.png"]


def test_in_a_cage_large_inputs_are_links(
    tmp_path: Path, view: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspace, "COPIED_BYTES", 1)
    space = prepare(job("1", tmp_path / "job", inputs={"": view}), guarded=True)
    assert (tmp_path / "job" / "input" / "train.csv").is_symlink()
    assert space.linked == [view / "images", view / "train.csv"]
    (view / "train.csv").write_text("changed by somebody else")
    assert space.altered() == []


def test_a_folder_of_any_depth_and_mode_is_removed(tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("deep", dir_fd=here)
        inner = os.open("deep", os.O_RDONLY, dir_fd=here)
        os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=here))
        os.close(here)
        here = inner
    os.fchmod(here, 0)
    os.close(here)
    assert used_mb(tmp_path) == math.inf
    remove(tmp_path / "deep")
    assert names(tmp_path) == ["file"]


def test_after_a_run_nothing_is_left_to_stumble_over(tmp_path: Path) -> None:
    folder, outside = tmp_path / "job", tmp_path / "outside"
    outside.write_text("mine")
    space = prepare(job("the script", folder))
    (folder / "script.py").unlink()
    (folder / "script.py").symlink_to(outside)
    (folder / ".execution.json.tmp").symlink_to(outside)
    os.mkfifo(folder / "execution.json")
    (folder / "models").mkdir()
    space.tidy("the script")
    assert names(folder) == ["final", "script.py"]
    assert (folder / "script.py").read_text() == "the script"
    assert outside.read_text() == "mine"
