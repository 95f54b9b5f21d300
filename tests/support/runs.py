"""Running the graph in tests, with a scripted engineer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mle_star.context import Context
from mle_star.graph import build_graph
from mle_star.runs import read_events
from mle_star.state import Trial
from tests.support.engineers import ScriptedEngineer, use


@dataclass(frozen=True)
class Finished:
    """A run that came to its end."""

    values: dict[str, Any]
    events: list[dict[str, Any]]
    engineer: ScriptedEngineer

    @property
    def folder(self) -> Path:
        """The run folder."""
        return Path(self.values["run"])

    @property
    def best(self) -> Trial:
        """The winner."""
        best: Trial = self.values["best"]
        return best

    @property
    def trials(self) -> list[Trial]:
        """Every trial."""
        trials: list[Trial] = self.values["trials"]
        return trials

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Events of one kind."""
        return [event for event in self.events if event["kind"] == kind]

    def script(self, trial: Trial) -> str:
        """Text of a trial's script."""
        return (self.folder / "scripts" / f"{trial['script'][:16]}.py").read_text()

    def notes(self) -> str:
        """All notes in one text."""
        return "\n".join(event["text"] for event in self.of("note"))


SMALL: dict[str, Any] = {
    "num_candidates": 2,
    "num_solutions": 1,
    "outer_steps": 1,
    "inner_steps": 2,
    "ensemble_rounds": 1,
    "debug_rounds": 1,
    "script_timeout": 30.0,
    "time_budget": 600.0,
}


def run(task: Path, engineer: ScriptedEngineer | str | None = None, **settings: Any) -> Finished:
    """Run the whole graph on a task and gather what came of it.

    The engineer is a scripted one, or named as in the settings.
    """
    name = engineer if isinstance(engineer, str) else "tests.support.engineers:chosen"
    engineer = use(engineer if isinstance(engineer, ScriptedEngineer) else ScriptedEngineer())
    context = Context(**{**SMALL, **settings, "engineer": name})
    graph = build_graph()
    states = list(graph.stream({"task": str(task)}, context=context, stream_mode="values"))
    last: dict[str, Any] = states[-1]
    return Finished(last, read_events(Path(last["run"])), engineer)
