from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mle_star.bench.sources import find_tasks
from mle_star.bench.split import split_csv
from mle_star.errors import SettingsError, TaskError
from mle_star.tasks import load_task


def people(rows: int = 120, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    day = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(rows) // 3, unit="D")
    return pd.DataFrame(
        {
            "age": rng.integers(18, 90, rows),
            "town": rng.choice(["Rome", "Oslo, N", 'the "Bay"'], rows),
            "day": pd.Series(day).dt.strftime("%Y-%m-%d").sample(frac=1, random_state=seed).values,
            "house": rng.integers(0, 25, rows),
            "left": np.where(np.arange(rows) < rows // 5, "yes", "no"),
            "pay": rng.normal(30, 5, rows).round(3),
        }
    )


def save(folder: Path, table: pd.DataFrame) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    table.to_csv(folder / "my.csv", index=False)
    return folder / "my.csv"


def parts(out: Path) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    names = ("public/train.csv", "public/test.csv", "private/answers.csv")
    train, test, answers = (pd.read_csv(out / name) for name in names)
    return train, test, answers


def notes(out: Path) -> str:
    return " ".join(json.loads((out / "meta.json").read_text())["notes"])


def test_a_split_is_a_task_of_the_bench(tmp_path: Path) -> None:
    out = split_csv(save(tmp_path, people()), "left", tmp_path / "leavers", description="Who left?")
    assert out == tmp_path / "leavers"
    (task,) = find_tasks([out])
    assert (task.name, task.metric, task.direction) == ("leavers", "roc_auc", "maximize")
    assert task.grade(out / "public" / "sample_submission.csv").score == 0.5
    spec = load_task(out / "public")
    assert (spec.id, spec.target, spec.kind, spec.time) == ("id", ["left"], "binary", [])
    assert {spec.provenance[key] for key in ("id", "target", "metric")} == {"task.toml"}
    text = (out / "public" / "description.md").read_text()
    assert "Who left?" in text
    assert "the probability that `left` is `yes`" in text
    assert "90 rows with `left`" in text
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")], "nothing is left behind"


@pytest.mark.parametrize(
    ("target", "metric", "sample"),
    [
        ("left", "accuracy", {"left": "no"}),
        ("left", "logloss", {"left": 0.2}),
        ("town", None, {"Oslo, N": None, "Rome": None, 'the "Bay"': None}),
        ("town", "f1_macro", {"town": None}),
        ("house", "qwk", {"house": None}),
        ("pay", None, {"pay": None}),
        ("pay", "mae", {"pay": None}),
        ("pay", "pinball_0.9", {"pay": None}),
        (["age", "pay"], None, {"age": None, "pay": None}),
    ],
)
def test_whatever_is_asked_loads_and_has_a_fitting_sample(
    tmp_path: Path, target: Any, metric: str | None, sample: dict[str, Any]
) -> None:
    out = split_csv(save(tmp_path, people()), target, tmp_path / "out", metric=metric)
    (task,) = find_tasks([out])
    found = pd.read_csv(out / "public" / "sample_submission.csv")
    assert list(found.columns) == ["id", *sample]
    for column, value in sample.items():
        assert value is None or found[column][0] == value
    assert task.grade(out / "public" / "sample_submission.csv").error == ""


def test_labels_of_several_columns_that_are_flags(tmp_path: Path) -> None:
    table = people().assign(a=lambda t: t["age"] % 2, b=lambda t: t["age"] % 3 // 2)
    out = split_csv(save(tmp_path, table), ["a", "b"], tmp_path / "out")
    spec = load_task(out / "public")
    assert (spec.kind, spec.metric) == ("multilabel", "mean_columnwise_roc_auc")


def test_classes_named_like_columns(tmp_path: Path) -> None:
    table = people().assign(what=lambda t: np.resize(["age", "id", "pay"], len(t)))
    out = split_csv(save(tmp_path, table), "what", tmp_path / "out")
    assert load_task(out / "public").prediction_columns == ["what_age", "what_id", "what_pay"]


def test_classes_and_numbers_are_spread_evenly(tmp_path: Path) -> None:
    path = save(tmp_path, people(200))
    train, test, answers = parts(split_csv(path, "left", tmp_path / "a"))
    assert len(test) == 50
    assert (answers["left"] == "yes").sum() == 10
    assert "left" not in test
    _, _, answers = parts(split_csv(path, "pay", tmp_path / "b", share=0.5))
    assert answers["pay"].mean() == pytest.approx(people(200)["pay"].mean(), abs=0.3)
    assert train["id"].is_unique


def test_a_class_of_few_rows_is_never_hidden_altogether(tmp_path: Path) -> None:
    table = people(60).assign(town=["a"] * 40 + ["b"] * 17 + ["c"] * 2 + ["d"])
    for seed in range(3):
        out = split_csv(save(tmp_path, table), "town", tmp_path / f"{seed}", share=0.6, seed=seed)
        train, _, answers = parts(out)
        assert set(train["town"]) == set("abcd")
        assert "d" not in set(answers["town"])
        assert len(find_tasks([out])) == 1


def test_neither_place_nor_new_id_tells_of_the_label(tmp_path: Path) -> None:
    table = people(400).sort_values("pay")
    train, test, answers = parts(split_csv(save(tmp_path, table), "pay", tmp_path / "out"))
    for part in (train, answers):
        assert abs(np.corrcoef(part["id"], part["pay"])[0, 1]) < 0.2
        assert abs(np.corrcoef(range(len(part)), part["pay"])[0, 1]) < 0.2
    assert list(test["id"]) == list(answers["id"])


def test_the_latest_rows_are_hidden_and_a_moment_stays_whole(tmp_path: Path) -> None:
    path = save(tmp_path, people(121))
    out = split_csv(path, "pay", tmp_path / "out", time="day")
    train, test, _ = parts(out)
    assert train["day"].max() < test["day"].min()
    assert len(test) == pytest.approx(30, abs=3)
    assert load_task(out / "public").time == ["day"]
    assert "later than those of train.csv" in (out / "public" / "description.md").read_text()


def test_time_in_several_columns(tmp_path: Path) -> None:
    when = pd.to_datetime(people()["day"])
    table = people().assign(month=when.dt.month, date=when.dt.day).drop(columns="day")
    out = split_csv(save(tmp_path, table), "pay", tmp_path / "out", time=["month", "date"])
    train, test, _ = parts(out)
    last = (100 * train["month"] + train["date"]).max()
    assert last < (100 * test["month"] + test["date"]).min()
    assert load_task(out / "public").time == ["month", "date"]


def test_whole_groups_are_hidden(tmp_path: Path) -> None:
    table = people(200).assign(house=lambda t: t["house"].where(t.index > 9))
    out = split_csv(save(tmp_path, table), "pay", tmp_path / "out", group="house")
    train, test, _ = parts(out)
    assert not set(train["house"].dropna()) & set(test["house"].dropna())
    assert 25 <= len(test) <= 63
    assert load_task(out / "public").group == "house"
    with pytest.raises(TaskError, match="groups of 'left' are too large"):
        split_csv(tmp_path / "my.csv", "pay", tmp_path / "o", group="left", share=0.1)


def test_ids_are_found_taken_or_added(tmp_path: Path) -> None:
    table = people().assign(person_id=[f"p{i}" for i in range(120)])
    path = save(tmp_path, table)
    out = split_csv(path, "pay", tmp_path / "a")
    assert load_task(out / "public").id == "person_id"
    assert "new column" not in notes(out)
    path = save(tmp_path, table.rename(columns={"person_id": "who"}).assign(id=7))
    out = split_csv(path, "pay", tmp_path / "b")
    assert load_task(out / "public").id == "row_id"
    assert "an id in the new column 'row_id'" in notes(out)
    out = split_csv(path, "pay", tmp_path / "c", id="who")
    assert sorted(parts(out)[2]["who"])[0].startswith("p")
    with pytest.raises(TaskError, match="repeated or empty values"):
        split_csv(path, "pay", tmp_path / "d", id="id")


def test_repeated_and_unlabelled_rows_are_noted(tmp_path: Path) -> None:
    table = pd.concat([people(60)] * 2, ignore_index=True)
    table.loc[3, "pay"] = np.nan
    out = split_csv(save(tmp_path, table), "pay", tmp_path / "out")
    assert "1 rows without a label are left out." in notes(out)
    assert "59 rows repeat an earlier one" in notes(out)
    assert "hidden rows have a visible row with the same values" in notes(out)
    assert sum(map(len, parts(out)[:2])) == 119


def test_parquet_and_cells_as_they_stand(tmp_path: Path) -> None:
    people().to_parquet(tmp_path / "my.parquet")
    a = split_csv(tmp_path / "my.parquet", "left", tmp_path / "a")
    b = split_csv(save(tmp_path, people()), "left", tmp_path / "b")
    for one, two in zip(parts(a), parts(b), strict=True):
        pd.testing.assert_frame_equal(one, two)
    path = tmp_path / "odd.csv"
    rows = [f"{i:03d},{i}.50,{'ja' if i % 2 else 'nej'}" for i in range(40)]
    path.write_text("code;x;y\n".replace(";", ",") + "\n".join(rows) + "\n")
    out = split_csv(path, "y", tmp_path / "c")
    cells = pd.read_csv(out / "public" / "train.csv", dtype=str)
    assert cells["code"].str.fullmatch(r"\d{3}").all()
    assert cells["x"].str.endswith(".50").all()


def test_the_metric_is_asked_for_where_it_is_open(tmp_path: Path) -> None:
    path = save(tmp_path, people())
    with pytest.raises(TaskError, match="25 different whole numbers, which may be classes"):
        split_csv(path, "house", tmp_path / "out")
    out = split_csv(path, "house", tmp_path / "out", description="Judged by the MAE.")
    assert load_task(out / "public").metric == "mae"
    with pytest.raises(TaskError, match="There is no metric 'gini'; choose among accuracy"):
        split_csv(path, "pay", tmp_path / "other", metric="gini")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"target": "wage"}, "no column 'wage'; its columns are age, town"),
        ({"time": "age", "target": "age"}, "can't be two of target, id, time and group"),
        ({"id": "nope"}, "no column 'nope'"),
        ({"share": 0.999}, "visible part .1 of 120 rows. would hold fewer than two"),
        ({"time": "town"}, "neither numbers nor dates"),
        ({"metric": "accuracy"}, "judges classes, but the target 'pay' holds numbers"),
    ],
)
def test_what_can_not_be_split_leaves_nothing(
    tmp_path: Path, options: dict[str, Any], said: str
) -> None:
    path = save(tmp_path / "in", people())
    with pytest.raises(TaskError, match=said) as error:
        split_csv(path, out=tmp_path / "o" / "out", **{"target": "pay", **options})
    assert "\n" not in str(error.value)
    assert not (tmp_path / "o" / "out").exists()
    assert not list((tmp_path / "o").glob(".*"))


