"""Soft predictions: read, aligned, or left aside without harm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mle_star.scoring import (
    Blend,
    Predictions,
    Soft,
    average_blend,
    blend_predictions,
    correlation,
    greedy_blend,
    read_predictions,
    score_predictions,
)
from mle_star.scoring.soft import first_grade, half_way, soft_columns, soft_form
from mle_star.scoring.soft_blend import cut_for, fit
from tests.scoring.small import (
    BINARY,
    LABELS,
    MULTILABEL,
    ORDINAL,
    answer,
    make_spec,
    sketch,
    soften,
    softened,
    write_final,
)

MULTI = {**MULTILABEL, "prediction": "label", "metric": "f1_macro"}
TWO = {**LABELS, "kind": "binary", "classes": ["n", "y"], "metric": "f1"}
WORDS = {**ORDINAL, "classes": ["bad", "fair", "good"], "metric": "accuracy"}
TASKS: list[dict[str, Any]] = [LABELS, TWO, ORDINAL, WORDS, MULTI, {**LABELS, "id": None}]


@pytest.mark.parametrize("task", TASKS)
def test_what_a_script_wrote_is_read_back(tmp_path: Path, task: dict[str, Any]) -> None:
    spec = make_spec(**task)
    view = sketch(spec)
    view.fold[:20] = -1
    member = softened(spec, answer(spec, view, noise=0.5))
    found = read_predictions(spec, view.view(), write_final(spec, view, member, tmp_path))
    assert isinstance(found, Predictions)
    assert found.soft is not None
    assert member.soft is not None
    np.testing.assert_allclose(found.soft.oof, member.soft.oof)
    np.testing.assert_allclose(found.soft.test, member.soft.test)
    assert found.notes == ()
    cut = blend_predictions(spec, "soft", [1.0], [found])
    pd.testing.assert_frame_equal(cut.oof, found.oof, check_dtype=False)
    pd.testing.assert_frame_equal(cut.test, found.test, check_dtype=False)


def spoilt(change: Callable[[pd.DataFrame], pd.DataFrame], final: Path) -> None:
    path = final / "oof_soft.csv"
    change(pd.read_csv(path)).to_csv(path, index=False)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda t: t.drop(columns="b"), "lacks the column 'b'"),
        (lambda t: t.assign(d=0.1), "not asked for"),
        (lambda t: t.iloc[1:], "lacks 1 of 200 ids"),
        (lambda t: t.assign(a=2.0), "between 0 and 1"),
        (lambda t: t.assign(a=np.nan), "missing values|must hold numbers"),
        (lambda t: t.assign(a=0.0, b=0.0, c=0.0), "all class probabilities are 0"),
    ],
)
def test_unusable_files_are_ignored_and_the_labels_count(
    tmp_path: Path, change: Callable[[pd.DataFrame], pd.DataFrame], reason: str
) -> None:
    spec = make_spec(**LABELS)
    view = sketch(spec)
    member = softened(spec, answer(spec, view))
    final = write_final(spec, view, member, tmp_path)
    spoilt(change, final)
    found = read_predictions(spec, view.view(), final)
    assert isinstance(found, Predictions)
    assert found.soft is None
    [note] = found.notes
    assert pd.Series(note).str.contains(reason).all(), note
    pd.testing.assert_frame_equal(found.oof, member.oof, check_dtype=False)


def test_one_file_alone_is_no_use(tmp_path: Path) -> None:
    spec = make_spec(**LABELS)
    view = sketch(spec)
    final = write_final(spec, view, softened(spec, answer(spec, view)), tmp_path)
    (final / "submission_soft.csv").unlink()
    found = read_predictions(spec, view.view(), final)
    assert isinstance(found, Predictions)
    assert found.soft is None
    assert "submission_soft.csv is missing" in found.notes[0]


def test_tasks_without_labels_have_no_such_files() -> None:
    for task in ({}, BINARY, {**LABELS, "classes": []}, {**LABELS, "target": ["u", "v"]}):
        assert soft_form(make_spec(**task)) is None
        assert soft_columns(make_spec(**task)) == []
    assert soft_columns(make_spec(**{**TWO, "classes": [False, True]})) == ["False", "True"]


@pytest.mark.parametrize(
    ("classes", "first"),
    [([3, 4, 5], 3.0), ([1.0, 2.0], 1.0), ([3, 4, 5, 7], 0.0), (["a", "b"], 0.0), ([0.5, 1.5], 0)],
)
def test_grades_are_on_their_own_scale_where_it_has_no_gap(
    classes: list[Any], first: float
) -> None:
    spec = make_spec(**{**ORDINAL, "classes": classes})
    assert first_grade(spec) == first
    values = first + np.array([[-3.0], [0.4], [0.6], [99.0]])
    assert half_way(spec, values)[:, 0].tolist() == [0, 0, 1, len(classes) - 1]


def test_a_blend_of_weak_members_beats_their_votes() -> None:
    """What votes throw away decides here: how sure each member is."""
    spec = make_spec(**LABELS)
    view = sketch(spec, rows=600)
    chance = np.random.default_rng(5)
    members = []
    for seed in range(4):
        tables, softs = [], []
        labels = answer(spec, view, seed, noise=0.0)
        for truth in (labels.oof, labels.test):
            values = soften(spec, truth, seed=seed) * chance.uniform(0.3, 3, (len(truth), 3))
            softs.append(values / values.sum(axis=1, keepdims=True))
            classes = np.array(spec.classes, dtype=object)[half_way(spec, values)]
            tables.append(pd.DataFrame(classes, columns=["y"]))
        members.append(Predictions(tables[0], tables[1], soft=Soft(softs[0], softs[1])))
    new = greedy_blend(spec, view.view(), members)
    old = greedy_blend(spec, view.view(), [replace(m, soft=None) for m in members])
    assert isinstance(new, Blend)
    assert isinstance(old, Blend)
    assert new.mode in ("soft", "cut")
    assert old.mode == "vote"
    assert new.score["value"] > old.score["value"] + 0.01
    plain = average_blend(spec, view.view(), members)
    assert isinstance(plain, Blend)
    assert plain.mode in ("soft", "cut")


def test_votes_stay_where_soft_predictions_are_worse_or_too_few() -> None:
    spec = make_spec(**LABELS)
    view = sketch(spec)
    members = [answer(spec, view, seed, noise=0.6) for seed in range(3)]
    noise = np.full((len(members[0].oof), 3), 1 / 3), np.full((len(members[0].test), 3), 1 / 3)
    for many in (1, 3):
        some = [replace(m, soft=Soft(*noise)) if n < many else m for n, m in enumerate(members)]
        blend = greedy_blend(spec, view.view(), some)
        assert isinstance(blend, Blend)
        assert blend.mode == "vote"


def test_members_without_soft_predictions_get_no_weight_in_such_a_blend() -> None:
    spec = make_spec(**LABELS)
    view = sketch(spec)
    weak = answer(spec, view, 0, noise=2.5)
    good = [softened(spec, answer(spec, view, seed, noise=0.4), seed) for seed in (1, 2)]
    blend = greedy_blend(spec, view.view(), [weak, *good])
    assert isinstance(blend, Blend)
    if blend.mode in ("soft", "cut"):
        assert blend.weights[0] == 0
    average = average_blend(spec, view.view(), [weak, *good], only=("soft", "cut"))
    assert not isinstance(average, Blend)  # not all members can be averaged


def test_a_cut_is_scored_on_folds_that_did_not_teach_it() -> None:
    """Labels drawn by chance: where to cut can be learnt from a fold, but does not carry over."""
    spec = make_spec(**TWO)
    view = sketch(spec, rows=400)
    chance = np.random.default_rng(1)
    values = chance.random((400, 1)), chance.random((len(view.test), 1))
    member = replace(answer(spec, view), soft=Soft(*values))
    cut = cut_for(spec)
    assert cut is not None
    found = blend_predictions(spec, "cut", [1.0], [member], view.view())
    score = score_predictions(spec, view.view(), found)
    assert isinstance(score, dict)
    assert score["value"] < 0.72  # 2/3 is what all positives are worth
    with pytest.raises(ValueError, match="learnt on a view"):
        blend_predictions(spec, "cut", [1.0], [member])


def test_no_cut_is_learnt_in_time_or_for_a_metric_of_the_users() -> None:
    assert cut_for(make_spec(**{**LABELS, "time": ["when"]})) is None
    assert cut_for(make_spec(**{**LABELS, "metric": "mine.py:score"})) is None
    assert cut_for(make_spec(**{**LABELS, "classes": list(range(60))})) is None
    assert cut_for(make_spec(**LABELS)) is not None


@pytest.mark.parametrize("task", [LABELS, TWO, ORDINAL, MULTI])
def test_the_fit_is_best_where_predictions_are_right(task: dict[str, Any]) -> None:
    spec = make_spec(**task)
    places = np.column_stack([np.arange(40) % len(spec.classes) for _ in spec.target])
    labels = pd.DataFrame(np.array(spec.classes)[places], columns=spec.target)
    right, wrong = soften(spec, labels, 3.0), soften(spec, labels.iloc[::-1], 3.0)
    assert fit(spec, places, right) > fit(spec, places, wrong)


def test_correlations_are_of_what_labels_were_cut_from() -> None:
    spec = make_spec(**LABELS)
    view = sketch(spec)
    member = answer(spec, view, noise=0.3)
    pair = [softened(spec, member, seed) for seed in (0, 1)]
    assert correlation(spec, [member, member])[0, 1] == pytest.approx(1)
    assert 0.3 < correlation(spec, pair)[0, 1] < 0.99
    assert correlation(spec, [pair[0], member])[0, 1] == pytest.approx(1)  # labels of both
