"""Branches that stagnate turn to another candidate; pairs that can't help are not merged."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mle_star.engineer import Brief, Extraction, ModelCard
from mle_star.errors import NoAnswer
from tests.support.engineers import FOLDS, ScriptedEngineer, script, slope_of
from tests.support.runs import Finished, run


@pytest.fixture
def near(monkeypatch: pytest.MonkeyPatch) -> None:
    """No candidate is too far behind to be turned to."""
    monkeypatch.setattr("mle_star.nodes.refine.FAR", 1e9)


pytestmark = pytest.mark.usefixtures("near")


def no_answer(*_: Any) -> Any:
    raise NoAnswer("nothing to offer")


def cards(*slopes: float) -> Any:
    return lambda *_: [ModelCard(f"slope {slope}", "fits", "") for slope in slopes]


def refining(change: Callable[[float], float], *slopes: float, **answers: Any) -> ScriptedEngineer:
    """An engineer that merges nothing and makes ``change`` of a script's slope in every step."""

    def extract(_: Any, summary: str, text: str, refined: Any) -> Extraction:
        slope = slope_of(text)
        return Extraction(f"A = {slope}\n", f"slope {change(slope)!r}")

    return ScriptedEngineer(
        **{"retrieve": cards(*slopes), "merge": no_answer, "extract": extract, **answers}
    )


def refined_from(done: Finished) -> list[float]:
    """Slope of the script that each outer step began with."""
    return [slope_of(arguments[1]) for name, arguments in done.engineer.calls if name == "ablate"]


def go(task: Path, engineer: ScriptedEngineer, **settings: Any) -> Finished:
    return run(task, engineer, **{"inner_steps": 1, "ensemble_rounds": 0, **settings})


def turns(done: Finished) -> list[tuple[str, str]]:
    return [(event["label"], event["from_label"]) for event in done.of("turned")]


def test_two_steps_without_a_gain_turn_a_branch_to_its_next_best_candidate(task: Path) -> None:
    engineer = refining(lambda slope: slope - 1.5, 2.0, 2.9, 2.5)
    done = go(task, engineer, outer_steps=7, num_candidates=3)
    # The last has no other to turn to: the best is taken up again.
    assert refined_from(done) == [2.9, 2.9, 2.5, 2.5, 2.0, 2.0, 2.9]
    assert turns(done) == [
        ("slope 2.5", "slope 2.9"),
        ("slope 2.0", "slope 2.5"),
        ("slope 2.9", "slope 2.0"),
    ]
    assert slope_of(done.script(done.values["solutions"][0])) == 2.9, "the best is handed over"


@pytest.mark.parametrize(("steps", "turned"), [(1, 0), (2, 1)])
def test_one_step_without_a_gain_is_not_enough(task: Path, steps: int, turned: int) -> None:
    done = go(task, refining(lambda _: 1.0, 2.9, 2.5), outer_steps=steps)
    assert len(turns(done)) == turned
    assert set(refined_from(done)) == {2.9}


def test_a_gain_begins_the_count_anew(task: Path) -> None:
    slopes = iter([1.0, 2.6, 1.0, 2.7, 1.0, 1.0, 1.0])
    done = go(task, refining(lambda _: next(slopes), 2.5, 2.0), outer_steps=7)
    assert refined_from(done) == [2.5, 2.5, 2.6, 2.6, 2.7, 2.7, 2.0]
    assert turns(done) == [("slope 2.0", "slope 2.7")]


def test_a_tie_replaces_the_script_and_is_no_gain(task: Path) -> None:
    notes = itertools.count()
    engineer = refining(
        lambda slope: slope,
        2.5,
        2.0,
        refine=lambda _, text, block, plan: f"{block.strip()}\n# tie {next(notes)}\n",
    )
    done = go(task, engineer, outer_steps=3)
    assert [event["gain"] for event in done.of("accepted")] == [0.0, 0.0, 0.0]
    assert refined_from(done) == [2.5, 2.5, 2.0]


def test_without_a_block_a_branch_turns_after_two_steps_and_ends_when_no_candidate_is_left(
    task: Path,
) -> None:
    engineer = refining(lambda slope: slope, 2.0, 2.9, 2.5, extract=no_answer)
    done = go(task, engineer, outer_steps=9, num_candidates=3)
    assert refined_from(done) == [2.9, 2.9, 2.5, 2.5, 2.0, 2.0, 2.9, 2.9], "one is not taken"
    assert len(turns(done)) == 3
    assert slope_of(done.script(done.values["solutions"][0])) == 2.9


def test_a_branch_of_one_script_without_a_block_ends_and_one_that_stagnates_does_not(
    task: Path,
) -> None:
    nothing = go(task, refining(lambda _: 1.0, 2.5, extract=no_answer), outer_steps=4)
    assert refined_from(nothing) == [2.5] * 2
    stale = go(task, refining(lambda _: 1.0, 2.5), outer_steps=4)
    assert refined_from(stale) == [2.5] * 4
    assert turns(nothing) == turns(stale) == []


def test_what_did_not_run_to_a_score_is_no_candidate_to_turn_to(task: Path) -> None:
    engineer = refining(
        lambda _: 1.0,
        2.9,
        2.5,
        write=lambda _, card: script(2.9) if "2.9" in card.name else "raise RuntimeError('x')\n",
    )
    done = go(task, engineer, outer_steps=3)
    assert refined_from(done) == [2.9] * 3
    assert turns(done) == []


def test_summaries_and_blocks_of_another_candidate_are_not_looked_at(task: Path) -> None:
    done = go(task, refining(lambda _: 1.0, 2.9, 2.5), outer_steps=4)
    assert [len(a[2]) for name, a in done.engineer.calls if name == "ablate"] == [0, 1, 0, 1]
    assert [len(a[3]) for name, a in done.engineer.calls if name == "extract"] == [0, 1, 0, 1]


