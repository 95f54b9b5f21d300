"""Scoring on data views as the run builds them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mle_star.scoring import (
    Predictions,
    Score,
    check_submission,
    read_predictions,
    score_predictions,
    write_submission,
)
from mle_star.tasks import TaskSpec, View, Views, build_views, load_task, profile_task
from tests.support.tasks import slope_task


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[TaskSpec, Views]:
    folder = tmp_path_factory.mktemp("views")
    spec = load_task(slope_task(folder / "task"))
    views = build_views(
        spec,
        profile_task(spec),
        folder / "views",
        seed=0,
        search_rows=30_000,
        folds=None,
        audit=True,
    )
    return spec, views


def run(
    spec: TaskSpec, view: View, folder: Path, model: Callable[[pd.DataFrame], pd.Series]
) -> Predictions:
    """What a script with this model would leave, read back."""
    train = pd.read_csv(view.folder / "train.csv")
    test = pd.read_csv(view.folder / "test.csv")
    scored = train[pd.read_csv(view.folder / "folds.csv")["fold"] >= 0]
    final = folder / "final"
    final.mkdir(parents=True)
    for name, table in (("oof.csv", scored), ("submission.csv", test)):
        pd.DataFrame({"id": table["id"], "y": model(table)}).to_csv(final / name, index=False)
    found = read_predictions(spec, view, final)
    assert isinstance(found, Predictions), found
    return found


def scored(spec: TaskSpec, view: View, predictions: Predictions) -> Score:
    score = score_predictions(spec, view, predictions, None)
    assert isinstance(score, dict), score
    return score


def test_an_honest_model_scores_alike_on_both_parts(
    built: tuple[TaskSpec, Views], tmp_path: Path
) -> None:
    spec, views = built
    predictions = run(spec, views.search, tmp_path, lambda t: 3 * t["x"])
    score = scored(spec, views.search, predictions)
    assert score["value"] == pytest.approx(0.1, abs=0.01)
    assert len(score["folds"]) == 5
    assert score["audit"] == pytest.approx(0.1, abs=0.02)
    assert not score["alarm"]


def test_a_model_that_saw_the_labels_is_found_out(
    built: tuple[TaskSpec, Views], tmp_path: Path
) -> None:
    spec, views = built

    def leaking(table: pd.DataFrame) -> pd.Series:
        return 3 * table["x"] if "y" not in table else table["y"] + 0.01 * table["z"]

    assert scored(spec, views.search, run(spec, views.search, tmp_path, leaking))["alarm"]


@pytest.mark.parametrize("name", ["search", "full"])
def test_the_submission_holds_the_users_rows(
    built: tuple[TaskSpec, Views], tmp_path: Path, name: str
) -> None:
    spec, views = built
    view = views.search if name == "search" else views.full
    predictions = run(spec, view, tmp_path, lambda t: 3 * t["x"])
    path = tmp_path / "submission.csv"
    write_submission(spec, view, predictions.test, path)
    assert check_submission(spec, path) is None
    test = pd.read_csv(Path(spec.folder) / "test.csv")
    written = pd.read_csv(path)
    assert written["id"].tolist() == test["id"].tolist()
    assert np.allclose(written["y"], 3 * test["x"])
