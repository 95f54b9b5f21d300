"""The first node: task, settings, run folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from mle_star.context import Context
from mle_star.errors import SettingsError, TaskError
from mle_star.graph import build_graph
from mle_star.nodes.prepare import _folder
from mle_star.tasks import load_views
from tests.support.tasks import slope_task


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return slope_task(tmp_path_factory.mktemp("task") / "slope")


def prepared(task: Path, thread: str = "t", **settings: Any) -> dict[str, Any]:
    """State after the first node alone."""
    graph = build_graph(InMemorySaver())
    config: Any = {"configurable": {"thread_id": thread}}
    context = Context(preset="quick", **settings)
    graph.invoke({"task": str(task)}, config, context=context, interrupt_after=["prepare"])
    return dict(graph.get_state(config).values)


def test_the_state_holds_frozen_settings_and_the_resolved_task(task: Path) -> None:
    state = prepared(task, outer_steps=7)
    assert state["settings"]["outer_steps"] == 7
    assert state["settings"]["script_timeout"] == 60.0, "decided by the preset"
    assert state["spec"]["target"] == ["y"]
    assert state["spec"]["metric"] == "rmse"
    assert state["trials"] == state["solutions"] == []


def test_the_run_folder_records_versions_settings_task_and_views(task: Path) -> None:
    folder = Path(prepared(task, thread="my run/1")["run"])
    assert folder.name == "my-run-1"
    record = json.loads((folder / "run.json").read_text())
    assert record["status"] == "running"
    assert {"python", "langgraph", "pandas"} <= set(record["versions"])
    assert (folder / "views" / "search" / "train.csv").exists() or list(
        folder.glob("views/*/train.csv")
    )
    first = json.loads((folder / "events.jsonl").read_text().splitlines()[0])
    assert (first["kind"], first["metric"]) == ("run_started", "rmse")


def test_no_audit_label_lies_where_a_script_looks(task: Path) -> None:
    folder = Path(prepared(task, audit=True)["run"])
    views = load_views(folder / "views")
    audit = views.search.audit()
    assert audit is not None
    labels = {f"{value:.6f}" for value in audit.truth["y"]}
    seen = "".join(path.read_text() for path in views.search.folder.glob("*.csv"))
    assert len(labels) >= 100
    assert not [label for label in labels if f",{label}\n" in seen]


@pytest.mark.parametrize(
    ("settings", "held", "rows"),
    [
        ({}, 0, 700),
        ({"audit": False}, 0, 700),
        ({"audit": True}, 140, 560),
        ({"search_rows": 400}, 140, 560),  # of more than 600 rows
        ({"search_rows": 500}, 0, 700),
        ({"search_rows": 300, "audit": False}, 0, 300),
        ({"engineer": "tests.support.engineers:chosen"}, 140, 560),
        ({"engineer": "tests.support.engineers:chosen", "audit": False}, 0, 700),
    ],
)
def test_who_writes_and_how_much_there_is_decides_what_is_held_back(
    task: Path, settings: dict[str, Any], held: int, rows: int
) -> None:
    state = prepared(task, thread="held", **settings)
    search = load_views(Path(state["run"]) / "views").search
    audit = search.audit()
    assert (len(audit.positions) if audit else 0, search.rows) == (held, rows)
    whole = (held, rows) == (0, 700)
    assert state["settings"]["reserve"] == 0.35, "what was asked for stays"
    reserve = state["reserve"]
    assert reserve == pytest.approx(0.35 / 3 if whole else 0.35 + 0.15), (
        "no final run, less is kept; a final run of a short one, more"
    )


def test_an_interpreter_that_is_not_there_is_one_sentence(task: Path) -> None:
    with pytest.raises(SettingsError, match="no interpreter"):
        prepared(task, python="/nowhere/python")


def test_a_missing_folder_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(TaskError):
        prepared(tmp_path / "nowhere")


def test_prepare_done_twice_for_one_run_takes_the_same_folder(tmp_path: Path) -> None:
    first = _folder(tmp_path, "task", "thread", "task-id-1")
    again = _folder(tmp_path, "task", "thread", "task-id-1")
    other = _folder(tmp_path, "task", "thread", "task-id-2")
    assert first.path == again.path
    assert other.path != first.path


def test_without_a_thread_the_folder_is_named_by_time_and_task(tmp_path: Path) -> None:
    folder = _folder(tmp_path, "my task!", None, "id")
    assert folder.path.name.endswith("-my-task")
