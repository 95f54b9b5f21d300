"""The real server driven by the real SDK client: what LangGraph Studio does, without its page."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.studio.server import Server
from tests.support.runs import SMALL
from tests.support.tasks import slope_task

pytest.importorskip("langgraph_api", reason="extra 'studio' is not installed")

CONTEXT: dict[str, Any] = {**SMALL, "engineer": "tests.support.engineers:plain"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("studio"))
    try:
        yield server.start()
    finally:
        server.end()


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return slope_task(tmp_path_factory.mktemp("task") / "slope")


@contextmanager
def connect(server: Server) -> Iterator[Any]:
    from langgraph_sdk import get_sync_client

    client = get_sync_client(url=server.url)
    try:
        yield client
    finally:
        client.http.client.close()


@pytest.fixture
def client(server: Server) -> Iterator[Any]:
    with connect(server) as client:
        yield client


def test_the_graph_loads_and_its_schemas_are_complete(client: Any) -> None:
    (assistant,) = client.assistants.search(graph_id="mle-star")
    schemas = client.assistants.get_schemas(assistant["assistant_id"])
    assert schemas["input_schema"]["properties"]["task"]["type"] == "string"
    settings = schemas["context_schema"]["properties"]
    assert {"preset", "engineer", "model", "num_candidates", "time_budget", "seed"} <= set(settings)
    assert all(field.get("description") for field in settings.values())
    graph = client.assistants.get_graph(assistant["assistant_id"], xray=True)
    names = {str(node["id"]).rpartition(":")[2] for node in graph["nodes"]}
    assert {"prepare", "ablate", "refine", "check_leakage", "submit"} <= names


def test_a_run_streams_its_subgraphs_to_a_submission(client: Any, task: Path) -> None:
    thread = client.threads.create()
    places: set[str] = set()
    for part in client.runs.stream(
        thread["thread_id"],
        "mle-star",
        input={"task": str(task)},
        context=CONTEXT,
        stream_mode=["updates", "custom"],
        stream_subgraphs=True,
    ):
        assert part.event != "error", part.data
        places.add(part.event.partition("|")[2].partition(":")[0])
        if part.event.startswith("updates"):
            places.update(part.data)
    assert {"solution", "ablate", "refine", "submit"} <= places
    values = client.threads.get_state(thread["thread_id"])["values"]
    assert Path(values["submission"]).exists()


def test_a_run_stops_before_a_node_is_edited_and_goes_on(client: Any, task: Path) -> None:
    thread = client.threads.create()["thread_id"]
    client.runs.wait(
        thread,
        "mle-star",
        input={"task": str(task)},
        context={**CONTEXT, "ensemble_rounds": 3},
        interrupt_before=["ensemble"],
    )
    state = client.threads.get_state(thread)
    assert state["next"] == ["ensemble"]
    best = state["values"]["best"]
    client.threads.update_state(
        thread, {"best": {**best, "label": "edited by a person"}, "round": 2}
    )
    client.runs.wait(thread, "mle-star", input=None)
    state = client.threads.get_state(thread)
    assert state["next"] == []
    assert len([a for a in state["values"]["attempts"] if a["plan"].startswith("weights")]) == 1
    history = client.threads.get_history(thread, limit=50)
    assert any(
        (step["values"].get("best") or {}).get("label") == "edited by a person" for step in history
    )


def test_a_stopped_run_goes_on_after_the_server_was_killed(tmp_path: Path, task: Path) -> None:
    server = Server(tmp_path).start()
    try:
        with connect(server) as client:
            thread = client.threads.create()["thread_id"]
            client.runs.wait(
                thread,
                "mle-star",
                input={"task": str(task)},
                context={**CONTEXT, "outer_steps": 0},
                interrupt_before=["submit"],
            )
        time.sleep(11)  # the server writes its threads to disk every ten seconds
        server.end(signal.SIGKILL)
        server.start()
        with connect(server) as client:
            assert client.threads.get_state(thread)["next"] == ["submit"]
            client.runs.wait(thread, "mle-star", input=None)
            values = client.threads.get_state(thread)["values"]
        assert Path(values["submission"]).exists()
    finally:
        server.end()
