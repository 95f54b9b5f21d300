"""Reading what a script wrote: aligned, or one sentence about what is wrong."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mle_star.scoring import Predictions, Problem, read_predictions, reading
from tests.scoring.small import (
    BINARY,
    LABELS,
    MULTILABEL,
    ORDINAL,
    PER_CLASS,
    answer,
    make_spec,
    sketch,
    write_final,
)

Change = Callable[[pd.DataFrame], pd.DataFrame]
SHAPES: list[dict[str, Any]] = [
    {},
    {"id": None},
    {"target": ["u", "v"]},
    {"prediction_columns": ["prediction"]},
    BINARY,
    LABELS,
    PER_CLASS,
    ORDINAL,
    MULTILABEL,
]


def read(
    folder: Path, oof: Change = lambda t: t, submission: Change = lambda t: t, **task: Any
) -> Predictions | Problem:
    spec = make_spec(**task)
    view = sketch(spec)
    given = answer(spec, view)
    return read_predictions(
        spec, view.view(), write_final(spec, view, given, folder, oof, submission)
    )


@pytest.mark.parametrize("task", SHAPES)
def test_good_files_come_back_aligned(tmp_path: Path, task: dict[str, Any]) -> None:
    spec = make_spec(**task)
    view = sketch(spec)
    given = answer(spec, view)
    given.oof.columns = given.test.columns = pd.Index(spec.prediction_columns)

    def shuffle(table: pd.DataFrame) -> pd.DataFrame:
        if spec.id is None:
            return table
        return table.sample(frac=1, random_state=1)[table.columns[::-1]]

    found = read_predictions(
        spec, view.view(), write_final(spec, view, given, tmp_path, shuffle, shuffle)
    )
    assert isinstance(found, Predictions), found
    assert found.notes == ()
    pd.testing.assert_frame_equal(found.oof, given.oof, check_dtype=False)
    pd.testing.assert_frame_equal(found.test, given.test, check_dtype=False)


def test_rows_of_fold_minus_one_are_ignored(tmp_path: Path) -> None:
    for name in ("id", None):
        spec = make_spec(id=name)
        view = sketch(spec)
        view.fold[:50] = -1
        given = answer(spec, view)
        final = write_final(spec, view, given, tmp_path / str(name))
        whole = pd.DataFrame({"y": np.concatenate([np.full(50, np.nan), given.oof["y"]])})
        if name:
            whole.insert(0, "id", view.train["id"])
        whole.to_csv(final / "oof.csv", index=False)
        found = read_predictions(spec, view.view(), final)
        assert isinstance(found, Predictions), found
        pd.testing.assert_frame_equal(found.oof, given.oof)


def put(column: str, value: Any, row: int = 0) -> Change:
    def change(table: pd.DataFrame) -> pd.DataFrame:
        table = table.astype({column: object})
        table.loc[row, column] = value
        return table

    return change


@pytest.mark.parametrize(
    ("task", "change", "words"),
    [
        ({}, lambda t: t.drop(columns="y"), "lacks the column 'y'"),
        ({}, lambda t: t.drop(columns="id"), "lacks the column 'id'"),
        ({}, lambda t: t.assign(z=1), "not asked for: 'z'"),
        ({}, lambda t: t.iloc[1:], "lacks 1 of"),
        ({}, lambda t: pd.concat([t, t.iloc[:2]]), "2 ids more than once"),
        ({}, put("id", 999_999), "1 unknown values in column 'id', such as '999999'"),
        ({}, put("y", "many"), "numbers in column 'y', but it holds 'many'"),
        ({}, put("y", None), "1 missing values"),
        ({}, put("y", "inf"), "1 infinite values"),
        ({}, lambda t: t.assign(y=3.0), "the same prediction (3.0) in all"),
        ({"id": None}, lambda t: t.iloc[1:], "rows; expected"),
        (BINARY, put("y", 1.2), "probabilities between 0 and 1, but its values go from"),
        (BINARY, put("y", "yes"), "must hold probabilities in column 'y'"),
        (LABELS, put("y", "d"), "none of the classes: 'd'; the classes are 'a', 'b', 'c'"),
        (LABELS, put("y", None), "1 missing labels"),
        (ORDINAL, put("y", 5.5), "none of the classes: '5.5'"),
        (LABELS, lambda t: t.assign(y="a"), "the same prediction (a)"),
        (PER_CLASS, lambda t: t.assign(a=0, b=0, c=0), "all class probabilities are 0"),
    ],
)
def test_a_mistake_is_said_in_one_sentence(
    tmp_path: Path, task: dict[str, Any], change: Change, words: str
) -> None:
    found = read(tmp_path, oof=change, **task)
    assert isinstance(found, Problem)
    assert words in str(found)
    assert str(found).startswith("final/oof.csv")
    assert str(found).endswith(".")
    assert "\n" not in str(found)


def test_the_test_predictions_are_checked_as_well(tmp_path: Path) -> None:
    found = read(tmp_path / "1", submission=lambda t: t.iloc[3:])
    assert "final/submission.csv lacks 3 of 120 ids" in str(found)
    found = read(tmp_path / "2", submission=lambda t: t.assign(y=0.5))
    assert "final/submission.csv holds the same prediction" in str(found)
    found = read(tmp_path / "3", submission=lambda t: t.iloc[3:], id=None)
    assert "final/submission.csv has 117 rows; expected 120" in str(found)


def test_small_liberties_are_taken_silently(tmp_path: Path) -> None:
    found = read(tmp_path / "index", oof=lambda t: t.reset_index(names=""), id=None)
    assert isinstance(found, Predictions), found
    found = read(tmp_path / "fold", oof=lambda t: t.assign(fold=0))
    assert isinstance(found, Predictions), found
    found = read(tmp_path / "float", oof=lambda t: t.assign(id=t["id"].astype(float)))
    assert isinstance(found, Predictions), found
    found = read(tmp_path / "copied", copied_columns=["x"])
    assert isinstance(found, Predictions), found


def test_a_tiny_overshoot_is_clipped_and_sums_are_made_one(tmp_path: Path) -> None:
    found = read(tmp_path / "1", oof=put("y", 1 + 1e-9), **BINARY)
    assert isinstance(found, Predictions)
    assert found.oof["y"].max() <= 1
    halves = [["a", "b", "c"]]
    found = read(tmp_path / "2", oof=lambda t: t.assign(**(t[halves[0]] / 2)), **PER_CLASS)
    assert isinstance(found, Predictions)
    assert found.oof.sum(axis=1).to_numpy() == pytest.approx(1)
    assert "sum to 0.5" in found.notes[0]


def test_hard_probabilities_are_noted(tmp_path: Path) -> None:
    found = read(tmp_path, oof=lambda t: t.assign(y=(t["y"] > 0.5).astype(int)), **BINARY)
    assert isinstance(found, Predictions)
    assert "only 0 and 1" in found.notes[0]


@pytest.mark.parametrize(
    ("classes", "written"),
    [
        ([0, 1], ["0.0", "1.0"]),
        ([0, 1], ["False", "True"]),
        ([False, True], ["false", "TRUE"]),
        ([False, True], ["0", "1"]),
        (["0", "1"], ["0.0", "1.0"]),
        ([1.5, 2.0], ["1.50", "2"]),
        (["No", "Yes"], ["no", " Yes "]),
        (["N/A", "None"], ["N/A", "None"]),
        (["a", "A"], ["a", "A"]),
    ],
)
def test_labels_are_matched_leniently(
    tmp_path: Path, classes: list[Any], written: list[str]
) -> None:
    spell = dict(zip(classes, written, strict=True))
    task = {**LABELS, "kind": "binary", "classes": classes}
    spec = make_spec(**task)
    view = sketch(spec)
    given = answer(spec, view, noise=0.5)

    def spelt(table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(y=[spell[label] for label in table["y"]])

    found = read_predictions(
        spec, view.view(), write_final(spec, view, given, tmp_path, spelt, spelt)
    )
    assert isinstance(found, Predictions), found
    assert found.oof["y"].tolist() == given.oof["y"].tolist()
    assert {type(v) for v in found.oof["y"].tolist()} == {type(c) for c in classes}


def test_constant_labels_are_honest_where_one_class_dominates(tmp_path: Path) -> None:
    spec = make_spec(**LABELS)
    view = sketch(spec)
    given = answer(spec, view)
    view.train["y"] = ["a"] * 199 + ["b"]
    final = write_final(spec, view, given, tmp_path, lambda t: t.assign(y="a"))
    assert isinstance(read_predictions(spec, view.view(), final), Predictions)


@pytest.mark.parametrize("keys", [["007", "010"], ["0.10", "0.2"], ["x 1", "x 2"]])
def test_ids_may_be_read_as_numbers_and_written_back(tmp_path: Path, keys: list[str]) -> None:
    spec = make_spec()
    view = sketch(spec)
    view.train["id"] = [*keys, *[f"{keys[0]}{number}" for number in range(100, 298)]]
    given = answer(spec, view)
    final = write_final(spec, view, given, tmp_path)
    again = pd.read_csv(final / "oof.csv")
    again.to_csv(final / "oof.csv", index=False)
    found = read_predictions(spec, view.view(), final)
    assert isinstance(found, Predictions), found
    assert found.oof["y"].tolist() == pytest.approx(given.oof["y"].tolist())


def test_keys_that_repeat_mean_row_order(tmp_path: Path) -> None:
    spec = make_spec()
    view = sketch(spec)
    view.train["id"] = 1
    given = answer(spec, view)
    found = read_predictions(spec, view.view(), write_final(spec, view, given, tmp_path))
    assert isinstance(found, Predictions), found
    pd.testing.assert_frame_equal(found.oof, given.oof)


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda p: p.unlink(), "is missing"),
        (lambda p: p.write_bytes(b""), "is empty"),
        (lambda p: (p.unlink(), p.mkdir()), "not a regular file"),
        (pipe, "not a regular file"),
        (lambda p: (p.unlink(), p.symlink_to("/etc/hostname")), "can't be opened"),
        (lambda p: p.write_bytes(b"\xff\xfe\x00id,y"), "can't be read as a csv"),
        (lambda p: p.write_text('id,y\n1,"2'), "can't be read as a csv"),
        (lambda p: p.write_text("id,y\n1,2,3\n2,3,4\n"), "3 fields in its first row but names 2"),
    ],
)
def test_files_that_are_no_tables(
    tmp_path: Path, spoil: Callable[[Path], object], words: str
) -> None:
    spec = make_spec()
    view = sketch(spec)
    final = write_final(spec, view, answer(spec, view), tmp_path)
    spoil(final / "oof.csv")
    found = read_predictions(spec, view.view(), final)
    assert isinstance(found, Problem)
    assert words in str(found)


def test_a_linked_folder_and_a_huge_file_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = make_spec()
    view = sketch(spec)
    final = write_final(spec, view, answer(spec, view), tmp_path)
    (tmp_path / "link").symlink_to(final)
    assert "is a link" in str(read_predictions(spec, view.view(), tmp_path / "link"))
    monkeypatch.setattr(reading, "MAX_BYTES", 10)
    assert "at most 10 are read" in str(read_predictions(spec, view.view(), final))
