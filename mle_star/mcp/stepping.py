"""The steps of a run, and a fork that goes on from one of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mle_star.mcp import process
from mle_star.mcp.answers import HistoryAnswer, StepLine
from mle_star.mcp.limits import allowed
from mle_star.observe.lines import who
from mle_star.report.steps import in_words
from mle_star.runs import RunFolder, read_events
from mle_star.runs.history import Step, steps_of


def history_of(run: Path, limit: int) -> HistoryAnswer:
    """The newest steps of a run, in their order.

    Raises:
        RunError: there is no run in the folder.
    """
    steps = steps_of(read_events(RunFolder.open(run).path))
    return HistoryAnswer(
        run=run.name, steps=[_line(step) for step in steps[-limit:]], total=len(steps)
    )


def _line(step: Step) -> StepLine:
    return StepLine(
        step=step.number,
        elapsed=step.elapsed,
        who=who(step.solution),
        node=step.node,
        did=in_words(step),
    )


def forked(run: Path, at: int, changes: Mapping[str, Any], edits: Mapping[str, str]) -> Path:
    """Make a fork of a run and let it go on in a process of its own; returns its folder.

    Raises:
        UserError: there is no such step, or a change or an edit can't be made.
    """
    from mle_star.graph.forking import ALIASES, fork

    named = {ALIASES.get(name, name): value for name, value in changes.items()}
    made = fork(run, at=at, changes=allowed(named), edits=edits)
    process.go_on(made, {})
    return made
