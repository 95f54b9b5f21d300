"""The harness's score: value, error, audit, alarm."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mle_star.scoring import Predictions, Problem, Score, score_predictions
from mle_star.scoring import score as score_module
from mle_star.scoring.score import alarm
from mle_star.tasks import get_metric
from tests.scoring.small import (
    BINARY,
    LABELS,
    MULTILABEL,
    ORDINAL,
    PER_CLASS,
    Sketch,
    answer,
    make_score,
    make_spec,
    sketch,
)


def score_of(
    view: Sketch, predictions: Predictions, printed: float | None = None, **task: Any
) -> Score:
    found = score_predictions(make_spec(**task), view.view(), predictions, printed)
    assert not isinstance(found, Problem), found
    return found


@pytest.mark.parametrize("task", [{}, BINARY, LABELS, PER_CLASS, ORDINAL, MULTILABEL])
def test_the_value_is_the_metric_over_all_scored_rows(task: dict[str, Any]) -> None:
    spec = make_spec(**task)
    view = sketch(spec)
    view.fold[:10] = -1
    given = answer(spec, view)
    metric = get_metric(spec.metric)
    truth = view.truth()[view.fold >= 0]
    score = score_of(view, given, printed=7.0, **task)
    assert score["value"] == pytest.approx(metric.compute(truth, given.oof, spec.classes))
    assert score["printed"] == 7.0
    first = np.flatnonzero(view.fold[view.fold >= 0] == 0)
    assert score["folds"][0] == pytest.approx(
        metric.compute(truth.iloc[first], given.oof.iloc[first], spec.classes)
    )
    assert len(score["folds"]) == 4
    assert score["error"] == pytest.approx(np.std(score["folds"], ddof=1) / 2)
    assert view.hidden is not None
    assert score["audit"] == pytest.approx(
        metric.compute(view.hidden.truth, given.test.iloc[view.hidden.positions], spec.classes)
    )
    assert score["audit_error"]
    assert not score["alarm"]


def test_the_bootstrap_error_is_that_of_a_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(score_module, "DRAWS", 200)
    task: dict[str, Any] = {"metric": "mae"}
    for rows in (500, 12_000):  # all rows, and samples of fewer rows
        view = sketch(make_spec(**task), rows=rows, folds=1, audit_rows=0)
        given = answer(make_spec(**task), view)
        errors = np.abs(given.oof["y"] - view.train["y"])
        score = score_of(view, given, **task)
        assert score["error"] == pytest.approx(errors.std() / np.sqrt(rows), rel=0.2)
        assert score["audit"] is None
        assert score["audit_error"] is None
        assert score == score_of(view, given, **task)


def test_folds_in_which_the_metric_is_undefined_are_left_out() -> None:
    spec = make_spec(**BINARY)
    view = sketch(spec)
    view.train.loc[view.fold == 2, "y"] = "no"
    score = score_of(view, answer(spec, view), **BINARY)
    assert len(score["folds"]) == 3
    view.train["y"] = "no"
    found = score_predictions(spec, view.view(), answer(spec, view))
    assert str(found) == "The metric roc_auc is undefined on these predictions."


def test_an_audit_part_without_both_classes_leaves_no_audit_score() -> None:
    spec = make_spec(**BINARY)
    view = sketch(spec)
    assert view.hidden is not None
    given = answer(spec, view)
    view.hidden = replace(view.hidden, truth=pd.DataFrame({"y": ["no"] * 80}))
    assert score_of(view, given, **BINARY)["audit"] is None


def test_a_metric_that_fails_is_a_problem_not_an_exception(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "def score(y, p):\n"
        "    if (p < 0).any():\n"
        "        raise ValueError('negative predictions')\n"
        "    return float(abs(y - p).mean())\n"
    )
    spec = make_spec(metric="mine.py:score", folder=str(tmp_path))
    view = sketch(spec)
    given = answer(spec, view)
    assert score_of(view, given, metric="mine.py:score", folder=str(tmp_path))["value"] > 0
    given.oof.iloc[0] = -1.0
    found = score_predictions(spec, view.view(), given)
    assert isinstance(found, Problem)
    assert str(found) == (
        "The metric mine.py:score can't be computed on these predictions: negative predictions."
    )


@pytest.mark.parametrize("task", [{}, BINARY, LABELS, PER_CLASS])
def test_a_leak_rings_the_alarm(task: dict[str, Any]) -> None:
    spec = make_spec(**task)
    view = sketch(spec)
    for leaking in (False, True):
        given = answer(spec, view, noise=0.5 if leaking else 2.0, test_noise=2.0)
        score = score_of(view, given, **task)
        assert bool(score["alarm"]) == leaking, score
    assert f"{score['value']:.6g}" in score["alarm"]
    assert f"{score['audit']:.6g}" in score["alarm"]
    assert "standard errors" in score["alarm"]


def test_honest_predictions_ring_no_alarm() -> None:
    spec = make_spec(**BINARY)
    view = sketch(spec)
    alarms = [score_of(view, answer(spec, view, seed), **BINARY)["alarm"] for seed in range(8)]
    assert not any(alarms)


def test_a_worse_validation_rings_no_alarm() -> None:
    spec = make_spec()
    view = sketch(spec)
    assert not score_of(view, answer(spec, view, noise=2.0, test_noise=0.01))["alarm"]


def test_a_perfect_validation_needs_the_audit_rows_to_confirm_it() -> None:
    spec = make_spec()
    view = sketch(spec)
    assert "perfect" in score_of(view, answer(spec, view, noise=0, test_noise=1.0))["alarm"]
    assert not score_of(view, answer(spec, view, noise=0, test_noise=0))["alarm"]
    view.hidden = None
    assert "no audit rows" in score_of(view, answer(spec, view, noise=0))["alarm"]
    assert not score_of(view, answer(spec, view, noise=1.0))["alarm"]


def drifting(folds: int, growth: int) -> tuple[Sketch, Predictions]:
    """Errors grow over time by ``growth`` up to the last scored row and further to the audit."""
    spec = make_spec()
    view = sketch(spec, rows=400, audit_rows=40, folds=folds)
    view.fold = np.sort(view.fold)
    given = answer(spec, view, noise=1.0, test_noise=1.0 + growth * 1.05)
    grow = np.linspace(1, 1 + growth, 400)
    oof = view.train[["y"]] + (given.oof - view.train[["y"]]) * grow[:, None]
    return view, Predictions(oof, given.test)


@pytest.mark.parametrize("folds", [1, 2, 4])
def test_drift_over_time_is_no_leak(folds: int) -> None:
    view, given = drifting(folds, growth=9)
    assert not score_of(view, given, time=["x"])["alarm"]
    if folds == 4:  # rows that can be exchanged do not drift
        assert score_of(view, given)["alarm"]
    leaking = Predictions(view.train[["y"]] + (given.oof - view.train[["y"]]) / 50, given.test)
    assert score_of(view, leaking, time=["x"])["alarm"]


def test_other_groups_may_differ_as_much_as_the_folds_do() -> None:
    spec = make_spec(group="x")
    view = sketch(spec, rows=400)
    given = answer(spec, view, noise=1.0, test_noise=2.0)
    grow = np.array([0.5, 1.0, 1.5, 2.0])[view.fold]
    oof = view.train[["y"]] + (given.oof - view.train[["y"]]) * grow[:, None]
    spread = Predictions(oof, given.test)
    assert not score_of(view, spread, group="x")["alarm"]
    assert score_of(view, given, group="x")["alarm"]


def test_the_error_of_the_gap_is_a_prediction_error() -> None:
    metric = get_metric("rmse")
    score: Score = {**make_score(1.0), "error": 0.03, "audit": 1.14, "audit_error": 0.04}
    assert not alarm(metric, score)  # 0.14 < 3 * 0.05
    assert alarm(metric, {**score, "audit": 1.16})
    assert not alarm(metric, {**score, "audit": 1.16}, spread=0.1)
    assert not alarm(metric, {**score, "audit": 0.5})
    assert "infinitely" in alarm(metric, {**score, "error": 0.0, "audit_error": 0.0})
