"""Ranks, Friedman's test, Nemenyi's critical difference."""

from __future__ import annotations

import math
import random
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mle_star.bench.cells import Limit, limits_of
from mle_star.bench.ranking import critical_difference, friedman, groups, rank, rank_scores
from mle_star.bench.records import CellResult
from tests.bench.cells import bench, benches, cell, flipped, runs

SCORES = st.dictionaries(
    st.text(max_size=3),
    st.one_of(st.none(), st.sampled_from([0.0, 1.0]), st.floats(-1e6, 1e6)),
    min_size=1,
    max_size=6,
)


@settings(max_examples=50, deadline=None)
@given(SCORES, st.booleans())
def test_ranks_add_up_and_follow_the_scores(
    scores: dict[str, float | None], maximize: bool
) -> None:
    ranks = rank_scores(scores, maximize)
    k = len(scores)
    assert sum(ranks.values()) == k * (k + 1) / 2
    assert all(1 <= value <= k for value in ranks.values())
    for a, ours in scores.items():
        for b, theirs in scores.items():
            if ours is None:
                assert ranks[a] >= ranks[b]
            elif theirs is not None and ours != theirs:
                assert (ranks[a] <= ranks[b]) == ((ours > theirs) == maximize) or (
                    ranks[a] == ranks[b]
                )


@settings(max_examples=50, deadline=None)
@given(SCORES)
def test_the_other_direction_turns_the_ranks_round(scores: dict[str, float | None]) -> None:
    valid = {name: score for name, score in scores.items() if score is not None}
    up, down = rank_scores(valid, True), rank_scores(valid, False)
    assert all(up[name] + down[name] == len(valid) + 1 for name in valid)


def test_equals_share_their_mean_rank_and_failures_the_last() -> None:
    scores = {"a": 3.0, "b": 1.0, "c": 1.0 + 1e-13, "d": None, "e": None}
    assert rank_scores(scores, False) == {"a": 3, "b": 1.5, "c": 1.5, "d": 4.5, "e": 4.5}
    assert rank_scores({"a": None, "b": None}, True) == {"a": 1.5, "b": 1.5}


def test_ranks_are_averaged_over_seeds_and_then_budgets() -> None:
    results = runs(a=[1.0, 1.0, 1.0], b=[2.0, 2.0, 0.5])
    results += [cell("a", 2.0, seconds_limit=600), cell("b", 1.0, seconds_limit=600)]
    assert rank(results, Limit(120, 2)).ranks["houses"]["a"] == pytest.approx(4 / 3)
    both = rank(results)
    assert both.ranks["houses"]["a"] == pytest.approx((4 / 3 + 2) / 2)
    assert both.compared == 4


def test_a_failed_seed_ranks_last_in_it_alone() -> None:
    ranking = rank(runs(a=[1.0, None], b=[2.0, 2.0]))
    assert ranking.mean == {"a": 1.5, "b": 1.5}
    assert rank(runs(a=[math.nan], b=[2.0])).systems == ["b", "a"]


def test_what_did_not_run_yet_counts_for_nobody() -> None:
    ranking = rank([*runs(a=[1.0, 1.0], b=[2.0, 2.0]), cell("c", 0.1)])
    assert (ranking.compared, ranking.left_out) == (1, 1)
    assert ranking.systems == ["c", "a", "b"]
    nothing = rank([cell("a"), cell("b", seed=1)])
    assert (nothing.systems, nothing.mean, nothing.groups) == (["a", "b"], {}, [])


def test_a_system_of_another_budget_does_not_empty_this_one() -> None:
    results = [*runs(a=[1.0], b=[2.0]), cell("c", 1.0, seconds_limit=600)]
    assert rank(results, Limit(120, 2)).systems == ["a", "b"]


@settings(max_examples=50, deadline=None)
@given(benches(), st.randoms(use_true_random=False))
def test_the_order_of_cells_does_not_matter(
    results: list[CellResult], chance: random.Random
) -> None:
    mixed = list(results)
    chance.shuffle(mixed)
    assert rank(mixed) == rank(results)


@settings(max_examples=50, deadline=None)
@given(benches())
def test_only_which_score_is_better_matters(results: list[CellResult]) -> None:
    ranking, other = rank(results), rank(flipped(results))
    assert other == ranking
    k = len(ranking.systems)
    assert all(
        sum(row.values()) == pytest.approx(k * (k + 1) / 2) for row in ranking.ranks.values()
    )
    assert sum(ranking.mean.values()) == pytest.approx(k * (k + 1) / 2)


