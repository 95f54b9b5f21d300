"""The drawn graph is a golden file: whoever changes the route changes the picture."""

from __future__ import annotations

from pathlib import Path

from mle_star.graph import build_graph

GOLDEN = Path(__file__).parents[2] / "docs" / "graph.mmd"


def test_the_drawing_in_the_docs_is_the_graph_that_runs() -> None:
    drawn = build_graph().get_graph(xray=True).draw_mermaid()
    assert drawn == GOLDEN.read_text(), (
        "the graph changed: look at it, then write docs/graph.mmd again with "
        "'mle-star graph --xray > docs/graph.mmd'"
    )
