"""The real playbook through the whole graph, with real scripts that fail at first."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.runs import SMALL, run
from tests.support.tasks import slope_task


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A task of few rows, as these scripts fit trees for every fold."""
    return slope_task(tmp_path_factory.mktemp("tasks") / "slope", rows=240)


def test_every_phase_runs_and_the_debugger_repairs_what_was_written_wrongly(task: Path) -> None:
    settings = {**SMALL, "debug_rounds": 2, "num_candidates": 2, "inner_steps": 1, "folds": 2}
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


def test_by_itself_it_learns_from_every_row_and_runs_nothing_twice(task: Path) -> None:
    done = run(task, "playbook", inner_steps=1, ensemble_rounds=0, folds=2)
    [note] = [text for text in done.notes().splitlines() if "held back" in text]
    assert "every labelled row is needed to learn from" in note
    phases = {event["phase"] for event in done.of("script_started")}
    assert {"write", "ablate", "refine"} <= phases
    assert "submit" not in phases
    assert done.values["final"]["source"] == "full"
    assert done.best["score"] is not None
    assert done.best["score"]["audit"] is None
    assert len(Path(done.values["submission"]).read_text().splitlines()) == 41
    # On a straight line no average with trees is better, and the merger knows beforehand.
    assert "no better than" in done.notes()
    assert not done.of("merged")
