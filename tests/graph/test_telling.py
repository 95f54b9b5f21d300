"""What the nodes of Studio's graph keep in the state for people; the runs of solve keep none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langgraph.runtime import Runtime

from mle_star.context import Context
from mle_star.errors import MissingExtra, SandboxUnavailable, TaskError, UserError
from mle_star.graph import build_graph
from mle_star.graph import graph as studio_graph
from mle_star.graph.telling import telling
from mle_star.runs import RunFolder


def call(action: Any, state: dict[str, Any]) -> tuple[dict[str, Any], list[Any]]:
    """What a telling node returns, and what was streamed meanwhile."""
    streamed: list[Any] = []
    runtime = Runtime(context=Context(), stream_writer=streamed.append)
    return telling(action)(state, runtime=runtime), streamed


def refine(state: Any, *, runtime: Runtime[Context]) -> dict[str, Any]:
    event = {"node": "refine", "solution": 1}
    runtime.stream_writer({**event, "kind": "node_started"})
    runtime.stream_writer({**event, "kind": "refined", "plan": "more trees", "written": True})
    return dict(state["update"])


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "run")


def test_a_node_tells_what_it_did_and_shows_the_script(folder: RunFolder) -> None:
    best, draft = (folder.save_script(text) for text in ("best\n", "draft\n"))
    state = {"run": str(folder.path), "best": {"script": best}, "update": {"k": 1}}
    update, streamed = call(refine, state)
    assert update == {
        "k": 1,
        "messages": [
            {
                "type": "ai",
                "name": "solution 2, refine",
                "content": "solution 2, refine: more trees",
            }
        ],
        "code": "best\n",
    }
    assert [event["kind"] for event in streamed] == ["node_started", "refined"]
    update, _ = call(refine, {**state, "update": {"draft": {"script": draft}}})
    assert update["code"] == "draft\n"
    update, _ = call(refine, {**state, "update": {"script": best, "draft": {"script": draft}}})
    assert update["code"] == "best\n"


def test_a_node_with_nothing_to_tell_or_show_says_nothing(folder: RunFolder) -> None:
    def accept(state: Any, *, runtime: Runtime[Context]) -> dict[str, Any]:
        return {"best": state["best"]}

    gone = {"script": "0" * 64}
    for best in (None, gone):
        update, _ = call(accept, {"run": str(folder.path), "best": best})
        assert update == {"best": best, "messages": [], "code": ""}


@pytest.mark.parametrize(
    "error",
    [TaskError("no table"), SandboxUnavailable("no child"), MissingExtra("x", "studio", "this")],
)
def test_what_a_person_must_mend_is_shown_by_the_server(error: Exception) -> None:
    def fail(state: Any, *, runtime: Runtime[Context]) -> dict[str, Any]:
        raise error

    with pytest.raises(UserError) as raised:
        call(fail, {})
    assert isinstance(raised.value, ValueError)  # of other kinds the server hides the text
    assert (type(raised.value).__name__, str(raised.value)) == (type(error).__name__, str(error))


def test_other_errors_stay_what_they_are() -> None:
    def fail(state: Any, *, runtime: Runtime[Context]) -> dict[str, Any]:
        raise KeyError("x")

    with pytest.raises(KeyError):
        call(fail, {})


def test_both_graphs_have_the_same_nodes_and_edges() -> None:
    plain, telling_one = (
        g.get_graph(xray=True).draw_mermaid() for g in (build_graph(), studio_graph)
    )
    assert plain == telling_one
