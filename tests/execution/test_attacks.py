"""The attacks bite: against an executor without any care each does its harm. And what is shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mle_star.cli import attacks as command
from mle_star.cli.output import console
from mle_star.errors import SettingsError
from mle_star.execution.attacks.display import MARKUP, obeyed
from mle_star.execution.contract import ATTACKS, CHECKS, Check, run_contract
from mle_star.report.text import clean
from tests.execution.naive import NaiveExecutor

DOCS = Path(__file__).parents[2] / "docs" / "sandbox.md"

HARMLESS = {"leave-closed", "leave-deep", "markup", "record-pipe", "tidy-link"}
"""Traps for code that the naive executor does not have."""
NEEDS_ROOT = {"file-handle", "libraries", "keyring", "memory", "poke-others", "trace-others"}
"""Attacks that a host may stop for us."""


def test_without_a_cage_every_attack_does_its_harm(tmp_path: Path) -> None:
    """A check that passes here would pass everywhere and prove nothing."""
    outcomes = run_contract(NaiveExecutor, tmp_path, checks=ATTACKS, show=str, at_once=12)
    broken = [f"{o.check.name}: {o.detail}" for o in outcomes if "broke" in o.detail]
    assert not broken
    passed = {outcome.check.name for outcome in outcomes if outcome.status == "pass"}
    assert passed <= HARMLESS | NEEDS_ROOT


def chosen(*names: str) -> list[Check]:
    return [check for check in CHECKS if check.name in names]


def test_the_command_tells_levels_apart(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(command, "LEVELS", ("container", "process"))
    checks = chosen("ok", "home-file", "own-environment")
    assert command.run_attacks(checks=checks) == 0
    shown = capsys.readouterr().out
    rows = {line.split("  ")[1]: line.split()[-3:] for line in shown.splitlines() if "  " in line}
    assert rows["read a file in the user's home"][-3:] == ["not", "run", "declared"]
    assert rows["find a key in its own environment"][-3:] == ["not", "run", "pass"]
    assert "container: 3 checks, 3 not run" in shown
    assert "process: 3 checks, 2 pass, 1 declared" in shown
    assert list((tmp_path / ".cache" / "mle-star").iterdir()) == []


def test_the_command_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.run_attacks("process", as_json=True, checks=chosen("ok", "ssh-key")) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(row["level"], row["check"], row["status"]) for row in found] == [
        ("process", "ok", "pass"),
        ("process", "ssh-key", "declared"),
    ]


def test_a_failing_check_is_an_exit_code(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mle_star.execution.contract.DECLARED", {})
    assert command.run_attacks("process", checks=chosen("ssh-key")) == 1
    assert "FAIL: all of them: the secret came out" in capsys.readouterr().out


def test_a_level_that_was_asked_for_and_is_not_here_is_an_error() -> None:
    with pytest.raises(SettingsError):
        command.run_attacks("moat", checks=chosen("ok"))


def test_the_docs_hold_the_table_of_the_code() -> None:
    text = DOCS.read_text(encoding="utf-8")
    assert command.markdown() in text
    assert command.reasons() in text


def test_html_and_markup_reach_a_terminal_to_the_letter(capsys: pytest.CaptureFixture[str]) -> None:
    console().print(clean(MARKUP))
    assert MARKUP in capsys.readouterr().out


def test_characters_that_steer_a_terminal_are_known() -> None:
    assert obeyed("plain text, with é and ✓") == []
    assert obeyed("\x1b[2J\x9b\u202e\u2028") == ["\x1b", "\x9b", "\u2028", "\u202e"]
