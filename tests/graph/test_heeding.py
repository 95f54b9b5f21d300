"""What people tell a run reaches the solutions it is meant for, once."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from mle_star.context import Context
from mle_star.errors import NoAnswer, RunStopped
from mle_star.graph.solving import Result, resume, solve
from mle_star.runs import read_events
from mle_star.runs.steering import tell
from tests.support.engineers import ScriptedEngineer, script, slope_of, use
from tests.support.runs import SMALL

NAME = "run"


class Teller(ScriptedEngineer):
    """Tells the run something while it is asked something itself, the first time."""

    def __init__(self, runs: Path, at: str, told: dict[str, Any], **answers: Any) -> None:
        super().__init__(**answers)
        self._run, self._at, self._told = runs / NAME, at, told

    def _answer(self, name: str, default: Any, *arguments: Any) -> Any:
        if name == self._at and not self.count(name):
            tell(self._run, **self._told)
        return super()._answer(name, default, *arguments)


def go(
    task: Path, runs: Path, at: str = "", told: dict[str, Any] | None = None, **settings: Any
) -> Result:
    """A run, which may be told something at the first event of a kind."""
    done: list[bool] = []

    def listen(event: dict[str, Any]) -> None:
        if event["kind"] == at and not done:
            done.append(True)
            tell(runs / NAME, **(told or {}))

    chosen = {"engineer": "tests.support.engineers:chosen", "runs_dir": str(runs)}
    context = Context(**{**SMALL, "num_candidates": 1, **chosen, **settings})
    return solve(task, context=context, on_event=listen, run=NAME)


def heeded(result: Result) -> list[dict[str, Any]]:
    return [event for event in read_events(result.run) if event["kind"] == "heeded"]


def test_a_hint_reaches_planner_and_coder_from_then_on(task: Path, tmp_path: Path) -> None:
    engineer = use(Teller(tmp_path, "summarise", {"hint": "steeper"}))
    done = go(task, tmp_path)
    hints = {
        name: arguments[0].hints
        for name, arguments in engineer.calls
        if name in ("write", "ablate", "plan", "refine", "plan_ensemble")
    }
    assert hints == {
        "write": (),
        "ablate": (),
        "plan": ("steeper",),
        "refine": ("steeper",),
        "plan_ensemble": ("steeper",),
    }
    [told] = [event for event in read_events(done.run) if event["kind"] == "told"]
    assert told["hint"] == "steeper"
    assert [event["solution"] for event in heeded(done)] == [0, -1], "once by each"


def test_a_hint_to_one_solution_leaves_the_others_alone(task: Path, tmp_path: Path) -> None:
    engineer = use(ScriptedEngineer())
    told = {"hint": "steeper", "solution": 1}
    go(task, tmp_path, "run_started", told, num_solutions=2, outer_steps=0)
    assert {a[0].solution: a[0].hints for name, a in engineer.calls if name == "write"} == {
        0: (),
        1: ("steeper",),
    }


@pytest.mark.parametrize(
    ("slope", "merges", "best", "word"),
    [
        (2.9, False, 2.9, "is better"),
        (1.2, False, 1.0, "is not better alone"),
        (5.2, True, 3.1, "is not better alone"),
    ],
)
def test_a_card_is_tried_and_merged(
    task: Path, tmp_path: Path, slope: float, merges: bool, best: float, word: str
) -> None:
    def nothing(*_: Any) -> Any:
        raise NoAnswer("no")

    answers = {} if merges else {"merge": nothing}
    base = 1.0 if slope != 1.2 else 2.0
    card = {"name": "Mine", "reason": "like this", "example": f"A = {slope}"}
    engineer = use(
        Teller(
            tmp_path,
            "summarise",
            {"card": card},
            write=lambda _, card: script(slope if card.name == "Mine" else base),
            refine=nothing,
            **answers,
        )
    )
    done = go(task, tmp_path, ensemble_rounds=0)
    [given] = [a[1] for name, a in engineer.calls if name == "write" and a[1].name == "Mine"]
    assert (given.reason, given.example) == ("like this", f"A = {slope}")
    [event] = heeded(done)
    assert word in event["text"]
    assert engineer.count("merge") == 1
    reached = slope_of(
        (done.run / "scripts" / f"{done.solutions[0]['script'][:16]}.py").read_text()
    )
    assert reached == (base if slope == 1.2 else best)


def test_a_card_nobody_can_write_costs_nothing(task: Path, tmp_path: Path) -> None:
    def write(_: Any, card: Any) -> str:
        if card.name == "Mine":
            raise NoAnswer("the package is missing")
        return script(2.0)

    engineer = use(ScriptedEngineer(write=write))
    done = go(task, tmp_path, "run_started", {"card": {"name": "Mine"}}, num_solutions=2)
    assert [event["done"] for event in heeded(done)] == [False, False]
    assert any("the package is missing" in note for note in done.notes)
    assert engineer.count("ablate") == 2


@pytest.mark.parametrize(
    ("block", "picked", "ok"),
    [("rows", "def rows(path):", True), ("no such part", "A = 1.0", False)],
)
def test_the_named_block_is_refined_next(
    task: Path, tmp_path: Path, block: str, picked: str, ok: bool
) -> None:
    engineer = use(
        Teller(
            tmp_path,
            "summarise",
            {"block": block},
            plan=lambda *_: "slope 2.0",
            refine=lambda _, text, block, plan: block + "# seen\n",
        )
    )
    done = go(task, tmp_path, inner_steps=1, ensemble_rounds=0)
    blocks = [arguments[2] for name, arguments in engineer.calls if name == "refine"]
    assert [text.splitlines()[0] for text in blocks] == [picked]
    [event] = heeded(done)
    assert event["done"] is ok
    assert engineer.count("extract") == (0 if ok else 1)


def test_what_comes_too_late_is_said(task: Path, tmp_path: Path) -> None:
    use(ScriptedEngineer())
    done = go(task, tmp_path, "selected", {"card": {"name": "Mine"}}, outer_steps=0)
    [event] = heeded(done)
    assert (event["done"], event["text"]) == (
        False,
        "It came too late: the solutions are finished.",
    )


def test_a_stopped_run_heeds_it_when_it_goes_on(task: Path, tmp_path: Path) -> None:
    engineer = use(ScriptedEngineer())
    pressed: list[bool] = []

    def stop(event: dict[str, Any]) -> None:
        if event["kind"] == "ablated" and not pressed:
            pressed.append(True)
            signal.raise_signal(signal.SIGINT)

    chosen = {"engineer": "tests.support.engineers:chosen", "runs_dir": str(tmp_path)}
    context = Context(**{**SMALL, "num_candidates": 1, **chosen})
    with pytest.raises(RunStopped):
        solve(task, context=context, on_event=stop, run=NAME)
    tell(tmp_path / NAME, hint="steeper")
    done = resume(tmp_path / NAME)
    assert next(a[0].hints for name, a in engineer.calls if name == "refine") == ("steeper",)
    assert [event["act"] for event in heeded(done)] == ["hint", "hint"]
