"""A run that asks people first: scripts, plans and what it costs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from mle_star.context import Context
from mle_star.errors import RunStopped, RunWaits, SettingsError
from mle_star.graph import build_graph
from mle_star.graph.forking import fork
from mle_star.graph.solving import Result, resume, solve
from mle_star.graph.stopping import Stop
from mle_star.nodes.workbench import Workbench
from mle_star.report.reading import read_report
from mle_star.runs import read_events
from mle_star.runs.history import steps_of
from tests.support.engineers import ScriptedEngineer, script, slope_of, use
from tests.support.runs import SMALL

Asked = list[dict[str, Any]]


def settings(runs: Path, **more: Any) -> Context:
    small = {**SMALL, "num_candidates": 1, "inner_steps": 2, "ensemble_rounds": 0}
    chosen = {"engineer": "tests.support.engineers:chosen", "runs_dir": str(runs)}
    return Context(**{**small, **chosen, **more})


def person(asked: Asked, **answers: Any) -> Any:
    """Answers by the kind of question, else yes; keeps what was asked."""

    def on_ask(question: Any) -> Any:
        asked.append(dict(question))
        answer = answers.get(question["kind"], "yes")
        return answer(question) if callable(answer) else answer

    return on_ask


def kinds(result: Result, kind: str) -> list[dict[str, Any]]:
    return [event for event in read_events(result.run) if event["kind"] == kind]


def test_every_script_is_shown_before_its_first_run(task: Path, tmp_path: Path) -> None:
    use(ScriptedEngineer())
    asked: Asked = []
    done = solve(
        task, context=settings(tmp_path, approve=["scripts"], num_solutions=2), on_ask=person(asked)
    )
    assert done.submission is not None
    labels = [question["label"] for question in asked]
    assert labels[:2] == ["slope 1.0", "slope 1.25"], "both solutions ask at once"
    assert labels.count("ablation study 1") == 2
    refined = next(q for q in asked if q["label"] == "slope 1.5")
    assert "-A = 1.0" in refined["diff"]
    assert "+A = 1.5" in refined["diff"]
    assert refined["text"] == Path(refined["path"]).read_text()
    events = read_events(done.run)
    begun = [e for e in events if e["kind"] == "script_started" and e["phase"] != "submit"]
    assert len(begun) == len(asked) + sum(e["phase"] == "blend" for e in begun)
    assert [e["answer"] for e in kinds(done, "answered")] == ["yes"] * len(asked)


def test_a_script_that_is_refused_is_not_run_and_one_that_is_edited_runs_as_edited(
    task: Path, tmp_path: Path
) -> None:
    use(ScriptedEngineer())
    asked: Asked = []

    def decide(question: Any) -> Any:
        if question["label"] == "slope 1.6":
            return {"answer": "no", "reason": "too steep"}
        if question["label"] == "slope 1.0" and not question["problem"]:
            return {"answer": "edit", "text": "def broken("}
        if question["label"] == "slope 1.0":
            return {"answer": "edit", "text": script(1.1)}
        return True

    on_ask = person(asked, script=decide)
    done = solve(task, context=settings(tmp_path, approve=["scripts"]), on_ask=on_ask)
    again = [question["problem"] for question in asked if question["problem"]]
    assert len(again) == 1
    assert again[0].startswith("The edited script is no Python")
    assert [slope_of(_text(done, t)) for t in done.trials if t["phase"] == "write"] == [1.1]
    assert all(trial["label"] != "slope 1.6" for trial in done.trials)
    assert any("was not run: a person said no: too steep" in note for note in done.notes)


def _text(done: Result, trial: Any) -> str:
    return (done.run / "scripts" / f"{trial['script'][:16]}.py").read_text()


def test_a_merge_that_is_refused_is_passed_over(task: Path, tmp_path: Path) -> None:
    use(ScriptedEngineer())
    merges: list[str] = []

    def decide(question: Any) -> str:
        if " + " not in question["label"]:
            return "yes"
        merges.append(question["label"])
        return "no" if len(merges) == 1 else "yes"

    context = settings(tmp_path, approve=["scripts"], num_candidates=3, outer_steps=0)
    done = solve(task, context=context, on_ask=person([], script=decide))
    assert merges == ["slope 1.5 + slope 1.25", "slope 1.5 + slope 1.0"]
    assert [t["label"] for t in done.trials if t["phase"] == "merge"] == merges[1:]


def test_a_study_that_is_refused_is_not_run(task: Path, tmp_path: Path) -> None:
    engineer = use(ScriptedEngineer())
    refuse = {"script": lambda q: "no" if "ablation" in q["label"] else "yes"}
    done = solve(task, context=settings(tmp_path, approve="scripts"), on_ask=person([], **refuse))
    assert engineer.count("summarise") == 0
    assert engineer.count("refine") == 2, "the outer step goes on without it"
    assert not any(e["phase"] == "ablate" for e in kinds(done, "script_started"))


def test_plans_are_asked_about_before_the_coder(task: Path, tmp_path: Path) -> None:
    engineer = use(ScriptedEngineer())
    asked: Asked = []

    def decide(question: Any) -> Any:
        if question["solution"] < 0:
            return "yes"
        if question["label"] == "slope 1.5":
            return {"answer": "no", "reason": "tried at home"}
        return {"answer": "edit", "text": "slope 2.9"}

    context = settings(tmp_path, approve=["plans"], ensemble_rounds=1)
    done = solve(task, context=context, on_ask=person(asked, plan=decide))
    plans = [arguments[3] for name, arguments in engineer.calls if name == "refine"]
    assert plans == ["slope 2.9"]
    [tried] = next(arguments[3] for name, arguments in engineer.calls if name == "plan")
    assert tried.problem == "a person said no: tried at home"
    assert [question["solution"] for question in asked] == [0, 0, -1]
    assert asked[0]["block"] == "A = 1.0\n"
    assert done.best is not None


@pytest.mark.parametrize("answer", ["yes", "no"])
def test_spending_is_asked_about_at_each_threshold(
    task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    engineer = use(ScriptedEngineer())
    monkeypatch.setattr(Workbench, "cost", lambda _: 0.4 * engineer.count("refine"))
    asked: Asked = []
    context = settings(
        tmp_path, approve=["spend"], approve_cost=0.5, outer_steps=2, num_solutions=2
    )
    done = solve(task, context=context, on_ask=person(asked, spend=answer))
    assert done.submission is not None
    if answer == "no":
        assert len(asked) == 1
        assert engineer.count("refine") < 8
        assert any("The search ends at" in note for note in done.notes)
    else:
        assert engineer.count("refine") == 8
        costs = [question["usd"] // 0.5 for question in asked]
        assert costs == sorted(set(costs)), "once for each threshold, whoever asks"


def test_without_anybody_to_ask_the_run_stops_and_resume_asks_again(
    task: Path, tmp_path: Path
) -> None:
    use(ScriptedEngineer())
    context = settings(tmp_path, approve=["scripts"], num_solutions=2)
    with pytest.raises(RunWaits, match="of solution 1 be run") as stop:
        solve(task, context=context, run="run")
    assert len(stop.value.questions) == 2
    asked: Asked = []
    assert len(read_report(tmp_path / "run").waits) == 2
    answers = iter(["yes"])
    with pytest.raises(StopIteration):
        resume(tmp_path / "run", on_ask=lambda question: next(answers))
    with pytest.raises(RunWaits, match="of solution 2 be run") as stop:
        resume(tmp_path / "run")
    assert [question["solution"] for question in stop.value.questions] == [1]
    before = read_events(tmp_path / "run")[-1]["elapsed"]
    done = resume(tmp_path / "run", changes={"approve": ["plans"]}, on_ask=person(asked))
    assert [q["solution"] for q in asked if q["kind"] == "script"] == [1], "one was answered"
    assert {question["kind"] for question in asked[1:]} == {"plan"}
    assert done.interrupted
    assert done.seconds > before
    assert len([t for t in done.trials if t["phase"] == "write"]) == 2
    assert not read_report(done.run).waits


def test_what_was_answered_before_a_stop_is_not_asked_again(task: Path, tmp_path: Path) -> None:
    use(ScriptedEngineer())
    stop = Stop()

    def on_ask(question: Any) -> Any:
        stop()
        return {"answer": "no", "reason": "not today"}

    context = settings(tmp_path, approve=["scripts"], num_solutions=2)
    with pytest.raises(RunStopped):
        solve(task, context=context, run="run", on_ask=on_ask, stop=stop)
    asked: Asked = []
    done = resume(tmp_path / "run", on_ask=person(asked))
    assert not asked
    assert sum(note.endswith("a person said no: not today.") for note in done.notes) == 2


def test_a_fork_of_a_run_that_waits_asks_itself(task: Path, tmp_path: Path) -> None:
    use(ScriptedEngineer())
    context = settings(tmp_path, approve=["scripts"], num_solutions=2, outer_steps=0)
    answers = iter(["yes", None])
    with pytest.raises(RunWaits):
        solve(task, context=context, run="run", on_ask=lambda question: next(answers))
    made = fork(tmp_path / "run", at=len(steps_of(read_events(tmp_path / "run"))))
    assert not read_report(made).waits
    asked: Asked = []
    done = resume(made, on_ask=person(asked))
    assert [question["solution"] for question in asked] == [0, 1], "also what was answered"
    assert done.status == "finished"
    assert len(read_report(tmp_path / "run").waits) == 2


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 3)]
)
def test_killed_while_a_person_is_asked_the_run_asks_again(
    task: Path, tmp_path: Path, number: int, code: int
) -> None:
    program = (
        "import os, signal, sys\n"
        "from mle_star.context import Context\n"
        "from mle_star.errors import RunWaits\n"
        "from mle_star.graph.solving import solve\n"
        "context = Context.model_validate_json(sys.argv[2])\n"
        "def on_ask(question):\n"
        f"    os.kill(os.getpid(), {int(number)})\n"
        "    return 'yes'\n"
        "try:\n"
        "    solve(sys.argv[1], context=context, run='run', on_ask=on_ask)\n"
        "except RunWaits:\n"
        "    sys.exit(3)\n"
    )
    context = settings(tmp_path, approve=["scripts"], engineer="tests.support.engineers:plain")
    given = context.model_dump_json(exclude_unset=True)
    killed = subprocess.run(
        [sys.executable, "-c", program, str(task), given],
        cwd=Path(__file__).parents[2],
        env=dict(os.environ),
        capture_output=True,
        check=False,
    )
    assert killed.returncode == code, killed.stderr.decode()
    assert len(read_report(tmp_path / "run").waits) == 1
    asked: Asked = []
    done = resume(tmp_path / "run", on_ask=person(asked))
    assert asked[0]["label"] == "slope 1.0"
    assert done.submission is not None


def test_the_plain_graph_shows_its_questions_and_takes_answers_by_id(
    task: Path, tmp_path: Path
) -> None:
    """As Studio does it."""
    use(ScriptedEngineer())
    graph = build_graph(InMemorySaver())
    config: Any = {"configurable": {"thread_id": "studio"}}
    context = settings(tmp_path, approve=["scripts"], num_solutions=2, outer_steps=0)
    state = graph.invoke({"task": str(task)}, config, context=context)
    labels = {one.value["label"] for one in state["__interrupt__"]}
    assert labels == {"slope 1.0", "slope 1.25"}
    while waiting := state.get("__interrupt__"):
        answers = {one.id: {"answer": "yes"} for one in waiting}
        state = graph.invoke(Command(resume=answers), config, context=context)
    assert Path(state["submission"]).is_file()


def test_a_second_run_on_a_thread_does_not_take_over_the_plan_that_waited(
    task: Path, tmp_path: Path
) -> None:
    use(ScriptedEngineer())
    graph = build_graph(InMemorySaver())
    config: Any = {"configurable": {"thread_id": "studio"}}
    context = settings(tmp_path, approve=["plans"], ensemble_rounds=1, num_solutions=2)
    context = context.model_copy(update={"outer_steps": 0, "num_candidates": 2})
    state = graph.invoke({"task": str(task)}, config, context=context)
    assert state["__interrupt__"][0].value["solution"] == -1
    context = context.model_copy(update={"ensemble_rounds": 0})
    state = graph.invoke({"task": str(task)}, config, context=context)
    assert state["submission"]
    values = graph.get_state(config).values
    assert not [a for a in values["attempts"] if a["plan"].startswith("weights")]


def test_a_graph_that_can_not_wait_refuses_to_ask(task: Path, tmp_path: Path) -> None:
    use(ScriptedEngineer())
    with pytest.raises(SettingsError, match="without a checkpointer can't wait"):
        build_graph().invoke({"task": str(task)}, context=settings(tmp_path, approve=["scripts"]))
