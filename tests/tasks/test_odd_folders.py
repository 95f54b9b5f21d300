"""Folders that once broke something; each is here because the fuzzing found it."""

from __future__ import annotations

import csv
import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mle_star.errors import TaskError
from mle_star.tasks import Views, build_views, load_task, profile_task, read_table
from mle_star.tasks import table as tables
from mle_star.tasks.folds import forward_folds, stratified_folds
from mle_star.tasks.table import load_table
from tests.tasks.folders import churn_task, price_task, rows, write


def views_of(folder: Path, work: Path) -> Views:
    spec = load_task(folder)
    return build_views(spec, None, work, seed=0, search_rows=30_000, folds=None, audit=True)


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        *(("utf-8", b""), ("utf-8-sig", b""), ("cp1252", b""), ("latin-1", b""), ("utf-16", b"")),
        *(("utf-16-be", b"\xfe\xff"), ("utf-16-le", b"\xff\xfe")),
    ],
)
@pytest.mark.parametrize("sep", [",", ";", "\t", "|"])
def test_encodings_and_separators(encoding: str, mark: bytes, sep: str, tmp_path: Path) -> None:
    text = f'näme{sep}"a;b,c|d"{sep}size\n' + f'é{sep}"x;y,z"{sep}1.5\n' * 3
    (tmp_path / "t.csv").write_bytes(mark + text.encode(encoding))
    table = read_table(tmp_path / "t.csv")
    assert list(table.columns) == ["näme", "a;b,c|d", "size"]
    assert table.iloc[0].tolist() == ["é", "x;y,z", 1.5]


