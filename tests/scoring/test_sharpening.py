"""Blends are sharpened where the metric gains by it, and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mle_star.scoring import (
    Predictions,
    Problem,
    Sharpening,
    blend_predictions,
    blend_script,
    find_sharpening,
    read_predictions,
    score_predictions,
    sharpen,
)
from mle_star.scoring.sharpening import NUMBERS, PROBABILITIES
from mle_star.tasks import TaskSpec
from tests.scoring.small import (
    BINARY,
    LABELS,
    MULTILABEL,
    PER_CLASS,
    Sketch,
    answer,
    make_spec,
    sketch,
    write_final,
    write_input,
)
from tests.scoring.test_blend_script import run

LOG_LOSS = {**BINARY, "metric": "log_loss", "direction": "minimize"}
ROWS = 2_000


def forecasts(spec: TaskSpec, power: float, seed: int = 0) -> tuple[Sketch, Predictions]:
    """Labels drawn from probabilities, and forecasts that are those to some power."""
    view = sketch(spec, rows=ROWS)
    chance = np.random.default_rng(seed)
    width = len(spec.classes) if spec.per_class else 2
    logits = 1.5 * chance.normal(size=(ROWS, width))
    odds = np.exp(logits)
    true = odds / odds.sum(axis=1, keepdims=True)
    drawn = (chance.random(ROWS)[:, None] > true.cumsum(axis=1)[:, :-1]).sum(axis=1)
    view.train[spec.target[0]] = np.array(spec.classes, dtype=object)[drawn]
    told = true**power / (true**power).sum(axis=1, keepdims=True)
    columns = told if spec.per_class else told[:, 1:]
    oof = pd.DataFrame(columns, columns=spec.prediction_columns)[view.fold >= 0]
    return view, Predictions(oof.reset_index(drop=True), oof.head(len(view.test)))


def worth(spec: TaskSpec, view: Sketch, predictions: Predictions) -> float:
    score = score_predictions(spec, view.view(), predictions)
    assert not isinstance(score, Problem)
    return score["value"]


@pytest.mark.parametrize("task", [LOG_LOSS, PER_CLASS, {**LOG_LOSS, "metric": "brier"}])
@pytest.mark.parametrize("power", [0.6, 1.4])
def test_probabilities_are_put_right(task: dict[str, Any], power: float) -> None:
    spec = make_spec(**task)
    view, told = forecasts(spec, power)
    found = find_sharpening(spec, view.view(), told)
    assert found is not None
    assert found.factor == pytest.approx(1 / power, rel=0.12)
    moved = Predictions(found.apply(spec, told.oof), told.test)
    assert worth(spec, view, moved) < worth(spec, view, told)
    if spec.per_class:
        assert np.allclose(moved.oof.sum(axis=1), 1.0)


@pytest.mark.parametrize("task", [LOG_LOSS, PER_CLASS])
def test_what_is_calibrated_stays(task: dict[str, Any]) -> None:
    spec = make_spec(**task)
    view, told = forecasts(spec, 1.0)
    assert find_sharpening(spec, view.view(), told) is None


def numbers(
    shrunk: float, noise: float = 0.2, folds: int = 4, **task: Any
) -> tuple[TaskSpec, Sketch, Predictions]:
    spec = make_spec(**task)
    view = sketch(spec, rows=ROWS, folds=folds)
    y = view.train["y"].to_numpy()[view.fold >= 0]
    told = y + noise * np.random.default_rng(1).normal(size=len(y))
    oof = pd.DataFrame({"y": told.mean() + shrunk * (told - told.mean())})
    return spec, view, Predictions(oof, oof.head(len(view.test)))


@pytest.mark.parametrize(("shrunk", "factor"), [(0.9, 1.1), (1.1, 0.9), (0.5, NUMBERS[1])])
def test_numbers_are_stretched_about_their_mean(shrunk: float, factor: float) -> None:
    spec, view, told = numbers(shrunk)
    found = find_sharpening(spec, view.view(), told)
    assert found is not None
    assert found.factor == pytest.approx(factor, abs=0.02)
    assert found.middle[0] == pytest.approx(told.oof["y"].mean())
    moved = found.apply(spec, told.oof)
    assert moved["y"].mean() == pytest.approx(told.oof["y"].mean())
    assert worth(spec, view, Predictions(moved, told.test)) < worth(spec, view, told)


def test_numbers_leave_the_range_of_the_truth_only_as_far_as_the_average_does() -> None:
    spec = make_spec()
    by = Sharpening(2.0, (5.0,), (0.0,), (10.0,))
    moved = by.apply(spec, pd.DataFrame({"y": [-1.0, 1.0, 4.0, 5.0, 9.0, 12.0]}))
    assert moved["y"].tolist() == [-1.0, 0.0, 3.0, 5.0, 10.0, 12.0]
    same = Sharpening(1.0, (5.0,), (0.0,), (10.0,)).apply(spec, moved)
    pd.testing.assert_frame_equal(same, moved)


def test_the_range_is_that_of_all_rows_of_each_column() -> None:
    spec = make_spec(target=["y", "z"], prediction_columns=["y", "z"])
    view = sketch(spec, rows=15_000)
    view.train.loc[np.flatnonzero(view.fold >= 0)[0], "z"] = -40.0
    truth = view.train.loc[view.fold >= 0, ["y", "z"]].reset_index(drop=True)
    oof = truth.mean() + 0.9 * (truth - truth.mean())
    found = find_sharpening(spec, view.view(), Predictions(oof, oof.head(len(view.test))))
    assert found is not None
    assert found.low == pytest.approx(tuple(truth.min()))
    assert found.high == pytest.approx(tuple(truth.max()))
    assert found.low[1] == -40.0


def test_a_gain_on_a_few_rows_of_one_fold_is_none() -> None:
    """A square error of outliers likes a stretch that costs all other folds."""
    spec, view, told = numbers(1.0, noise=0.0)
    rows = np.flatnonzero(view.fold >= 0)
    far = rows[np.flatnonzero(view.fold[rows] == view.fold[rows][0])[:4]]
    places = np.searchsorted(rows, far)
    view.train.loc[far, "y"] = 400.0
    oof = told.oof.copy()
    oof.loc[places, "y"] = 300.0
    told = Predictions(oof, told.test)
    stretched = Sharpening(1.2, (float(oof["y"].mean()),), (0.0,), (400.0,)).apply(spec, oof)
    assert worth(spec, view, Predictions(stretched, told.test)) < worth(spec, view, told)
    assert find_sharpening(spec, view.view(), told) is None


@pytest.mark.parametrize("task", [LABELS, BINARY, MULTILABEL])
def test_labels_and_orders_are_left_alone(task: dict[str, Any]) -> None:
    spec = make_spec(**task)
    view = sketch(spec)
    assert find_sharpening(spec, view.view(), answer(spec, view, 0, noise=1.0)) is None


@pytest.mark.parametrize("mode", ["rank", "vote", "round", "soft", "cut"])
def test_only_plain_averages_are_sharpened(mode: Any) -> None:
    spec, view, told = numbers(0.9)
    assert sharpen(spec, view.view(), mode, [1.0], [told]) == (None, None)


def test_it_is_told_what_the_average_is_worth() -> None:
    spec, view, told = numbers(0.9)
    found, value = sharpen(spec, view.view(), "mean", [1.0, 1.0], [told, told])
    assert found is not None
    assert value == worth(spec, view, Predictions(found.apply(spec, told.oof), told.test))
    spec, view, told = numbers(1.0, noise=0.0)
    assert sharpen(spec, view.view(), "mean", [1.0], [told]) == (None, 0.0)


@pytest.mark.parametrize("folds", [1, 2, 8])
def test_a_single_hold_out_is_looked_at_in_parts(folds: int) -> None:
    """What only a few far-off rows like is refused with few folds as well."""
    spec, view, told = numbers(0.9, folds=folds)
    assert find_sharpening(spec, view.view(), told) is not None
    spec, view, told = numbers(1.0, noise=0.0, folds=folds)
    first = np.flatnonzero(view.fold >= 0)[0]
    view.train.loc[first, "y"] = 400.0
    told.oof.loc[0, "y"] = 300.0
    assert find_sharpening(spec, view.view(), told) is None


def test_in_time_what_is_learnt_early_must_gain_later() -> None:
    spec, view, told = numbers(0.9, time=["when"])
    assert find_sharpening(spec, view.view(), told) is not None
    y = view.train["y"].to_numpy()[view.fold >= 0]
    half = len(y) // 2
    told.oof["y"] = np.r_[told.oof["y"][:half], y.mean() + 1.05 * (y[half:] - y.mean())]
    assert find_sharpening(spec, view.view(), told) is None
    untimed = spec.model_copy(update={"time": []})
    assert find_sharpening(untimed, view.view(), told) is not None, "all rows at once gain"


@pytest.mark.parametrize(
    "metric", ["mae", "mape", "rmsle", "r2", "pinball:0.9", "smape", "median_ae"]
)
def test_every_metric_of_numbers_is_served(metric: str) -> None:
    way = "maximize" if metric == "r2" else "minimize"
    spec, view, told = numbers(0.85, metric=metric, direction=way)
    found = find_sharpening(spec, view.view(), told)
    assert found is None or found.factor > 1
    if metric in ("mae", "r2"):
        assert found is not None


def test_a_constant_average_and_few_rows_stay() -> None:
    spec, view, told = numbers(0.0)
    assert find_sharpening(spec, view.view(), told) is None
    few = sketch(spec, rows=8)
    oof = few.train.loc[few.fold >= 0, ["y"]].reset_index(drop=True)
    assert find_sharpening(spec, few.view(), Predictions(oof, few.test)) is None


@pytest.mark.parametrize("truth", [np.nan, "words"])
def test_where_the_metric_has_no_value_nothing_is_found(truth: Any) -> None:
    spec, view, told = numbers(0.9)
    view.train["y"] = truth
    assert find_sharpening(spec, view.view(), told) is None


@settings(max_examples=50, deadline=None)
@given(values=st.lists(st.floats(0, 1), min_size=2, max_size=8), factor=st.floats(*PROBABILITIES))
def test_the_order_of_probabilities_stays_and_a_half_is_a_half(
    values: list[float], factor: float
) -> None:
    spec = make_spec(**LOG_LOSS)
    frame = pd.DataFrame({"y": [*sorted(values), 0.5]})
    moved = Sharpening(factor).apply(spec, frame)["y"].to_numpy()
    assert np.all(np.diff(moved[:-1]) >= -1e-12)
    assert np.all((moved >= 0) & (moved <= 1))
    assert moved[-1] == pytest.approx(0.5)
    same = Sharpening(1.0).apply(spec, frame)["y"].to_numpy()
    assert same == pytest.approx(frame["y"].to_numpy(), abs=1e-8)


@pytest.mark.parametrize(
    ("task", "sharpening"),
    [
        ({}, Sharpening(1.1, (10.0,), (5.0,), (15.0,))),
        ({}, Sharpening(0.95, (9.5,), (9.0,), (11.0,))),
        ({"target": ["y", "z"]}, Sharpening(1.2, (10.0, 9.0), (3.0, 4.0), (15.0, 16.0))),
        (LOG_LOSS, Sharpening(1.3)),
        (PER_CLASS, Sharpening(0.8)),
        ({**MULTILABEL, "metric": "log_loss", "direction": "minimize"}, Sharpening(1.6)),
    ],
)
def test_the_script_of_the_blend_does_the_same(
    tmp_path: Path, task: dict[str, Any], sharpening: Sharpening
) -> None:
    spec = make_spec(**task)
    view = sketch(spec)
    weights = [1.0, 3.0]
    members = [answer(spec, view, seed, noise=0.8) for seed in range(2)]
    inputs = write_input(spec, view, tmp_path)
    (inputs / "members").mkdir()
    for number, member in enumerate(members):
        final = write_final(spec, view, member, tmp_path / "runs" / str(number))
        final.rename(inputs / "members" / str(number))
    run(blend_script(spec, weights, "mean", sharpening=sharpening), tmp_path)
    found = read_predictions(spec, view.view(), tmp_path / "final")
    assert isinstance(found, Predictions), found
    average = blend_predictions(spec, "mean", weights, members)
    for name in ("oof", "test"):
        wanted = sharpening.apply(spec, getattr(average, name))
        pd.testing.assert_frame_equal(getattr(found, name), wanted, check_dtype=False, rtol=1e-9)
