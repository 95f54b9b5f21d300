"""``graph``: the graph as Mermaid text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_core.runnables.graph import Graph

HIDDEN = ("__error_handler__", "__default_error_handler__")
"""LangGraph draws the error handler of a node as a node without edges."""


def mermaid(xray: bool = False) -> str:
    """Mermaid text of the whole run; with ``xray`` its subgraphs are drawn in place."""
    from mle_star.graph import build_graph

    return drawable(build_graph(), xray).draw_mermaid()


def drawable(compiled: Any, xray: bool) -> Graph:
    """The drawing of a graph that LangGraph compiled, without its error handlers.

    LangGraph's own ``get_graph(xray=True)`` leaves a subgraph folded as soon as one of its nodes
    has an error handler, as it then finds two first nodes.
    """
    drawing: Graph = compiled.get_graph()
    for name in [name for name in drawing.nodes if name.startswith(HIDDEN)]:
        drawing.nodes.pop(name)
    if not xray:
        return drawing
    for name, subgraph in compiled.get_subgraphs():
        inner = drawable(subgraph, xray)
        inner.trim_first_node()
        inner.trim_last_node()
        first, last = drawing.extend(inner, prefix=name)
        if first is None or last is None:
            raise AssertionError(f"{name} has no single first and last node")
        drawing.nodes.pop(name)
        drawing.edges[:] = [
            edge.copy(
                source=last.id if edge.source == name else edge.source,
                target=first.id if edge.target == name else edge.target,
            )
            for edge in drawing.edges
        ]
    return drawing
