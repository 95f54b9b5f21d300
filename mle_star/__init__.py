"""MLE-STAR as a LangGraph workflow: from a task folder to a submission and an honest score."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mle_star.context import Context
    from mle_star.graph import build_graph
    from mle_star.graph.forking import fork
    from mle_star.graph.solving import Result, resume, solve
    from mle_star.tasks import TaskSpec

__all__ = ["Context", "Result", "TaskSpec", "build_graph", "fork", "resume", "solve"]

_HOMES = {
    "Context": "mle_star.context",
    "Result": "mle_star.graph.solving",
    "TaskSpec": "mle_star.tasks",
    "build_graph": "mle_star.graph",
    "fork": "mle_star.graph.forking",
    "resume": "mle_star.graph.solving",
    "solve": "mle_star.graph.solving",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use.

    ``mle-star --help`` must not wait for LangGraph and pandas.
    """
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'mle_star' has no attribute {name!r}")