def test_a_candidate_that_overtakes_the_champion_is_handed_over(task: Path) -> None:
    slopes = iter([1.0, 1.0, 2.6, 2.95])
    done = go(task, refining(lambda _: next(slopes), 2.9, 2.5), outer_steps=4)
    assert refined_from(done) == [2.9, 2.9, 2.5, 2.6]
    assert slope_of(done.script(done.values["solutions"][0])) == 2.95
    # What it is refined against is itself, not the champion.
    gains = [event["gain"] for event in done.of("accepted")]
    assert len(gains) == 2
    assert all(gain > 0 for gain in gains)
    assert slope_of(done.script(done.best)) == 2.95


def test_a_branch_turns_back_to_the_best_alone(task: Path) -> None:
    """Each candidate is begun with once, also where it was merged into the best."""
    engineer = refining(lambda _: 1.0, 2.0, 3.5, merge=lambda *_: script(2.9))
    done = go(task, engineer, outer_steps=8)
    assert refined_from(done) == [2.9, 2.9, 2.0, 2.0, *[2.9] * 4]
    assert turns(done) == [
        ("slope 2.0", "slope 3.5 + slope 2.0"),
        ("slope 3.5 + slope 2.0", "slope 2.0"),
    ]
    briefs = [arguments[0] for name, arguments in done.engineer.calls if name == "ablate"]
    assert [brief.base_model[-3:] for brief in briefs] == ["3.5"] * 2 + ["2.0"] * 2 + ["3.5"] * 4
    assert slope_of(done.script(done.values["solutions"][0])) == 2.9


def test_what_is_far_behind_is_not_turned_to(task: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Losses are about as far apart as the slopes are from 3."""
    monkeypatch.setattr("mle_star.nodes.refine.FAR", 3.0)
    done = go(task, refining(lambda _: 1.0, 2.5, 2.0, -2.0), num_candidates=3, outer_steps=6)
    assert refined_from(done) == [2.5, 2.5, 2.0, 2.0, 2.5, 2.5]


def test_after_a_turn_a_script_races_against_what_it_was_made_from(task: Path) -> None:
    """Not against the champion, which hardly anything of a weaker candidate beats."""
    noisy = FOLDS.replace("fold * 7 % 3", "(fold * 7 + int(A * 10)) % 3").replace(
        "A < 2", "A < 2.5"
    )
    slopes = iter([1.0, 1.0, 2.2, 1.0])
    engineer = refining(
        lambda _: next(slopes),
        2.9,
        2.0,
        write=lambda _, card: script(float(card.name.split()[-1])) + noisy,
    )
    done = go(task, engineer, outer_steps=4)
    refined = [trial["outcome"] for trial in done.trials if trial["phase"] == "refine"]
    assert refined == ["behind", "behind", "ok", "behind"]
    assert refined_from(done) == [2.9, 2.9, 2.0, 2.2]
    assert slope_of(done.script(done.values["solutions"][0])) == 2.9


def merge_brief(task: Path, engineer: ScriptedEngineer, **settings: Any) -> tuple[Brief, Finished]:
    done = go(task, engineer, outer_steps=0, **settings)
    [brief] = [arguments[0] for name, arguments in engineer.calls if name == "merge"]
    assert isinstance(brief, Brief)
    return brief, done


@pytest.mark.parametrize(("slopes", "helps"), [((2.5, 3.4), True), ((2.5, 1.5), False)])
def test_whoever_merges_is_told_what_the_average_scores(
    task: Path, slopes: tuple[float, float], helps: bool
) -> None:
    average = script(sum(slopes) / 2)
    engineer = ScriptedEngineer(retrieve=cards(*slopes), merge=lambda *_: average)
    told, done = merge_brief(task, engineer)
    [merged] = [trial for trial in done.trials if trial["phase"] == "merge"]
    assert merged["score"] is not None
    assert told.average_score == pytest.approx(merged["score"]["value"])
    assert told.base_score is not None
    assert told.average_score is not None
    assert (told.average_score < told.base_score) == helps
    by_label = {trial["label"]: trial["seconds"] for trial in done.trials}
    better, worse = sorted(slopes, key=lambda slope: abs(slope - 3))
    assert told.base_seconds == by_label[f"slope {better}"]
    assert told.reference_seconds == by_label[f"slope {worse}"]
    assert 0 < told.seconds_left < 600


def test_of_a_printed_score_no_average_is_known(task: Path) -> None:
    engineer = ScriptedEngineer(retrieve=cards(2.5, 3.5))
    told, _ = merge_brief(task, engineer, evaluation="printed")
    assert told.average_score is None
    assert told.reference_seconds > 0


def test_others_than_the_merger_are_told_nothing_of_a_reference(task: Path) -> None:
    done = go(task, ScriptedEngineer(retrieve=cards(2.5, 3.5)), outer_steps=1, inner_steps=2)
    briefs = [arguments[0] for name, arguments in done.engineer.calls if name != "merge"]
    assert {(brief.average_score, brief.reference_seconds) for brief in briefs} == {(None, 0.0)}
    left = [brief.seconds_left for brief in briefs]
    assert left == sorted(left, reverse=True), "time does not come back"


def test_what_is_too_slow_to_build_upon_is_handed_over_if_it_is_the_best(
    task: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mle_star.nodes.refine._base", lambda *_: None)
    done = go(task, refining(lambda _: 2.95, 2.5), num_candidates=1, outer_steps=2)
    assert refined_from(done) == [2.5, 2.5]
    assert done.of("accepted") == []
    assert slope_of(done.script(done.values["solutions"][0])) == 2.95
    assert slope_of(done.script(done.best)) == 2.95
