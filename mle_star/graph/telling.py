"""Graphs for people who look at the state: what each node did, and the script at work, as text.

The graph of Studio is built like this. Runs of ``solve`` are not: they have a report, and their
checkpoints stay small.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from langgraph.graph import StateGraph
from langgraph.runtime import Runtime

from mle_star.context import Context
from mle_star.errors import RunError, SandboxUnavailable, UserError
from mle_star.report.steps import said
from mle_star.runs import RunFolder

Event = dict[str, Any]


class Shown(UserError, ValueError):
    """What a person must mend. LangGraph's server shows the text of Python's own kinds alone."""


class TellingGraph(StateGraph[Any, Any, Any, Any]):
    """A graph whose nodes keep ``messages`` and ``code`` of the state (:class:`~.state.Told`)."""

    def add_node(self, node: Any, action: Any = None, **options: Any) -> Any:
        """Add a node that tells what it did; a subgraph's own nodes do that for it."""
        return super().add_node(node, telling(action), **options)


def telling(action: Any) -> Any:
    """A node's function that also says what happened; anything else as it is."""
    if not inspect.isfunction(action):
        return action

    @functools.wraps(action)
    def call(state: Mapping[str, Any], *, runtime: Runtime[Context]) -> dict[str, Any]:
        heard: list[Event] = []
        try:
            update = action(state, runtime=runtime.override(stream_writer=_hear(runtime, heard)))
        except (UserError, SandboxUnavailable) as error:
            raise _shown(error) from error
        values = {**state, **update}
        text = said(heard)
        where = {event["solution"] for event in heard} - {-1}
        name = f"solution {where.pop() + 1}, {action.__name__}" if where else action.__name__
        messages = [{"type": "ai", "name": name, "content": f"{name}: {text}"}] if text else []
        return {**update, "messages": messages, "code": _code(values)}

    return call


def _shown(error: Exception) -> Shown:
    """The same error, of the same name, as one that is shown."""
    kind: type[Shown] = type(type(error).__name__, (Shown,), {})
    return kind(str(error))


def _hear(runtime: Runtime[Context], heard: list[Event]) -> Callable[[Any], None]:
    def write(event: Any) -> None:
        heard.append(event)
        runtime.stream_writer(event)

    return write


def _code(values: Mapping[str, Any]) -> str:
    """Text of the script at work: the one under evaluation, the draft, or the best."""
    digest = values.get("script") or (values.get("draft") or values.get("best") or {}).get("script")
    with suppress(RunError):  # whoever needs the script says that it is gone
        return RunFolder(Path(values["run"])).script(digest) if digest else ""
    return ""
