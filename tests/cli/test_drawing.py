from __future__ import annotations

from mle_star.cli.drawing import drawable, mermaid
from mle_star.graph import build_graph
from mle_star.graph.evaluation import build_evaluation
from mle_star.graph.solution import build_solution


def test_error_handlers_are_not_drawn() -> None:
    for graph in (build_graph(), build_solution(), build_evaluation()):
        assert "error_handler" in " ".join(graph.get_graph().nodes)
        assert "error_handler" not in " ".join(drawable(graph, xray=False).nodes)


def test_an_xray_has_every_node_of_every_subgraph() -> None:
    nodes = set(drawable(build_graph(), xray=True).nodes)
    assert {"prepare", "submit", "solution:ablate", "solution:candidate:write"} <= nodes
    assert "solution:candidate:evaluate:execute" in nodes
    assert "evaluate_ensemble:debug" in nodes
    assert "solution" not in nodes


def test_every_edge_of_an_xray_joins_nodes_that_are_there() -> None:
    drawing = drawable(build_graph(), xray=True)
    for edge in drawing.edges:
        assert edge.source in drawing.nodes
        assert edge.target in drawing.nodes


def test_mermaid_text() -> None:
    assert "prepare -.-> solution;" in mermaid()
    assert "subgraph solution" in mermaid(xray=True)
