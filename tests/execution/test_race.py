"""Scripts that are stopped because their first folds have lost already."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mle_star.execution import CachedExecutor, FoldLine, LocalExecutor, Race, race_against
from mle_star.execution.capture import ScoreWatch
from mle_star.execution.race import MOST_LINES, paired_spread, parse_fold_line
from mle_star.execution.record import recorded_folds
from mle_star.execution.workspace import RECORD
from tests.execution.running import GOOD, job, run

BEST = {0: 1.0, 1: 1.2, 2: 0.9, 3: 1.1, 4: 1.0}
SLOW = """
import time
for fold, value in enumerate([{values}]):
    print(f"Fold {{fold}} rmse: {{value}}", flush=True)
    time.sleep({pause})
"""


def lines(*values: float, name: str = "rmse") -> list[FoldLine]:
    return [FoldLine(fold, name, value) for fold, value in enumerate(values)]


@pytest.fixture
def executor() -> Iterator[CachedExecutor]:
    made = CachedExecutor(LocalExecutor())
    yield made
    made.shutdown()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Fold 0 rmse: 0.512", FoldLine(0, "rmse", 0.512)),
        ("fold 12 log loss: 1e-3", FoldLine(12, "log loss", 0.001)),
        ("Fold 3 ROC AUC = .75", FoldLine(3, "roc auc", 0.75)),
        ("Fold 1 mae: -2", FoldLine(1, "mae", -2.0)),
        ("Fold 1: 0.5", None),  # of what?
        ("Fold one rmse: 0.5", None),
        ("Fold 1 rmse: nan", None),
        ("Fold 1 rmse: 1e999", None),
        ("Fold 1 rmse: 0.5 (best)", None),
        ("The score of Fold 1 rmse: 0.5", None),
    ],
)
def test_fold_lines(text: str, expected: FoldLine | None) -> None:
    assert parse_fold_line(text) == expected


@given(st.text(alphabet="Fold 0123rmse:.=-e\n", max_size=60), st.integers(1, 7))
def test_a_stream_in_pieces_says_the_same(text: str, size: int) -> None:
    whole, pieces = ScoreWatch(), ScoreWatch()
    data = (text + "\n").encode()
    whole.feed(data)
    for start in range(0, len(data), size):
        pieces.feed(data[start : start + size])
    expected = [parse_fold_line(line) for line in text.split("\n")]
    assert whole.folds == pieces.folds == [line for line in expected if line is not None]


def test_lines_are_bounded() -> None:
    watch = ScoreWatch()
    watch.feed(b"Fold 1 rmse: 0.5\n" * (3 * MOST_LINES))
    assert len(watch.folds) == MOST_LINES


def test_far_behind_is_lost_and_the_reason_says_how_far() -> None:
    race = Race("rmse", BEST, spread=0.01)
    said = race.lost(lines(1.1, 1.3))
    assert said == "its rmse was worse by 0.1 on average over 2 of 5 folds, 18 standard errors"
    assert not race.lost(lines(1.1, 1.3, 1.1)[:1] + lines(1.1)), (
        "a fold that comes twice tells nothing"
    )


@pytest.mark.parametrize(
    "said",
    [
        [],
        lines(0.5),  # ahead
        lines(1.005, 1.207),  # behind within the doubt
        lines(2.0, 2.2, 1.9, 2.1, 2.0),  # all folds are there: nothing is saved any more
        lines(2.0, 2.2, name="mae"),  # another measure
        [FoldLine(7, "rmse", 9.0)],  # a fold that the other does not have
    ],
)
def test_not_lost(said: list[FoldLine]) -> None:
    assert Race("rmse", BEST, spread=0.01).lost(said) == ""


def test_more_may_be_better() -> None:
    race = Race("roc auc", {0: 0.8, 1: 0.81, 2: 0.79}, spread=0.002, maximize=True)
    assert race.lost(lines(0.7, name="roc auc"))
    assert not race.lost(lines(0.9, name="roc auc"))


def test_what_differs_more_than_expected_is_waited_for() -> None:
    race = Race("rmse", BEST, spread=0.001)
    assert race.lost(lines(1.02))
    assert not race.lost(lines(1.02, 1.1, 0.99))  # worse, better, worse by far


def test_the_first_fold_needs_more_doubt_than_later_ones() -> None:
    race = Race("rmse", {k: 1.0 for k in range(5)}, spread=0.01)
    assert not race.lost(lines(1.03)), "3.4 standard errors"
    assert race.lost(lines(1.03, 1.03))


@given(
    shift=st.floats(0, 0.02),
    seed=st.integers(0, 10_000),
    scale=st.sampled_from([1.0, 1e-6, 1e6]),
)
def test_hardly_a_winner_is_stopped(shift: float, seed: int, scale: float) -> None:
    """With noise of the expected size, at most a few in a thousand that would win are stopped."""
    rng = np.random.default_rng(seed)
    race = Race("rmse", {k: scale * v for k, v in BEST.items()}, spread=0.01 * scale)
    wrong = 0
    for _ in range(100):
        values = [scale * (v + shift + rng.normal(0, 0.01)) for v in BEST.values()]
        wins = sum(values) < scale * sum(BEST.values())
        stopped = any(race.lost(lines(*values[:k])) for k in range(1, 5))
        wrong += wins and stopped
    assert wrong <= 3


def test_a_race_needs_one_line_for_each_fold() -> None:
    base = lines(1.0, 1.2, 0.9)
    made = race_against(base, [0.03, 0.05, 0.04, 0.06, 0.07], maximize=False)
    assert made == Race("rmse", {0: 1.0, 1: 1.2, 2: 0.9}, 0.07, maximize=False), "most are kin"
    close = race_against(base, [0.0, 1e-9], maximize=False)
    assert close is not None
    assert close.spread == pytest.approx(0.15 * np.std([1.0, 1.2, 0.9], ddof=1))
    alone = race_against(base, [], maximize=False)
    assert alone is not None
    assert alone.spread == pytest.approx(np.std([1.0, 1.2, 0.9], ddof=1))
    assert race_against(base[:1], [], maximize=False) is None
    assert race_against([], [], maximize=False) is None
    assert race_against([*base, *base], [], maximize=False) is None, "repeated with other seeds"
    assert race_against([*base, FoldLine(3, "mae", 1.0)], [], maximize=False) is None


def test_spread_of_pairs() -> None:
    assert paired_spread(lines(1.0, 2.0, 3.0), lines(1.1, 2.1, 3.1)) == pytest.approx(0, abs=1e-9)
    assert paired_spread(lines(1.0, 2.0), lines(1.0, 2.4)) == pytest.approx(0.4 / 2**0.5)
    assert paired_spread(lines(1.0, 2.0), lines(1.0, 2.0, 3.0)) is None
    assert paired_spread(lines(1.0, 2.0), lines(1.0, 2.0, name="mae")) is None
    assert paired_spread([], []) is None


def test_a_script_that_lost_is_stopped(tmp_path: Path) -> None:
    script = SLOW.format(values="1.5, 1.7, 1.4, 1.6, 1.5", pause=5) + GOOD
    begun = time.monotonic()
    done = run(script, tmp_path, race=Race("rmse", BEST, spread=0.01))
    assert time.monotonic() - begun < 20
    assert done.outcome == "behind"
    assert done.folds == (FoldLine(0, "rmse", 1.5),)
    assert done.problem.startswith("The script was stopped early: its rmse was worse by 0.5")
    assert not done.artefacts


@pytest.mark.parametrize(
    ("values", "race"),
    [
        ("1.0, 1.2, 0.8, 1.0, 1.0", Race("rmse", BEST, spread=0.01)),
        ("1.5, 1.7, 1.4, 1.6, 1.5", None),
        ("1.5, 1.7, 1.4, 1.6, 1.5", Race("mae", BEST, spread=0.01)),
    ],
)
def test_others_run_to_their_end(tmp_path: Path, values: str, race: Race | None) -> None:
    done = run(SLOW.format(values=values, pause=0.15) + GOOD, tmp_path, race=race)
    assert (done.outcome, len(done.folds), done.printed) == ("ok", 5, 0.75)


def test_a_lost_race_is_kept_for_that_race_alone(executor: CachedExecutor, tmp_path: Path) -> None:
    script = SLOW.format(values="1.5, 1.7, 1.4, 1.6, 1.5", pause=0.4) + GOOD
    race = Race("rmse", BEST, spread=0.01)
    first = executor.submit(job(script, tmp_path / "job", race=race)).result(30)
    again = executor.submit(job(script, tmp_path / "job", race=race)).result(30)
    assert (first.outcome, first.cached) == ("behind", False)
    assert (again.outcome, again.cached) == ("behind", True)
    assert again.folds == first.folds == recorded_folds(tmp_path / "job")
    easier = Race("rmse", {fold: value + 1 for fold, value in BEST.items()}, spread=0.01)
    won = executor.submit(job(script, tmp_path / "job", race=easier)).result(30)
    assert (won.outcome, won.cached) == ("ok", False)
    kept = executor.submit(job(script, tmp_path / "job", race=race)).result(30)
    assert (kept.outcome, kept.cached) == ("ok", True), "what is known is not thrown away"


def test_equal_jobs_in_flight_share_a_run_only_if_they_race_alike(
    executor: CachedExecutor, tmp_path: Path
) -> None:
    script = SLOW.format(values="1.5, 1.7, 1.4, 1.6, 1.5", pause=0.3) + GOOD
    race = Race("rmse", BEST, spread=0.01)
    raced = executor.submit(job(script, tmp_path / "job", race=race))
    alone = executor.submit(job(script, tmp_path / "job"))
    assert raced.result(30).outcome == "behind"
    assert alone.result(30).outcome == "ok"


def test_records_without_folds_are_read(tmp_path: Path) -> None:
    assert recorded_folds(tmp_path) == ()
    (tmp_path / RECORD).write_text(json.dumps({"execution": {"outcome": "ok"}}))
    assert recorded_folds(tmp_path) == ()
    (tmp_path / RECORD).write_text("{")
    assert recorded_folds(tmp_path) == ()
