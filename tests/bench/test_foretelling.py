"""The reader of journals that says what plans brought, on lessons whose answers are known."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from mle_star.engineer import Lesson
from mle_star.engineer.policy import SHARE
from tests.support.benchmarks import load

foretelling = load("foretelling")


def lesson(
    change: str, gain: float | None, model: str = "LightGBM", *, behind: bool = False
) -> Lesson:
    told = Lesson(change, "features", model, gain=gain, error=0.001, times=1.0, solution=0)
    return replace(told, behind=behind)


LESSONS = [
    lesson("[ratios]", 0.01),
    lesson("[ratios + products]", 0.03),
    lesson("[ratios + products + differences]", None, behind=True),
    lesson("[products]", None),
    lesson("[ratios]", 0.02, "XGBoost"),
    lesson("[ratios]", -0.04, "Linear model"),
    lesson("Words of a language model.", 0.05),
]


def journal(path: Path, task: str, lessons: list[Lesson], repeat: int = 1) -> None:
    path.parent.mkdir(parents=True)
    events: list[dict[str, Any]] = [{"kind": "run_started", "task": task}]
    events += [{"kind": "learnt", "lessons": [asdict(x) for x in lessons]}] * repeat
    path.write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")


def test_runs_are_read_once_and_go_by_their_task(tmp_path: Path) -> None:
    journal(tmp_path / "a" / "events.jsonl", "/tasks/ames/public", LESSONS, repeat=2)
    journal(tmp_path / "b" / "events.jsonl", "/tasks/ames/public", LESSONS)
    journal(tmp_path / "kept-out" / "events.jsonl", "/tasks/other", LESSONS[1:])
    journal(tmp_path / "few" / "events.jsonl", "/tasks/few", LESSONS[:2])
    (run,) = foretelling.read([tmp_path], ["kept-out"])
    assert (run.task, run.lessons) == ("ames", LESSONS)


def test_what_a_strategy_added_is_told_by_plans_with_and_without_it() -> None:
    found = foretelling.added([foretelling.Run("ames", LESSONS)])
    assert found["products"]["ames"] == [pytest.approx(0.02)]
    # Alone on three models; what never ran says nothing.
    assert sorted(found["ratios"]["ames"]) == pytest.approx([-0.04, 0.01, 0.02])
    assert found["differences"]["ames"] == [pytest.approx(-0.05)], "it fell behind"


def test_pairs_are_of_one_plan_on_two_models() -> None:
    found = foretelling.pairs([foretelling.Run("ames", LESSONS)])
    assert found == {
        ("features", "trees alone"): [(0.01, 0.02)],
        ("features", "trees and others"): [(0.01, -0.04), (-0.04, 0.02)],
    }


def test_only_plans_that_an_earlier_lesson_is_about_are_foretold() -> None:
    foretold, came = foretelling.foretell([lesson("[products]", 0.0), *LESSONS[:2]])
    assert came == [0.03], "nothing was known of ratios at first"
    assert 0 < foretold[0] < 2 * SHARE
    assert foretelling.foretell(LESSONS[:1]) == ([], [])
