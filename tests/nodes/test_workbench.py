"""The live objects of a run."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mle_star.context import Context, resolve
from mle_star.errors import RunError
from mle_star.nodes import workbench
from mle_star.nodes.ablate import LEAST, LONGEST, study_limit
from mle_star.nodes.clock import Clock
from mle_star.nodes.workbench import CANDIDATES, Workbench, plain
from mle_star.state import Trial


def test_a_folder_without_a_run_has_no_workbench(tmp_path: object) -> None:
    with pytest.raises(RunError, match="not a run folder"):
        workbench.open_workbench(str(tmp_path))
    assert workbench.find_workbench(str(tmp_path)) is None


def test_checkpoints_get_plain_numbers() -> None:
    import numpy as np

    value = plain({"score": np.float64(0.5), "folds": [np.int64(3)], "none": None})
    assert value == {"score": 0.5, "folds": [3.0], "none": None}
    assert type(value["score"]) is float


def bench(
    elapsed: float,
    full_rows: int = 1000,
    *,
    settled: bool = False,
    budget: float = 100.0,
    reserve: float = 0.4,
    first: bool = False,
    test_rows: int = 0,
    shown: int | None = None,
    folder: Path = Path(),
) -> Workbench:
    """A workbench with nothing but settings, views and a clock.

    Its search predicts all test rows, or only as many as are ``shown``.
    """
    nothing: Any = None
    views: Any = SimpleNamespace(
        full=SimpleNamespace(rows=full_rows, digest="whole", folder=folder, test_rows=test_rows),
        search=SimpleNamespace(
            rows=1000,
            digest="whole" if settled else "part",
            folds=5,
            test_rows=test_rows if shown is None else shown,
            answers=shown is None,
        ),
    )
    settings = resolve(
        Context(time_budget=budget, reserve=reserve, script_timeout=50.0, folds=5), environ={}
    )
    return Workbench(
        folder=nothing,
        settings=settings,
        spec=nothing,
        profile=nothing,
        views=views,
        brief=nothing,
        team=nothing,
        level=nothing,
        executor=nothing,
        events=nothing,
        clock=Clock(elapsed),
        cores=2,
        begun=set() if first else {0},
    )


def trials(*seconds: float) -> list[Trial]:
    return [cast(Trial, {"seconds": value}) for value in seconds]


@pytest.mark.parametrize(("elapsed", "seconds"), [(0.0, 50.0), (50.0, 22.5), (75.0, 10.0)])
def test_a_script_of_the_search_can_be_run_again_in_what_it_leaves(
    elapsed: float, seconds: float
) -> None:
    assert bench(elapsed).search_seconds() == pytest.approx(seconds)
    assert bench(elapsed, full_rows=3000).search_seconds() <= seconds, "three times the rows"


@pytest.mark.parametrize(
    ("elapsed", "budget", "seconds"), [(0.0, 100.0, 50.0), (99.0, 100.0, 50.0), (9.0, 10.0, 10.0)]
)
def test_the_first_script_has_its_time_even_where_reading_took_all(
    elapsed: float, budget: float, seconds: float
) -> None:
    assert bench(elapsed, budget=budget, first=True).search_seconds() == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("settled", "kept", "left"), [(False, 0.55, 25.0), (True, 0.4 / 3, 100 - 40 / 3 - 20)]
)
def test_less_is_kept_where_no_final_run_follows(settled: bool, kept: float, left: float) -> None:
    assert bench(0.0, settled=settled).reserve == pytest.approx(kept)
    assert bench(20.0, settled=settled).seconds_left() == pytest.approx(left)
    assert bench(20.0, settled=settled).thinking_seconds() == pytest.approx(80 - 100 * kept / 2)
    assert bench(99.0, settled=settled).seconds_left() == 0.0
    assert bench(99.0, settled=settled).thinking_seconds() == 0.0


@pytest.mark.parametrize(
    ("budget", "reserve", "kept"),
    [
        (299.0, 0.4, 0.55),
        (300.0, 0.4, 0.4),
        (3600.0, 0.1, 0.1),
        (60.0, 0.5, 0.6),
        (60.0, 0.05, 0.2),
    ],
)
def test_a_short_run_keeps_more_for_its_final_run(
    budget: float, reserve: float, kept: float
) -> None:
    assert bench(0.0, budget=budget, reserve=reserve).reserve == pytest.approx(kept)
    settled = bench(0.0, budget=budget, reserve=reserve, settled=True)
    assert settled.reserve == pytest.approx(reserve / 3)


@pytest.mark.parametrize("elapsed", [0.0, 50.0, 80.0])
def test_what_need_not_run_again_may_take_all_the_time_that_is_left(elapsed: float) -> None:
    seconds = bench(elapsed, settled=True).search_seconds()
    assert seconds == pytest.approx(100 - elapsed - 20 / 3)
    assert seconds > bench(elapsed).search_seconds()


def test_a_script_of_a_search_that_is_over_gets_a_little_time_all_the_same() -> None:
    spent = bench(100.0, settled=True)
    assert spent.search_seconds() == bench(100.0).search_seconds() > 0


def test_what_has_run_for_good_is_always_affordable() -> None:
    slow = trials(1000, 1000, 1000)
    assert len(bench(70.0).affordable(slow)) == 1
    assert bench(100.0, settled=True).affordable(slow) == slow
    assert bench(100.0, settled=True).affordable([]) == []


def test_a_script_has_its_time_out_unless_told_otherwise() -> None:
    assert bench(0.0).limits().wall_seconds == 50.0
    assert bench(0.0).limits(70.0).wall_seconds == 70.0


def test_only_what_can_be_run_again_in_time_is_affordable() -> None:
    some = trials(15, 15, 15, 15)  # 30 s left, three quarters of it, on two cores: 45 s
    assert len(bench(70.0).affordable(some)) == 3
    assert len(bench(70.0, full_rows=2000).affordable(some)) == 1, "twice the rows"
    assert len(bench(0.0).affordable(some)) == 4
    assert len(bench(100.0).affordable(some)) == 1, "the best is always kept"
    assert bench(0.0).affordable([]) == []


@pytest.mark.parametrize(("later", "fits"), [(0.0, True), (9.0, True), (11.0, False)])
def test_what_runs_again_may_wait_only_so_long(later: float, fits: bool) -> None:
    some = trials(10, 10, 10)  # 30 s left, three quarters of it, on two cores: 45 s
    assert bench(70.0).fits(some, later) == fits
    assert not bench(70.0, full_rows=2000).fits(some, later), "twice the rows"
    assert bench(70.0, settled=True).fits(some, later), "nothing runs again"


def test_a_script_may_take_longer_than_on_all_rows_where_a_part_of_them_will_do() -> None:
    many = bench(0.0, full_rows=100_000)
    assert many.search_seconds() == bench(0.0, full_rows=4_000).search_seconds() == 20.0
    assert len(many.affordable(trials(15, 15, 15))) == len(trials(15, 15)), "4 times as long each"


@pytest.mark.parametrize(
    ("elapsed", "full_rows", "seconds", "least", "most"),
    [
        (0.0, 5_000, 10.0, 5_000, 5_000),
        (0.0, 100_000, 10.0, 15_000, 19_000),  # 150 s on two cores: 15 times as long
        (60.0, 100_000, 10.0, 6_000, 8_000),
        (60.0, 100_000, 40.0, 0, 0),
        (100.0, 100_000, 1.0, 0, 0),
        (60.0, 1_500, 100.0, 0, 0),
    ],
)
def test_the_final_run_learns_from_as_many_rows_as_there_is_time_for(
    tmp_path: Path, elapsed: float, full_rows: int, seconds: float, least: int, most: int
) -> None:
    (tmp_path / "train.csv").write_text("id\n")
    rows = bench(elapsed, full_rows, folder=tmp_path).final_rows(trials(seconds / 2, seconds / 2))
    assert least <= rows <= most


def test_what_test_rows_cost_does_not_grow_with_the_training_rows(tmp_path: Path) -> None:
    (tmp_path / "train.csv").touch()

    def rows(test: int) -> int:
        return bench(60.0, 100_000, folder=tmp_path, test_rows=test).final_rows(trials(10.0))

    assert rows(10_000) > 2 * rows(0) > 0


def test_where_the_search_predicts_some_test_rows_a_final_run_always_follows(
    tmp_path: Path,
) -> None:
    (tmp_path / "train.csv").touch()
    late = bench(99.0, 1_400, folder=tmp_path, test_rows=100)
    assert late.final_rows(trials(10.0)) == 0
    late = bench(99.0, 1_400, folder=tmp_path, test_rows=100, shown=50)
    assert late.final_rows(trials(10.0)) == 1_000
    hold_out = bench(99.0, 100_001, folder=tmp_path, test_rows=10**6, shown=50)
    hold_out.settings.__dict__["folds"] = None
    assert hold_out.final_rows(trials(10.0)) == 100_001, "one model, and not five, predicts them"
    early = bench(0.0, 100_000, folder=tmp_path, test_rows=20_000, shown=50)
    assert 1_000 < early.final_rows(trials(10.0)) < 100_000
    assert bench(0.0, 1_400, test_rows=20_000, shown=50).final_rows(trials(1.0)) == 1_400


def test_what_the_final_run_predicts_for_the_first_time_costs_time_as_well() -> None:
    all_rows = bench(20.0, 100_000, test_rows=100_000)
    some = bench(20.0, 100_000, test_rows=100_000, shown=50)
    assert some.again_seconds(trials(1.0)[0]) > 10
    assert all_rows.again_seconds(trials(1.0)[0]) == pytest.approx(1.0)
    assert some.search_seconds() < all_rows.search_seconds()
    few, many = (bench(20.0, 1_500, test_rows=100_000, shown=shown) for shown in (50, None))
    assert few.search_seconds() < many.search_seconds() / 2, "the rows alone would not tell"
    assert len(some.affordable(trials(4, 4, 4))) == 1
    assert len(all_rows.affordable(trials(4, 4, 4))) == len(trials(4, 4, 4))


def test_a_search_without_time_for_what_scripts_take_is_hopeless() -> None:
    quick = bench(60.0)
    assert not quick.hopeless(), "nobody knows yet how long they take"
    quick.pace += [10.0, 30.0]
    assert not quick.hopeless()
    quick.pace += [90.0, 90.0]
    assert quick.hopeless()
    assert quick.late(0)
    assert not bench(1.0).late(0)


def test_a_further_candidate_should_end_while_most_of_the_search_is_left() -> None:
    last = CANDIDATES * 100.0 * (1 - bench(0.0).reserve)
    begun = bench(last - 10.0)
    assert not begun.late(0), "nobody knows yet how long it takes"
    begun.pace += [8.0]
    assert not begun.late(0)
    assert begun.late(0, times=1.5), "a slow one would"
    begun.pace += [12.0, 12.0]
    assert begun.late(0)
    assert not begun.late(0, times=0.5), "a quick one would not"
    begun.units += [6.0]
    assert not begun.late(0), "what took 12 seconds was a slow one"
    assert begun.late(0, times=2.0)
    assert not begun.late(1), "each solution has a first"


def test_a_study_may_take_a_part_of_what_is_left_and_two_scripts_time_at_the_least() -> None:
    early = bench(10.0)
    assert study_limit(early) == pytest.approx(LONGEST * early.seconds_left(), rel=0.01)
    assert study_limit(early) > LEAST
    late = bench(59.0)
    assert study_limit(late) == LEAST
    late.pace.append(4.0)
    assert study_limit(late) == 8.0
    late.pace[:] = [400.0]
    assert study_limit(late) == pytest.approx(late.search_seconds(), rel=0.01)


def test_making_a_smaller_table_of_a_large_one_takes_time_as_well(tmp_path: Path) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    for folder in (small, large):
        folder.mkdir()
        (folder / "train.csv").touch()
    os.truncate(large / "train.csv", 2_000_000_000)
    few = bench(0.0, 100_000, folder=large).final_rows(trials(10.0))
    assert 0 < few < 0.6 * bench(0.0, 100_000, folder=small).final_rows(trials(10.0))


def test_the_pace_is_the_median_of_what_was_run() -> None:
    slow = bench(0.0)
    assert slow.typical_seconds() == 0.0
    slow.pace += [1.0, 90.0, 30.0]
    assert slow.typical_seconds() == 30.0
