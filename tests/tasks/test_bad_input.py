"""Each thing a person must mend is one clear sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mle_star.errors import TaskError
from mle_star.tasks import load_task
from tests.tasks.folders import animal_task, churn_task, price_task

Change = Callable[[Path], object]


def change(name: str, edit: Callable[[pd.DataFrame], pd.DataFrame]) -> Change:
    """Edit a table of the folder."""

    def apply(folder: Path) -> None:
        path = folder / f"{name}.csv"
        edit(pd.read_csv(path)).to_csv(path, index=False)

    return apply


def toml(text: str) -> Change:
    return lambda folder: (folder / "task.toml").write_text(text)


def describe(text: str) -> Change:
    return lambda folder: (folder / "description.md").write_text(text)


def both(*changes: Change) -> Change:
    return lambda folder: [apply(folder) for apply in changes]


def no_sample(folder: Path) -> None:
    (folder / "sample_submission.csv").unlink()


CASES: dict[str, tuple[Change, str]] = {
    "no train file": (lambda f: (f / "train.csv").rename(f / "houses.txt"), "No training table"),
    "several train files": (
        lambda f: (
            (f / "train.csv")
            .rename(f / "train_a.csv")
            .with_name("train_b.csv")
            .write_text("x\n1\n")
        ),
        "Several files may be the train table",
    ),
    "train without rows": (change("train", lambda t: t.head(0)), "train.csv has no rows"),
    "empty file": (lambda f: (f / "train.csv").write_text(""), "train.csv is empty"),
    "unreadable csv": (lambda f: (f / "train.csv").write_text('a,b\n"1,2\n3'), "can't be read"),
    "test without rows": (change("test", lambda t: t.head(0)), "test.csv has no rows"),
    "one class only": (change("train", lambda t: t.assign(price=1)), "has one value only"),
    "no labels": (
        change("train", lambda t: t.assign(price=None)),
        "No row of train.csv has a label",
    ),
    "test lacks a column": (
        change("test", lambda t: t.drop(columns="size")),
        'exclude = \\["size"\\]',
    ),
    "target not found": (
        both(no_sample, change("train", lambda t: t.drop(columns="price"))),
        "target was not found; set target in task.toml",
    ),
    "target ambiguous": (
        both(no_sample, describe("Metric: RMSE"), change("train", lambda t: t.assign(cost=1.0))),
        "ambiguous: it may be price, cost; set target",
    ),
    "named target missing": (toml('target = "prize"'), "'prize', but train.csv has no such column"),
    "metric not found": (describe("Predict the price."), "metric was not found.*accuracy.*pinball"),
    "metric of the description unknown": (
        describe("Metric: weighted MAE"),
        "'weighted mae' is not",
    ),
    "metric ambiguous": (describe("Judged by RMSE and by MAE."), "speaks of rmse, mae; set metric"),
    "metric unknown": (toml('metric = "rsme"'), "no metric 'rsme'"),
    "metric against labels": (toml('metric = "log_loss"'), "judges classes"),
    "direction contradicts": (toml('direction = "maximize"'), "rmse is to minimize"),
    "own metric without direction": (toml('metric = "m.py:f"'), "needs its direction"),
    "unknown key": (toml('taget = "price"'), "no key 'taget'; the keys are: train, .*target"),
    "not toml": (toml("target = price"), "not valid TOML"),
    "wrong type": (toml("target = 3"), "Key 'target' of task.toml can't be 3"),
    "wrong value": (toml('kind = "ranking"'), "Key 'kind' of task.toml can't be 'ranking'"),
    "kind against metric": (toml('kind = "binary"'), "can't judge a task of kind 'binary'"),
    "named file missing": (toml('train = "gone.csv"'), "'gone.csv' as train"),
    "id missing": (toml('id = "key"'), "'key' as id"),
    "id repeated": (
        both(no_sample, toml('id = "colour"')),
        "'colour' has repeated values",
    ),
    "group missing": (toml('group = "who"'), "group column 'who'"),
    "time missing": (toml('time = "when"'), "time column 'when'"),
    "time is text": (toml('time = "colour"'), "neither numbers nor dates"),
    "exclude missing": (toml('exclude = ["x"]'), "excludes 'x'"),
    "exclude the target": (toml('exclude = ["price"]'), "the target or the id"),
    "sample rows": (
        change("sample_submission", lambda t: t.head(3)),
        "has 3 rows but test.csv has 20",
    ),
    "sample ids": (
        change("sample_submission", lambda t: t.assign(id=t["id"] + 1)),
        "does not match test.csv: the values of 'id'",
    ),
    "sample columns": (
        change("sample_submission", lambda t: t.rename(columns={"price": "a"}).assign(b=1)),
        "neither the target|target was not found|ambiguous",
    ),
    "negative labels for rmsle": (toml('metric = "rmsle"'), "at least 0"),
    "text for a numeric metric": (
        change("train", lambda t: t.assign(price=np.resize(["low", "high"], len(t)))),
        "needs numbers, but the target 'price' is text",
    ),
    "printed without metric": (toml('evaluation = "printed"'), "must say metric and direction"),
}


@pytest.mark.parametrize("case", CASES)
def test_one_sentence_says_what_to_mend(case: str, tmp_path: Path) -> None:
    apply, words = CASES[case]
    folder = price_task(tmp_path / "task")
    if case.startswith("negative"):
        change("train", lambda t: t.assign(price=-t["price"].abs()))(folder)
    apply(folder)
    with pytest.raises(TaskError, match=words) as caught:
        load_task(folder)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    assert message[0].isupper() or message.startswith(("train", "test", "task", "sample"))


def test_no_folder_an_empty_one_and_a_file(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="There is no folder"):
        load_task(tmp_path / "gone")
    (tmp_path / "empty").mkdir()
    with pytest.raises(TaskError, match="is empty"):
        load_task(tmp_path / "empty")
    (tmp_path / "file").write_text("x")
    with pytest.raises(TaskError, match="is a file"):
        load_task(tmp_path / "file")


def test_f1_of_several_classes_needs_an_average(tmp_path: Path) -> None:
    folder = animal_task(tmp_path)
    (folder / "sample_submission.csv").unlink()
    (folder / "description.md").write_text("Metric: F1")
    with pytest.raises(TaskError, match=r"two classes, but 'animal' has 3; .*f1_macro"):
        load_task(folder)


def test_label_metric_against_probability_columns(tmp_path: Path) -> None:
    folder = animal_task(tmp_path)
    (folder / "description.md").write_text("Metric: accuracy")
    with pytest.raises(TaskError, match="predictions of type 'label', not 'probability'"):
        load_task(folder)


def test_one_column_where_a_column_per_class_is_needed(tmp_path: Path) -> None:
    folder = animal_task(tmp_path)
    sample = pd.read_csv(folder / "sample_submission.csv")[["id"]].assign(animal=0.5)
    sample.to_csv(folder / "sample_submission.csv", index=False)
    with pytest.raises(TaskError, match="one probability column per class"):
        load_task(folder)


def test_a_class_called_none_is_not_dropped_silently(tmp_path: Path) -> None:
    folder = churn_task(tmp_path)
    train = pd.read_csv(folder / "train.csv")
    train["churn"] = np.resize(["None", "some", "all"], len(train))
    train.to_csv(folder / "train.csv", index=False)
    with pytest.raises(TaskError, match=r"20 labels in 'churn' .* read 'None'"):
        load_task(folder)


def test_positive_must_be_a_class(tmp_path: Path) -> None:
    folder = churn_task(tmp_path)
    (folder / "task.toml").write_text('positive = "maybe"')
    with pytest.raises(TaskError, match="not one of the two classes"):
        load_task(folder)
