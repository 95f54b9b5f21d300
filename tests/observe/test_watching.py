"""Progress for callers from Python: where it is shown, and what a notebook sees."""

from __future__ import annotations

import io
import re
import sys
import time
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from mle_star.observe import notebook
from mle_star.observe.watching import watching
from mle_star.runs import RunFolder
from tests.cli.journal import finished_run, write_run


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(progress: bool | None, on_event: Callable[[dict[str, Any]], None] | None = None) -> bool:
    """Whether a run's events go anywhere else than to the caller's listener."""
    with watching(progress, on_event) as (hear, _):
        return hear is not on_event


def test_nothing_is_shown_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    assert not shown(None)
    assert not shown(False)
    assert capsys.readouterr().err == ""


def test_what_is_asked_for_is_shown_as_lines(capsys: pytest.CaptureFixture[str]) -> None:
    heard: list[Any] = []
    with watching(True, heard.append) as (hear, _):
        assert hear is not None
        for event in finished_run():
            hear(event)
    out = capsys.readouterr()
    assert out.out == ""
    assert "LightGBM + kNN" in out.err
    assert heard == finished_run()


def test_a_terminal_shows_a_panel_unless_somebody_listens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert shown(None)
    assert not shown(None, print)
    assert not shown(False)
    monkeypatch.setenv("TERM", "dumb")
    assert not shown(None)


def test_the_panel_leaves_the_terminal_to_whoever_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    drawn: list[bool] = []

    def on_ask(question: str) -> str:
        before = screen.getvalue()
        time.sleep(0.6)  # two drawings and more
        drawn.append(screen.getvalue() != before)
        return f"yes to {question}"

    with watching(True, None, on_ask=on_ask) as (_, ask):
        assert ask is not None
        assert ask("this") == "yes to this"
    assert drawn == [False]
    with watching(False, None, on_ask=on_ask) as (_, ask):
        assert ask is on_ask


def test_a_run_that_goes_on_shows_what_was_before(
    tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    run = RunFolder.open(write_run(tmp_path / "houses", finished_run()))
    with watching(True, None, run, {}):
        pass
    assert "going on after" in capsys.readouterr().err


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a notebook's output was, one text per drawing."""
    drawn: list[str] = []
    module = ModuleType("IPython")
    module.get_ipython = lambda: SimpleNamespace(kernel=True)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", module)

    def display(html: str, display_id: bool) -> Any:
        assert display_id
        drawn.append(html)
        return SimpleNamespace(update=drawn.append)

    fake = SimpleNamespace(display=display, HTML=str)
    monkeypatch.setattr(notebook, "_display", lambda: fake)
    monkeypatch.setattr(notebook, "EVERY", 0.02)
    return drawn


def test_a_notebook_sees_one_output_that_changes(kernel: list[str]) -> None:
    events = [e for e in finished_run() if e["kind"] != "run_finished"]
    with watching(None, None) as (hear, _):
        assert hear is not None
        for event in events:
            hear(event)
        deadline = time.monotonic() + 10
        while not any("best so far" in text for text in kernel) and time.monotonic() < deadline:
            time.sleep(0.02)
    assert any("best so far" in text for text in kernel)
    assert kernel[-1] == "", "it is gone when the run has ended"


def test_what_a_notebook_draws_is_escaped() -> None:
    view = notebook.NotebookView()
    for event in finished_run():
        view.update({**event, "label": "<script>alert(1)</script>"} if "label" in event else event)
    html = view.html()
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert not re.search(r"https?://|url\(", html)