def test_signs_of_windows_are_read(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("price\n5 €\n“6”\n".encode("cp1252"))
    assert read_table(tmp_path / "t.csv")["price"].tolist() == ["5 €", "“6”"]


def test_decimal_commas_where_commas_do_not_separate(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a;b;c\n1,5;1,2,3;x,y\n-2;4;\n;7;z\n")
    table = read_table(tmp_path / "t.csv")
    assert table["a"].tolist()[:2] == [1.5, -2.0]
    assert table["b"].tolist() == ["1,2,3", "4", "7"]
    assert table["c"].iloc[0] == "x,y"


def test_a_carriage_return_in_a_name_and_lone_blank_cells_keep_their_rows(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('"car\r\nriage"\n" "\n"x"\n" "\n', newline="")
    cells = load_table(tmp_path / "t.csv").cells
    assert list(cells.columns) == ["car\nriage"]
    folder = churn_task(tmp_path / "task")
    train, test = (pd.read_csv(folder / f"{name}.csv") for name in ("train", "test"))
    train[["churn"]].assign(only=" ").to_csv(folder / "train.csv", index=False)
    blanks = pd.DataFrame({"only": [" "] * len(test)})
    blanks.to_csv(folder / "test.csv", index=False, quoting=csv.QUOTE_ALL)
    views = views_of(folder, tmp_path / "views")
    assert len(pd.read_csv(views.search.folder / "test.csv")) == len(test)


@pytest.mark.parametrize("count", [2, 3, 4, 5, 7])
def test_folds_of_a_few_rows_are_numbered_without_a_gap(count: int) -> None:
    fold = stratified_folds(np.zeros(count, dtype=np.int64), 5, np.random.default_rng(0))
    assert set(fold) == set(range(min(count, 5)))
    forward = forward_folds(np.arange(count, dtype=np.int64), 5)
    assert forward[0] == -1
    assert forward[-1] >= 0


def test_a_hold_out_of_a_few_rows_has_a_row() -> None:
    for count in (2, 3, 4):
        fold = stratified_folds(np.zeros(count, dtype=np.int64), 1, np.random.default_rng(0))
        assert sorted(fold)[-1] == 0
        assert sorted(fold)[0] == -1


def test_infinite_features_count_as_missing(tmp_path: Path) -> None:
    folder = churn_task(tmp_path)
    train = pd.read_csv(folder / "train.csv")
    train["size"] = np.resize([1.0, np.inf, 2.0, 1e300], len(train))
    train.to_csv(folder / "train.csv", index=False)
    column = profile_task(load_task(folder)).column("size")
    assert column.markers == ["inf", "-inf"]
    assert column.missing == 0.5


def _one_row(folder: Path) -> None:
    pd.read_csv(folder / "train.csv").head(1).to_csv(folder / "train.csv", index=False)


def _labels(values: list[object], metric: str) -> Callable[[Path], object]:
    def apply(folder: Path) -> None:
        train = pd.read_csv(folder / "train.csv").drop(columns="price")
        train["price"] = np.resize(np.array(values, dtype=object), len(train))
        train.to_csv(folder / "train.csv", index=False)
        (folder / "sample_submission.csv").unlink()
        (folder / "task.toml").write_text(f'metric = "{metric}"')

    return apply


def _toml(text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / "task.toml").write_text(text, encoding="utf-8")


def _instead(content: bytes, name: str = "train.csv") -> Callable[[Path], object]:
    def apply(folder: Path) -> None:
        (folder / "train.csv").unlink()
        (folder / name).write_bytes(content)

    return apply


def _as_folder(folder: Path) -> None:
    (folder / "test.csv").unlink()
    (folder / "test.csv").mkdir()


def _as_fifo(folder: Path) -> None:
    (folder / "test.csv").unlink()
    os.mkfifo(folder / "test.csv")


def _as_link(folder: Path) -> None:
    (folder / "test.csv").unlink()
    (folder / "test.csv").symlink_to("nowhere")


def _blank_name(folder: Path) -> None:
    for name in ("train", "sample_submission"):
        table = pd.read_csv(folder / f"{name}.csv").rename(columns={"price": " "})
        table.to_csv(folder / f"{name}.csv", index=False)


def _only_ids(folder: Path) -> None:
    for name, kept in (("train", ["id", "price"]), ("test", ["id"])):
        pd.read_csv(folder / f"{name}.csv")[kept].to_csv(folder / f"{name}.csv", index=False)


def _id_called_fold(folder: Path) -> None:
    for name in ("train", "test", "sample_submission"):
        table = pd.read_csv(folder / f"{name}.csv").rename(columns={"id": "fold"})
        table.to_csv(folder / f"{name}.csv", index=False)


def _missing_id(folder: Path) -> None:
    for name, order in (("test", 1), ("sample_submission", -1)):
        table = pd.read_csv(folder / f"{name}.csv")
        table["id"] = ["NA", *(f"k{i}" for i in range(1, len(table)))][::order]
        table.to_csv(folder / f"{name}.csv", index=False)


def _repeated_ids(folder: Path) -> None:
    for name, order in (("test", 1), ("sample_submission", -1)):
        table = pd.read_csv(folder / f"{name}.csv")
        table["id"] = np.arange(len(table))[::order] // 2
        table.to_csv(folder / f"{name}.csv", index=False)


CASES: dict[str, tuple[Callable[[Path], object], str]] = {
    "test is a folder": (_as_folder, r"test\.csv is a folder; put the table itself there"),
    "test is a pipe": (_as_fifo, r"test\.csv is something other than a file"),
    "test is a dangling link": (_as_link, r"test\.csv is a link that leads to no file"),
    "toml is a folder": (lambda f: (f / "task.toml").mkdir(), "task.toml is not a file"),
    "toml nested": (_toml("a = " + "[" * 5000), "task.toml is nested too deeply"),
    "toml number": (_toml("positive = " + "9" * 5000), "Exceeds the limit .4300 digits."),
    "toml names outside": (_toml('train = "../train.csv"'), "directly in the task folder"),
    "toml names absolute": (_toml('description = "/proc/self/environ"'), "directly in the task"),
    "toml long name": (_toml(f'train = "{"x" * 5000}"'), "'train' as train|names 'xxx"),
    "toml same file twice": (_toml('train = "a.csv"\ntest = "a.csv"'), "one file can't be two"),
    "toml no target": (_toml("target = []"), "at least one column"),
    "toml target twice": (_toml('target = ["price", "price"]'), "a column is named twice"),
    "toml group is target": (_toml('group = "price"'), "'price' as group, but it is the target"),
    "toml time is target": (
        _toml('time = "price"'),
        "time column 'price', but test|as time, but it is the target",
    ),
    "metric outside": (
        _toml('metric = "../m.py:f"\ndirection = "minimize"'),
        "must lie in the task folder",
    ),
    "a name of blanks": (_blank_name, "has a name of blanks"),
    "excludes the id": (_toml('exclude = ["id"]'), "excludes 'id', which is a column of the sub"),
    "infinite labels": (_labels([1.5, np.inf, 2], "rmse"), "'price' has infinite values"),
    "huge classes": (_labels([str(2**63), "1", "2"], "accuracy"), "more than 63 bits"),
    "classes differ in blanks": (_labels([" h", "h", "x"], "accuracy"), "differ in blanks"),
    "money": (_labels(["$1", "$2", "3"], "rmse"), r"is text \(such as '\$1'\)"),
    "many labels of one target": (
        _toml('metric = "accuracy"\nkind = "multilabel"'),
        "kind = 'multilabel', but there is one target",
    ),
    "one row": (_one_row, "train.csv has one row only; a model needs two at least"),
    "nothing to learn from": (_only_ids, "nothing to learn from: test.csv has no column beside"),
    "id called fold": (_id_called_fold, "id column can't be called 'fold'"),
    "an id is missing": (_missing_id, "has empty cells, or words that pandas takes for missing"),
    "ids repeat": (_repeated_ids, "repeat, so its rows can't be told apart"),
    "deep json": (_instead(b"[" * 100_000, "train.json"), "it is nested too deeply"),
    "json of numbers": (_instead(b"[1, 2]", "train.json"), "neither rows with named cells"),
    "bad jsonl": (_instead(b'{"a": 1}\nx\n', "train.jsonl"), "it is not valid JSON"),
    "pointer": (_instead(b"version https://git-lfs.github.com/spec/v1\n"), "run git lfs pull"),
    "a quote": (_instead(b'id,price\n"1,2\n3,4\n'), "a quote that opens in row 2 is never"),
    "long row": (_instead(b"a,b\n1,2\n3,4,5\n"), "line 3 has 3 cells"),
}


@pytest.mark.parametrize("case", CASES)
def test_one_sentence_says_what_to_mend(case: str, tmp_path: Path) -> None:
    apply, words = CASES[case]
    folder = price_task(tmp_path / "task")
    apply(folder)
    with pytest.raises(TaskError, match=words) as caught:
        load_task(folder)
    message = str(caught.value)
    assert message.isprintable()
    assert message.endswith(".")
    assert len(message) <= 700


def test_ids_that_repeat_row_by_row_are_copied(tmp_path: Path) -> None:
    folder = price_task(tmp_path)
    for name in ("test", "sample_submission"):
        table = pd.read_csv(folder / f"{name}.csv")
        table["id"] = np.arange(len(table)) // 2
        table.to_csv(folder / f"{name}.csv", index=False)
    spec = load_task(folder)
    assert spec.id is None
    assert spec.copied_columns == ["id"]


def test_a_packed_file_that_unpacks_too_far_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "UNPACKED", 100_000)
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"0" * 1_000_000))
    with pytest.raises(TaskError, match="would unpack to more than"):
        load_table(tmp_path / "t.csv.gz")


