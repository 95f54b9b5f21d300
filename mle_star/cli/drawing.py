"""``graph``: the graph as Mermaid text."""

from __future__ import annotations


def mermaid(xray: bool = False) -> str:
    """Mermaid text of the whole run; with ``xray`` its subgraphs are drawn in place."""
    from mle_star.graph import build_graph

    return build_graph().get_graph(xray=xray).draw_mermaid()
