"""What is known about a run while it runs: the events, folded into one picture.

Nothing here prints. :mod:`mle_star.observe.live` and :mod:`mle_star.observe.lines` draw the
picture.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mle_star.models.base import Call
from mle_star.observe.branches import ASKING, PHASES, Best, Branch, Running
from mle_star.report.attempts import WHOLE, Attempt, finite
from mle_star.report.money import call_of
from mle_star.report.text import clean, shape
from mle_star.report.tried import Tried

JUDGES = frozenset({"rank", "judge_merge", "judge_usage", "accept", "judge_ensemble"})
"""Nodes that decide which of the scripts before them is kept."""


def now(event: Mapping[str, Any]) -> float:
    """``time.monotonic()`` of an event that was written just now."""
    return time.monotonic()


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
    history: list[tuple[float, float]] = field(default_factory=list)
    """(active seconds, score) whenever the run had a new best."""
    tried: Tried = field(default_factory=Tried)
    """Everything the run tried."""
    judged: dict[int, int] = field(default_factory=dict)
    """Branch -> number of its last attempt about which was decided."""
    when: Callable[[Mapping[str, Any]], float] = now
    """Says when an event was written, as ``time.monotonic()``: a journal may be read later."""
    status: str = "starting"
    _elapsed: float = 0.0
    _at: float = field(default_factory=time.monotonic)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def update(self, event: Mapping[str, Any]) -> None:
        """Fold one event in. Unknown kinds change the clock alone."""
        with self.lock:
            self._elapsed, self._at = float(event.get("elapsed", self._elapsed)), self.when(event)
            self.tried.take(event)
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
            self._nothing_runs()
            if self.status != "starting":
                self.status = "running"

    def elapsed(self) -> float:
        """Seconds of the run so far, counted on since the last event unless a person thinks."""
        goes_on = self.status == "running" and not self._waits()
        return self._elapsed + (time.monotonic() - self._at if goes_on else 0.0)

    def _waits(self) -> bool:
        """Whether nothing goes on until a person has answered."""
        branches = self.branches.values()
        asked = any(branch.questions for branch in branches)
        return asked and not self.running and not any(branch.asking for branch in branches)

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

    def _on_run_resumed(self, event: Mapping[str, Any]) -> None:
        self.settings = {**self.settings, **(event.get("settings") or {})}
        self._nothing_runs()
        if self.status != "starting":
            self.status = "running"

    def _on_run_finished(self, event: Mapping[str, Any]) -> None:
        self.status = "finished"

    def _on_run_stopped(self, event: Mapping[str, Any]) -> None:
        self._nothing_runs()
        self.status = "stopped"

    def _on_run_failed(self, event: Mapping[str, Any]) -> None:
        self._nothing_runs()
        self.status = "failed"

    def _nothing_runs(self) -> None:
        """Whatever ran when a sitting ended runs no more."""
        self.running.clear()
        for branch in self.branches.values():
            branch.asking.clear()

    def _on_node_started(self, event: Mapping[str, Any]) -> None:
        node, number = str(event.get("node", "")), int(event.get("solution", WHOLE))
        if node in ASKING:
            self.branch(number).asking[node] = self.when(event)
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
        if event.get("node") in JUDGES and (tried := self.tried.branch(branch.number).attempts):
            self.judged[branch.number] = max(attempt.number for attempt in tried)

    def _on_script_started(self, event: Mapping[str, Any]) -> None:
        self.running.append(
            Running(
                label=clean(event.get("label", "")),
                phase=str(event.get("phase", "")),
                solution=int(event.get("solution", WHOLE)),
                since=self.when(event),
                limit=finite(event.get("limit")),
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

    def _on_asked(self, event: Mapping[str, Any]) -> None:
        questions = self.branch(int(event.get("solution", WHOLE))).questions
        if (label := clean(event.get("label", ""))) not in questions:
            questions.append(label)

    def _on_answered(self, event: Mapping[str, Any]) -> None:
        questions = self.branch(int(event.get("solution", WHOLE))).questions
        if (label := clean(event.get("label", ""))) in questions:
            questions.remove(label)

    def _on_note(self, event: Mapping[str, Any]) -> None:
        note = clean(event.get("text", ""))
        for old in [old for old in self.notes if shape(old) == shape(note)]:
            self.notes.remove(old)
        self.notes.append(note)

    def _on_heeded(self, event: Mapping[str, Any]) -> None:
        self._on_note(event)

    def _on_model_called(self, event: Mapping[str, Any]) -> None:
        self.calls.append(call_of(event))

    def _on_stood_in(self, event: Mapping[str, Any]) -> None:
        agent = clean(event.get("agent", ""), 40)
        self.stood_in[agent] = self.stood_in.get(agent, 0) + 1

    def _lead(self, best: Best) -> None:
        if self._beats(best, self.best):
            self.best = best
            if not self.history or self.history[-1][1] != best.value:
                self.history.append((self._elapsed, best.value))

    def _beats(self, new: Best, old: Best | None) -> bool:
        if old is None:
            return True
        return new.value >= old.value if self.direction == "maximize" else new.value <= old.value

    def where(self, branch: Branch) -> str:
        """The phase of a branch with its place in the loops."""
        return branch.where(self.settings)

    def attempts(self) -> list[Attempt]:
        """Scripts that have ended and plans that came to nothing, oldest first."""
        ended = [a for a in self.tried.attempts if a.outcome or a.problem]
        return sorted(ended, key=lambda attempt: attempt.at)

    def verdict(self, attempt: Attempt) -> str:
        """What became of an attempt; ``scored`` while nobody has decided whether it is kept."""
        if attempt.verdict == "not better" and attempt.number > self.judged.get(
            attempt.solution, 0
        ):
            return "scored"
        return attempt.verdict
