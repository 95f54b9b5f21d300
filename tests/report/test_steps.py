"""What steps say in a few words, in both outcomes."""

from __future__ import annotations

from typing import Any

import pytest

from mle_star.report.steps import in_words, said
from mle_star.runs.history import Step


def step(node: str, *events: dict[str, Any]) -> Step:
    return Step(1, 1.0, "", 0, node, events, 0)


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"kind": "retrieved", "cards": [{"name": "A"}, {"name": "B"}]}, "models: A, B"),
        ({"kind": "retrieved", "cards": []}, "no model was found"),
        ({"kind": "leakage_checked", "label": "A"}, "no leak in A"),
        (
            {"kind": "leakage_checked", "leaking": True, "label": "A", "reason": "fits all rows"},
            "leak in A: fits all rows",
        ),
        (
            {"kind": "usage_checked", "unused": ["b.csv"], "rewritten": True},
            "rewritten to use b.csv",
        ),
        ({"kind": "usage_checked", "unused": ["b.csv"]}, "unused: b.csv"),
        (
            {"kind": "script_finished", "label": "A", "score": 0.5, "error": 0.01},
            "0.50000 ± 0.01000: A",
        ),
        (
            {"kind": "script_finished", "label": "A", "score": 0.5, "alarm": "too good"},
            "0.50000: A; leakage alarm: too good",
        ),
        ({"kind": "script_finished", "label": "A", "outcome": "ok"}, "A: ran"),
        (
            {"kind": "script_finished", "label": "A", "outcome": "error", "problem": "KeyError"},
            "A: error: KeyError",
        ),
        ({"kind": "refined", "plan": "more trees", "written": True}, "more trees"),
        ({"kind": "refined", "plan": "more trees", "written": False}, "not written: more trees"),
        ({"kind": "accepted", "label": "A", "gain": 0.25}, "accepted A (0.25000 better)"),
        ({"kind": "accepted", "label": "A", "gain": None}, "accepted A"),
        ({"kind": "selected", "label": "A", "score": 2.0}, "best single script 2.0000: A"),
        ({"kind": "selected", "label": "", "score": None}, "no script has a score"),
        ({"kind": "run_finished", "label": "A", "score": {"value": 2.0}}, "handed in A, 2.0000"),
        ({"kind": "note", "text": "a\x1b[31m note"}, "a\\x1b[31m note"),
        ({"kind": "heeded", "text": "A is merged."}, "A is merged"),
        (
            {"kind": "answered", "about": "script", "label": "A", "answer": "yes"},
            "a person said yes to the script A",
        ),
        (
            {"kind": "answered", "about": "plan", "label": "A", "answer": "no", "reason": "slow"},
            "a person said no (slow) to the plan A",
        ),
    ],
)
def test_events_say_plan_score_and_verdict(event: dict[str, Any], words: str) -> None:
    assert in_words(step("some_node", event)) == words


def test_a_step_that_says_nothing_is_described_by_its_node() -> None:
    silent = {"kind": "node_finished"}
    assert in_words(step("accept", silent)) == "the script stays as it was"
    assert in_words(step("of_tomorrow", silent)) == "done"
    assert said([silent]) == ""


def test_what_is_said_twice_is_printed_once() -> None:
    note = {"kind": "note", "text": "the same"}
    assert said([note, note, {"kind": "debugged", "label": "A"}]) == "the same; repaired A"
