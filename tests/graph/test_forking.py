"""Forks of runs: what they go on from, what they keep, and that the original stays as it was."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import mle_star.cli
from mle_star import fork, resume, solve
from mle_star.context import Context
from mle_star.errors import RunError, SettingsError, UserError
from mle_star.graph.solving import Result
from mle_star.report.steps import in_words
from mle_star.runs import RunFolder, list_runs, read_events
from mle_star.runs.history import Step, steps_of
from tests.faults.outcomes import finished_scripts, outcome, run_again
from tests.support.runs import SMALL

SETTINGS: dict[str, Any] = {
    **SMALL,
    "num_solutions": 2,
    "num_candidates": 1,
    "engineer": "tests.support.engineers:plain",
}


@dataclass(frozen=True)
class Original:
    """A finished run, and a fork that was made of it while it was running."""

    result: Result
    early: Path
    steps: list[Step]

    @property
    def run(self) -> Path:
        return self.result.run

    def number(self, node: str, solution: int = 0) -> int:
        """Number of the last step of a node."""
        return [s.number for s in self.steps if (s.node, s.solution) == (node, solution)][-1]


@pytest.fixture(scope="module")
def original(task: Path, tmp_path_factory: pytest.TempPathFactory) -> Original:
    runs, early = tmp_path_factory.mktemp("runs"), list[Path]()

    def watch(event: dict[str, Any]) -> None:
        if event["kind"] == "node_finished" and event["node"] == "refine" and not early:
            steps = steps_of(read_events(runs / "run"))
            number = next(s.number for s in steps if s.node == "extract")
            early.append(fork(runs / "run", at=number, name="early"))

    context = Context(**SETTINGS, runs_dir=str(runs))
    result = solve(task, context=context, on_event=watch, run="run", report=False)
    return Original(result, early[0], steps_of(read_events(result.run)))


def contents(run: Path) -> dict[str, str]:
    """Hash of every file of a run."""
    return {
        str(path.relative_to(run)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(run.rglob("*"))
        if path.is_file() and path.suffix not in (".sqlite-wal", ".sqlite-shm")
    }


def nodes(run: Path) -> list[str]:
    return [step.node for step in steps_of(read_events(run))]


def test_the_steps_of_a_run_are_numbered_and_say_what_they_did(original: Original) -> None:
    steps = original.steps
    assert [step.number for step in steps] == list(range(1, len(steps) + 1))
    assert [steps[0].node, steps[-1].node] == ["prepare", "submit"]
    assert {step.solution for step in steps} == {-1, 0, 1}
    assert {"write", "score", "extract", "learn", "accept", "judge_ensemble"} <= set(
        nodes(original.run)
    )
    words = {(step.node, step.solution): in_words(step) for step in steps}
    assert all(words.values())
    assert "labelled rows, rmse, lower is better" in words["prepare", -1]
    assert words["write", 1] == "wrote slope 1.25"
    assert words["extract", 0] == "plan: slope 1.5"
    assert words["score", 0].endswith(": slope 1.75")
    assert "accepted slope 1.75" in words["accept", 0]


def test_the_first_step_keeps_its_start_however_long_it_took() -> None:
    said = [("run_started", 0.2), ("note", 0.2), ("note", 7.5)]
    events = [{"kind": kind, "node": "prepare", "elapsed": at} for kind, at in said]
    later = {"kind": "node_finished", "node": "retrieve", "elapsed": 8.0, "seconds": 0.4}
    first, _ = steps_of([*events, later])
    assert list(first.events) == events


def test_a_fork_of_a_running_run_goes_on_as_the_run_did(original: Original) -> None:
    before = finished_scripts(original.early)
    went_on = resume(original.early, report=False)
    assert outcome(went_on) == outcome(original.result)
    assert run_again(before, original.early) == []


@pytest.mark.parametrize(("node", "solution"), [("score", 1), ("finish", 0)])
def test_a_fork_with_the_same_settings_ends_as_the_run_did(
    original: Original, node: str, solution: int
) -> None:
    before = contents(original.run)
    made = fork(original.run, at=original.number(node, solution))
    scripts = finished_scripts(made)
    assert outcome(resume(made, report=False)) == outcome(original.result)
    assert run_again(scripts, made) == []
    assert contents(original.run) == before
    events = read_events(made)
    assert [e["text"] for e in events if e["kind"] == "note" and "Forked" in e["text"]] == [
        f"Forked from run after step {original.number(node, solution)} ({node})."
    ]


def test_changed_settings_decide_what_follows_the_step(original: Original) -> None:
    # The step had decided that the last outer step was done.
    last = max(original.number("accept", 0), original.number("accept", 1))
    made = fork(original.run, at=last, changes={"outer_loops": "2", "inner_steps": 1})
    again = fork(made, at=last, name="again")  # what was decided anew is part of the step
    resume(again, report=False)
    assert nodes(again).count("accept") > nodes(original.run).count("accept")
    settings = RunFolder(again).record()["settings"]
    assert (settings["outer_steps"], settings["inner_steps"]) == (2, 1)
    notes = [event["text"] for event in read_events(made) if event["kind"] == "note"]
    assert any("outer_steps 2 (was 1), inner_steps 1 (was 2)" in text for text in notes)


def test_block_and_plan_can_be_edited_after_they_were_chosen(original: Original) -> None:
    at = original.number("extract", 0)
    made = fork(original.run, at=at, edits={"plan": "slope 2.9"}, changes={"K": 1})
    done = resume(made, report=False)
    assert done.best is not None
    assert done.best["label"] == "slope 2.9"


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        ({"at": 0}, RunError, "There is no step 0: the steps are 1 to "),
        ({"at": 9999}, RunError, "There is no step 9999"),
        ({"at": "submit"}, RunError, "ended the run: fork it at an earlier one"),
        ({"changes": {"seed": "1"}}, SettingsError, "seed was 0 when this run began"),
        ({"changes": {"loops": 1}}, SettingsError, "There is no setting 'loops'"),
        ({"changes": {"outer_steps": "many"}}, SettingsError, "Setting 'outer_steps' can't be"),
        ({"changes": {"runs_dir": "x"}}, SettingsError, "lies beside the run"),
        ({"edits": {"plan": "x"}}, UserError, "can be edited after a step extract"),
        ({"edits": {"score": "1"}}, UserError, "'score' can't be edited: block and plan can."),
        ({"at": "extract", "edits": {"block": "B = 1\n"}}, UserError, "The block can't be edited"),
        ({"name": "run"}, RunError, "There is a run run already"),
        ({"name": "a/b"}, RunError, "'a/b' is no name of a run"),
    ],
)
def test_what_cannot_be_forked_is_said_and_leaves_nothing(
    original: Original, arguments: dict[str, Any], error: type[Exception], sentence: str
) -> None:
    at = arguments.get("at", 1)
    if isinstance(at, str):
        at = original.number(at, -1 if at == "submit" else 0)
    before = sorted(original.run.parent.iterdir())
    with pytest.raises(error, match=r".+") as raised:
        fork(original.run, **{**arguments, "at": at})
    assert sentence in str(raised.value)
    assert sorted(original.run.parent.iterdir()) == before


def test_a_run_without_checkpoints_is_refused(original: Original, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text((original.run / "run.json").read_text())
    with pytest.raises(RunError, match="runs of Studio are forked there"):
        fork(tmp_path, at=1)


def test_a_run_that_lacks_files_is_refused_and_the_remedy_is_named(
    original: Original, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(original.run, tmp_path / "run"))
    shutil.rmtree(run / "scripts")
    with pytest.raises(RunError, match=f"scripts is missing: mend .*mle-star repair {run}"):
        fork(run, at=5)
    (run / "checkpoints.sqlite").write_bytes(b"x" * 8192)
    with pytest.raises(RunError, match=r"checkpoints\.sqlite is damaged"):
        fork(run, at=5)
    assert list(tmp_path.iterdir()) == [run]


def command(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = mle_star.cli.call(list(arguments))
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_history_lists_every_step_for_people_and_programs(
    original: Original, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text, _ = command(capsys, "history", str(original.run))
    assert code == 0
    assert [int(line.split()[0]) for line in _rows(text.splitlines())] == [
        step.number for step in original.steps
    ]
    _, out, _ = command(capsys, "history", str(original.run), "--json")
    listed = json.loads(out)
    assert len(listed) == len(original.steps)
    assert listed[1].keys() == {"step", "elapsed", "time", "solution", "node", "what"}
    assert listed[0]["node"] == "prepare"


def _rows(lines: Sequence[str]) -> list[str]:
    return [line for line in lines if line[:4].strip().isdigit()]


def test_the_command_makes_a_fork_that_is_listed_and_resumed(
    original: Original, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    plan = tmp_path / "plan.txt"
    plan.write_text("slope 2.75")
    at = str(original.number("extract", 1))
    base = ("fork", str(original.run), "--at", at, "--name", "by-hand")
    code, out, _ = command(
        capsys, *base, "--set", "outer-loops=2", "--edit", f"plan=@{plan}", "--no-run", "--json"
    )
    made = Path(json.loads(out)["run"])
    assert code == 0
    assert made.name == "by-hand"
    summary = next(run for run in list_runs(original.run.parent) if run.name == "by-hand")
    assert (summary.status, summary.best) == ("stopped", None)
    assert 0 < summary.seconds < original.result.seconds
    code, _, error = command(capsys, *base[:-1], "other", "--set", "outer_steps")
    assert code == 2
    assert "--set 'outer_steps' is not NAME=VALUE" in error
    code, _, error = command(capsys, *base[:-1], "other", "--edit", "plan=@/nowhere")
    assert code == 2
    assert "/nowhere can't be read" in error


def test_the_command_runs_the_fork_at_once(
    original: Original, capsys: pytest.CaptureFixture[str]
) -> None:
    at = str(original.number("judge_ensemble", -1))
    code, out, _ = command(capsys, "fork", str(original.run), "--at", at, "--set", "R=2", "--json")
    assert code == 0
    found = json.loads(out)
    assert Path(found["submission"]).is_file()
    rounds = nodes(Path(found["run"])).count("ensemble") - nodes(original.run).count("ensemble")
    assert rounds == 1
