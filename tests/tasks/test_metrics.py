from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from mle_star.errors import TaskError
from mle_star.tasks import METRICS, get_metric
from mle_star.tasks.metrics import ALIASES, canonical_name

Formula = Callable[[Any, Any], float]

RNG = np.random.default_rng(0)
N = 200
Y = RNG.uniform(1, 9, N)
P = Y + RNG.normal(size=N)
BINARY = RNG.integers(0, 2, N)
CHANCE = np.clip(BINARY * 0.4 + RNG.uniform(0, 0.6, N), 0, 1)
CLASSES = RNG.choice(["a", "b", "c"], N)
GUESSES = np.where(RNG.random(N) < 0.7, CLASSES, RNG.choice(["a", "b", "c"], N))
SHARES = RNG.dirichlet([1, 1, 1], N)
GRADES = RNG.integers(3, 10, N)


def frame(*columns: Any) -> pd.DataFrame:
    return pd.DataFrame({f"c{i}": column for i, column in enumerate(columns)})


def value(name: str, y: Any, p: Any, classes: list[Any] | None = None) -> float:
    predicted = frame(*p.T) if getattr(p, "ndim", 1) == 2 else frame(p)
    return get_metric(name).compute(frame(y), predicted, classes or [])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rmse", sk.root_mean_squared_error),
        ("mse", sk.mean_squared_error),
        ("mae", sk.mean_absolute_error),
        ("median_ae", sk.median_absolute_error),
        ("rmsle", lambda y, p: sk.root_mean_squared_log_error(y, np.maximum(p, 0))),
        ("mape", sk.mean_absolute_percentage_error),
        ("r2", sk.r2_score),
        ("pinball", lambda y, p: sk.mean_pinball_loss(y, p, alpha=0.5)),
        ("pinball:0.9", lambda y, p: sk.mean_pinball_loss(y, p, alpha=0.9)),
        ("pearson", lambda y, p: np.corrcoef(y, p)[0, 1]),
        ("spearman", lambda y, p: pd.Series(y).corr(pd.Series(p), method="spearman")),
    ],
)
def test_numbers_agree_with_scikit_learn(name: str, expected: Formula) -> None:
    assert value(name, Y, P) == pytest.approx(expected(Y, P))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("roc_auc", sk.roc_auc_score),
        ("average_precision", sk.average_precision_score),
        ("log_loss", sk.log_loss),
        ("brier", sk.brier_score_loss),
    ],
)
def test_binary_probabilities_agree_with_scikit_learn(name: str, expected: Formula) -> None:
    assert value(name, BINARY, CHANCE, [0, 1]) == pytest.approx(expected(BINARY, CHANCE))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("accuracy", sk.accuracy_score),
        ("balanced_accuracy", sk.balanced_accuracy_score),
        ("mcc", sk.matthews_corrcoef),
        ("f1_macro", lambda y, p: sk.f1_score(y, p, average="macro")),
        ("f1_micro", lambda y, p: sk.f1_score(y, p, average="micro")),
        ("f1_weighted", lambda y, p: sk.f1_score(y, p, average="weighted")),
    ],
)
def test_labels_agree_with_scikit_learn(name: str, expected: Formula) -> None:
    assert value(name, CLASSES, GUESSES, ["a", "b", "c"]) == pytest.approx(
        expected(CLASSES, GUESSES)
    )


def test_the_rest_agrees_with_scikit_learn() -> None:
    labels = np.array(["no", "yes"])[BINARY]
    guesses = np.array(["no", "yes"])[(CHANCE > 0.5).astype(int)]
    assert value("f1", labels, guesses, ["no", "yes"]) == pytest.approx(
        sk.f1_score(labels, guesses, pos_label="yes")
    )
    noisy = GRADES + RNG.integers(-2, 3, N)
    assert value("qwk", GRADES, noisy, list(range(3, 10))) == pytest.approx(
        sk.cohen_kappa_score(GRADES, np.clip(noisy, 3, 9), weights="quadratic")
    )
    assert value("log_loss", CLASSES, SHARES, ["a", "b", "c"]) == pytest.approx(
        sk.log_loss(CLASSES, SHARES)
    )
    assert value("roc_auc", CLASSES, SHARES, ["a", "b", "c"]) == pytest.approx(
        sk.roc_auc_score(CLASSES, SHARES, multi_class="ovr", average="macro")
    )


def perfect_predictions(name: str) -> tuple[pd.DataFrame, pd.DataFrame, list[Any]]:
    needs = METRICS[name].needs
    if needs == "value":
        return frame(Y), frame(Y), []
    if needs == "probability":
        return frame(BINARY), frame(BINARY.astype(float)), [0, 1]
    return frame(GRADES), frame(GRADES), list(range(3, 10))