def test_names_that_are_not_text_are_refused(tmp_path: Path) -> None:
    folder = price_task(tmp_path / "task")
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff.txt")).write_text("x")
    with pytest.raises(TaskError, match="not valid UTF-8"):
        load_task(folder)


def test_a_folder_that_can_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = price_task(tmp_path / "task")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied", str(folder / "train.csv"))

    monkeypatch.setattr(tables, "_read", refuse)
    with pytest.raises(TaskError, match=r"train\.csv can't be read; give yourself the permission"):
        load_task(folder)


def _big_task(folder: Path) -> Path:
    train, test = rows(600), rows(20, first=10_000)
    train["price"] = [f"{i}.{i:06d}7" for i in range(600)]
    return write(folder, train=train, test=test, description="Predict price. Metric: RMSE")


def test_copies_of_the_labels_in_a_side_folder_switch_the_audit_off(tmp_path: Path) -> None:
    folder = _big_task(tmp_path / "task")
    (folder / "old").mkdir()
    (folder / "old" / "all.csv").write_bytes((folder / "train.csv").read_bytes())
    views = views_of(folder, tmp_path / "views")
    assert views.search.audit() is None
    assert any("old/all.csv holds the labels as well" in note for note in views.notes)


def test_a_link_that_leads_up_is_not_followed(tmp_path: Path) -> None:
    folder = _big_task(tmp_path / "task")
    (folder / "extra").mkdir()
    (folder / "extra" / "up").symlink_to(folder)
    (folder / "extra" / "top").symlink_to("/")
    (folder / "extra" / "notes.txt").write_text("x")
    os.mkfifo(folder / "extra" / "pipe")
    views = views_of(folder, tmp_path / "views")
    assert views.search.audit() is not None
    found = {path.name for path in (views.search.folder / "extra").rglob("*")}
    assert found == {"notes.txt"}


