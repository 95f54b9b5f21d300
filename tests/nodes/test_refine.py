"""What the next outer step starts from, where time has a price."""

from __future__ import annotations

import copy
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mle_star.nodes.refine import PRICE, _ahead, _base, _turn, _weighing, attempt_of
from mle_star.nodes.step import Step
from mle_star.state import SolutionState, Trial
from tests.nodes.test_lessons import score, state, trial


def step(trusted: bool = True, left: float = 100.0, preset: str = "default") -> Step:
    """A step of a run of 100 seconds."""
    settings = SimpleNamespace(trusted=trusted, preset=preset, time_budget=100.0)
    bench = SimpleNamespace(
        spec=SimpleNamespace(metric="rmse", direction="minimize"),
        settings=settings,
        seconds_left=lambda: left,
    )
    return Step(cast(Any, bench), "accept", 0, lambda _: None)


def chosen(*trials: Trial, before: Trial | None = None, **told: Any) -> str | None:
    before = before or trial("before", score(1.0, [1.0]), seconds=2.0)
    state = SolutionState(run="", solution=0, best=before, step_trials=list(trials))
    base = _base(state, step(**told))
    return base["id"] if base else None


SLOW = trial("slow", score(1 - 1.9 * PRICE, []), seconds=8.0)
"""Four times as long, for a little less than two doublings cost."""
QUICK = trial("quick", score(1 - 0.5 * PRICE, []), seconds=2.0)


def test_a_gain_that_does_not_pay_for_its_time_is_not_built_upon() -> None:
    assert chosen(SLOW) is None
    assert chosen(SLOW, QUICK) == "quick"
    assert chosen(QUICK) == "quick"


def test_the_playbook_weighs_what_the_step_brought_so_far() -> None:
    before = trial("before", score(1.0, [0.9, 1.1]))
    better = trial("better", score(0.9, [0.8, 1.0]))
    begun = state(before, ("[ratios] ...", better), ("[products] ...", None))
    known = _weighing(begun, step()).lessons
    assert [lesson.change for lesson in known] == ["[ratios] ...", "[products] ..."]
    assert known[0].gain == pytest.approx(0.1)
    assert known[1].gain is None
    assert not _weighing(begun, step(trusted=False)).lessons, "a model is told them as plans"
    assert not _weighing(begun, step(preset="paper")).lessons, "the paper tries them all"


def test_the_planner_learns_why_a_person_refused_a_script_or_its_repair() -> None:
    assert attempt_of("plan", None, "a person said no")["problem"] == "a person said no"
    failed = {**trial("failed", None), "problem": "It crashed."}
    told = attempt_of("plan", cast(Trial, failed), "a person said no: give it up")
    assert told["problem"] == "It crashed; a person said no: give it up"
    assert attempt_of("plan", QUICK, "")["problem"] == ""


def test_time_is_worth_less_where_little_of_it_is_left() -> None:
    assert chosen(SLOW, left=90.0) == "slow"
    assert chosen(SLOW, QUICK, left=10.0) == "slow"


@pytest.mark.parametrize("told", [{"trusted": False}, {"preset": "paper"}])
def test_a_model_and_the_papers_preset_take_the_best(told: dict[str, Any]) -> None:
    assert chosen(QUICK, SLOW, **told) == "slow"


def test_what_is_faster_pays_nothing_and_earns_nothing() -> None:
    worse = trial("worse", score(1.001, []), seconds=0.1)
    tie = trial("tie", score(1.0, []), seconds=0.1)
    assert chosen(worse, tie) == "tie"


def test_without_a_score_before_the_best_is_taken() -> None:
    assert chosen(SLOW, QUICK, before=trial("before", None)) == "slow"


def turning(best: Trial, champion: Trial, *candidates: Trial) -> dict[str, Any]:
    state = SolutionState(
        run="",
        solution=0,
        best=best,
        champion=champion,
        champion_root="root",
        candidates=list(candidates),
        roots=[trial["id"] for trial in candidates],
        block="",
    )
    told = step()
    return _turn(state, replace(told, bench=replace_emit(told)))


def replace_emit(told: Step) -> Any:
    """A bench whose journal and clock do nothing."""
    quiet = SimpleNamespace(append=lambda *_, **__: {})
    clock = SimpleNamespace(elapsed=lambda: 0.0)
    return SimpleNamespace(**vars(told.bench), events=quiet, clock=clock)


def test_after_the_last_candidate_the_best_is_taken_up_again_once() -> None:
    champion, other = trial("champion", score(0.9, [])), trial("other", score(1.0, []))
    back = turning(other, champion, other)
    assert back["best"] is champion
    assert back["roots"] == ["other", "root"]
    assert turning(champion, champion, other) == {"exhausted": True}


def test_a_resumed_branch_knows_its_champion_again() -> None:
    """A checkpoint makes two equal trials of one."""
    champion, other = trial("champion", score(0.9, [])), trial("other", score(1.0, []))
    assert turning(copy.deepcopy(champion), champion, other) == {"exhausted": True}


@pytest.mark.parametrize(
    ("value", "ahead"), [(1.0, False), (0.95, False), (0.9, False), (0.89, True)]
)
def test_a_tie_that_is_slower_is_not_ahead(value: float, ahead: bool) -> None:
    before, champion = trial("before", score(1.0, [])), trial("champion", score(0.9, []))
    assert _ahead(trial("x", score(value, [])), before, champion, step()) == ahead
    assert _ahead(trial("x", score(0.95, [])), before, None, step())
