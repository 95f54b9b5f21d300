"""Wins, ties, losses, win rates."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mle_star.bench.cells import Limit
from mle_star.bench.duels import Tally, bootstrap, duel, duels, outcome, verdict
from mle_star.bench.records import CellResult
from tests.bench.cells import benches, cell, flipped, runs


def test_runs_are_paired_by_seed() -> None:
    one = duel(runs(a=[1.0, 2.0, 3.0], b=[1.5, 2.0, 2.5]), "a", "b")
    assert one.runs == Tally(1, 1, 1)
    assert one.win_rate == 0.5
    assert (one.low, one.high) == (None, None)


def test_a_run_without_a_partner_does_not_count() -> None:
    one = duel([*runs(a=[1.0, 2.0], b=[2.0]), cell("b", 1.0, 7)], "a", "b")
    assert one.runs == Tally(1, 0, 0)
    none = duel(runs(a=[1.0]), "a", "b")
    assert (none.runs, none.cases, none.win_rate) == (Tally(0, 0, 0), Tally(0, 0, 0), None)


def test_budgets_are_not_mixed() -> None:
    results = [
        *runs(a=[1.0], b=[2.0]),
        cell("a", 3.0, seconds_limit=600),
        cell("b", 2.0, seconds_limit=600),
    ]
    assert duel(results, "a", "b", Limit(120, 2)).runs == Tally(1, 0, 0)
    assert duel(results, "a", "b", Limit(600, 2)).runs == Tally(0, 0, 1)
    assert duel(results, "a", "b").cases == Tally(1, 0, 1)


def test_a_failed_run_loses_and_two_tie() -> None:
    one = duel(runs(a=[1.0, None, None], b=[None, None, 1.0]), "a", "b")
    assert one.runs == Tally(1, 1, 1)
    assert one.cases == Tally(0, 1, 0)
    # The only seed in which both have a score is lost, but two of three are won.
    assert duel(runs(a=[9.0, 1.0, 1.0], b=[1.0, None, None]), "a", "b").cases == Tally(1, 0, 0)


@pytest.mark.parametrize(
    ("difference", "expected"), [(0.0, 0), (0.009, 0), (-0.01, 0), (0.011, 1), (-0.02, -1)]
)
def test_a_tie_is_relative_to_the_larger_score(difference: float, expected: int) -> None:
    assert outcome(difference, 100.0) == expected


def test_a_task_is_a_tie_where_seeds_do_not_tell_the_systems_apart() -> None:
    assert verdict([0.1, 0.12, 0.11], 1.0) == 1
    assert verdict([-0.1, -0.12, -0.11], 1.0) == -1
    assert verdict([0.1, 0.3, -0.1], 1.0) == 0
    assert verdict([0.3], 1.0) == 1
    assert verdict([1e-6, 1e-6], 1.0) == 0, "not noise, but below the tolerance"
    assert verdict([0.1, 0.1], 1.0) == 1


def test_seeds_that_share_their_luck_are_compared_by_their_differences() -> None:
    results = runs(a=[1.0, 5.0, 9.0], b=[1.1, 5.12, 9.11])
    assert duel(results, "a", "b").cases == Tally(1, 0, 0)


@settings(max_examples=30, deadline=None)
@given(benches())
def test_one_ones_win_is_the_others_loss(results: list[CellResult]) -> None:
    found = {(one.system, one.against): one for one in duels(results)}
    for (a, b), one in found.items():
        other = found[b, a]
        assert (one.runs.wins, one.runs.ties) == (other.runs.losses, other.runs.ties)
        assert (one.cases.wins, one.cases.ties) == (other.cases.losses, other.cases.ties)
        assert one.win_rate is not None
        assert other.win_rate == pytest.approx(1 - one.win_rate)
        if one.low is not None and one.high is not None:
            assert other.high == pytest.approx(1 - one.low)
            assert one.low - 1e-9 <= one.win_rate <= one.high + 1e-9


@settings(max_examples=30, deadline=None)
@given(benches(), st.randoms(use_true_random=False))
def test_neither_order_nor_direction_matters(
    results: list[CellResult], chance: random.Random
) -> None:
    mixed = flipped(results)
    chance.shuffle(mixed)
    assert duels(mixed) == duels(results)


def test_tasks_weigh_the_same_however_many_seeds_ran() -> None:
    results = [*runs("x", a=[1.0] * 9, b=[2.0] * 9), *runs("y", a=[2.0], b=[1.0])]
    one = duel(results, "a", "b")
    assert one.runs == Tally(9, 0, 1)
    assert one.win_rate == 0.5


def test_the_interval_covers_the_mean_about_as_often_as_it_says() -> None:
    chance = random.Random(2)
    covered = 0
    for _ in range(100):
        low, high = bootstrap([chance.random() for _ in range(20)])
        assert low is not None
        assert high is not None
        covered += low <= 0.5 <= high
    assert 86 <= covered <= 99
    assert bootstrap([0.5]) == (None, None)
    assert bootstrap([1.0] * 5) == (1.0, 1.0)
