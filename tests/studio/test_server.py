"""The real server driven by the real SDK client: what LangGraph Studio does, without its page.

One server for all, and small tasks. It is killed first: what writes its threads to disk stops for
good when it meets one that is changing.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mle_star.runs import read_events
from tests.studio.server import Server
from tests.support.runs import SMALL
from tests.support.tasks import slope_task

pytest.importorskip("langgraph_api", reason="extra 'studio' is not installed")

CONTEXT: dict[str, Any] = {
    **SMALL,
    "num_candidates": 1,
    "inner_steps": 1,
    "engineer": "tests.support.engineers:plain",
}
BRIEF: dict[str, Any] = {**CONTEXT, "outer_steps": 0, "ensemble_rounds": 0}
WRITTEN_EVERY = 10.0
"""Seconds after which the server has written its threads to disk."""


@contextmanager
def connect(server: Server) -> Iterator[Any]:
    from langgraph_sdk import get_sync_client

    client = get_sync_client(url=server.url)
    try:
        yield client
    finally:
        client.http.client.close()


@dataclass(frozen=True)
class Studio:
    """A server and a task."""

    server: Server
    task: Path


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    task = slope_task(tmp_path_factory.mktemp("task") / "slope")
    server = Server(tmp_path_factory.mktemp("studio"))
    try:
        yield Studio(server.start(), task)
    finally:
        server.end()


@pytest.fixture
def client(studio: Studio) -> Iterator[Any]:
    with connect(studio.server) as client:
        yield client


def new_thread(client: Any) -> str:
    return str(client.threads.create()["thread_id"])


def run(client: Any, thread: str, task: Path, context: dict[str, Any], **options: Any) -> Any:
    return client.runs.wait(
        thread, "mle-star", input={"task": str(task)}, context=context, **options
    )


def go_on(client: Any, thread: str, **options: Any) -> dict[str, Any]:
    """Take a thread up again; its values and what comes next."""
    client.runs.wait(thread, "mle-star", input=None, **options)
    state: dict[str, Any] = client.threads.get_state(thread)
    return state


def test_a_run_goes_on_after_the_server_was_killed(studio: Studio) -> None:
    with connect(studio.server) as client:
        thread = new_thread(client)
        run(client, thread, studio.task, BRIEF, interrupt_before=["submit"])
    time.sleep(WRITTEN_EVERY + 1)
    studio.server.end(signal.SIGKILL)
    studio.server.start()
    with connect(studio.server) as client:
        assert client.threads.get_state(thread)["next"] == ["submit"]
        values = go_on(client, thread)["values"]
    assert Path(values["submission"]).exists()


def test_the_form_has_one_field_and_every_setting_says_what_it_is(client: Any) -> None:
    (assistant,) = client.assistants.search(graph_id="mle-star")
    schemas = client.assistants.get_schemas(assistant["assistant_id"])
    form = schemas["input_schema"]
    assert form["required"] == ["task"]
    assert form["properties"].keys() == {"task"}
    assert form["properties"]["task"]["description"].startswith("Path of the task folder")
    context = schemas["context_schema"]
    assert not context.get("required")
    assert {"preset", "engineer", "model", "num_candidates", "time_budget"} <= set(
        context["properties"]
    )
    for name, field in context["properties"].items():
        assert field["description"], name
        assert "default" in field or field["type"] in ("object", "array"), name
        kinds = [kind for kind in field.get("anyOf", [field]) if kind.get("type") != "null"]
        bounded = any("inimum" in key for kind in kinds for key in kind)  # exclusiveMinimum as well
        assert bounded or kinds[0].get("type") not in ("integer", "number"), name
    assert context["properties"]["inner_steps"]["langgraph_nodes"] == ["refine"]


def test_the_drawing_shows_the_nodes_of_the_subgraphs(client: Any) -> None:
    (assistant,) = client.assistants.search(graph_id="mle-star")
    graph = client.assistants.get_graph(assistant["assistant_id"], xray=True)
    places = {str(node["id"]) for node in graph["nodes"]}
    names = {place.rpartition(":")[2] for place in places}
    assert {"prepare", "ablate", "refine", "check_leakage", "submit"} <= names
    assert {"solution:candidate:write", "solution:evaluate_refine:execute"} <= places
    settings = client.assistants.get_schemas(assistant["assistant_id"])["context_schema"]
    named = {n for f in settings["properties"].values() for n in f.get("langgraph_nodes", ())}
    assert named <= names


def test_a_run_streams_its_subgraphs_and_tells_what_it_does(client: Any, studio: Studio) -> None:
    thread = new_thread(client)
    places: set[str] = set()
    for part in client.runs.stream(
        thread,
        "mle-star",
        input={"task": str(studio.task)},
        context=CONTEXT,
        stream_mode=["updates", "custom"],
        stream_subgraphs=True,
    ):
        assert part.event != "error", part.data
        places.add(part.event.partition("|")[2].partition(":")[0])
        if part.event.startswith("updates"):
            places.update(part.data)
    assert {"solution", "ablate", "refine", "submit"} <= places
    values = client.threads.get_state(thread)["values"]
    assert Path(values["submission"]).exists()
    told = [message["content"] for message in values["messages"]]
    assert told[0].startswith("prepare: task read: ")
    assert "solution 1, refine: slope 1.5" in told
    assert told[-1].startswith("submit: ")
    assert "\nA = " in values["code"]  # the winner's script as text
    assert all(len(text) < 400 for text in told)


def test_a_run_is_stepped_edited_and_goes_on(client: Any, studio: Studio) -> None:
    thread = new_thread(client)
    run(
        client,
        thread,
        studio.task,
        {**CONTEXT, "ensemble_rounds": 3},
        interrupt_before=["propose_ensemble"],
    )
    state = client.threads.get_state(thread)
    assert state["next"] == ["propose_ensemble"]
    best = {**state["values"]["best"], "label": "edited by a person"}
    client.threads.update_state(thread, {"best": best, "round": 2})
    assert go_on(client, thread, interrupt_before="*")["next"] == ["ensemble"]
    state = go_on(client, thread, interrupt_before="*")
    assert state["next"] == ["evaluate_ensemble"]
    draft = {**state["values"]["draft"], "label": "a person's plan"}
    client.threads.update_state(thread, {"draft": draft})
    assert go_on(client, thread, interrupt_before="*")["next"] == ["judge_ensemble"]
    values = go_on(client, thread)["values"]
    assert [attempt["plan"] for attempt in values["attempts"]] == ["a person's plan"]
    assert "a person's plan" in [trial["label"] for trial in values["trials"]]
    labels = [
        (step["values"].get("best") or {}).get("label")
        for step in client.threads.get_history(thread, limit=50)
    ]
    assert "edited by a person" in labels


def test_questions_of_both_solutions_are_shown_and_answered(client: Any, studio: Studio) -> None:
    thread = new_thread(client)
    context = {**BRIEF, "num_solutions": 2, "approve": ["scripts"]}
    run(client, thread, studio.task, context)
    waiting = client.threads.get_state(thread)["interrupts"]
    assert {one["value"]["label"] for one in waiting} == {"slope 1.0", "slope 1.25"}
    answers: list[Any] = ["yes", {"answer": "no", "reason": "not that one"}]
    resume = {one["id"]: answer for one, answer in zip(waiting, answers, strict=True)}
    client.runs.wait(thread, "mle-star", command={"resume": resume}, context=context)
    state = client.threads.get_state(thread)
    assert not state["interrupts"]
    assert Path(state["values"]["submission"]).exists()
    assert [t["label"] for t in state["values"]["trials"]] == [waiting[0]["value"]["label"]]


def test_block_and_plan_of_a_solution_are_edited_while_it_is_stopped(
    client: Any, studio: Studio
) -> None:
    thread = new_thread(client)
    context = {**CONTEXT, "engineer": "tests.support.engineers:dwelling"}
    started = client.runs.create(
        thread, "mle-star", input={"task": str(studio.task)}, context=context
    )
    inside = _wait_inside(client, thread, "refine")
    client.runs.cancel(thread, started["run_id"], wait=True, action="interrupt")
    values = inside["values"]
    assert values["block"] in values["code"]
    client.threads.update_state(
        thread,
        {"plan": "slope 2.75", "block": values["block"]},
        checkpoint=inside["checkpoint"],
        as_node="extract",
    )
    best = go_on(client, thread)["values"]["best"]
    assert best["label"] == "slope 2.75"


def _wait_inside(client: Any, thread: str, node: str) -> dict[str, Any]:
    """Wait until the first solution stands before a node; its state."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for task in client.threads.get_state(thread, subgraphs=True)["tasks"]:
            inside: dict[str, Any] = task.get("state") or {}
            if inside.get("next") == [node]:
                return inside
        time.sleep(0.1)
    raise AssertionError(f"the solution never came to {node}")


