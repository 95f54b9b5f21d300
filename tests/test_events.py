"""The types of events: all that are written have one, and nothing that is read can break them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mle_star.events import (
    KINDS,
    Event,
    Heeded,
    ModelCalled,
    ScriptFinished,
    Told,
    typed,
    typed_all,
)
from tests.cli.journal import finished_run, model_run

PACKAGE = Path(__file__).parents[1] / "mle_star"


def test_every_kind_that_is_written_has_a_type() -> None:
    source = "\n".join(
        path.read_text(encoding="utf-8")
        for room in ("nodes", "graph", "runs", "cli")
        for path in (PACKAGE / room).glob("*.py")
    )
    written = set(re.findall(r"(?:emit|append)\(\s*\"([a-z_]+)\"", source))
    missing = written - set(KINDS)
    assert not missing, f"give {missing} a class in mle_star/events.py"
    assert {"run_stopped", "run_failed", "submitted"} <= set(KINDS)


@pytest.mark.parametrize("name", KINDS)
def test_the_class_of_a_kind_is_its_name(name: str) -> None:
    assert KINDS[name].__name__ == "".join(part.capitalize() for part in name.split("_"))
    assert KINDS[name].__doc__


def test_a_journal_reads_into_types() -> None:
    events = typed_all([*finished_run(), *model_run()])
    [first] = [e for e in events if isinstance(e, ScriptFinished)][:1]
    assert (first.label, first.score, first.error) == ("LightGBM", 53012.4, 812.3)
    call = next(e for e in events if isinstance(e, ModelCalled))
    assert (call.tokens.input, call.outcome) == (4000, "answered")


def test_what_people_say_reads_into_types() -> None:
    """The fields as :mod:`mle_star.nodes.step` and :mod:`mle_star.runs.steering` write them."""
    about = {"time": "2026-01-02T03:04:05+00:00", "elapsed": 1.0, "node": "ablate", "solution": 0}
    told, heeded = typed_all(
        [
            {**about, "kind": "told", "id": 1, "hint": "a", "card": None, "block": "",
             "meant_for": None},
            {**about, "kind": "heeded", "id": 1, "act": "hint", "text": "Noted.", "done": True},
        ]
    )  # fmt: skip
    assert isinstance(told, Told)
    assert isinstance(heeded, Heeded)
    assert (told.id, heeded.id, told.card) == (1, 1, None)


def test_an_unknown_kind_keeps_its_fields() -> None:
    event = typed({"kind": "dreamt", "time": "2026-01-02T03:04:05+00:00", "of": "sheep"})
    assert type(event) is Event
    assert event.model_dump()["of"] == "sheep"
    assert event.solution == -1


@pytest.mark.parametrize(
    "damaged",
    [
        {"kind": "best", "time": "2026-01-02T03:04:05+00:00", "score": "high", "label": "x"},
        {"kind": "best", "time": "yesterday", "score": 1.0, "label": "x"},
        {"kind": 7, "label": "x"},
        {"label": "x", "elapsed": None},
    ],
)
def test_a_damaged_event_is_still_one(damaged: dict[str, object]) -> None:
    event = typed(damaged)
    assert type(event) is Event
    assert event.model_dump()["label"] == "x"
