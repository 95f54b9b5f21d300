"""What is inferred from tables and description, and where it is said to come from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mle_star.tasks import load_task
from mle_star.tasks.spec import TaskSpec
from tests.tasks.folders import animal_task, churn_task, hourly_task, price_task, rows, write


def test_regression_with_a_sample_submission(tmp_path: Path) -> None:
    spec = load_task(price_task(tmp_path / "prices"))
    assert (spec.name, spec.target, spec.id) == ("prices", ["price"], "id")
    assert (spec.kind, spec.metric, spec.direction) == ("regression", "rmse", "minimize")
    assert (spec.prediction, spec.classes) == ("value", [])
    assert spec.submission_columns == ["id", "price"]
    assert spec.prediction_columns == ["price"]
    assert (spec.time, spec.group, spec.evaluation) == ([], None, "harness")
    assert spec.provenance["target"] == "sample submission"
    assert spec.provenance["metric"] == "description"
    assert set(spec.provenance) == set(TaskSpec.model_fields) - {"name", "folder", "provenance"}


def test_text_labels_without_a_sample_submission(tmp_path: Path) -> None:
    spec = load_task(churn_task(tmp_path))
    assert (spec.target, spec.id, spec.kind) == (["churn"], "id", "binary")
    assert (spec.metric, spec.direction, spec.prediction) == ("roc_auc", "maximize", "probability")
    assert spec.classes == ["no", "yes"]
    assert spec.submission_columns == ["id", "churn"]
    assert spec.provenance["target"] == "data"


def test_one_column_per_class(tmp_path: Path) -> None:
    spec = load_task(animal_task(tmp_path))
    assert (spec.target, spec.kind, spec.per_class) == (["animal"], "multiclass", True)
    assert spec.classes == ["bird", "cat", "dog"]
    assert spec.submission_columns == ["id", "dog", "bird", "cat"]
    assert spec.prediction_columns == ["bird", "cat", "dog"]
    (tmp_path / "sample_submission.csv").unlink()
    assert load_task(tmp_path).submission_columns == ["id", "bird", "cat", "dog"]


def test_class_columns_with_a_prefix(tmp_path: Path) -> None:
    train, test = rows(60), rows(9, first=1000)
    train["Status"] = np.resize(["C", "CL", "D"], 60)
    sample = pd.DataFrame({"id": test["id"], "Status_CL": 0.3, "Status_C": 0.5, "Status_D": 0.2})
    write(
        tmp_path, train=train, test=test, sample_submission=sample, description="Metric: log loss"
    )
    spec = load_task(tmp_path)
    assert spec.target == ["Status"]
    assert spec.prediction_columns == ["Status_C", "Status_CL", "Status_D"]


def test_a_column_per_class_of_two_counts_as_multi_class(tmp_path: Path) -> None:
    train, test = rows(60), rows(9, first=1000)
    train["won"] = np.resize([0, 1], 60)
    sample = pd.DataFrame({"id": test["id"], "won_0": 0.5, "won_1": 0.5})
    write(
        tmp_path, train=train, test=test, sample_submission=sample, description="Metric: log loss"
    )
    spec = load_task(tmp_path)
    assert (spec.kind, spec.classes, spec.per_class) == ("multiclass", [0, 1], True)


def test_several_targets(tmp_path: Path) -> None:
    train, test = rows(60), rows(9, first=1000)
    train["energy"], train["gap"] = np.arange(60) * 1.0, np.arange(60) * 2.0
    sample = pd.DataFrame({"id": test["id"], "gap": 0.0, "energy": 0.0})
    write(
        tmp_path,
        train=train,
        test=test,
        sample_submission=sample,
        description="Metric: mean column-wise RMSLE",
    )
    spec = load_task(tmp_path)
    assert (spec.target, spec.kind) == (["gap", "energy"], "regression")
    assert (spec.metric, spec.prediction_columns) == ("mean_columnwise_rmsle", ["gap", "energy"])


def test_several_labels(tmp_path: Path) -> None:
    train, test = rows(60), rows(9, first=1000)
    train["rude"], train["threat"] = np.resize([0, 1], 60), np.resize([0, 0, 1], 60)
    sample = pd.DataFrame({"id": test["id"], "rude": 0.5, "threat": 0.5})
    write(
        tmp_path,
        train=train,
        test=test,
        sample_submission=sample,
        description="Metric: mean column-wise ROC AUC",
    )
    spec = load_task(tmp_path)
    assert (spec.kind, spec.prediction, spec.classes) == ("multilabel", "probability", [0, 1])


def test_no_id_at_all(tmp_path: Path) -> None:
    train, test = rows(60).drop(columns="id"), rows(9).drop(columns="id")
    train["price"] = np.arange(60) * 1.0
    sample = pd.DataFrame({"price": [1.0] * 9})
    write(tmp_path, train=train, test=test, sample_submission=sample, description="Metric: RMSE")
    spec = load_task(tmp_path)
    assert (spec.id, spec.submission_columns) == (None, ["price"])


def test_columns_that_are_copied_through(tmp_path: Path) -> None:
    folder = price_task(tmp_path)
    test = pd.read_csv(folder / "test.csv")
    sample = pd.DataFrame({"id": test["id"], "colour": test["colour"], "price": 0.0})
    sample.iloc[::-1].to_csv(folder / "sample_submission.csv", index=False)
    spec = load_task(folder)
    assert (spec.target, spec.copied_columns) == (["price"], ["colour"])
    assert spec.submission_columns == ["id", "colour", "price"]


def test_prediction_column_of_another_name(tmp_path: Path) -> None:
    folder = price_task(tmp_path)
    sample = pd.read_csv(folder / "sample_submission.csv").rename(columns={"price": "Predicted"})
    sample.to_csv(folder / "sample_submission.csv", index=False)
    spec = load_task(folder)
    assert (spec.target, spec.prediction_columns) == (["price"], ["Predicted"])


def test_test_table_with_labels(tmp_path: Path) -> None:
    folder = price_task(tmp_path)
    test = pd.read_csv(folder / "test.csv").assign(price=1.0)
    test.to_csv(folder / "test.csv", index=False)
    assert load_task(folder).target == ["price"]


def test_text_ids_and_float_ids(tmp_path: Path) -> None:
    for name, make in (("text", lambda i: f"A-{i}"), ("float", lambda i: i + 0.5)):
        folder = price_task(tmp_path / name)
        for file in ("train", "test", "sample_submission"):
            table = pd.read_csv(folder / f"{file}.csv")
            table["id"] = table["id"].map(make)
            table.to_csv(folder / f"{file}.csv", index=False)
        assert load_task(folder).id == "id"


def test_only_a_training_table(tmp_path: Path) -> None:
    table = rows(60).assign(price=np.arange(60) * 1.0)
    write(tmp_path, houses=table, description="The target column is `price`. Metric: MAE.")
    spec = load_task(tmp_path)
    assert (spec.train, spec.test, spec.target) == ("houses.csv", None, ["price"])
    assert (spec.id, spec.submission_columns) == ("id", ["id", "price"])
    assert spec.provenance["target"] == "description"


def test_ordinal_and_multiclass_by_metric(tmp_path: Path) -> None:
    folder = price_task(tmp_path)
    train = pd.read_csv(folder / "train.csv")
    train["price"] = np.resize([3, 4, 5], len(train))
    train.to_csv(folder / "train.csv", index=False)
    for metric, kind in (("quadratic weighted kappa", "ordinal"), ("accuracy", "multiclass")):
        (folder / "description.md").write_text(f"Metric: {metric}")
        spec = load_task(folder)
        assert (spec.kind, spec.prediction, spec.classes) == (kind, "label", [3, 4, 5])


def test_time_by_calendar_columns(tmp_path: Path) -> None:
    spec = load_task(hourly_task(tmp_path))
    assert spec.time == ["year", "month", "day", "hour"]
    assert spec.provenance["time"] == "data"


@pytest.mark.parametrize(("offset", "expected"), [(0, []), (60, ["when"])])
def test_time_only_where_all_test_rows_follow(
    tmp_path: Path, offset: int, expected: list[str]
) -> None:
    folder = price_task(tmp_path)
    for file, start in (("train", 0), ("test", offset)):
        table = pd.read_csv(folder / f"{file}.csv")
        table["when"] = pd.date_range("2021-01-01", periods=200)[start : start + len(table)]
        table.to_csv(folder / f"{file}.csv", index=False)
    assert load_task(folder).time == expected


def test_rows_without_a_label_do_not_count(tmp_path: Path) -> None:
    folder = churn_task(tmp_path)
    train = pd.read_csv(folder / "train.csv")
    train["churn"] = train["churn"].map({"yes": 1, "no": 0}).mask(train.index < 5)
    train.to_csv(folder / "train.csv", index=False)
    spec = load_task(folder)
    assert spec.classes == [0, 1]
    assert all(isinstance(label, (int, float)) for label in spec.classes)


def test_file_names_and_formats(tmp_path: Path) -> None:
    folder = price_task(tmp_path)
    train, test = pd.read_csv(folder / "train.csv"), pd.read_csv(folder / "test.csv")
    for name in ("train", "test", "sample_submission"):
        (folder / f"{name}.csv").rename(folder / f"{name}.old")
    train.to_parquet(folder / "train_data.parquet")
    test.to_csv(folder / "Test.csv.gz", index=False)
    (folder / "description.md").rename(folder / "task_description.txt")
    pd.read_csv(folder / "sample_submission.old").to_csv(
        folder / "sampleSubmission.csv.zip", index=False
    )
    spec = load_task(folder)
    assert (spec.train, spec.test) == ("train_data.parquet", "Test.csv.gz")
    assert spec.sample_submission == "sampleSubmission.csv.zip"
    assert "price" in spec.description


def test_side_files_never_hold_the_labels(tmp_path: Path) -> None:
    folder = price_task(tmp_path)
    (folder / "images").mkdir()
    (folder / "notes.txt").write_text("x")
    pd.read_csv(folder / "train.csv").to_parquet(folder / "train.parquet")
    pd.DataFrame({"id": [1], "price": [2]}).to_csv(folder / "answers.csv", index=False)
    pd.DataFrame({"colour": ["red"], "wave": [700]}).to_csv(folder / "colours.csv", index=False)
    spec = load_task(folder)
    assert spec.side_files == ["colours.csv", "images", "notes.txt"]
    assert "answers.csv" in spec.provenance["side_files"]


def test_task_toml_overrules_everything(tmp_path: Path) -> None:
    folder = price_task(tmp_path)
    (folder / "task.toml").write_text(
        'target = "size"\nid = "id"\nmetric = "mean_absolute_error"\ngroup = "colour"\n'
        'exclude = "price"\ntime = ["id"]\n'
    )
    (folder / "sample_submission.csv").unlink()
    test = pd.read_csv(folder / "test.csv").drop(columns="size")
    test.to_csv(folder / "test.csv", index=False)
    spec = load_task(folder)
    assert (spec.target, spec.metric, spec.group) == (["size"], "mae", "colour")
    assert (spec.exclude, spec.time) == (["price"], ["id"])
    for field in ("target", "id", "metric", "group", "exclude", "time"):
        assert spec.provenance[field] == "task.toml"


def test_positive_class_and_own_metric(tmp_path: Path) -> None:
    folder = churn_task(tmp_path)
    (folder / "gain.py").write_text("def score(y, p):\n    return 1.0\n")
    (folder / "task.toml").write_text(
        'metric = "gain.py:score"\ndirection = "maximize"\npositive = "no"\nprediction = "label"\n'
    )
    spec = load_task(folder)
    assert (spec.metric, spec.direction, spec.kind) == ("gain.py:score", "maximize", "binary")
    assert (spec.classes, spec.prediction) == (["yes", "no"], "label")
    assert "gain.py" not in spec.side_files


def test_printed_evaluation_needs_little(tmp_path: Path) -> None:
    table = pd.DataFrame({"before": ["one", "2"], "after": ["one", "two"]})
    sample = pd.DataFrame({"token": ["0_1", "0_2", "1_0"], "after": ["a", "b", "c"]})
    write(
        tmp_path,
        train=table,
        test=table[["before"]],
        sample_submission=sample,
        task='evaluation = "printed"\nmetric = "token accuracy"\ndirection = "maximize"\n',
    )
    spec = load_task(tmp_path)
    assert (spec.evaluation, spec.kind, spec.target) == ("printed", "other", [])
    assert spec.submission_columns == ["token", "after"]


def test_a_spec_survives_json(tmp_path: Path) -> None:
    spec = load_task(churn_task(tmp_path))
    assert TaskSpec.model_validate_json(spec.model_dump_json()) == spec
