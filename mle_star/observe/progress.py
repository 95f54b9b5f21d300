"""What is known about a run while it runs: the events, folded into one picture.

Nothing here prints. :mod:`mle_star.observe.live` and :mod:`mle_star.observe.lines` draw the
picture.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mle_star.models.base import Call
from mle_star.report.attempts import WHOLE
from mle_star.report.money import call_of
from mle_star.report.text import clean, shape
from mle_star.roles import ROLES

PHASES = {
    "prepare": "reading the task",
    "retrieve": "looking for models",
    "write": "first scripts",
    "merge": "merging models",
    "check_usage": "checking data use",
    "ablate": "ablation",
    "extract": "choosing a block",
    "refine": "refining",
    "finish": "finished",
    "try_card": "a model that was asked for",
    "blend": "blending predictions",
    "ensemble": "planned ensemble",
    "submit": "final run on all data",
}
"""Node -> what a person reads. Any other node (the evaluation loop) leaves the phase as it is."""

ASKING = frozenset({*ROLES, "debug_ablation", "try_card", "propose", "propose_ensemble"})
"""Nodes that ask the engineer."""


@dataclass(frozen=True)
class Best:
    """A score to beat, with the script it belongs to."""

    label: str
    value: float
    error: float | None


@dataclass(frozen=True)
class Running:
    """A script that runs now."""

    label: str
    phase: str
    solution: int
    since: float
    """``time.monotonic()`` when it started."""


@dataclass
class Branch:
    """One solution branch, or (number -1) the part that joins them."""

    number: int
    phase: str = "waiting"
    outer: int = 0
    """Outer steps begun."""
    inner: int = 0
    """Plans begun in this outer step, or planned ensembles begun."""
    accepted: int = 0
    """Outer steps finished."""
    learned: int = 0
    """Plans finished in this outer step, or planned ensembles written."""
    scripts: int = 0
    failed: int = 0
    best: Best | None = None
    asking: dict[str, float] = field(default_factory=dict)
    """Nodes under way that ask the engineer -> ``time.monotonic()`` when they began."""


@dataclass
class Progress:
    """The picture of a run. Thread-safe: events and drawings come from different threads."""

    task: str = ""
    metric: str = ""
    direction: str = "minimize"
    rows: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)
    engineer: Mapping[str, Any] = field(default_factory=dict)
    """Who leads: the fields of :class:`mle_star.engineer.Choice`."""
    isolation: Mapping[str, Any] = field(default_factory=dict)
    branches: dict[int, Branch] = field(default_factory=dict)
    running: list[Running] = field(default_factory=list)
    best: Best | None = None
    notes: deque[str] = field(default_factory=lambda: deque(maxlen=3))
    errors: dict[tuple[str, float], float | None] = field(default_factory=dict)
    """(label, score) of every scored script -> standard error."""
    calls: list[Call] = field(default_factory=list)
    """What was asked of models."""
    stood_in: dict[str, int] = field(default_factory=dict)
    """Agent -> times that the playbook answered for it."""
    status: str = "starting"
    _elapsed: float = 0.0
    _at: float = field(default_factory=time.monotonic)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def update(self, event: Mapping[str, Any]) -> None:
        """Fold one event in. Unknown kinds change the clock alone."""
        with self.lock:
            self._elapsed, self._at = float(event.get("elapsed", self._elapsed)), time.monotonic()
            fold = getattr(self, f"_on_{event.get('kind')}", None)
            if fold is not None:
                fold(event)

    def restore(
        self,
        events: Iterable[Mapping[str, Any]],
        settings: Mapping[str, Any],
        engineer: Mapping[str, Any] | None = None,
    ) -> None:
        """Take in the journal of an earlier sitting; what ran when it ended runs no more.

        Args:
            events: the journal.
            settings: those that are changed now.
            engineer: who leads now; None: whoever led before.
        """
        with self.lock:
            for event in events:
                self.update(event)
            self.settings = {**self.settings, **settings}
            self.engineer = engineer or self.engineer
            self.running.clear()
            for branch in self.branches.values():
                branch.asking.clear()
            if self.status != "starting":
                self.status = "running"

    def elapsed(self) -> float:
        """Seconds of the run so far, counted on since the last event."""
        going_on = time.monotonic() - self._at if self.status == "running" else 0.0
        return self._elapsed + going_on

    @property
    def budget(self) -> float:
        """Seconds the run may take; 0.0 until the settings are known."""
        return float(self.settings.get("time_budget") or 0.0)

    def branch(self, number: int) -> Branch:
        """The branch of that number, made on first sight."""
        return self.branches.setdefault(number, Branch(number))

    def _on_run_started(self, event: Mapping[str, Any]) -> None:
        self.task = clean(event.get("task", "")).rstrip("/").rpartition("/")[2]
        self.metric = clean(event.get("metric", ""))
        self.direction = str(event.get("direction", self.direction))
        self.rows = int(event.get("rows") or 0)
        self.settings = event.get("settings") or {}
        self.engineer = event.get("engineer") or {}
        self.isolation = event.get("isolation") or {}
        self.status = "running"
        for number in range(int(self.settings.get("num_solutions") or 0)):
            self.branch(number)
        self.branch(WHOLE)

    def _on_run_finished(self, event: Mapping[str, Any]) -> None:
        self.status = "finished"

    def _on_run_stopped(self, event: Mapping[str, Any]) -> None:
        self.status = "stopped"

    def _on_node_started(self, event: Mapping[str, Any]) -> None:
        node, number = str(event.get("node", "")), int(event.get("solution", WHOLE))
        if node in ASKING:
            self.branch(number).asking[node] = time.monotonic()
        if node not in PHASES:
            return
        branch = self.branch(number)
        branch.phase = PHASES[node]
        # A node that was cut short is started again on resume: count from what is finished.
        if node == "ablate":
            branch.outer, branch.inner, branch.learned = branch.accepted + 1, 0, 0
        elif node in ("refine", "ensemble"):
            branch.inner = branch.learned + 1

    def _on_node_finished(self, event: Mapping[str, Any]) -> None:
        branch = self.branch(int(event.get("solution", WHOLE)))
        branch.asking.pop(str(event.get("node")), None)
        if event.get("node") == "accept":
            branch.accepted += 1
        elif event.get("node") in ("learn", "ensemble"):
            branch.learned += 1

    def _on_script_started(self, event: Mapping[str, Any]) -> None:
        self.running.append(
            Running(
                label=clean(event.get("label", "")),
                phase=str(event.get("phase", "")),
                solution=int(event.get("solution", WHOLE)),
                since=time.monotonic(),
            )
        )

    def _on_script_finished(self, event: Mapping[str, Any]) -> None:
        label, number = clean(event.get("label", "")), int(event.get("solution", WHOLE))
        for position, script in enumerate(self.running):
            if (script.label, script.solution) == (label, number):
                del self.running[position]
                break
        branch = self.branch(number)
        branch.scripts += 1
        if event.get("outcome") not in ("ok", "behind"):
            branch.failed += 1
        score, error = event.get("score"), event.get("error")
        if score is None:
            return
        self.errors[label, float(score)] = error
        # The candidates are ranked when all are in: until then show the one that leads.
        if event.get("phase") == "write" and not event.get("alarm"):
            best = Best(label, float(score), error)
            if self._beats(best, branch.best):
                branch.best = best
            self._lead(best)

    def _on_best(self, event: Mapping[str, Any]) -> None:
        label, value = clean(event.get("label", "")), float(event["score"])
        best = Best(label, value, self.errors.get((label, value)))
        self.branch(int(event.get("solution", WHOLE))).best = best
        self._lead(best)

    def _on_note(self, event: Mapping[str, Any]) -> None:
        note = clean(event.get("text", ""))
        for old in [old for old in self.notes if shape(old) == shape(note)]:
            self.notes.remove(old)
        self.notes.append(note)

    def _on_model_called(self, event: Mapping[str, Any]) -> None:
        self.calls.append(call_of(event))

    def _on_stood_in(self, event: Mapping[str, Any]) -> None:
        agent = clean(event.get("agent", ""), 40)
        self.stood_in[agent] = self.stood_in.get(agent, 0) + 1

    def _lead(self, best: Best) -> None:
        if self._beats(best, self.best):
            self.best = best

    def _beats(self, new: Best, old: Best | None) -> bool:
        if old is None:
            return True
        return new.value >= old.value if self.direction == "maximize" else new.value <= old.value

    def where(self, branch: Branch) -> str:
        """The phase of a branch with its place in the loops: ``refining 1/3, plan 2/4``."""
        total = self.settings
        if branch.phase == PHASES["refine"]:
            return (
                f"refining {branch.outer}/{total.get('outer_steps', '?')}, "
                f"plan {branch.inner}/{total.get('inner_steps', '?')}"
            )
        if branch.phase == PHASES["ensemble"]:
            return f"{branch.phase} {branch.inner}/{total.get('ensemble_rounds', '?')}"
        if branch.phase in (PHASES["ablate"], PHASES["extract"]):
            return f"{branch.phase} {branch.outer}/{total.get('outer_steps', '?')}"
        return branch.phase
