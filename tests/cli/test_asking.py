"""A question on the terminal, and what is told from it."""

from __future__ import annotations

import io
import os
import pty
import select
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from mle_star import cli
from mle_star.cli import running
from mle_star.cli.asking import Terminal, given_once
from mle_star.errors import RunWaits
from mle_star.observe.lines import script_line
from mle_star.runs.folder import write_json
from mle_star.runs.questions import Question, read_answer
from mle_star.runs.steering import read_told

SCRIPT = Question(
    id="a",
    kind="script",
    solution=0,
    label="LightGBM",
    why="A first script with this model.",
    text="A = 1\n",
    path="/runs/one/scripts/aa.py",
    diff="-A = 0\n+A = 1\n",
    block="",
    answers=["yes", "no", "edit"],
    problem="",
)
SPEND = Question(
    id="b", kind="spend", solution=-1, label="$1.02", why="Cost.", answers=["yes", "no"]
)


def terminal(*said: str) -> tuple[Terminal, Console]:
    lines = iter(said)

    def read(_: str) -> str:
        try:
            return next(lines)
        except StopIteration:
            raise EOFError from None

    console = Console(file=io.StringIO(), record=True, width=90)
    return Terminal(console, read), console


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (["y"], {"answer": "yes"}),
        (["what", "YES"], {"answer": "yes"}),
        (["n", "too slow"], {"answer": "no", "reason": "too slow"}),
        (["no"], {"answer": "no", "reason": ""}),
        (["s", "y"], {"answer": "yes"}),
        (["q"], None),
        ([], None),
    ],
)
def test_what_a_person_types_is_the_answer(said: list[str], answer: Any) -> None:
    ask, console = terminal(*said)
    assert ask(SCRIPT) == answer
    shown = console.export_text()
    assert shown.count("solution 1: May this script run? LightGBM") == 2 + 2 * (said[:1] == ["s"])
    assert "+A = 1" in shown


def test_ctrl_c_at_a_question_leaves_the_line_of_the_prompt() -> None:
    def read(_: str) -> str:
        raise KeyboardInterrupt

    console = Console(file=io.StringIO(), record=True, width=90)
    with pytest.raises(KeyboardInterrupt):
        Terminal(console, read)(SPEND)
    assert console.export_text().endswith("\n\n")


def test_what_was_typed_before_a_question_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    person, machine = pty.openpty()
    with os.fdopen(person, "wb", buffering=0) as keys, os.fdopen(machine) as stdin:
        keys.write(b"y\n")
        assert select.select([stdin], [], [], 5)[0], "it has arrived"
        monkeypatch.setattr(sys, "stdin", stdin)
        monkeypatch.setattr(
            running, "Terminal", lambda _: lambda _: select.select([stdin], [], [], 0)[0]
        )
        on_ask = running.asking_on(Console(file=io.StringIO(), force_terminal=True), None)
        assert on_ask is not None
        assert on_ask(SCRIPT) == []


def test_always_counts_for_questions_of_its_kind_alone() -> None:
    ask, _ = terminal("a", "n", "dear")
    assert ask(SCRIPT) == {"answer": "yes"}
    assert ask(SCRIPT) == {"answer": "yes"}
    assert ask(SPEND) == {"answer": "no", "reason": "dear"}


def test_an_editor_changes_the_script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\necho "B = 2" >> "$1"\n')
    editor.chmod(0o755)
    monkeypatch.setenv("VISUAL", str(editor))
    ask, _ = terminal("e")
    assert ask(SCRIPT) == {"answer": "edit", "text": "A = 1\nB = 2\n"}
    monkeypatch.setenv("VISUAL", "true")
    ask, console = terminal("e", "y")
    assert ask(SCRIPT) == {"answer": "yes"}
    assert "Nothing was changed" in console.export_text()


def test_one_answer_for_what_waits_and_none_for_what_comes() -> None:
    answers = given_once("no", {"a"})
    assert answers(SCRIPT) == "no"
    assert answers(SCRIPT) is None
    assert answers(SPEND) is None


@pytest.mark.parametrize("given", [True, "Yes", {"answer": "y"}])
def test_several_ways_to_say_yes(given: Any) -> None:
    assert read_answer(SCRIPT, given) == {"answer": "yes"}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "runs" / "one"
    folder.mkdir(parents=True)
    write_json(folder / "run.json", {"status": "stopped", "settings": {"num_solutions": 2}})
    (folder / "lock").touch()
    return folder


def test_tell_says_what_will_happen(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "card.md"
    page.write_text("# TabM\nAn ensemble in one.\n```python\nimport x\n```\n")
    told = ["tell", str(run), "drop ids", "--card", str(page), "--block", "f", "--solution", "2"]
    assert cli.call(told) == 0
    said = capsys.readouterr().out
    assert "solution 2" in said
    assert "TabM is tried at the next outer step" in said
    assert "mle-star resume" in said
    [record] = read_told(run)
    assert (record["solution"], record["card"]["example"]) == (1, "import x")
    assert cli.call(["tell", str(run), "--name", "RealMLP"]) == 0
    assert read_told(run)[1]["card"]["name"] == "RealMLP"


def test_tell_and_resume_refuse_what_they_can_not_use(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.call(["tell", str(run)]) == 2
    assert "Nothing was told" in capsys.readouterr().err
    assert cli.call(["tell", str(run), "x", "--solution", "3"]) == 2
    assert "There is no solution 3" in capsys.readouterr().err
    assert cli.call(["resume", str(run), "--answer", "perhaps"]) == 2
    assert "yes or no" in capsys.readouterr().err
    write_json(run / "run.json", {"status": "finished", "settings": {}})
    assert cli.call(["resume", str(run)]) == 2
    said = capsys.readouterr()
    assert "one is finished: 'mle-star show " in said.err
    assert not said.out, "no view of a run that does not go on"


def test_a_run_that_waits_says_for_what() -> None:
    here = str(Path("runs/one").absolute())
    waits = RunWaits(f"It waits. Answer with 'mle-star resume {here}'.", here, [SCRIPT])
    assert cli.stop_message(waits) == "It waits. Answer with 'mle-star resume runs/one'."


def test_the_views_show_what_was_told_and_heeded() -> None:
    told = {"kind": "told", "hint": "drop ids", "card": {"name": "TabM"}, "block": "f"}
    line = script_line(told)
    assert line is not None
    assert line.plain == "told: drop ids; try TabM; refine f"
    line = script_line({"kind": "heeded", "text": "Too late.", "done": False})
    assert line is not None
    assert line.plain == "Too late."