@pytest.mark.parametrize("name", METRICS)
def test_perfect_predictions_reach_the_perfect_value(name: str) -> None:
    metric = METRICS[name]
    y, p, classes = perfect_predictions(name)
    if name == "f1":
        y, p, classes = frame(BINARY), frame(BINARY), [0, 1]
    assert metric.compute(y, p, classes) == pytest.approx(metric.perfect, abs=1e-6)


@pytest.mark.parametrize("name", [n for n, m in METRICS.items() if m.needs == "value"])
def test_worse_numbers_score_worse(name: str) -> None:
    sign = 1 if METRICS[name].direction == "maximize" else -1
    noise = RNG.normal(size=N) * 5
    assert sign * value(name, Y, P) > sign * value(name, Y, P + noise)


@pytest.mark.parametrize("name", [n for n, m in METRICS.items() if m.rank_based])
def test_rank_metrics_see_only_the_order(name: str) -> None:
    numbers = METRICS[name].needs == "value"
    y, p = (Y, P) if numbers else (BINARY, CHANCE)
    squeezed = 1 / (1 + np.exp(-np.asarray(p)))
    assert value(name, y, p, [0, 1]) == pytest.approx(value(name, y, squeezed, [0, 1]))


def test_labels_match_whatever_type_they_are_read_as() -> None:
    for shown in ([1, 0, 1], [1.0, 0.0, 1.0], ["1", "0", "1"]):
        assert value("accuracy", [1, 0, 1], shown, [0, 1]) == 1.0
    assert value("accuracy", [True, False], ["True", "False"], [False, True]) == 1.0
    assert value("accuracy", ["a", "b"], ["a", None], ["a", "b"]) == 0.5


def test_certain_probabilities_stay_finite() -> None:
    assert np.isfinite(value("log_loss", [0, 1], [1.0, 0.0], [0, 1]))
    wrong = np.array([[1.0, 0, 0], [1.0, 0, 0]])
    assert np.isfinite(value("log_loss", ["b", "c"], wrong, ["a", "b", "c"]))


def test_ranking_one_class_is_not_a_number() -> None:
    assert np.isnan(value("roc_auc", [1, 1], [0.2, 0.3], [0, 1]))
    two_of_three = value(
        "roc_auc", CLASSES[CLASSES != "c"], SHARES[CLASSES != "c"], ["a", "b", "c"]
    )
    assert 0 <= two_of_three <= 1


def test_several_targets_are_averaged() -> None:
    y, p = frame(Y, 2 * Y), frame(P, 3 * P)
    parts = [value("rmse", Y, P), value("rmse", 2 * Y, 3 * P)]
    assert METRICS["rmse"].compute(y, p, []) == pytest.approx(np.mean(parts))
    y, p = frame(BINARY, 1 - BINARY), frame(CHANCE, CHANCE)
    auc = value("roc_auc", BINARY, CHANCE, [0, 1])
    assert METRICS["mean_columnwise_roc_auc"].compute(y, p, [0, 1]) == pytest.approx(
        (auc + 1 - auc) / 2
    )
    assert METRICS["log_loss"].compute(y, p, [0, 1]) == pytest.approx(
        np.mean([sk.log_loss(BINARY, CHANCE), sk.log_loss(1 - BINARY, CHANCE)])
    )
    assert METRICS["f1_micro"].compute(y, y.astype(float), [0, 1]) == 1.0


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=30))
def test_kappa_is_at_most_one_and_symmetric(pairs: list[tuple[int, int]]) -> None:
    y, p = (list(side) for side in zip(*pairs, strict=True))
    kappa = value("qwk", y, p, [0, 1, 2, 3, 4])
    assert kappa <= 1 + 1e-12
    assert kappa == pytest.approx(value("qwk", p, y, [0, 1, 2, 3, 4]))


def test_names_and_aliases() -> None:
    assert set(ALIASES.values()) <= set(METRICS)
    assert canonical_name("Root Mean-Squared Error") == "rmse"
    assert canonical_name("pinball:0.25") == "pinball:0.25"
    assert canonical_name("pinball:2") is None
    with pytest.raises(TaskError, match=r"no metric 'rsme'.*rmsle"):
        get_metric("rsme")


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="3 labels"):
        value("rmse", [1, 2, 3], [1.0, 2.0])


def test_own_metric(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "def score(y, p):\n    return float(abs(y - p).max())\n"
        "def with_classes(y, p, classes):\n    return float(len(classes))\n"
    )
    metric = get_metric("mine.py:score", tmp_path, "minimize")
    assert metric.own
    assert metric.compute(frame([1.0, 2.0]), frame([1.5, 4.0])) == 2.0
    third = get_metric("mine.py:with_classes", tmp_path, "maximize")
    assert third.compute(frame([1]), frame([1]), ["a", "b"]) == 2.0
    with pytest.raises(TaskError, match=r"no\.py is not in the task folder"):
        get_metric("no.py:score", tmp_path)
    with pytest.raises(TaskError, match="can't be loaded: AttributeError"):
        get_metric("mine.py:nothing", tmp_path)