def test_a_finished_run_is_taken_up_at_an_earlier_checkpoint(client: Any, studio: Studio) -> None:
    thread = new_thread(client)
    run(client, thread, studio.task, CONTEXT)
    done = client.threads.get_state(thread)
    history = client.threads.get_history(thread, limit=50)
    before = next(step for step in history if step["next"] == ["propose_ensemble"])
    scripts = len(_scripts(done))
    # Time travel: the same again from there, with every script known already.
    again = go_on(client, thread, checkpoint=before["checkpoint"])
    assert again["checkpoint"]["checkpoint_id"] != done["checkpoint"]["checkpoint_id"]
    assert again["values"]["final"]["trial"] == done["values"]["final"]["trial"]
    later = _scripts(again)[scripts:]
    assert [event["cached"] for event in later if event["phase"] == "ensemble"] == [True]
    # A fork: the state of that moment, changed, and the way from there decided again.
    forked = client.threads.update_state(thread, {"round": 9}, checkpoint=before["checkpoint"])
    other = go_on(client, thread, checkpoint=forked["checkpoint"])
    assert len(client.threads.get_history(thread, limit=50)) > len(history)
    assert other["next"] == []
    assert done["values"]["attempts"]
    assert other["values"]["attempts"] == []


def _scripts(state: dict[str, Any]) -> list[dict[str, Any]]:
    events = read_events(Path(state["values"]["run"]))
    return [event for event in events if event["kind"] == "script_finished"]


def test_two_runs_at_once_keep_apart(client: Any, studio: Studio) -> None:
    threads = [new_thread(client) for _ in range(2)]
    runs = [
        client.runs.create(
            thread,
            "mle-star",
            input={"task": str(studio.task)},
            context={**BRIEF, "seed": seed},
        )
        for seed, thread in enumerate(threads)
    ]
    for thread, started in zip(threads, runs, strict=True):
        client.runs.join(thread, started["run_id"])
    states = [client.threads.get_state(thread) for thread in threads]
    folders = [Path(state["values"]["run"]) for state in states]
    assert len(set(folders)) == 2
    assert all((folder / "submission.csv").is_file() for folder in folders)
    spans = [[event["time"] for event in read_events(folder)] for folder in folders]
    assert max(min(span) for span in spans) < min(max(span) for span in spans)


def test_a_missing_task_is_said(client: Any) -> None:
    thread = new_thread(client)
    with pytest.raises(Exception, match="TaskError: There is no folder /nowhere"):
        run(client, thread, Path("/nowhere"), BRIEF)
    assert client.threads.get(thread)["status"] == "error"