@settings(max_examples=50, deadline=None)
@given(
    st.integers(2, 8)
    .flatmap(lambda k: st.lists(st.permutations([float(i + 1) for i in range(k)]), min_size=2))
    .filter(lambda rows: len(rows[0]) > 2)
)
def test_friedman_agrees_with_scipy(rows: list[list[float]]) -> None:
    test = friedman(rows)
    assert test is not None
    theirs = stats.friedmanchisquare(*zip(*rows, strict=True))
    assert test.chi_square == pytest.approx(theirs.statistic, abs=1e-9)
    assert test.chi_square_p == pytest.approx(theirs.pvalue)


def test_friedman_with_ties_agrees_with_scipy() -> None:
    rows = [[1.0, 2.5, 2.5], [1.5, 1.5, 3.0], [1.0, 2.0, 3.0], [2.0, 1.0, 3.0]]
    test = friedman(rows)
    assert test is not None
    theirs = stats.friedmanchisquare(*zip(*rows, strict=True))
    assert test.chi_square == pytest.approx(theirs.statistic)


def test_the_permutations_give_the_exact_probability() -> None:
    test = friedman([[1.0, 2.0]] * 4)  # all four agree: 2 of 16 ways do
    assert test is not None
    assert test.p == pytest.approx(2 / 16, abs=0.01)
    assert friedman([[1.5, 1.5]] * 4) == friedman([[2.0, 2.0, 2.0]] * 2)
    assert friedman([[1.0, 2.0]]) is None
    assert friedman([[1.0]] * 5) is None
    assert friedman([]) is None


@pytest.mark.parametrize(
    ("systems", "q"), [(2, 1.960), (3, 2.343), (5, 2.728), (7, 2.949), (10, 3.164)]
)
def test_the_critical_difference_uses_the_published_table(systems: int, q: float) -> None:
    """Demšar 2006, table 5a."""
    tasks = 14
    expected = q * math.sqrt(systems * (systems + 1) / (6 * tasks))
    assert critical_difference(systems, tasks) == pytest.approx(expected, abs=2e-3)


def test_groups_are_as_large_as_can_be() -> None:
    mean = {"d": 4.0, "a": 1.0, "c": 2.6, "b": 1.8}
    assert groups(mean, 1.0) == [["a", "b"], ["b", "c"]]
    assert groups(mean, 2.0) == [["a", "b", "c"], ["c", "d"]]
    assert groups(mean, 0.5) == []
    assert groups(mean, None) == [["a", "b", "c", "d"]]
    assert groups({"a": 1.0}, None) == []


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(st.text(max_size=2), st.floats(1, 9), max_size=7),
    st.floats(0.01, 9),
)
def test_two_systems_share_a_group_if_they_are_near(
    mean: dict[str, float], critical: float
) -> None:
    found = groups(mean, critical)
    for a in mean:
        for b in mean:
            if a != b:
                together = any(a in group and b in group for group in found)
                assert together == (abs(mean[a] - mean[b]) < critical)
    assert not any(set(one) < set(other) for one in found for other in found)


def test_clear_differences_are_told_apart_and_noise_is_not() -> None:
    ranking = rank(bench(tasks=12), limits_of(bench())[0])
    assert ranking.friedman is not None
    assert ranking.friedman.p < 0.001
    assert ranking.systems == ["mle-star", "peer-1", "peer-2", "peer-3", "peer-4"]
    assert not any({"mle-star", "peer-4"} <= set(group) for group in ranking.groups)
    chance = random.Random(1)
    noise = [
        one
        for task in range(8)
        for one in runs(f"t{task}", **{name: [chance.random()] for name in "abcd"})
    ]
    same = rank(noise)
    assert same.friedman is not None
    assert same.friedman.p > 0.05
    assert same.groups == [same.systems]


def test_the_level_is_kept_for_averaged_ranks() -> None:
    """Under no difference, about 5 % of tests find one; ranks are means over two seeds."""
    chance = random.Random(0)
    found = 0
    for _ in range(60):
        rows = [
            [
                fmean(pair)
                for pair in zip(*(chance.sample([1.0, 2.0, 3.0], 3) for _ in "ab"), strict=True)
            ]
            for _ in range(6)
        ]
        test = friedman(rows)
        assert test is not None
        found += test.p < 0.05
    assert found <= 8
