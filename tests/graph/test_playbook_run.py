"""The real playbook through the whole graph, with real scripts that fail at first."""

from __future__ import annotations

from pathlib import Path

from tests.support.runs import SMALL, run


def test_every_phase_runs_and_the_debugger_repairs_what_was_written_wrongly(task: Path) -> None:
    settings = {**SMALL, "debug_rounds": 2, "num_candidates": 2, "inner_steps": 1}
    done = run(task, **{**settings, "engineer": "tests.support.sabotage:factory"})
    assert len(done.of("debugged")) == 2
    written = [trial for trial in done.trials if trial["phase"] == "write"]
    assert [(trial["debugged"], trial["outcome"]) for trial in written] == [(1, "ok"), (1, "ok")]
    kinds = {event["kind"] for event in done.events}
    assert {
        "retrieved",
        "written",
        "merged",
        "leakage_checked",
        "debugged",
        "usage_checked",
        "ablated",
        "extracted",
        "refined",
        "ensembled",
        "run_finished",
    } <= kinds
    assert done.values["final"]["source"] == "full"
    assert Path(done.values["submission"]).exists()