def test_side_files_with_odd_names_are_placed(tmp_path: Path) -> None:
    folder = price_task(tmp_path / "task")
    (folder / "extra").mkdir()
    Path(os.fsdecode(os.fsencode(folder) + b"/extra/\xff.txt")).write_text("x")
    (folder / "extra" / "a\nb.txt").write_text("x")
    views = views_of(folder, tmp_path / "views")
    assert len(list((views.full.folder / "extra").iterdir())) == 2


def test_printed_tasks_do_not_predict_what_the_test_table_holds(tmp_path: Path) -> None:
    folder = price_task(tmp_path)
    toml = 'evaluation = "printed"\nmetric = "mine"\ndirection = "maximize"\ntarget = "price"'
    (folder / "task.toml").write_text(toml)
    spec = load_task(folder)
    assert spec.prediction_columns == ["price"]
    assert spec.copied_columns == ["id"]


def test_an_excluded_column_is_neither_id_nor_time(tmp_path: Path) -> None:
    folder = churn_task(tmp_path / "task")
    (folder / "task.toml").write_text('exclude = ["id"]')
    spec = load_task(folder)
    assert spec.id is None
    assert spec.time == []
    views = views_of(folder, tmp_path / "views")
    assert "id" not in pd.read_csv(views.search.folder / "test.csv").columns


def test_infinite_labels_of_printed_tasks_are_left_out_of_the_profile(tmp_path: Path) -> None:
    folder = price_task(tmp_path)
    table = pd.read_csv(folder / "train.csv").astype({"price": float})
    table.loc[0, "price"] = np.inf
    table.to_csv(folder / "train.csv", index=False)
    toml = 'evaluation = "printed"\nmetric = "mine"\ndirection = "maximize"\ntarget = "price"'
    (folder / "task.toml").write_text(toml)
    found = profile_task(load_task(folder))
    assert found.target_max == table["price"][1:].max()
    json.dumps(found.model_dump(mode="json"), allow_nan=False)


def test_a_printed_task_that_does_not_say_what_is_handed_in_has_no_sample(tmp_path: Path) -> None:
    folder = price_task(tmp_path / "task")
    (folder / "sample_submission.csv").unlink()
    table = pd.read_csv(folder / "train.csv").drop(columns="id")
    table.to_csv(folder / "train.csv", index=False)
    pd.read_csv(folder / "test.csv").drop(columns="id").to_csv(folder / "test.csv", index=False)
    toml = 'evaluation = "printed"\nmetric = "mine"\ndirection = "maximize"'
    (folder / "task.toml").write_text(toml)
    assert load_task(folder).submission_columns == []
    view = views_of(folder, tmp_path / "views").search.folder
    assert sorted(path.name for path in view.iterdir()) == ["folds.csv", "test.csv", "train.csv"]


def test_ids_that_differ_in_blanks_alone_are_none(tmp_path: Path) -> None:
    folder = price_task(tmp_path)
    (folder / "sample_submission.csv").unlink()
    (folder / "task.toml").write_text('metric = "rmse"\ntarget = "price"')
    for name in ("train", "test"):
        table = pd.read_csv(folder / f"{name}.csv").astype({"id": str})
        table.loc[:1, "id"] = ["a", " a"]
        table.to_csv(folder / f"{name}.csv", index=False)
    assert load_task(folder).id is None
    (folder / "task.toml").write_text('metric = "rmse"\ntarget = "price"\nid = "id"')
    with pytest.raises(TaskError, match=r"repeated values .or such as differ in blanks alone"):
        load_task(folder)
