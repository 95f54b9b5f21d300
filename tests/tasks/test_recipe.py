"""run.py builds the full view anew, byte for byte, with pandas alone."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mle_star.tasks import build_views, full_view_recipe, load_task
from tests.tasks.folders import animal_task, hourly_task, price_task, write


def untidy(folder: Path) -> Path:
    """Semicolons, Latin-1, repeated ids, missing labels, an excluded column, side files."""
    price_task(folder, 60)
    train, test = pd.read_csv(folder / "train.csv"), pd.read_csv(folder / "test.csv")
    train.loc[3:5, "id"] = 3
    train.loc[7, "price"] = np.nan
    train["colour"] = train["colour"].replace("red", "écru\r\nmat")
    train.to_csv(folder / "train.csv", index=False, sep=";", encoding="latin-1")
    test.assign(price=0).to_csv(folder / "test.csv", index=False)
    (folder / "task.toml").write_text('exclude = ["size"]')
    (folder / "images").mkdir()
    (folder / "images" / "1.png").write_text("x")
    (folder / "notes.txt").write_text("y")
    return folder


def other_formats(folder: Path) -> Path:
    price_task(folder, 60)
    pd.read_csv(folder / "train.csv").to_parquet(folder / "train.parquet")
    pd.read_csv(folder / "test.csv").to_json(folder / "test.json", orient="records")
    for name in ("train.csv", "test.csv"):
        (folder / name).unlink()
    return folder


def no_training_ids(folder: Path) -> Path:
    price_task(folder, 60)
    pd.read_csv(folder / "train.csv").drop(columns="id").to_csv(folder / "train.csv", index=False)
    return folder


def no_test(folder: Path) -> Path:
    price_task(folder, 60)
    (folder / "test.csv").unlink()
    (folder / "sample_submission.csv").unlink()
    return folder


def printed(folder: Path) -> Path:
    rows = pd.DataFrame({"before": ["a b"] * 60, "after": ["c d"] * 60})
    return write(
        folder,
        train=rows,
        test=rows[["before"]].head(5),
        sample_submission=pd.DataFrame({"token": ["0_1", "0_2"], "after": ["a", "b"]}),
        task='evaluation = "printed"\nmetric = "tokens"\ndirection = "maximize"\n',
    )


@pytest.mark.parametrize(
    "make",
    [
        price_task,
        animal_task,
        hourly_task,
        untidy,
        other_formats,
        no_training_ids,
        no_test,
        printed,
    ],
)
def test_the_same_bytes(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    spec = load_task(make(tmp_path / "task"))
    views = build_views(
        spec, None, tmp_path / "views", seed=0, search_rows=30_000, folds=None, audit=True
    )
    solution = tmp_path / "solution"
    solution.mkdir()
    source = full_view_recipe(spec, views)
    assert "mle_star" not in source
    start = f"\nbuild_input(Path({spec.folder!r}), Path('input'))\n"
    (solution / "run.py").write_text(source + start)
    shutil.copy(views.full.folder / "folds.csv", solution)
    ended = subprocess.run(
        [sys.executable, "-W", "error", "run.py"], cwd=solution, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    built = solution / "input"
    wanted = sorted(p for p in views.full.folder.rglob("*") if p.is_file())
    for path in wanted:
        assert (built / path.relative_to(views.full.folder)).read_bytes() == path.read_bytes()
    assert {p.name for p in built.iterdir()} == {p.name for p in views.full.folder.iterdir()}
