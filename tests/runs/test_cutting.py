"""What a fork's ledger and its people's words are cut to."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from mle_star.models.base import Call, Usage
from mle_star.models.ledger import Ledger
from mle_star.runs.cutting import _cut_ledger, _cut_told, _link
from mle_star.runs.history import steps_of


def call(role: str, tokens: int) -> Call:
    return Call(role, "refine", 0, "m", Usage(tokens, 0, 1, 0), 1.23456, 0.01, "answered")


def event(of: Call) -> dict[str, Any]:
    return {
        "kind": "model_called",
        "agent": of.role,
        "phase": of.phase,
        "solution": of.solution + 1,
        "model": of.model,
        "outcome": of.outcome,
        "seconds": round(of.seconds, 3),
        "tokens": asdict(of.usage),
    }


def test_the_ledger_ends_with_the_step(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "calls.sqlite")
    hello, plan, code, again = call("hello", 1), call("plan", 5), call("code", 7), call("hello", 2)
    for made in (hello, plan, code, plan, again):
        ledger.insert(made)
    _cut_ledger(tmp_path / "calls.sqlite", [event(plan)], [event(code), event(plan)])
    assert list(ledger.read()) == [1, 2]
    _cut_ledger(tmp_path / "calls.sqlite", [event(plan)], [])
    assert list(ledger.read()) == [1, 2]


def test_what_people_said_later_is_left_out(tmp_path: Path) -> None:
    lines = [json.dumps({"time": f"2026-01-01T00:00:0{n}.000", "text": str(n)}) for n in (1, 2, 3)]
    told = tmp_path / "told.jsonl"
    told.write_text("\n".join([*lines, '{"time": "20']))
    _cut_told(told, tmp_path / "cut.jsonl", until="2026-01-01T00:00:02.000")
    assert (tmp_path / "cut.jsonl").read_text().splitlines() == lines[:2]
    _cut_told(tmp_path / "missing", tmp_path / "other.jsonl", until="2026")
    assert not (tmp_path / "other.jsonl").exists()


def test_views_are_linked_and_copied_where_they_cannot_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "one"
    source.write_text("x")
    _link(str(source), str(tmp_path / "two"))
    assert (tmp_path / "two").stat().st_ino == source.stat().st_ino

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EXDEV, "another file system")

    monkeypatch.setattr(os, "link", refuse)
    _link(str(source), str(tmp_path / "three"))
    assert (tmp_path / "three").read_text() == "x"
    assert (tmp_path / "three").stat().st_ino != source.stat().st_ino


def test_candidates_that_run_side_by_side_are_told_apart() -> None:
    def said(kind: str, elapsed: float, node: str = "write", **rest: Any) -> dict[str, Any]:
        return {"kind": kind, "node": node, "solution": 0, "elapsed": elapsed, **rest}

    killed = [said("node_started", 0.1), said("written", 0.2, label="lost")]
    events = [
        *killed,
        said("node_started", 1.0),
        said("node_started", 1.1),
        said("written", 1.2, label="a"),
        said("written", 1.3, label="b"),
        said("node_finished", 1.4, seconds=0.4),
        said("node_finished", 1.5, seconds=0.4),
        said("note", 2.0, "rank", text="one"),
        said("note", 2.0, "rank", text="two"),
        said("node_finished", 2.1, "rank", seconds=0.2),
    ]
    steps = steps_of(events)
    labels = [[e.get("label") for e in step.events if e["kind"] == "written"] for step in steps]
    assert labels == [["a"], ["b"], []]
    assert [e["text"] for e in steps[2].events if e["kind"] == "note"] == ["one", "two"]
    assert [step.last for step in steps] == [6, 7, 10]
