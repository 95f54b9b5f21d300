"""The journal of a run: whole lines, whatever happened to the writer."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from mle_star.runs import EventLog, read_events
from mle_star.runs.events import last_elapsed


def test_an_event_is_one_line_with_time_place_and_fields(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    written = log.append("note", node="merge", solution=1, elapsed=2.5, text="hé\nllo")
    (line,) = (tmp_path / "events.jsonl").read_text().splitlines()
    assert json.loads(line) == written
    assert {
        "kind": "note",
        "node": "merge",
        "solution": 1,
        "elapsed": 2.5,
        "text": "hé\nllo",
    }.items() <= (written.items())


def test_a_half_line_of_a_killed_writer_is_skipped_and_not_glued_to_the_next(
    tmp_path: Path,
) -> None:
    path = tmp_path / "events.jsonl"
    log = EventLog(path)
    log.append("first", node="", solution=-1, elapsed=1.0)
    with path.open("a") as stream:
        stream.write('{"kind": "half", "ela')
    log.append("second", node="", solution=-1, elapsed=2.0)
    assert [event["kind"] for event in read_events(tmp_path)] == ["first", "second"]


def test_the_clock_goes_on_from_the_newest_line(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    assert last_elapsed(path) == 0.0
    log = EventLog(path)
    log.append("a", node="", solution=0, elapsed=7.25)
    log.append("b", node="", solution=1, elapsed=6.0)  # branches may write out of order
    assert last_elapsed(path) == 7.25


def test_parallel_branches_do_not_mix_their_lines(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")

    def work(branch: int) -> None:
        for number in range(50):
            log.append("x", node="n", solution=branch, elapsed=0.0, number=number, pad="p" * 500)

    threads = [threading.Thread(target=work, args=(branch,)) for branch in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = read_events(tmp_path)
    assert len(events) == 200
    for branch in range(4):
        assert [e["number"] for e in events if e["solution"] == branch] == list(range(50))


def test_what_json_can_not_hold_is_refused_where_it_would_break_readers(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    with pytest.raises(ValueError, match="JSON"):
        log.append("score", node="", solution=0, elapsed=0.0, score=float("nan"))
