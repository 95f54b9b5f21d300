"""What shells complete: asked in their own words, once in a real bash."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import mle_star.cli
from mle_star.cli import ASKED, completing
from tests.cli.journal import finished_run, write_run

ROOT = Path(__file__).parents[2]

Complete = Callable[..., list[str]]
"""Completes the last of some words."""


@pytest.fixture(autouse=True)
def two_runs(tmp_path: Path) -> None:
    for number, name in enumerate(("20260101-houses", "20260102-pets")):
        record = write_run(tmp_path / "runs" / name, finished_run()) / "run.json"
        os.utime(record, (number, number))
    (tmp_path / "runs" / "20260103-no-run").mkdir()


def asked(shell: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.setenv(ASKED, f"complete_{shell}")
    with pytest.raises(SystemExit):
        mle_star.cli.main([])
    out, err = capsys.readouterr()
    assert err == ""
    return out


@pytest.fixture
def bash(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Complete:
    """Completes the last of some words as bash hands them over."""

    def complete(*words: str) -> list[str]:
        monkeypatch.setenv("COMP_WORDS", "\n".join(("mle-star", *words)))
        monkeypatch.setenv("COMP_CWORD", str(len(words)))
        return asked("bash", monkeypatch, capsys).split()

    return complete


def test_runs_are_completed_newest_first(bash: Complete, tmp_path: Path) -> None:
    assert bash("show", "") == ["20260102-pets", "20260101-houses"]
    assert bash("resume", "20260101") == ["20260101-houses"]
    assert bash("compare", "20260101-houses", "20260102") == ["20260102-pets"]
    assert bash("fork", "20260101") == bash("tell", "20260101") == ["20260101-houses"]
    assert bash("show", "[*") == []
    assert bash("show", "../") == []
    write_run(tmp_path / "other" / "mine", [])
    assert bash("show", "--runs-dir", str(tmp_path / "other"), "") == ["mine"]


def test_a_folder_without_runs_has_no_names(
    bash: Complete, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLE_STAR_RUNS_DIR", "/nowhere")
    assert bash("show", "") == []


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("run", "t", "--preset", ""), ["quick", "default", "paper"]),
        (("run", "t", "--preset", "p"), ["paper"]),
        (("run", "t", "--approve", ""), ["scripts", "plans", "spend", "none"]),
        (("fork", "20260101-houses", "--set", "ou"), ["outer_steps=1"]),
        (("fork", "20260101-houses", "--set", "max_c"), ["max_cost=", "max_calls="]),
        (("fork", "20260101-houses", "--set", "see"), []),
        (("fork", "nowhere", "--set", "out"), ["outer_steps="]),
        (("run", "t", "--preset", "=", "q"), ["quick"]),
        (("run", "t", "--sandbox", "l"), ["landlock"]),
        (("attacks", "--level", "a"), []),
        (("run", "t", "--search", "t"), ["tavily"]),
        (("run", "t", "--warm-start", "p"), ["playbook"]),
        (("run", "t", "--engineer", ""), ["auto", "llm", "playbook"]),
        (("run", "t", "--model", "o"), None),
        (("run", "t", "--model", "google_genai", ":", "gemini-2.5-p"), ["gemini-2.5-pro"]),
        (("run", "t", "--model", "google_genai:gemini-2.5-p"), ["google_genai:gemini-2.5-pro"]),
        (("run", "t", "--model", "=", "google_genai", ":", "gemini-2.5-p"), ["gemini-2.5-pro"]),
        (("run", "t", "--model-for", "che"), ["checks=", "check_usage=", "check_leakage="]),
        (("run", "t", "--model-for", "code", "=", "google_genai", ":", "gemini-2.5-p"),
         ["gemini-2.5-pro"]),
        (("run", "t", "--temperature", "cod"), ["code=0", "code=0.3", "code=0.7", "code=1"]),
        (("run", "t", "--temperature", "code", "="), ["0", "0.3", "0.7", "1"]),
        (("bench", "run", "t", "--system", "flam"), ["flaml"]),
        (("bench", "install", "f"), ["flaml"]),
        (("sh",), ["show"]),
        (("show", "--fo"), ["--follow"]),
        (("run", "my-ta"), []),
    ],
)  # fmt: skip
def test_bash_gets_what_is_left_to_type(
    bash: Complete, words: tuple[str, ...], found: list[str] | None
) -> None:
    answers = bash(*words)
    if found is None:
        assert {"openai:gpt-4.1", "ollama:"} <= set(answers)
    else:
        assert answers == found


def test_zsh_gets_names_and_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", "mle-star run t --model google_genai:gemini-2.5-p")
    answer = asked("zsh", monkeypatch, capsys)
    assert answer.startswith("_arguments '*: :((")
    assert r'"google_genai\\:gemini-2.5-pro"' in answer
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", "mle-star sho")
    assert '"show":"Show what a run came to' in asked("zsh", monkeypatch, capsys)
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", "mle-star run ")
    assert asked("zsh", monkeypatch, capsys).strip() == "_files"


def test_fish_gets_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", "mle-star show ")
    monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
    assert asked("fish", monkeypatch, capsys).split() == ["20260102-pets", "20260101-houses"]


def test_a_completer_that_breaks_says_nothing(
    bash: Complete, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(path: Path) -> float:
        raise RuntimeError("no disk")

    monkeypatch.setattr(completing, "_changed", broken)
    assert bash("show", "") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell_is_printed(
    shell: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    script = subprocess.run(
        [sys.executable, "-m", "mle_star", "--show-completion", shell],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert ASKED in script
    assert "mle-star" in script


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_a_real_bash_completes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = tmp_path / "bin" / "mle-star"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m mle_star "$@"\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}:{os.environ['PATH']}")
    master, slave = pty.openpty()
    shell = subprocess.Popen(
        ["bash", "--norc", "--noprofile", "-i"], cwd=tmp_path, start_new_session=True,
        stdin=slave, stdout=slave, stderr=slave, env={**os.environ, "PS1": "$ ", "TERM": "dumb"},
    )  # fmt: skip
    os.close(slave)
    try:
        os.write(master, b'eval "$(mle-star --show-completion)"; echo rea""dy\n')
        assert until(master, "ready\r\n$ ")
        os.write(master, b"mle-star run t --model google_genai:gemini-2.5-p\t")
        assert until(master, "--model google_genai:gemini-2.5-pro ")
        os.write(master, b"\x15mle-star show 20260101\t")
        assert until(master, "show 20260101-houses ")
    finally:
        shell.kill()
        shell.wait()
        os.close(master)


def until(master: int, words: str) -> bool:
    """Whether the terminal shows these words before long."""
    text, deadline = "", time.monotonic() + 30
    while words not in text and time.monotonic() < deadline:
        if select.select([master], [], [], 0.1)[0]:
            text += os.read(master, 4096).decode()
    return words in text
