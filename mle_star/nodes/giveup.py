"""Where an unexpected error ends.

The branch gives up, the run goes on with what the others found.
"""

from __future__ import annotations

from typing import Any

from langgraph.errors import NodeError
from langgraph.types import Command

from mle_star.errors import SandboxUnavailable, UserError
from mle_star.nodes.workbench import open_workbench


def give_up(goto: str) -> Any:
    """An error handler that records the error and goes to ``goto``.

    What a person must mend, and a sandbox that can't be had, stop the whole run instead.
    """

    def handler(state: Any, error: NodeError) -> Command[Any]:
        if isinstance(error.error, UserError | SandboxUnavailable):
            raise error.error
        problem = f"{type(error.error).__name__}: {error.error}"
        bench = open_workbench(state["run"])
        bench.events.append(
            "note",
            node=error.node,
            solution=int(state.get("solution", -1)),
            elapsed=bench.clock.elapsed(),
            text=f"{error.node} failed unexpectedly and was given up: {problem}",
        )
        return Command(update={"failure": problem}, goto=goto)

    return handler
