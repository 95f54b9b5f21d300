"""``--help`` of every command: enough to need no other page."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

import mle_star.cli
from mle_star.cli.app import app

Capture = pytest.CaptureFixture[str]


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, group
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, (*path, name))


ALL = dict(commands(typer.main.get_command(app)))
NAMED = [pytest.param(path, id=" ".join(path) or "mle-star") for path in ALL]


def help_of(path: tuple[str, ...], capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", "100")
    assert mle_star.cli.call([*path, "--help"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


@pytest.mark.parametrize("path", NAMED)
def test_help_says_what_a_command_does_and_shows_an_example(
    path: tuple[str, ...], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = help_of(path, capsys, monkeypatch)
    assert re.search(r"^ Usage: mle-star", text, re.MULTILINE)
    assert re.search(r"^ [A-Z].*\. *$", text, re.MULTILINE)  # one sentence
    assert re.search(r"^ Examples?\b", text, re.MULTILINE)
    assert "<bool>" not in text
    assert not re.search(r"[{}]|\[\[", text)
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize("path", NAMED)
def test_the_examples_can_be_typed(path: tuple[str, ...]) -> None:
    examples = re.findall(r"\[cyan\](.*?)\[/cyan\]", ALL[path].epilog)
    assert examples
    for example in examples:
        words = shlex.split(example.partition(" > ")[0])
        assert words[: 1 + len(path)] == ["mle-star", *path]
        named = max((p for p in ALL if tuple(words[1 : 1 + len(p)]) == p), key=len)
        if "--help" in words:
            continue
        # Raises a usage error for an option that is not there, or an argument too many or too few.
        ALL[named].make_context("mle-star", words[1 + len(named) :])


@pytest.mark.parametrize("name", ["run", "resume", "repair", "doctor", "attacks", "show"])
def test_commands_that_scripts_call_name_their_exit_codes(
    name: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Exit codes" in help_of((name,), capsys, monkeypatch)


def test_commands_stand_in_groups(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    text = help_of((), capsys, monkeypatch)
    panels = re.findall(r"╭─ ([\w ]+?) ─", text)
    assert panels == ["Options", "Solve", "Look at runs", "Before a run", "More"]
    assert all(f"│ {path[0]} " in text for path in ALL if len(path) == 1)
