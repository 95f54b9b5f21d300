"""What outer steps teach, and the board on which solutions read it."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from mle_star.engineer import Lesson, Study
from mle_star.nodes.lessons import ALIKE, Board, lessons_of, paired_error, part_name, root_label
from mle_star.state import Attempt, Score, SolutionState, Trial
from mle_star.tasks import TaskSpec, loss_of

SPEC = TaskSpec.model_construct(metric="rmse", direction="minimize")
AUC = TaskSpec.model_construct(metric="roc_auc", direction="maximize")


def score(value: float, folds: list[float], error: float = 0.1, alarm: str = "") -> Score:
    return Score(
        value=value,
        error=error,
        folds=folds,
        audit=None,
        audit_error=None,
        printed=None,
        alarm=alarm,
    )


def trial(name: str, scored: Score | None, seconds: float = 2.0, label: str = "") -> Trial:
    return Trial(
        id=name,
        script="",
        label=label or name,
        phase="refine",
        solution=0,
        outcome="ok" if scored else "error",
        score=scored,
        seconds=seconds,
        problem="",
        debugged=0,
        members=[],
    )


def attempt(plan: str, done: Trial | None, **more: Any) -> Attempt:
    counts = done is not None and done["score"] is not None and not done["score"]["alarm"]
    told = Attempt(
        plan=plan,
        score=done["score"]["value"] if done and done["score"] and counts else None,
        error=None,
        seconds=done["seconds"] if done else None,
        problem="" if counts else "it broke",
        trial=done["id"] if done else "",
    )
    return told | more  # type: ignore[return-value]


def state(base: Trial | None, *done: tuple[str, Trial | None]) -> SolutionState:
    return SolutionState(
        run="",
        solution=1,
        block="# === features ===\nX = rows\n",
        best=base,
        candidates=[trial("a", score(2.0, []), label="LightGBM")],
        attempts=[attempt(plan, ran) for plan, ran in done],
        step_trials=[ran for _, ran in done if ran],
    )


def test_a_plan_teaches_its_share_of_the_loss_with_its_paired_error() -> None:
    base = trial("base", score(2.0, [1.8, 2.2]), seconds=4.0)
    better = trial("x", score(1.5, [1.2, 1.8]), seconds=6.0)
    (lesson,) = lessons_of(state(base, ("[ratios] Add them.", better)), SPEC)
    assert lesson["change"] == "[ratios] Add them."
    assert (lesson["part"], lesson["model"], lesson["solution"]) == ("features", "LightGBM", 1)
    assert lesson["gain"] == pytest.approx(0.25)
    # Differences 0.6 and 0.4: a standard deviation of 0.1414 over the root of two folds.
    assert lesson["error"] == pytest.approx(0.1 / 2.0)
    assert lesson["times"] == 1.5


def test_what_a_score_lacks_of_perfect_is_the_measure() -> None:
    base, better = trial("base", score(0.9, [0.9])), trial("x", score(0.92, [0.92]))
    (lesson,) = lessons_of(state(base, ("plan", better)), AUC)
    assert lesson["gain"] == pytest.approx(0.2)


def test_where_hardly_any_loss_is_left_a_gain_has_bounds() -> None:
    base, worse = trial("base", score(0.0, [0.0, 0.0])), trial("x", score(0.3, [0.2, 0.4]))
    (lesson,) = lessons_of(state(base, ("plan", worse)), SPEC)
    assert lesson["gain"] == -1.0
    assert lesson["error"] == 1.0


def test_failures_teach_too_and_a_score_with_an_alarm_is_one() -> None:
    base = trial("base", score(2.0, [2.0, 2.0]))
    leaky = trial("leaky", score(0.1, [0.1, 0.1], alarm="too good"))
    told = lessons_of(state(base, ("[a]", None), ("[b]", trial("x", None)), ("[c]", leaky)), SPEC)
    assert [lesson["gain"] for lesson in told] == [None, None, None]
    assert all(lesson["problem"] for lesson in told)


def test_a_lost_race_is_told() -> None:
    base = trial("base", score(2.0, [2.0, 2.0]))
    told = state(base, ("[a]", trial("x", None)))
    told["attempts"][0]["behind"] = True
    assert lessons_of(told, SPEC)[0]["behind"]


def test_nothing_is_learnt_where_there_is_nothing_to_compare_with() -> None:
    assert lessons_of(state(None, ("[a]", None)), SPEC) == []
    assert lessons_of(state(trial("base", None), ("[a]", None)), SPEC) == []
    skipped = state(trial("base", score(1.0, [])), ("[a]", None))
    skipped["block"] = ""
    assert lessons_of(skipped, SPEC) == []


def test_a_single_fold_has_an_error_too() -> None:
    one, other = score(1.0, [1.0], error=0.3), score(1.0, [1.0], error=0.4)
    assert paired_error(one, other) == pytest.approx(ALIKE * 0.5)


@pytest.mark.parametrize(
    ("block", "name"),
    [
        ("# === model: lightgbm ===\nx = 1\n", "model: lightgbm"),
        ("\n\ndef fit(X):\n    return X\n", "def fit(X):"),
        ("# Features\n", "Features"),
        ("  \n", ""),
    ],
)
def test_a_part_is_named_by_its_marker_or_its_first_line(block: str, name: str) -> None:
    assert part_name(block) == name


def test_the_root_is_the_candidate_that_was_turned_to_last() -> None:
    known = [trial("a", score(2.0, []), label="A"), trial("b", score(1.0, []), label="B")]
    assert root_label({"candidates": known}, "minimize") == "B"
    assert root_label({"candidates": known, "roots": ["b", "a"]}, "minimize") == "A"
    assert root_label({}, "minimize") == ""


@pytest.mark.parametrize(
    ("metric", "value", "loss"),
    [
        ("rmse", 2.5, 2.5),
        ("roc_auc", 0.9, 0.1),
        ("r2", -0.5, 1.5),
        ("own.py:score", -3.0, 3.0),
        ("dice", 0.4, 0.4),
    ],
)
def test_the_loss_of_a_value(metric: str, value: float, loss: float) -> None:
    assert loss_of(metric, value) == pytest.approx(loss)
    assert loss_of(metric, 1.0 if metric == "roc_auc" else 0.0) > 0


LESSON = Lesson("[ratios]", "features", "LightGBM", 0.1, 0.01, 1.0, 0)


def test_the_board_tells_a_solution_what_the_others_found() -> None:
    board = Board()
    board.post(lessons=[LESSON], studies=[Study("text", "LightGBM", 0)])
    board.post(candidates=[(0, "LightGBM"), (1, "XGBoost")])
    assert board.read().by_others(1).lessons == (LESSON,)
    assert board.read().by_others(1).candidates == ((0, "LightGBM"),)
    assert board.read().by_others(0).lessons == ()
    assert board.read().by_others(0).studies == ()


def test_what_is_posted_again_after_a_crash_is_there_once() -> None:
    board = Board()
    for _ in range(2):
        board.post(lessons=[LESSON])
    assert board.read().lessons == (LESSON,)


def test_many_may_post_at_once() -> None:
    board = Board()

    def post(solution: int) -> None:
        for number in range(50):
            board.post(candidates=[(solution, str(number))])

    threads = [threading.Thread(target=post, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(board.read().candidates) == 200
