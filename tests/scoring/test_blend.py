"""Ensembles from predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mle_star.scoring import (
    Blend,
    Predictions,
    Problem,
    average_blend,
    blend_predictions,
    correlation,
    greedy_blend,
    modes,
    score_predictions,
)
from mle_star.tasks import TaskSpec
from tests.scoring.small import (
    BINARY,
    LABELS,
    MULTILABEL,
    ORDINAL,
    PER_CLASS,
    Sketch,
    answer,
    make_spec,
    sketch,
)

SHAPES: list[dict[str, Any]] = [{}, BINARY, LABELS, PER_CLASS, ORDINAL, MULTILABEL]


def members_of(spec: TaskSpec, view: Sketch, count: int = 4) -> list[Predictions]:
    return [answer(spec, view, seed, noise=1.0 + 0.2 * seed) for seed in range(count)]


def values_of(spec: TaskSpec, view: Sketch, members: list[Predictions]) -> list[float]:
    values = []
    for member in members:
        score = score_predictions(spec, view.view(), member)
        assert not isinstance(score, Problem)
        values.append(score["value"] if spec.maximize else -score["value"])
    return values


@pytest.mark.parametrize("task", SHAPES)
def test_a_greedy_blend_is_no_worse_than_its_best_member(task: dict[str, Any]) -> None:
    spec = make_spec(**task)
    view = sketch(spec)
    members = members_of(spec, view)
    blend = greedy_blend(spec, view.view(), members)
    assert isinstance(blend, Blend)
    value = blend.score["value"] if spec.maximize else -blend.score["value"]
    assert value >= max(values_of(spec, view, members))
    assert sum(blend.weights) == pytest.approx(1)
    assert len(blend.weights) == len(members)
    assert blend.score["audit"] is not None
    again = blend_predictions(spec, blend.mode, blend.weights, members)
    pd.testing.assert_frame_equal(again.oof, blend.predictions.oof)
    pd.testing.assert_frame_equal(again.test, blend.predictions.test)


@pytest.mark.parametrize("task", [{}, BINARY, PER_CLASS])
def test_averaging_independent_members_helps(task: dict[str, Any]) -> None:
    spec = make_spec(**task)
    view = sketch(spec)
    members = [answer(spec, view, seed) for seed in range(4)]
    blend = average_blend(spec, view.view(), members)
    assert isinstance(blend, Blend)
    assert blend.weights == [0.25] * 4
    value = blend.score["value"] if spec.maximize else -blend.score["value"]
    assert value > max(values_of(spec, view, members))


def test_modes_follow_the_metric_and_the_labels() -> None:
    assert modes(make_spec()) == ["mean"]
    assert modes(make_spec(metric="spearman", direction="maximize")) == ["mean", "rank"]
    assert modes(make_spec(**BINARY)) == ["mean", "rank"]
    assert modes(make_spec(**{**BINARY, "metric": "log_loss"})) == ["mean"]
    assert modes(make_spec(**PER_CLASS)) == ["mean"]
    assert modes(make_spec(**LABELS)) == ["vote"]
    assert modes(make_spec(**ORDINAL)) == ["vote", "round"]


def test_ranks_help_where_members_live_on_different_scales() -> None:
    spec = make_spec(**BINARY)
    view = sketch(spec)
    members = [answer(spec, view, seed) for seed in range(2)]
    squeezed = Predictions(members[1].oof / 1000, members[1].test / 1000)
    blend = average_blend(spec, view.view(), [members[0], squeezed])
    assert isinstance(blend, Blend)
    assert blend.mode == "rank"
    assert blend.predictions.oof["y"].between(0, 1).all()


def frame(*values: Any) -> pd.DataFrame:
    return pd.DataFrame({"y": list(values)})


def pair(*values: Any) -> Predictions:
    return Predictions(frame(*values), frame(*values))


def test_a_vote_is_weighted_and_ties_go_to_the_earlier_member() -> None:
    spec = make_spec(**LABELS)
    members = [pair("b", "c"), pair("a", "c"), pair("a", "b")]
    assert blend_predictions(spec, "vote", [1, 1, 1], members).oof["y"].tolist() == ["a", "c"]
    assert blend_predictions(spec, "vote", [3, 1, 1], members).oof["y"].tolist() == ["b", "c"]
    assert blend_predictions(spec, "vote", [1, 1, 0], members).test["y"].tolist() == ["b", "c"]
    assert blend_predictions(spec, "vote", [0, 1, 1], members).test["y"].tolist() == ["a", "c"]


def test_a_rounded_mean_stays_on_the_scale() -> None:
    spec = make_spec(**ORDINAL)
    found = blend_predictions(spec, "round", [1, 1], [pair(3, 4, 5, 7), pair(5, 7, 7, 7)])
    assert found.oof["y"].tolist() == [4, 5, 7, 7]
    assert found.oof["y"].dtype == np.int64


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(0, 5), min_size=3, max_size=3).filter(lambda w: sum(w) > 0.1))
def test_a_blend_lies_between_its_members(weights: list[float]) -> None:
    spec = make_spec()
    members = [pair(0.0, 1.0, 2.0), pair(3.0, 1.0, 0.0), pair(1.0, 1.0, 5.0)]
    blended = blend_predictions(spec, "mean", weights, members).oof["y"].to_numpy()
    stack = np.stack([m.oof["y"] for m in members])
    assert (blended >= stack.min(axis=0) - 1e-9).all()
    assert (blended <= stack.max(axis=0) + 1e-9).all()
    scaled = blend_predictions(spec, "mean", [w * 3 for w in weights], members)
    assert scaled.oof["y"].to_numpy() == pytest.approx(blended)


def test_members_that_cannot_be_scored_get_no_weight() -> None:
    spec = make_spec()
    view = sketch(spec)
    good = answer(spec, view)
    bad = Predictions(good.oof * np.nan, good.test)
    blend = greedy_blend(spec, view.view(), [bad, good])
    assert isinstance(blend, Blend)
    assert blend.weights == [0.0, 1.0]
    assert isinstance(greedy_blend(spec, view.view(), [bad]), Problem)
    assert isinstance(average_blend(spec, view.view(), [bad, good]), Problem)


def test_the_pool_and_the_steps_are_bounded() -> None:
    spec = make_spec()
    view = sketch(spec, rows=60)
    members = members_of(spec, view, 12)
    blend = greedy_blend(spec, view.view(), members, steps=5, pool=3)
    assert isinstance(blend, Blend)
    assert all(w == 0 for w in blend.weights[3:])
    shares = np.array(blend.weights)
    assert any(np.allclose(shares * steps, np.rint(shares * steps)) for steps in range(1, 6))
    alone = greedy_blend(spec, view.view(), members[:1])
    assert isinstance(alone, Blend)
    assert alone.weights == [1.0]


def test_many_rows_are_searched_by_a_sample_and_scored_in_full() -> None:
    spec = make_spec()
    view = sketch(spec, rows=12_000, audit_rows=0)
    members = members_of(spec, view, 3)
    blend = greedy_blend(spec, view.view(), members, steps=3)
    assert isinstance(blend, Blend)
    assert len(blend.predictions.oof) == 12_000
    assert blend.score["value"] <= -max(values_of(spec, view, members)) + 0.01


@pytest.mark.parametrize("weights", [[], [0.0, 0.0]])
def test_nothing_to_blend_is_an_error_of_the_caller(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="positive weight"):
        blend_predictions(make_spec(), "mean", weights, [pair(1.0)] * len(weights))


def test_correlations() -> None:
    spec = make_spec()
    matrix = correlation(spec, [pair(1.0, 2.0, 4.0), pair(2.0, 4.0, 8.0), pair(4.0, 2.0, 0.0)])
    assert matrix[0] == pytest.approx([1, 1, -0.981980], abs=1e-5)
    assert matrix == pytest.approx(matrix.T)
    flat = correlation(spec, [pair(1.0, 1.0, 1.0), pair(2.0, 4.0, 8.0)])
    assert flat.tolist() == [[1, 0], [0, 1]]
    labels = correlation(make_spec(**LABELS), [pair("a", "b"), pair("a", "b"), pair("b", "a")])
    assert labels[0] == pytest.approx([1, 1, -1])
