"""``show --follow``: a journal is written here while it is read there."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import mle_star.cli
from mle_star.cli import following
from mle_star.runs import Tail
from mle_star.runs.folder import write_json
from mle_star.runs.lock import only_one
from tests.cli.journal import Journal, finished_run, write_run

Capture = pytest.CaptureFixture[str]
EVENTS = finished_run()


def call(*arguments: str) -> int:
    return mle_star.cli.call(list(arguments))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run in its middle; its driver holds the lock where a test says so."""
    folder = write_run(tmp_path / "runs" / "20260102-houses", EVENTS[:30], status="running")
    (folder / "lock").touch()
    return folder


class Driver:
    """Stands in for the process that drives a run: acts whenever the reader takes a breath."""

    def __init__(self, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.run = run
        self.lock = only_one(run)
        self.acts: list[Callable[[], None]] = []
        monkeypatch.setattr("mle_star.cli.following.time.sleep", self._act)

    def write(self, text: str) -> None:
        with (self.run / "events.jsonl").open("a", encoding="utf-8") as stream:
            stream.write(text)

    def end(self, status: str) -> None:
        record = json.loads((self.run / "run.json").read_text())
        write_json(self.run / "run.json", {**record, "status": status})
        self.die()

    def die(self) -> None:
        self.lock.__exit__(None, None, None)

    def _act(self, seconds: float) -> None:
        self.acts.pop(0)()


@pytest.fixture
def driver(run: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Driver]:
    made = Driver(run, monkeypatch)
    made.lock.__enter__()
    yield made
    assert not made.acts


def lines(events: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(event) + "\n" for event in events)


def test_a_run_is_followed_from_its_beginning_to_its_outcome(
    driver: Driver, capsys: Capture
) -> None:
    driver.acts = [
        lambda: driver.write(lines(EVENTS[30:-2])),
        lambda: driver.write(lines(EVENTS[-2:])),
        lambda: driver.end("finished"),
    ]
    assert call("show", "--follow") == 0
    out, err = capsys.readouterr()
    assert out.startswith("houses: rmse, lower is better, 2,400 labelled rows\n")
    assert out.count("solution 1  first scripts") == 1
    assert "refining 1/1, plan 2/2" in out
    assert out.index("final run") < out.index("→  best ensemble  51200 ± 770")
    assert err == ""


def test_half_a_line_waits_for_its_other_half(driver: Driver, capsys: Capture) -> None:
    text = lines(EVENTS[30:])
    driver.acts = [
        lambda: driver.write(text[:50]),
        lambda: driver.write(text[50:-9]),
        lambda: driver.write(text[-9:]),
        lambda: driver.end("finished"),
    ]
    assert call("show", "--follow", "--json") == 0
    read = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert read == EVENTS


@pytest.mark.parametrize(("status", "said"), [("stopped", "stopped"), ("failed", "failed")])
def test_a_run_that_is_stopped_ends_the_watching(
    driver: Driver, capsys: Capture, status: str, said: str
) -> None:
    end = {"kind": f"run_{status}", "elapsed": 70.0, "node": "", "solution": -1}
    driver.acts = [lambda: driver.write(lines([end])), lambda: driver.end(status)]
    assert call("show", "--follow") == 1
    out = capsys.readouterr().out
    assert f"  run         {said}\n" in out
    assert f"{status} after" in out


def test_a_driver_that_dies_ends_the_watching(driver: Driver, capsys: Capture) -> None:
    driver.acts = [driver.die]
    assert call("show", "--follow") == 1
    out = capsys.readouterr().out
    assert "interrupted after" in out
    assert f"go on with: mle-star resume {driver.run}" in out


def test_ctrl_c_ends_the_watching_alone(driver: Driver, capsys: Capture) -> None:
    def press() -> None:
        raise KeyboardInterrupt

    driver.acts = [press]
    assert call("show", "--follow") == 130
    err = capsys.readouterr().err
    assert "Watching has ended; the run goes on." in err
    assert f"mle-star show {driver.run} --follow" in err
    driver.die()


def test_a_run_that_leaves_nothing_is_an_error_of_one_sentence(
    driver: Driver, capsys: Capture
) -> None:
    def vanish() -> None:
        driver.die()
        for name in ("run.json", "events.jsonl", "lock"):
            (driver.run / name).unlink()

    driver.acts = [vanish]
    assert call("show", "--follow") == 2
    assert "before it had read its task" in capsys.readouterr().err


def test_a_finished_run_shows_its_outcome_at_once(tmp_path: Path, capsys: Capture) -> None:
    write_run(tmp_path / "runs" / "a", EVENTS)
    assert call("show", "--follow") == 0
    followed = capsys.readouterr().out
    assert call("show") == 0
    assert capsys.readouterr().out == followed
    assert call("show", "--follow", "--json") == 0
    assert capsys.readouterr().out.splitlines() == lines(EVENTS).splitlines()


def test_a_run_without_a_lock_is_over_when_it_says_so(run: Path) -> None:
    (run / "lock").unlink()
    assert not following.is_over(run)
    write_json(run / "run.json", {"status": "finished"})
    assert following.is_over(run)


def test_the_tail_reads_whole_lines_once(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    tail = Tail(path)
    assert tail.read() == []
    path.write_text('{"n": 1}\n{"n":')
    assert tail.read() == [{"n": 1}]
    assert tail.read() == []
    with path.open("a") as stream:
        stream.write(' 2}\nhalf a li\n[3]\n{"n": "é"}\n')
    assert tail.read() == [{"n": 2}, {"n": "é"}]


def test_the_tail_bears_a_line_that_is_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"n": 1}\n{"n": 2')
    tail = Tail(path)
    assert tail.read() == [{"n": 1}]
    path.write_text('{"n": 1}\n{"n": 3}\n')
    assert tail.read() == [{"n": 3}]
    path.write_text("")
    assert tail.read() == []


def test_the_clock_of_a_followed_run_counts_from_its_last_event() -> None:
    written = datetime.now(UTC) - timedelta(seconds=40)
    ago = time.monotonic() - following.written({"time": written.isoformat()})
    assert 39 < ago < 45
    for odd in ({}, {"time": "yesterday"}, {"time": "2999-01-01T00:00:00+00:00"}):
        assert abs(time.monotonic() - following.written(odd)) < 5
    naive = {"time": "2026-01-01T00:00:00"}
    assert abs(time.monotonic() - following.written(naive)) < 5


@contextmanager
def on_a_terminal(*arguments: str, **environment: str) -> Iterator[tuple[Any, int]]:
    """The command on a pseudo-terminal of 100 by 30 characters, and the terminal's other end."""
    master, slave = pty.openpty()
    names = {"TERM": "xterm", "COLUMNS": "100", "LINES": "30", **environment}
    kept = {name: value for name, value in os.environ.items() if name != "CI"}
    process = subprocess.Popen(
        [sys.executable, "-m", "mle_star", *arguments],
        cwd=Path(__file__).parents[2], env={**kept, **names},
        stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    try:
        yield process, master
    finally:
        process.kill()
        process.wait()
        os.close(master)


def seen(master: int, word: str | None = None) -> str:
    """What the terminal shows until a word comes, or (None) until the command has ended."""
    text, deadline = b"", time.monotonic() + 60
    while time.monotonic() < deadline and (word is None or word.encode() not in text):
        if select.select([master], [], [], 0.1)[0]:
            try:
                text += os.read(master, 65536)
            except OSError:  # the other end is closed
                break
    return text.decode()


def test_a_terminal_has_the_panel_and_ctrl_c_leaves_the_lock(run: Path) -> None:
    with only_one(run), on_a_terminal("show", str(run), "--follow") as (process, master):
        text = seen(master, "Ctrl-C leaves the run going")
        assert "╭─" in text
        process.send_signal(signal.SIGINT)
        assert "Watching has ended; the run goes on." in " ".join(seen(master).split())
        assert process.wait(timeout=20) == 130


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"CI": "true"}], ids=["dumb", "ci"])
def test_other_terminals_get_lines(run: Path, environment: dict[str, str]) -> None:
    with only_one(run), on_a_terminal("show", str(run), "-f", **environment) as (_, master):
        text = seen(master, "refining 1/1, plan 1/2")
    assert "first scripts" in text
    assert "╭─" not in text
    assert "\x1b[1A" not in text


