"""Later steps, and other solutions, know what earlier ones brought."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from mle_star.engineer import Brief, ModelCard
from mle_star.errors import NoAnswer
from mle_star.nodes.lessons import Board
from tests.support.engineers import ScriptedEngineer
from tests.support.runs import run


def test_a_board_is_made_again_from_the_journal(task: Path) -> None:
    done = run(task, num_solutions=2, outer_steps=2)
    posted = Board(done.events).read()
    assert {lesson.solution for lesson in posted.lessons} == {0, 1}
    assert all(lesson.gain is not None for lesson in posted.lessons)
    assert {study.solution for study in posted.studies} == {0, 1}
    assert len(posted.candidates) == 4
    old = [
        {k: v for k, v in event.items() if k not in ("model", "result")} for event in done.events
    ]
    assert not Board(e for e in old if e["kind"] == "ablated").read().studies, "of another version"


def test_later_steps_know_what_earlier_ones_brought(task: Path) -> None:
    """The second outer step knows the first one's plans; the first knows nothing."""
    engineer = ScriptedEngineer()
    run(task, engineer, outer_steps=2, inner_steps=2)
    told = [arguments[0] for name, arguments in engineer.calls if name == "extract"]
    assert [len(brief.lessons) for brief in told] == [0, 2]
    assert [len(brief.studies) for brief in told] == [1, 2]
    assert told[1].lessons[0].change
    assert told[0].base_model.startswith("slope")
    assert told[0].base_model in told[0].pool


def test_a_plan_is_told_when_it_has_its_score_and_not_when_its_step_has_ended(task: Path) -> None:
    done = run(task, outer_steps=1, inner_steps=2)
    said = [e["kind"] for e in done.events if e["kind"] in ("learnt", "refined", "accepted")]
    assert said == ["refined", "learnt", "refined", "learnt", "accepted"]
    assert [len(event["lessons"]) for event in done.of("learnt")] == [1, 1]
    changes = [lesson["change"] for event in done.of("learnt") for lesson in event["lessons"]]
    assert changes == [event["plan"] for event in done.of("refined")]


@pytest.mark.parametrize("shared", [True, False])
def test_solutions_share_what_they_learn_unless_told_not_to(task: Path, shared: bool) -> None:
    first_done, seen = threading.Event(), []

    class Watching(ScriptedEngineer):
        """The second solution begins to refine when the first has finished an outer step."""

        def extract(self, brief: Brief, *rest: Any) -> Any:
            if brief.solution == 1:
                seen.append({lesson.solution for lesson in brief.lessons})
                seen.append({study.solution for study in brief.studies})
            return super().extract(brief, *rest)

        def summarise(self, brief: Brief, *rest: Any) -> str:
            if brief.solution == 1:
                first_done.wait(20)
            return super().summarise(brief, *rest)

        def ablate(self, brief: Brief, *rest: Any) -> str:
            if brief.solution == 0 and any(lesson.solution == 0 for lesson in brief.lessons):
                first_done.set()
            return super().ablate(brief, *rest)

    def cards(_: Brief, count: int, solution: int, solutions: int) -> list[ModelCard]:
        return [ModelCard(f"slope {2.0 + solution}", "fits", "")]

    run(
        task,
        Watching(retrieve=cards),
        num_solutions=2,
        num_candidates=1,
        outer_steps=2,
        share_lessons=shared,
    )
    others = {0} if shared else set()
    assert seen[:2] == [others, {1} | others], "a study of its own, no finished step"
    assert seen[2:] == [{1} | others, {1} | others]


def test_a_memory_carries_lessons_from_one_run_to_the_next(task: Path, tmp_path: Path) -> None:
    memory = tmp_path / "memory.jsonl"
    first = run(task, outer_steps=1, memory=str(memory))
    assert "The memory holds nothing" in first.notes()
    assert memory.is_file()
    engineer = ScriptedEngineer()
    second = run(task, engineer, outer_steps=1, memory=str(memory))
    told = next(arguments[0] for name, arguments in engineer.calls if name == "extract")
    assert told.lessons
    assert all(lesson.closeness < 1 and lesson.solution == -1 for lesson in told.lessons)
    assert "from earlier runs" in second.notes()


def test_without_a_memory_nothing_is_written_or_said(task: Path, tmp_path: Path) -> None:
    done = run(task, outer_steps=1)
    assert "memory" not in done.notes()
    assert not (done.folder / "recalled.json").exists()


def test_a_memory_that_can_not_be_written_costs_the_run_nothing(task: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    done = run(task, outer_steps=1, memory=str(tmp_path / "file" / "memory.jsonl"))
    assert done.values["submission"]
    assert "The memory can't be written" in done.notes()


def test_studies_without_a_result_are_not_posted(task: Path) -> None:
    def nothing(*_: Any) -> Any:
        raise NoAnswer("nothing to study")

    done = run(task, ScriptedEngineer(ablate=nothing), outer_steps=1)
    assert done.of("ablated")
    assert not Board(done.events).read().studies


def test_a_metric_that_only_scripts_know_can_be_learnt_from(task: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    shutil.copytree(task, own)
    told = (own / "task.toml").read_text(encoding="utf-8") if (own / "task.toml").exists() else ""
    lines = [line for line in told.splitlines() if not line.startswith(("metric", "direction"))]
    lines += ['metric = "dice"', 'direction = "maximize"', 'evaluation = "printed"']
    (own / "task.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = run(own, outer_steps=2)
    assert done.of("learnt")
    assert all(abs(lesson["gain"]) <= 1 for e in done.of("learnt") for lesson in e["lessons"])
