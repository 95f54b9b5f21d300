"""MLE-STAR as a LangGraph workflow: from a task folder to a submission and an honest score."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str

    from mle_star.context import Context
    from mle_star.graph import build_graph
    from mle_star.graph.forking import fork
    from mle_star.graph.loading import load
    from mle_star.graph.result import FinalScore, Result
    from mle_star.graph.solving import resume, solve
    from mle_star.graph.stopping import Stop
    from mle_star.graph.streaming import asolve, astream, stream
    from mle_star.runs.steering import tell
    from mle_star.tasks import TaskSpec

__all__ = [
    "Context",
    "FinalScore",
    "Result",
    "Stop",
    "TaskSpec",
    "asolve",
    "astream",
    "build_graph",
    "fork",
    "load",
    "resume",
    "solve",
    "stream",
    "tell",
]

_HOMES = {
    "Context": "mle_star.context",
    "FinalScore": "mle_star.graph.result",
    "Result": "mle_star.graph.result",
    "Stop": "mle_star.graph.stopping",
    "TaskSpec": "mle_star.tasks",
    "asolve": "mle_star.graph.streaming",
    "astream": "mle_star.graph.streaming",
    "build_graph": "mle_star.graph",
    "fork": "mle_star.graph.forking",
    "load": "mle_star.graph.loading",
    "resume": "mle_star.graph.solving",
    "solve": "mle_star.graph.solving",
    "stream": "mle_star.graph.streaming",
    "tell": "mle_star.runs.steering",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use.

    ``mle-star --help`` must not wait for LangGraph and pandas.
    """
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name == "__version__":
        from importlib.metadata import version

        return version("mle-star")
    raise AttributeError(f"module 'mle_star' has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names, which notebooks complete before they are imported."""
    return sorted({*globals(), *__all__})