def test_no_color_is_heard(run: Path) -> None:
    with only_one(run), on_a_terminal("show", str(run), "-f", NO_COLOR="1") as (_, master):
        text = seen(master, "Ctrl-C leaves the run going")
    assert "╭─" in text
    assert not re.search(r"\x1b\[[\d;]*3[0-7]m", text)


def test_a_pipe_gets_lines_even_where_colors_are_forced(
    driver: Driver, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    driver.acts = [lambda: driver.end("finished")]
    assert call("show", "--follow") == 0
    out = capsys.readouterr().out
    assert "first scripts" in out
    assert "\x1b[1A" not in out


def test_a_journal_of_several_sittings_shows_what_runs_now() -> None:
    from mle_star.observe.progress import Progress

    journal = Journal()
    journal.events = EVENTS[:1]
    journal.add("script_started", "execute", 0, label="cut short", phase="write")
    journal.add("run_resumed", "", settings={"time_budget": 999.0})
    progress = Progress()
    for event in journal.events:
        progress.update(event)
    assert not progress.running
    assert progress.budget == 999.0
    journal.add("run_stopped", "")
    progress.update(journal.events[-1])
    assert progress.elapsed() == journal.events[-1]["elapsed"]
    progress.update({**journal.events[-2], "elapsed": 50.0})
    assert progress.status == "running"
