"""What a run came to, read from its folder.

A run that has just ended and one that is looked at later are read in the same way, from
``run.json`` and ``events.jsonl``, so both show the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mle_star.models.bill import Bill
from mle_star.report.attempts import WHOLE, finite, solution_of
from mle_star.report.money import read_bill
from mle_star.report.thinking import who_thinks
from mle_star.runs import RunFolder, read_events
from mle_star.runs.listing import status_of

STEPS = {
    "rank": "first script",
    "judge_merge": "merge",
    "judge_usage": "data use",
    "judge_card": "model asked for",
    "accept": "refinement",
    "judge_ensemble": "ensemble",
}
"""Node that announced a new best -> what brought it."""

UNSCORED = ("ablate", "submit")
"""Phases whose scripts are not candidates: studies and the final run."""


COMBINED = ("blend", "ensemble")
"""Phases whose scripts combine the predictions of others."""


@dataclass(frozen=True)
class Entry:
    """A finished script."""

    label: str
    phase: str
    solution: int
    outcome: str
    score: float | None
    error: float | None
    audit: float | None
    audit_error: float | None
    alarm: str
    problem: str
    seconds: float
    trial: str = ""
    """Names the trial; one label may belong to several."""


@dataclass(frozen=True)
class Gain:
    """An accepted step of a branch."""

    solution: int
    step: str
    label: str
    score: float
    gain: float | None
    """Improvement over the branch's best before, positive is better; None for its first score."""


@dataclass
class Report:
    """What a run came to."""

    path: Path
    task: str
    metric: str
    direction: str
    status: str
    seconds: float
    source: str = ""
    """Where the submission came from: full, part, search or none; empty while the run goes on."""
    winner: str = ""
    """Label of the trial that the submission came from; empty while the run has not ended."""
    trial: str = ""
    """Its key."""
    scripts: list[Entry] = field(default_factory=list)
    gains: list[Gain] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    engineer: str = ""
    """Who thought, and why, in one line."""
    bill: Bill | None = None
    """What was asked of models; None where nothing was."""
    stood_in: dict[str, int] = field(default_factory=dict)
    """Agent -> times that the playbook answered for it."""
    waits: list[str] = field(default_factory=list)
    """What the run asks a person before it goes on."""
    unlisted: int = 0
    """Calls of the run's ledger that its journal does not list."""

    @property
    def single(self) -> Entry | None:
        """The best single script."""
        return self._best([e for e in self._candidates() if e.phase not in COMBINED])

    @property
    def ensemble(self) -> Entry | None:
        """The best ensemble."""
        return self._best([e for e in self._candidates() if e.phase in COMBINED])

    @property
    def handed_in(self) -> Entry | None:
        """The trial that the submission came from, whether or not the alarm rang for it."""
        chosen = [e for e in self.scripts if self.trial and e.trial == self.trial]
        return next((e for e in chosen if e.score is not None), None)

    def fruitless(self, step: Gain) -> int:
        """Scripts of a branch after its first best, where none of them was accepted; else 0."""
        if step.solution == WHOLE or sum(g.solution == step.solution for g in self.gains) > 1:
            return 0
        return sum(e.solution == step.solution and e.phase != "write" for e in self.scripts)

    def _candidates(self) -> list[Entry]:
        return [e for e in self.scripts if e.score is not None and not e.alarm]

    def _best(self, entries: Sequence[Entry]) -> Entry | None:
        if not entries:
            return None
        for entry in entries:  # of equals, the run itself has chosen
            if self.trial and entry.trial == self.trial:
                return entry
        choose = max if self.direction == "maximize" else min
        return choose(entries, key=lambda e: e.score if e.score is not None else 0.0)


def read_report(path: Path) -> Report:
    """Read the report of a run from its folder.

    Raises:
        RunError: there is no whole run in the folder.
    """
    return report_of(path, RunFolder.open(path).record(), read_events(path))


def report_of(path: Path, record: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> Report:
    """The report of a run.

    Args:
        path: its folder.
        record: what its ``run.json`` says.
        events: its journal.
    """
    spec = record.get("spec") or {}
    report = Report(
        path=path,
        task=str(spec.get("name") or Path(str(record.get("task", ""))).name),
        metric=str(spec.get("metric", "")),
        direction=str(spec.get("direction", "minimize")),
        status=status_of(path, record),
        seconds=finite(record.get("seconds"))
        or max((finite(e.get("elapsed")) or 0.0 for e in events), default=0.0),
        waits=[str(question) for question in dict(record.get("waiting") or {}).values()],
    )
    for event in events:
        kind = event.get("kind")
        if kind == "script_finished" and event.get("phase") not in UNSCORED:
            report.scripts.append(_entry(event))
        elif kind == "note":
            text = str(event.get("text"))
            report.notes += [] if event.get("passing") or text in report.notes else [text]
        elif kind == "run_finished":
            report.source = str(event.get("source", ""))
            report.winner = str(event.get("label", ""))
            report.trial = str(event.get("trial", ""))
        elif kind == "run_started":
            # run.json knows a change on resume; the keys of that time nobody knows any more.
            engineer = record.get("engineer") or event.get("engineer") or {}
            settings = record.get("settings") or {}
            search = str(settings.get("search") or "auto")
            report.engineer = who_thinks(engineer, settings, search)
    bill, report.stood_in = read_bill(events)
    if bill.total.calls:
        report.bill = bill
        ledger = record.get("bill") or {}
        report.unlisted = max(0, int(ledger.get("calls") or 0) - bill.total.calls)
    report.gains = gains(events, report.direction)
    return report


def _entry(event: Mapping[str, Any]) -> Entry:
    return Entry(
        label=str(event.get("label", "")),
        phase=str(event.get("phase", "")),
        solution=solution_of(event),
        outcome=str(event.get("outcome", "")),
        score=finite(event.get("score")),
        error=finite(event.get("error")),
        audit=finite(event.get("audit")),
        audit_error=finite(event.get("audit_error")),
        alarm=str(event.get("alarm") or ""),
        problem=str(event.get("problem") or ""),
        seconds=finite(event.get("seconds")) or 0.0,
        trial=str(event.get("trial", "")),
    )


def gains(events: Sequence[Mapping[str, Any]], direction: str) -> list[Gain]:
    """The accepted steps of every branch, branch by branch, with what each brought."""
    sign = 1.0 if direction == "maximize" else -1.0
    steps: list[Gain] = []
    last: dict[int, Gain] = {}
    for event in events:
        number_, score = solution_of(event), finite(event.get("score"))
        if event.get("kind") != "best" or score is None:
            continue
        label = str(event.get("label", ""))
        before = last.get(number_)
        if before is not None and (before.label, before.score) == (label, score):
            continue  # the node was done again after an interruption
        reference = before.score if before else None
        if number_ == WHOLE and before is None and last:
            reference = max((g.score for g in last.values()), key=lambda value: sign * value)
        # Adding 0 turns -0.0, which would be printed with its sign, into 0.0.
        gain = None if reference is None else sign * (score - reference) + 0.0
        step = STEPS.get(str(event.get("node")), str(event.get("node", "")))
        last[number_] = Gain(number_, step, label, score, gain)
        steps.append(last[number_])
    return sorted(steps, key=lambda g: (g.solution == WHOLE, g.solution))
