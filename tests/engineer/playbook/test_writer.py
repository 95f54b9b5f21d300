from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mle_star.engineer.base import ModelCard
from mle_star.engineer.playbook.blocks.facts import Facts
from mle_star.engineer.playbook.catalogue import model_named
from mle_star.engineer.playbook.script import join, split
from mle_star.engineer.playbook.writer import assemble, compose, write
from mle_star.errors import NoAnswer
from mle_star.scoring import Mode, Predictions, blend_predictions, read_predictions
from tests.engineer.playbook import making, refining


def card(name: str) -> ModelCard:
    return ModelCard(name, "", "")


def keyed(features: pd.DataFrame, first: int = 0, name: str = "key") -> pd.DataFrame:
    return pd.concat(
        [pd.Series([f"k{first + i}" for i in range(len(features))], name=name), features], axis=1
    )


def solve(task: making.Task, family: str, folder: Path) -> float:
    """Write, run and check one script."""
    script = write(task.brief, card(family))
    assert join(split(script)) == script
    value = making.check(task, making.run(script, task, folder / family))
    check_soft(task, script, folder / family / "final")
    return value


def check_soft(task: making.Task, script: str, final: Path) -> None:
    """Label tasks, and no others, keep what labels are cut from; half way it is these labels."""
    spec = task.brief.task
    found = read_predictions(spec, task.view, final)
    assert isinstance(found, Predictions)
    assert (found.soft is not None) == (spec.prediction == "label"), found.notes
    assert (final / "oof_soft.csv").exists() == (spec.prediction == "label")
    if found.soft is None:
        return
    mode: Mode = "cut" if "def adjust(" in script else "soft"
    again = blend_predictions(spec, mode, [1.0], [found], task.view)
    for old, new in ((found.oof, again.oof), (found.test, again.test)):
        same = (old.to_numpy() == new.to_numpy()).mean()
        assert same > (0.85 if mode == "cut" else 0.999), (mode, same)


def test_regression_without_an_id_on_untidy_columns(tmp_path: Path) -> None:
    train, test = making.table(260), making.table(40, seed=5)
    task = making.build(
        tmp_path, train.assign(y=making.signal(train)), test, target="y", metric="rmse"
    )
    for family in ("lightgbm", "linear", "kernel"):
        assert solve(task, family, tmp_path) < 1.6


def test_binary_labels_in_words(tmp_path: Path) -> None:
    train, test = keyed(making.table(260)), keyed(making.table(40, seed=5), 900)
    answer = np.where(making.signal(train) > 1, "yes", "no")
    sample = pd.DataFrame({"flag": test["flag"], "key": test["key"], "answer": "no"})
    task = making.build(
        tmp_path,
        train.assign(answer=answer),
        test,
        sample,
        target="answer",
        id="key",
        metric="f1",
        kind="binary",
    )
    assert task.brief.task.copied_columns == ["flag"]
    assert solve(task, "random_forest", tmp_path) > 0.8
    assert solve(task, "kernel", tmp_path) > 0.8
    submission = pd.read_csv(tmp_path / "random_forest" / "final" / "submission.csv")
    assert set(submission["answer"]) <= {"yes", "no"}


def classes(features: pd.DataFrame) -> pd.Series:
    return pd.cut(making.signal(features), [-99, 0, 2, 99], labels=["low", "mid", "top"]).astype(
        str
    )


@pytest.mark.parametrize(
    ("metric", "families"),
    [("log_loss", ["xgboost", "mlp", "kernel"]), ("balanced_accuracy", ["lightgbm"])],
)
def test_classes(tmp_path: Path, metric: str, families: list[str]) -> None:
    train, test = keyed(making.table(300)), keyed(making.table(30, seed=5), 900)
    level = classes(train)
    level[:2] = "rare"  # in one fold there is a class that no fitting row of another has
    test_keys = test[["key"]]
    sample = (
        test_keys.assign(low=0.2, mid=0.2, rare=0.2, top=0.4)
        if metric == "log_loss"
        else test_keys.assign(level="low")
    )
    task = making.build(
        tmp_path,
        train.assign(level=level),
        test,
        sample,
        target="level",
        id="key",
        metric=metric,
        kind="multiclass",
    )
    for family in families:
        value = solve(task, family, tmp_path)
        assert value < 1.0 if metric == "log_loss" else value > 0.4


def test_grades_are_rounded(tmp_path: Path) -> None:
    train, test = making.table(300), making.table(30, seed=5)
    grade = np.clip(np.rint(making.signal(train) + 5), 2, 8).astype(int)
    task = making.build(
        tmp_path,
        train.assign(grade=grade),
        test,
        target="grade",
        metric="quadratic_weighted_kappa",
        kind="ordinal",
    )
    assert solve(task, "hist_gradient_boosting", tmp_path) > 0.6
    written = pd.read_csv(tmp_path / "hist_gradient_boosting" / "final" / "oof.csv")["grade"]
    assert pd.api.types.is_integer_dtype(written)


