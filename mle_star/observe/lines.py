"""Progress as plain lines, for logs and pipes: one per script and per change of phase."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from mle_star.observe.progress import Progress
from mle_star.report.attempts import WHOLE
from mle_star.report.people import wish
from mle_star.report.text import better_is, clean, count, duration, number, plus_minus
from mle_star.report.thinking import who_thinks


class LineView:
    """Prints lines as events arrive."""

    def __init__(self, console: Console) -> None:
        """Print on ``console``."""
        self.console = console
        self.progress = Progress()
        self._phases: dict[int, str] = {}

    def __enter__(self) -> LineView:
        return self

    def __exit__(self, *exception: object) -> None:
        return None

    def restore(
        self,
        events: Sequence[Mapping[str, Any]],
        settings: Mapping[str, Any],
        engineer: Mapping[str, Any] | None = None,
    ) -> None:
        """Take in the journal of an earlier sitting without printing it."""
        self.progress.restore(events, settings, engineer)
        self._phases = {b.number: self.progress.where(b) for b in self.progress.branches.values()}
        going_on = f"going on after {duration(self.progress.elapsed())}"
        self._head(f"; {going_on}")

    def update(self, event: Mapping[str, Any]) -> None:
        """Take one event in and print what is new."""
        with self.progress.lock:
            self.progress.update(event)
            if event.get("kind") == "run_started":
                self._head()
            for branch in self.progress.branches.values():
                phase = self.progress.where(branch)
                if self._phases.setdefault(branch.number, "waiting") != phase:
                    self._phases[branch.number] = phase
                    self._print(event, branch.number, Text(phase, style="bold"))
            line = script_line(event)
            if line is not None:
                self._print(event, int(event.get("solution", WHOLE)), line)

    def _head(self, more: str = "") -> None:
        self.console.print(Text(headline(self.progress) + more), soft_wrap=True)
        thinks = who_thinks(self.progress.engineer, self.progress.settings)
        self.console.print(Text(thinks, style="dim"), soft_wrap=True)
        self.console.print(Text(caged(self.progress), style="dim"), soft_wrap=True)

    def _print(self, event: Mapping[str, Any], number: int, text: Text) -> None:
        clock = f"{duration(float(event.get('elapsed', 0.0))):>7}"
        self.console.print(
            Text.assemble((clock, "dim"), f"  {who(number):<10}  ", text), soft_wrap=True
        )


def who(number: int) -> str:
    """Name of a branch as people count: from one."""
    return "run" if number == WHOLE else f"solution {number + 1}"


def headline(progress: Progress) -> str:
    """Task, metric and rows in one line."""
    return (
        f"{progress.task}: {progress.metric}, {better_is(progress.direction)}, "
        f"{count(progress.rows, 'labelled row')}"
    )


OPEN = 3
"""Gaps of the level ``process`` that the header names; ``doctor`` names all."""


def caged(progress: Progress) -> str:
    """The sandbox level and what it does not keep out."""
    level = clean(progress.isolation.get("level") or progress.settings.get("sandbox") or "process")
    gaps = list(map(clean, progress.isolation.get("gaps") or ()))
    if level == "process":
        shown = "; ".join(gaps[:OPEN]) or "files and network are open to scripts"
        return f"sandbox process, no isolation: {shown}"
    held = "files, network and other processes are out of reach"
    return f"sandbox {level}: {held}" + (
        f" ({count(len(gaps), 'smaller gap')}: mle-star doctor)" if gaps else ""
    )


SITTINGS = {"run_stopped": "stopped", "run_failed": "failed", "run_resumed": "going on"}
"""Events between the sittings of a run: only a reader of its journal sees them."""


def script_line(event: Mapping[str, Any]) -> Text | None:
    """What a finished script, a repair, a stand-in, a new best or a note says; else None."""
    kind = event.get("kind")
    label = clean(event.get("label", ""), 100)
    if kind == "note":
        return Text(clean(event.get("text", "")), style="yellow")
    if kind == "stood_in":
        agent, reason = clean(event.get("agent", ""), 40), clean(event.get("reason", ""), 200)
        return Text(f"the playbook stood in for {agent}: {reason}", style="dim")
    if kind in SITTINGS:
        return Text(SITTINGS[str(kind)], style="bold")
    if kind == "told":
        return Text(f"told: {wish(event, 160)}", style="magenta")
    if kind == "heeded":
        style = "magenta" if event.get("done") else "yellow"
        return Text(clean(event.get("text", ""), 200), style=style)
    if kind == "debugged":
        return Text(f"repaired {label}", style="dim")
    if kind == "best":
        return Text(f"best so far {number(event['score'])}: {label}", style="green")
    if kind == "script_finished":
        return finished(event, label)
    return None


def finished(event: Mapping[str, Any], label: str) -> Text:
    """One finished script: score or what went wrong, how long, what it was."""
    took = "cached" if event.get("cached") else duration(float(event.get("seconds") or 0.0))
    score = event.get("score")
    if score is not None:
        result = Text(f"{plus_minus(score, event.get('error')):<22}", style="cyan")
        if event.get("alarm"):
            result = Text(f"{number(score) + ' leak?':<22}", style="red")
    elif event.get("outcome") == "ok":
        result = Text(f"{'done':<22}", style="cyan")
    else:
        style = "dim" if event.get("outcome") == "behind" else "red"
        result = Text(f"{clean(event.get('outcome', 'failed')):<22}", style=style)
    line = Text.assemble(result, (f"{took:>7}  ", "dim"), label)
    problem = clean(event.get("alarm") or event.get("problem") or "", 160)
    style = "dim" if event.get("outcome") == "behind" else "red"
    return Text.assemble(line, (f": {problem}", style)) if problem else line
