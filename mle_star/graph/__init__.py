"""The workflow as LangGraph graphs: edges only. What a node does is in :mod:`mle_star.nodes`."""

from mle_star.graph.pipeline import build_graph, graph

__all__ = ["build_graph", "graph"]
