"""What every node has in common: its workbench, its events, its clock, and how it stops."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar, cast

from langgraph.errors import GraphBubbleUp, GraphDrained
from langgraph.runtime import Runtime

from mle_star.context import Context
from mle_star.errors import NoAnswer, RunStopped, SandboxUnavailable, UserError
from mle_star.nodes.workbench import Workbench, open_workbench
from mle_star.state import Score

logger = logging.getLogger(__name__)

Update = dict[str, Any]
T = TypeVar("T")
S = TypeVar("S")
S_contra = TypeVar("S_contra", contravariant=True)


@dataclass(frozen=True)
class Step:
    """One call of a node: the live objects of the run, and a pen for its journal."""

    bench: Workbench
    node: str
    solution: int
    write: Callable[[Any], None]
    """LangGraph's stream writer: whoever streams with mode ``custom`` sees every event."""
    base_seconds: float = 0.0
    """Seconds that the branch's best script took."""

    def emit(self, kind: str, **fields: Any) -> None:
        """Write an event to the journal and to the stream."""
        self.write(
            self.bench.events.append(
                kind,
                node=self.node,
                solution=self.solution,
                elapsed=self.bench.clock.elapsed(),
                **fields,
            )
        )

    def note(self, text: str) -> None:
        """Tell the person who watches something they should know."""
        self.emit("note", text=text)

    def script_started(self, label: str, phase: str) -> None:
        """A script is about to run."""
        self.emit("script_started", label=label, phase=phase)

    def script_finished(
        self,
        label: str,
        phase: str,
        run: Mapping[str, Any],
        score: Score | None = None,
    ) -> None:
        """A script ended; ``run`` holds its outcome, seconds, problem and whether it was cached."""
        self.emit(
            "script_finished",
            trial=run["key"][:16],
            label=label,
            phase=phase,
            outcome=run["outcome"],
            score=score["value"] if score else None,
            error=score["error"] if score else None,
            audit=score["audit"] if score else None,
            audit_error=score["audit_error"] if score else None,
            alarm=score["alarm"] if score else "",
            seconds=round(float(run["seconds"]), 3),
            problem=run["problem"],
            cached=run["cached"],
        )

    def ask(self, agent: Callable[..., T], *arguments: Any) -> T | None:
        """Ask the engineer; None (and a note) when it has no usable answer."""
        brief = replace(self.bench.brief, base_seconds=self.base_seconds)
        try:
            return agent(brief, *arguments)
        except NoAnswer as reason:
            self.note(f"{agent.__name__}: {reason}")
            return None


class NodeFunction(Protocol[S_contra]):
    """A node as LangGraph calls it."""

    __name__: str

    def __call__(self, state: S_contra, *, runtime: Runtime[Context]) -> Update:
        """Take the state, return the keys that changed."""


def node(function: Callable[[S, Step], Update]) -> NodeFunction[S]:
    """Make a LangGraph node from a function of the state and the step.

    The node opens the run's workbench, announces itself in the journal, counts its time, refreshes
    ``settings`` and ``elapsed`` for the routers, and turns a request to stop into a clean drain of
    the graph, which leaves the node to be done again on resume. An unexpected error ends in
    ``failure``: the routers then let this branch give up, and the run goes on with what it and the
    others found.
    """
    name = function.__name__

    def call(state: S, *, runtime: Runtime[Context]) -> Update:
        values = cast(Mapping[str, Any], state)
        bench = open_workbench(values["run"])
        best = values.get("best")
        seconds = float(best["seconds"]) if best else 0.0
        step = Step(bench, name, _solution(values), runtime.stream_writer, seconds)
        if bench.stopping.is_set():
            raise GraphDrained("stopped")
        started = time.monotonic()
        with bench.clock.working():
            step.emit("node_started")
            try:
                update = function(state, step)
            except RunStopped:
                raise GraphDrained("stopped") from None
            except (GraphBubbleUp, UserError, SandboxUnavailable):
                raise  # what a person must mend, and LangGraph's own signals, end the run
            except Exception as error:
                logger.exception("%s failed", name)
                update = {"failure": f"{name}: {type(error).__name__}: {error}"}
                step.note(f"{name} failed unexpectedly and was given up: {update['failure']}")
            step.emit("node_finished", seconds=round(time.monotonic() - started, 3))
            return {
                **update,
                "settings": bench.settings.model_dump(),
                "elapsed": bench.clock.elapsed(),
            }

    call.__name__ = call.__qualname__ = name
    call.__doc__ = function.__doc__
    return call


def _solution(state: Mapping[str, Any]) -> int:
    draft = state.get("draft")
    if "solution" in state:
        return int(state["solution"])
    return int(draft["solution"]) if draft else -1
