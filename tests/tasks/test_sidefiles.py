from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from mle_star.tasks import View, Views, build_views, load_task
from tests.tasks.folders import price_task


def build(task: Path) -> Views:
    return build_views(
        load_task(task),
        None,
        task.with_name("views"),
        seed=0,
        search_rows=30_000,
        folds=None,
        audit=True,
    )


def crystals(folder: Path, *, overlap: bool) -> Path:
    """``train/<id>/geometry.xyz`` beside ``test/<id>/geometry.xyz``."""
    price_task(folder, 520, 20)
    if overlap:
        for file in ("test", "sample_submission"):
            table = pd.read_csv(folder / f"{file}.csv").assign(id=range(20))
            table.to_csv(folder / f"{file}.csv", index=False)
    for split in ("train", "test"):
        for key in pd.read_csv(folder / f"{split}.csv")["id"]:
            place = folder / split / str(key)
            place.mkdir(parents=True)
            (place / "geometry.xyz").write_text(f"{split} {key}")
    return folder


def check_crystals(view: View, name: str, task: Path) -> None:
    user = pd.read_csv(task / "train.csv").set_index("size")["id"]
    audit = view.audit()
    keys = view.test_keys()
    assert keys is not None
    hidden = set() if audit is None else set(keys.iloc[audit.positions])
    seen = pd.read_csv(view.folder / f"{name}.csv")
    for key, size in zip(seen["id"], seen["size"], strict=True):
        text = (view.folder / name / str(key) / "geometry.xyz").read_text()
        if name == "train" or key in hidden:
            assert text == f"train {user[size]}"
        else:
            assert text == f"test {key}"


def test_audit_rows_find_their_files_among_the_test_files(tmp_path: Path) -> None:
    for overlap in (False, True):
        task = crystals(tmp_path / str(overlap) / "task", overlap=overlap)
        views = build(task)
        assert views.search.audit() is not None
        check_crystals(views.search, "train", task)
        check_crystals(views.search, "test", task)
        check_crystals(views.full, "test", task)
        assert len(list((views.search.folder / "train").iterdir())) == views.search.rows
        assert len(list((views.full.folder / "train").iterdir())) == 520


def test_side_files_are_copied_once_and_cannot_be_changed(tmp_path: Path) -> None:
    task = crystals(tmp_path / "task", overlap=False)
    views = build(task)
    keys = views.search.train_keys()
    assert keys is not None
    path = Path("train") / str(keys[0]) / "geometry.xyz"
    copies = [(v.folder / path).stat() for v in (views.search, views.smoke, views.full)]
    assert len({copy.st_ino for copy in copies}) == 1
    assert copies[0].st_ino != (task / path).stat().st_ino
    assert copies[0].st_mode & 0o222 == 0
    assert (task / path).stat().st_mode & 0o200


def test_large_side_files_are_linked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mle_star.tasks.building.COPY_LIMIT", 10)
    task = crystals(tmp_path / "task", overlap=False)
    views = build(task)
    path = Path("test") / "10000" / "geometry.xyz"
    assert os.path.samefile(views.search.folder / path, task / path)  # noqa: PTH121


def test_files_named_in_a_column(tmp_path: Path) -> None:
    task = price_task(tmp_path / "task", 520, 20)
    for split in ("train", "test"):
        table = pd.read_csv(task / f"{split}.csv")
        table["image"] = [f"{split}{key}.png" for key in table["id"]]
        table.to_csv(task / f"{split}.csv", index=False)
        (task / f"{split}_images").mkdir()
        for name in table["image"]:
            (task / f"{split}_images" / name).write_text(name)
    views = build(task)
    assert views.search.audit() is not None
    for split in ("train", "test"):
        for name in pd.read_csv(views.search.folder / f"{split}.csv")["image"]:
            assert (views.search.folder / f"{split}_images" / name).read_text() == name


def no_audit(task: Path) -> str:
    views = build(task)
    assert views.search.audit() is None
    return next(note for note in views.notes if note.startswith("No rows are held back"))


def test_unclear_side_files_switch_the_audit_off(tmp_path: Path) -> None:
    task = price_task(tmp_path / "one" / "task", 520, 20)
    (task / "train").mkdir()
    (task / "train" / "readme.txt").write_text("x")
    assert "has no counterpart" in no_audit(task)
    task = price_task(tmp_path / "two" / "task", 520, 20)
    for split in ("train", "test"):
        (task / split).mkdir()
        (task / split / "all.bin").write_text("x")
    assert "isn't clear which row" in no_audit(task)
    task = price_task(tmp_path / "three" / "task", 520, 20)
    (task / "train_extra.npz").write_text("x")
    assert "train_extra.npz belongs to the training rows" in no_audit(task)


def test_a_side_table_by_id_needs_ids_that_stay(tmp_path: Path) -> None:
    task = price_task(tmp_path / "one" / "task", 520, 20)
    pd.DataFrame({"id": range(520), "debt": 1}).to_csv(task / "bureau.csv", index=False)
    assert build(task).search.audit() is not None
    task = price_task(tmp_path / "two" / "task", 520, 20)
    pd.DataFrame({"id": range(520), "debt": 1}).to_csv(task / "bureau.csv", index=False)
    for file in ("test", "sample_submission"):
        table = pd.read_csv(task / f"{file}.csv").assign(id=range(20))
        table.to_csv(task / f"{file}.csv", index=False)
    assert "bureau.csv is looked up by the old ones" in no_audit(task)


def test_links_that_lead_back_up_end(tmp_path: Path) -> None:
    task = price_task(tmp_path / "task", 60, 20)
    (task / "docs").mkdir()
    (task / "docs" / "a.txt").write_text("x")
    (task / "docs" / "loop").symlink_to(task / "docs")
    views = build(task)
    assert [p.name for p in (views.full.folder / "docs").iterdir()] == ["a.txt"]