def test_settings_out_of_range(tmp_path: Path) -> None:
    path = save(tmp_path, people())
    for share in (0, 1, -0.1, 25, float("nan")):
        with pytest.raises(SettingsError, match="must lie between 0 and 1"):
            split_csv(path, "pay", tmp_path / "out", share=share)
    with pytest.raises(SettingsError, match="by time or by group"):
        split_csv(path, "pay", tmp_path / "out", time="day", group="house")


def test_only_an_empty_folder_is_written_to(tmp_path: Path) -> None:
    path = save(tmp_path, people())
    with pytest.raises(TaskError, match="not empty"):
        split_csv(path, "pay", tmp_path)
    with pytest.raises(TaskError, match="not empty"):
        split_csv(path, "pay", path)
    with pytest.raises(TaskError, match="There is no file"):
        split_csv(tmp_path / "missing.csv", "pay", tmp_path / "out")
    (tmp_path / "out").mkdir()
    split_csv(path, "pay", tmp_path / "out")
    with pytest.raises(TaskError, match="not empty"):
        split_csv(path, "pay", tmp_path / "out")


@settings(max_examples=8, deadline=None)
@given(
    rows=st.integers(40, 150),
    share=st.floats(0.1, 0.7),
    seed=st.integers(0, 99),
    how=st.sampled_from(["time", "group", "plain"]),
    target=st.sampled_from(["left", "pay"]),
)
def test_rows_are_parted_and_the_same_each_time(
    tmp_path_factory: pytest.TempPathFactory,
    rows: int,
    share: float,
    seed: int,
    how: str,
    target: str,
) -> None:
    folder = tmp_path_factory.mktemp("split")
    table = people(rows, seed).assign(order_id=np.arange(rows) + 500)
    column: dict[str, Any] = {"time": {"time": "day"}, "group": {"group": "house"}}.get(how, {})
    path = save(folder, table)
    try:
        first = split_csv(path, target, folder / "first", share=share, seed=seed, **column)
    except TaskError:
        if how == "plain":
            raise
        return  # a time or a group may leave one class on a side
    split_csv(path, target, folder / "second", share=share, seed=seed, **column)
    for file in sorted(p.relative_to(first) for p in first.rglob("*.*") if p.suffix != ".md"):
        one, two = (folder / "first" / file).read_text(), (folder / "second" / file).read_text()
        assert one.replace('"first"', '"second"') == two
    train, test, answers = parts(first)
    assert list(test["order_id"]) == list(answers["order_id"])
    whole = pd.concat([train, test.merge(answers, on="order_id")])[table.columns]
    whole = whole.sort_values("order_id").reset_index(drop=True)
    pd.testing.assert_frame_equal(whole, table)
    if how == "plain":
        assert len(test) == pytest.approx(share * rows, abs=1)
