"""The file the user hands in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mle_star.errors import TaskError
from mle_star.scoring import check_submission, write_submission
from mle_star.tasks import TaskSpec
from tests.scoring.small import BINARY, LABELS, Sketch, make_spec, sketch

KEYS = ["007", "08", "1.50", "x 9"]
TRAIN = "id,x,y\n1,0,3\n2,1,4\n3,1,5\n"


def task(folder: Path, sample: str | None = None, train: str = TRAIN, **changed: Any) -> TaskSpec:
    """A task folder with four test rows."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "train.csv").write_text(train)
    rows = [f"{key},{number},2020-01-0{number + 1}" for number, key in enumerate(KEYS)]
    (folder / "test.csv").write_text("\n".join(["id,x,date", *rows]) + "\n")
    if sample is not None:
        (folder / "sample.csv").write_text(sample)
    name = "sample.csv" if sample is not None else None
    return make_spec(folder=str(folder), sample_submission=name, **changed)


def mixed(spec: TaskSpec) -> Sketch:
    """A view whose test.csv holds the user's rows in another order, between audit rows."""
    view = sketch(spec, audit_rows=3)
    view.test = view.test.iloc[:7]
    view.real = np.array([6, 0, 3, 1])
    return view


def column(*values: Any) -> pd.DataFrame:
    """Predictions for the view's seven test rows; ``values`` are those of the user's rows."""
    rows: list[Any] = [values[0]] * 7
    for position, value in zip([6, 0, 3, 1], values, strict=True):
        rows[position] = value
    return pd.DataFrame({"y": rows})


def written(spec: TaskSpec, predictions: pd.DataFrame, folder: Path) -> list[str]:
    path = folder / "out" / "submission.csv"
    write_submission(spec, mixed(spec).view(), predictions, path)
    assert check_submission(spec, path) is None
    assert [p.name for p in path.parent.iterdir()] == ["submission.csv"]
    return path.read_text().splitlines()


def test_real_rows_in_the_order_of_the_test_table(tmp_path: Path) -> None:
    spec = task(tmp_path)
    assert written(spec, column(0.5, 1.5, 2.5, 1e-7), tmp_path) == [
        "id,y",
        "007,0.5",
        "08,1.5",
        "1.50,2.5",
        "x 9,1e-07",
    ]


def test_the_sample_fixes_order_columns_and_copies(tmp_path: Path) -> None:
    sample = "y,date,id\n0,,x 9\n0,,007\n0,,1.50\n0,,08\n"
    spec = task(tmp_path, sample, copied_columns=["date"], submission_columns=["y", "date", "id"])
    assert written(spec, column(0.5, 1.5, 2.5, 3.5), tmp_path) == [
        "y,date,id",
        "3.5,2020-01-04,x 9",
        "0.5,2020-01-01,007",
        "2.5,2020-01-03,1.50",
        "1.5,2020-01-02,08",
    ]


def test_without_an_id_rows_keep_their_order(tmp_path: Path) -> None:
    spec = task(tmp_path, "y\n0\n0\n0\n0\n", id=None)
    assert written(spec, column(4.0, 3.0, 2.0, 1.0), tmp_path) == ["y", "4.0", "3.0", "2.0", "1.0"]


@pytest.mark.parametrize(
    ("classes", "cells", "predicted", "wanted"),
    [
        (
            ["no", "yes"],
            ["no", "yes", "no"],
            ["yes", "no", "no", "yes"],
            ["yes", "no", "no", "yes"],
        ),
        ([1, 2], ["1", "2", "2"], [2, 1, 1, 2], ["2", "1", "1", "2"]),
        ([1, 2], ["01", "02", "01"], [2, 1, 1, 2], ["02", "01", "01", "02"]),
        ([1.0, 2.0], ["1", "2", ""], [2.0, 1.0, 1.0, 2.0], ["2", "1", "1", "2"]),
        ([False, True], ["false", "true", "true"], [True, False, False, True], None),
    ],
)
def test_labels_are_spelt_as_in_the_training_table(
    tmp_path: Path, classes: list[Any], cells: list[str], predicted: list[Any], wanted: Any
) -> None:
    train = "id,x,y\n" + "".join(f"{n},0,{cell}\n" for n, cell in enumerate(cells))
    spec = task(tmp_path, train=train, **{**LABELS, "classes": classes})
    lines = written(spec, column(*predicted), tmp_path)
    assert [line.split(",")[1] for line in lines[1:]] == (
        wanted or ["true", "false", "false", "true"]
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("id,y\n007,1\n08,0\n1.50,1\n", "3 rows; expected 4"),
        ("id,y\n007,1\n08,0\n1.50,1\n1.50,1\n", "ids more than once"),
        ("id,y\n007,1\n08,0\n1.50,1\nzz,1\n", "unknown values in column 'id'"),
        ("id,y\n007,1\n08,0\n1.50,1\nx 9,2\n", "between 0 and 1"),
        ("id,y\n007,1\n08,0\n1.50,1\nx 9,\n", "missing values"),
        ("id,y,z\n007,1,1\n08,0,1\n1.50,1,1\nx 9,1,1\n", "not asked for"),
        ("y,id\n1,007\n0,08\n1,1.50\n1,x 9\n", "wanted is id, y"),
        ("", "is empty"),
    ],
)
def test_a_submission_that_cannot_be_handed_in(tmp_path: Path, text: str, words: str) -> None:
    spec = task(tmp_path, **BINARY)
    path = tmp_path / "submission.csv"
    assert "is missing" in str(check_submission(spec, path))
    path.write_text(text)
    assert words in str(check_submission(spec, path))


def test_user_tables_that_changed_or_disagree_are_said_clearly(tmp_path: Path) -> None:
    spec = task(tmp_path / "a", "id,y\n007,0\n08,0\n1.50,0\nother,0\n")
    view = mixed(spec).view()
    path = tmp_path / "submission.csv"
    with pytest.raises(TaskError, match=r"sample\.csv has 1 unknown .* of test\.csv"):
        write_submission(spec, view, column(1.0, 2.0, 3.0, 4.0), path)
    spec = task(tmp_path / "b", "y\n0\n0\n", id=None)
    with pytest.raises(TaskError, match=r"sample\.csv has 2 rows but test\.csv has 4"):
        write_submission(spec, view, column(1.0, 2.0, 3.0, 4.0), path)
    spec = task(tmp_path / "c")
    (tmp_path / "c" / "test.csv").write_text("id,x\n1,1\n")
    with pytest.raises(TaskError, match="had 4 when the run began"):
        write_submission(spec, view, column(1.0, 2.0, 3.0, 4.0), path)
    with pytest.raises(TaskError, match="no test table"):
        write_submission(task(tmp_path / "d", test=None), view, column(1.0, 2.0, 3.0, 4.0), path)
    assert not path.exists()


def test_a_failed_write_leaves_the_older_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = task(tmp_path)
    path = tmp_path / "out" / "submission.csv"
    write_submission(spec, mixed(spec).view(), column(1.0, 2.0, 3.0, 4.0), path)
    before = path.read_text()

    def full_disk(*_: object, **__: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full_disk)
    with pytest.raises(OSError, match="no space"):
        write_submission(spec, mixed(spec).view(), column(1.0, 2.0, 3.0, 4.0), path)
    assert path.read_text() == before
    assert [p.name for p in path.parent.iterdir()] == ["submission.csv"]
