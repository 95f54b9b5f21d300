"""Tasks of image files: what the playbook sees in them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mle_star.engineer.base import Brief, ModelCard
from mle_star.engineer.playbook.catalogue import retrieve
from mle_star.engineer.playbook.writer import write
from mle_star.errors import NoAnswer
from mle_star.tasks import build_views, load_task, profile_task
from mle_star.tasks.pictures import find_picture_column
from tests.engineer.playbook import making


def picture(kind: int, rng: np.random.Generator) -> np.ndarray:
    """Noise with a bright bar: upright for 1, level for 0. Pixels (32, 32, 3)."""
    pixels = rng.integers(0, 120, (32, 32, 3))
    place = int(rng.integers(4, 24))
    if kind:
        pixels[:, place : place + 5] += 120
    else:
        pixels[place : place + 5] += 120
    return pixels.astype(np.uint8)


def image_task(folder: Path, *, missing: bool = False, suffix: bool = True) -> making.Task:
    """Images of upright and level bars, in a folder for each part of the data."""
    rng = np.random.default_rng(0)
    source = folder / "task"
    tables = {}
    for part, rows in (("train", 160), ("test", 30)):
        (source / part).mkdir(parents=True)
        kinds = rng.integers(0, 2, rows)
        names = [f"{n}.png" for n in range(rows)]  # the same names in both parts
        for name, kind in zip(names, kinds, strict=True):
            Image.fromarray(picture(kind, rng)).save(source / part / name)
        ids = names if suffix else [name.removesuffix(".png") for name in names]
        tables[part] = pd.DataFrame({"id": ids, "upright": kinds})
    if missing:
        (source / "train" / "3.png").unlink()
    tables["train"].to_csv(source / "train.csv", index=False)
    tables["test"][["id"]].to_csv(source / "test.csv", index=False)
    tables["test"].assign(upright=0.5).to_csv(source / "sample_submission.csv", index=False)
    (source / "description.md").write_text("Tell upright from level bars.\n")
    (source / "task.toml").write_text('target = "upright"\nid = "id"\nmetric = "roc_auc"\n')
    spec = load_task(source)
    profile = profile_task(spec)
    views = build_views(
        spec, profile, folder / "views", seed=0, search_rows=10_000, folds=2, audit=False
    )
    view = views.search
    brief = Brief(
        task=spec,
        profile=profile,
        rows=view.rows,
        test_rows=view.test_rows,
        folds=view.folds,
        files=tuple(sorted(p.name for p in view.folder.iterdir())),
        installed=making.INSTALLED | {"PIL"},
    )
    return making.Task(brief, view)


@pytest.mark.parametrize("family", ["lightgbm", "kernel", "linear"])
def test_images_are_told_apart(tmp_path: Path, family: str) -> None:
    task = image_task(tmp_path)
    assert task.brief.profile.picture_column == "id"
    script = write(task.brief, ModelCard(family, "", ""))
    auc = making.check(task, making.run(script, task, tmp_path / family))
    assert auc > 0.9


def test_a_missing_image_is_a_missing_value_and_names_need_no_suffix(tmp_path: Path) -> None:
    task = image_task(tmp_path, missing=True, suffix=False)
    assert task.brief.profile.picture_column == "id"
    script = write(task.brief, ModelCard("extra_trees", "", ""))
    assert making.check(task, making.run(script, task, tmp_path / "run")) > 0.8


def test_cards_are_dealt_for_images_alone(tmp_path: Path) -> None:
    cards = retrieve(image_task(tmp_path).brief, 4, 0, 2)
    assert len(cards) == 4
    assert all("image_files" not in card.example for card in cards), "blocks of models alone"


def test_without_a_reader_the_remedy_is_named(tmp_path: Path) -> None:
    brief = image_task(tmp_path).brief
    brief = replace(brief, installed=making.INSTALLED)
    with pytest.raises(NoAnswer, match=r"pip install .mle-star\[images\]"):
        write(brief, ModelCard("lightgbm", "", ""))


def test_what_is_neither_table_nor_image_needs_a_model(tmp_path: Path) -> None:
    brief = image_task(tmp_path).brief
    profile = brief.profile.model_copy(update={"picture_column": None})
    with pytest.raises(NoAnswer, match="a language model is needed"):
        write(replace(brief, profile=profile), ModelCard("lightgbm", "", ""))


def test_the_column_that_names_images_is_found(tmp_path: Path) -> None:
    (tmp_path / "shots" / "deep").mkdir(parents=True)
    for name in ("a.JPG", "b.jpg", "c.jpeg"):
        (tmp_path / "shots" / "deep" / name).touch()
    (tmp_path / "notes.txt").touch()
    train = pd.DataFrame({"file": ["a.JPG", "shots/deep/b.jpg", "c"], "word": ["x", "y", "z"]})
    side = ["shots", "notes.txt"]
    assert find_picture_column(tmp_path, side, train, ["word", "file"]) == "file"
    assert find_picture_column(tmp_path, side, train, ["word"]) is None
    assert find_picture_column(tmp_path, ["notes.txt"], train, ["file"]) is None
    other = pd.DataFrame({"file": ["a.JPG", "d.jpg"]})
    assert find_picture_column(tmp_path, side, other, ["file"]) is None
    assert find_picture_column(tmp_path, side, other.head(0), ["file"]) is None
