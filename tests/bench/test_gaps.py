"""How much too well systems think of themselves."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mle_star.bench.gaps import gaps, optimism, spread
from mle_star.bench.records import CellResult
from tests.bench.cells import benches, cell, flipped


def test_positive_is_optimistic_in_both_directions() -> None:
    down = gaps([cell(score=2.0, validation=1.5)])
    up = gaps([cell(score=0.8, validation=0.9, direction="maximize")])
    assert down[0].raw == 0.5
    assert up[0].raw == pytest.approx(0.1)
    assert gaps([cell(score=0.9, validation=0.8, direction="maximize")])[0].raw < 0


def test_runs_that_lack_one_of_the_scores_do_not_count() -> None:
    results = [
        cell(score=2.0, validation=1.0),
        cell(score=2.0, validation=None, seed=1),
        cell(score=None, validation=0.0, seed=2),
        cell(score=2.0, validation=math.inf, seed=3),
        cell("silent", 3.0),
    ]
    (gap,) = gaps(results)
    assert (gap.raw, gap.runs, gap.system) == (1.0, 1, "mle-star")
    silent = optimism("silent", [gap])
    assert (silent.median, silent.cases) == (None, 0)


def test_the_unit_is_the_spread_of_the_systems_on_the_task() -> None:
    results = [
        cell(name, score, validation=score - 1)
        for name, score in zip("abc", (1.0, 2.0, 4.0), strict=True)
    ]
    unit = spread([1.0, 2.0, 4.0])
    assert unit == pytest.approx(1.4826)
    assert all(gap.relative == pytest.approx(1 / 1.4826) for gap in gaps(results))
    assert gaps(results[:1])[0].relative is None, "one system has no spread"


def test_spread_falls_back_where_most_are_equal() -> None:
    assert spread([1.0, 1.0, 1.0, 5.0, 9.0]) == pytest.approx(4 / 1.349)
    assert spread([1.0, 1.0, 1.0, 1.0, 9.0]) == pytest.approx(math.sqrt(64 / 5))
    assert spread([2.0, 2.0]) is None
    assert spread([2.0, 2.0 + 1e-15]) is None
    assert spread([2.0]) is None


def test_spread_is_that_of_normal_data_and_ignores_outliers() -> None:
    chance = random.Random(0)
    values = [chance.gauss(3, 2) for _ in range(2000)]
    assert spread(values) == pytest.approx(2, rel=0.1)
    assert spread([*values, 1e9]) == pytest.approx(2, rel=0.1)


def test_optimism_is_the_median_over_tasks() -> None:
    results = [
        cell(name, score, validation=score - gap, task=f"t{task}")
        for task, gap in enumerate((0.0, 1.0, 5.0))
        for name, score in (("a", 1.0), ("b", 3.0))
    ]
    found = optimism("a", gaps(results))
    assert (found.lowest, found.cases) == (0.0, 3)
    assert found.median == pytest.approx(1 / 1.4826)
    assert found.highest == pytest.approx(5 / 1.4826)


@settings(max_examples=50, deadline=None)
@given(benches(), st.sampled_from([0.5, 4.0, 1024.0]))
def test_relative_gaps_do_not_depend_on_the_unit_of_the_metric(
    results: list[CellResult], factor: float
) -> None:
    scaled = [
        one.model_copy(
            update={
                "score": None if one.score is None else one.score * factor,
                "validation": None if one.validation is None else one.validation * factor,
            }
        )
        for one in results
    ]
    for before, after in zip(gaps(results), gaps(scaled), strict=True):
        assert after.raw == pytest.approx(before.raw * factor, abs=1e-300)
        assert (after.relative is None) == (before.relative is None)
        if before.relative is not None:
            assert after.relative == pytest.approx(before.relative, abs=1e-300)


@settings(max_examples=50, deadline=None)
@given(benches(), st.randoms(use_true_random=False))
def test_neither_order_nor_direction_matters(
    results: list[CellResult], chance: random.Random
) -> None:
    mixed = flipped(results)
    chance.shuffle(mixed)
    assert gaps(mixed) == gaps(results)