def test_several_labels(tmp_path: Path) -> None:
    train, test = keyed(making.table(260)), keyed(making.table(30, seed=5), 900)
    train["a"] = (making.signal(train) > 1).astype(int)
    train["b"] = (train["x"] > 0.5).astype(int)
    task = making.build(
        tmp_path,
        train,
        test,
        test[["key"]].assign(a=0.5, b=0.5),
        target=["a", "b"],
        id="key",
        metric="mean_columnwise_roc_auc",
        kind="multilabel",
    )
    assert solve(task, "linear", tmp_path) > 0.9


def test_several_numbers_on_a_log_scale(tmp_path: Path) -> None:
    train, test = making.table(260), making.table(30, seed=5)
    train["a"] = np.exp(making.signal(train) / 3)
    train["b"] = np.exp(train["x"] / 2)
    task = making.build(
        tmp_path,
        train,
        test,
        pd.DataFrame({"a": [0.0] * 30, "b": [0.0] * 30}),
        target=["a", "b"],
        metric="mean_columnwise_rmsle",
        kind="regression",
    )
    script = write(task.brief, card("ExtraTrees"))
    assert "np.log1p(values)" in script
    assert solve(task, "extra_trees", tmp_path) < 0.35


def test_rows_in_time(tmp_path: Path) -> None:
    rows = 300
    when = pd.date_range("2021-03-01", periods=rows, freq="7h")
    features = making.table(rows)[["x", "gap", "colour"]]
    features.insert(0, "start", when.strftime("%Y-%m-%d %H:%M:%S"))
    hours = np.random.default_rng(3).integers(1, 9, rows)
    features["end"] = (when + pd.to_timedelta(hours, unit="h")).strftime("%Y-%m-%d %H:%M:%S")
    table = features.assign(y=hours * 2.0 + features["x"])
    task = making.build(
        tmp_path,
        table[:260],
        features[260:],
        target="y",
        metric="mae",
        time="start",
    )
    script = write(task.brief, card("LightGBM"))
    assert "folds < fold" in script
    assert 'objective="l1"' in script
    assert solve(task, "knn", tmp_path) < 4.0


def test_one_hold_out(tmp_path: Path) -> None:
    train, test = making.table(260), making.table(30, seed=5)
    task = making.build(
        tmp_path,
        train.assign(y=making.signal(train)),
        test,
        target="y",
        metric="pinball:0.9",
        folds=1,
    )
    assert task.brief.folds == 1
    assert "quantile" in write(task.brief, card("xgboost"))
    assert solve(task, "xgboost", tmp_path) < 1.0
    with pytest.raises(NoAnswer):
        write(task.brief, card("linear"))


def test_short_texts(tmp_path: Path) -> None:
    spam = np.random.default_rng(4).random(300) < 0.3
    texts = pd.Series(making.sentences(300, spam), name="message")
    train = keyed(texts.to_frame()).assign(spam=spam.astype(int))
    test = keyed(texts[:40].to_frame(), 900)
    task = making.build(
        tmp_path, train, test, target="spam", id="key", metric="log_loss", kind="binary"
    )
    assert task.brief.profile.of_kind("text") == ["message"]
    assert "TruncatedSVD" not in write(task.brief, card("text_linear"))
    for family in ("text_naive_bayes", "hist_gradient_boosting"):
        assert solve(task, family, tmp_path) < 0.3


def test_text_beside_other_columns(tmp_path: Path) -> None:
    features = making.table(300)
    features["note"] = making.sentences(300, features["x"].to_numpy() > 0)
    features.loc[5, "note"] = None
    kind = classes(features)
    task = making.build(
        tmp_path,
        features.assign(kind=kind)[:260],
        features[260:].reset_index(drop=True),
        pd.DataFrame({"kind": ["low"] * 40}),
        target="kind",
        metric="f1_macro",
        kind="multiclass",
    )
    for family in ("lightgbm", "text_naive_bayes"):
        assert solve(task, family, tmp_path) > 0.3


def test_an_unknown_model_has_no_script(tmp_path: Path) -> None:
    train, test = making.table(60), making.table(20, seed=5)
    task = making.build(
        tmp_path, train.assign(y=making.signal(train)), test, target="y", metric="rmse"
    )
    with pytest.raises(NoAnswer, match="no block for the model 'Oracle'"):
        write(task.brief, card("Oracle"))
    with pytest.raises(NoAnswer, match="does not fit"):
        write(task.brief, card("TF-IDF and linear model"))


@pytest.mark.parametrize(
    ("name", "cut"), [("mood", True), ("class", True), ("price", False), ("odds", False)]
)
def test_labels_are_cut_where_the_metric_is_best_if_it_asks_for_that(name: str, cut: bool) -> None:
    facts = Facts(refining.task(name).brief)
    model = model_named("lightgbm")
    written, plain = compose(facts, model), assemble(facts, model)
    assert ("def adjust(" in written) == cut
    assert "def adjust(" not in plain
    assert (written == plain) == (not cut)
    assert join(split(written)) == written
