"""Which trial wins."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mle_star.scoring import best_of, better, gain, rank
from mle_star.state import Direction, Score, Trial
from tests.scoring.small import make_score, make_trial

DIRECTIONS: tuple[Direction, ...] = ("minimize", "maximize")
directions = st.sampled_from(DIRECTIONS)
values = st.sampled_from([-2.0, -1.0, 0.0, 0.5, 1.0, 1e9])
scores = st.one_of(st.none(), st.builds(make_score, values, st.sampled_from(["", "too good"])))
trials = st.lists(scores, max_size=12).map(
    lambda found: [make_trial(str(number), score) for number, score in enumerate(found)]
)


def height_of(score: Score, direction: Direction) -> float:
    return score["value"] if direction == "maximize" else -score["value"]


@given(trials, directions)
def test_mistake_1_the_returned_trial_is_the_best_of_all_scored_ones(
    found: list[Trial], direction: Direction
) -> None:
    best = best_of(found, direction)
    fair = [(t, s) for t in found if (s := t["score"]) is not None and not s["alarm"]]
    if not fair:
        assert best is None
        return
    assert best is not None
    top = max(height_of(score, direction) for _, score in fair)
    # The earliest of those that reach the top, wherever it stands; the last one counts too.
    assert best == next(trial for trial, score in fair if height_of(score, direction) == top)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("value", [-1e12, -1.0, 0.0, 1.0, 1e12])
def test_mistake_9_a_crash_loses_to_every_score_in_both_directions(
    value: float, direction: Direction
) -> None:
    score = make_score(value)
    assert better(score, None, direction)
    assert not better(None, score, direction)
    assert not better(None, score, direction, or_equal=True)
    assert not better(None, None, direction, or_equal=True)
    crashed, ran = make_trial("crashed", None), make_trial("ran", score)
    assert best_of([crashed, ran], direction) == ran
    assert best_of([crashed], direction) is None


def test_the_direction_decides() -> None:
    low, high = make_score(0.1), make_score(0.9)
    assert better(high, low, "maximize")
    assert better(low, high, "minimize")
    assert not better(high, low, "minimize")
    assert gain(high, low, "maximize") == pytest.approx(0.8)
    assert gain(high, low, "minimize") == pytest.approx(-0.8)


def test_ties_replace_only_where_they_may() -> None:
    a, b = make_score(0.5), make_score(0.5)
    assert not better(a, b, "maximize")
    assert better(a, b, "maximize", or_equal=True)
    first, second = make_trial("first", a), make_trial("second", b)
    assert best_of([first, second], "minimize") == first


@given(trials, directions)
def test_an_alarm_never_wins_over_a_clean_score(found: list[Trial], direction: Direction) -> None:
    ranked = rank(found, direction, allow_alarm=True)
    alarms = [bool(t["score"] and t["score"]["alarm"]) for t in ranked]
    assert alarms == sorted(alarms)
    assert len(ranked) == sum(t["score"] is not None for t in found)
    assert rank(found, direction) == [t for t, rang in zip(ranked, alarms, strict=True) if not rang]
    assert best_of(found, direction, allow_alarm=True) == (ranked[0] if ranked else None)


@given(scores, scores, scores, directions)
def test_better_is_an_order(
    a: Score | None, b: Score | None, c: Score | None, direction: Direction
) -> None:
    assert not better(a, a, direction)
    if better(a, b, direction):
        assert not better(b, a, direction, or_equal=True)
        if better(b, c, direction):
            assert better(a, c, direction)


def test_an_alarmed_trial_is_the_last_resort() -> None:
    leaky = make_trial("leaky", make_score(0.0, "perfect"))
    worse = make_trial("worse", make_score(0.1, "too good"))
    crashed = make_trial("crashed", None)
    assert best_of([crashed, worse, leaky], "minimize") is None
    assert best_of([crashed, worse, leaky], "minimize", allow_alarm=True) == leaky
    assert not better(leaky["score"], None, "minimize")
