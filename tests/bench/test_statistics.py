"""Scores over seeds, use of time, and all of it together."""

from __future__ import annotations

import math
import random
from statistics import fmean, stdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mle_star.bench.cells import Limit
from mle_star.bench.records import CellResult
from mle_star.bench.scores import best_of, scores
from mle_star.bench.statistics import summarise, usage
from tests.bench.cells import bench, benches, cell, flipped, runs


def test_mean_sd_and_valid_runs_by_task_budget_and_system() -> None:
    results = [*runs(a=[1.0, 2.0, 6.0], b=[1.0, None, math.inf]), cell("a", 9.0, seconds_limit=600)]
    found = {(s.system, s.case.limit.seconds): s for s in scores(results)}
    three = found["a", 120]
    assert (three.mean, three.valid, three.runs) == (3.0, 3, 3)
    assert three.sd == pytest.approx(stdev([1.0, 2.0, 6.0]))
    assert (found["b", 120].mean, found["b", 120].sd) == (1.0, None)
    assert (found["b", 120].valid, found["b", 120].runs) == (1, 3)
    assert found["a", 600].mean == 9.0


def test_no_valid_run_has_no_mean() -> None:
    (score,) = scores(runs(a=[None, math.nan, 1e200]))
    assert (score.mean, score.sd, score.valid, score.runs) == (None, None, 0, 3)


def test_the_best_is_among_those_that_failed_least() -> None:
    assert best_of(scores(runs(a=[2.0, 2.0], b=[1.0, None], c=[3.0, 3.0]))) == {"a"}
    assert best_of(scores(runs(a=[2.0], b=[2.0], c=[3.0]))) == {"a", "b"}
    assert best_of(scores(runs(a=[None], b=[None]))) == set()
    assert best_of(scores(flipped(runs(a=[1.0], b=[2.0])))) == {"a"}


def test_usage_counts_time_failures_and_medals() -> None:
    results = [
        cell(seconds=60.0, peak_memory_mb=100.0, medal="gold", above_median=True, version="x 1"),
        cell(seconds=120.0, peak_memory_mb=300.0, above_median=False, seed=1, timed_out=True),
        cell(score=None, seconds=12.0, seed=2),
        cell("other", 1.0),
    ]
    used = usage("mle-star", results)
    assert (used.runs, used.valid, used.timed_out) == (3, 2, 1)
    assert (used.time_used, used.time_most) == (0.5, 1.0)
    assert used.peak_memory_mb == 300.0
    assert used.medals == {"gold": 1, "silver": 0, "bronze": 0}
    assert (used.above_median, used.with_median) == (1, 2)
    assert used.versions == ["x 1"]
    assert usage("other", results).peak_memory_mb is None


def test_a_summary_has_each_part() -> None:
    thresholds = {"gold": 1.0, "median": 3.0}
    results = [*bench(), *runs("board", **{f"peer-{n}": [1.0] for n in range(1, 5)})]
    results = [
        one.model_copy(update={"thresholds": thresholds}) if one.task == "board" else one
        for one in results
    ]
    summary = summarise(results, {"gone": "install it"})
    assert summary.systems[0] == "mle-star"
    assert summary.systems == summary.overall.systems
    assert summary.limits == [Limit(120, 2), Limit(600, 2)]
    assert [one.limit for one in summary.rankings] == [*summary.limits, None]
    assert summary.seeds == [0, 1, 2]
    assert summary.missing == {"gone": "install it"}
    assert summary.thresholds == {"board": thresholds}
    assert len(summary.duels) == 3 * 5 * 4
    assert [one.system for one in summary.optimism] == summary.systems
    assert [one.system for one in summary.usage] == summary.systems
    assert summary.overall.left_out == 1, "ours did not run on the board"
    assert summary.machines == ["x86_64, 2 cores"]


def test_with_one_budget_it_is_the_whole() -> None:
    summary = summarise(bench(limits=(60.0,)))
    assert [one.limit for one in summary.rankings] == [Limit(60, 2)]
    assert summary.overall is summary.rankings[0]


def test_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="without cells"):
        summarise([])


@settings(max_examples=30, deadline=None)
@given(benches(), st.randoms(use_true_random=False))
def test_the_order_of_cells_does_not_matter(
    results: list[CellResult], chance: random.Random
) -> None:
    mixed = list(results)
    chance.shuffle(mixed)
    assert summarise(mixed) == summarise(results)


@settings(max_examples=50, deadline=None)
@given(benches())
def test_means_lie_among_the_scores(results: list[CellResult]) -> None:
    for score in scores(results):
        values = [
            one.score
            for one in results
            if one.score is not None
            and (one.task, one.system) == (score.case.task, score.system)
            and one.seconds_limit == score.case.limit.seconds
        ]
        assert score.valid == len(values)
        if score.mean is not None:
            assert min(values) <= score.mean <= max(values)
            assert score.mean == pytest.approx(fmean(values))
