"""Everything a run tried, as a tree, folded from its journal.

A journal may be cut short, come from another version, or hold what a node wrote twice because it
was done again after an interruption; whatever can be read of it is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mle_star.report.attempts import (
    WHOLE,
    Attempt,
    Blend,
    Branch,
    OuterStep,
    finite,
    solution_of,
)

_CLOSING = {
    "rank": "write",
    "judge_merge": "merge",
    "judge_usage": "check_usage",
    "judge_card": "write",
    "learn": "refine",
    "judge_ensemble": "ensemble",
}
"""Node after which a script of that phase is another attempt, although it has the same label."""
_ANNOUNCING = {
    "rank": "write",
    "judge_merge": "merge",
    "judge_usage": "check_usage",
    "judge_card": "write",
    "judge_ensemble": "ensemble",
}
"""Node whose new best was accepted -> the phase of its scripts."""


@dataclass
class Tried:
    """The tree."""

    branches: dict[int, Branch] = field(default_factory=dict)
    blends: list[Blend] = field(default_factory=list)
    checked: int = 0
    """Leakage checks."""
    _open: dict[tuple[int, str, str], Attempt] = field(default_factory=dict)
    _leaks: dict[tuple[int, str], list[str]] = field(default_factory=dict)
    _repaired: dict[tuple[int, str], int] = field(default_factory=dict)

    @property
    def attempts(self) -> list[Attempt]:
        """Every attempt in the order of the journal."""
        found = [a for branch in self.branches.values() for a in branch.attempts]
        return sorted(found, key=lambda attempt: attempt.number)

    def branch(self, number: int) -> Branch:
        """The branch of that number, made on first sight."""
        return self.branches.setdefault(number, Branch(number))

    def by_trial(self, key: str) -> Attempt | None:
        """The attempt that a trial belongs to."""
        return next((a for a in self.attempts if key and a.trial == key), None)

    def take(self, event: Mapping[str, Any]) -> None:
        """Fold one event in; unknown kinds change nothing."""
        fold = getattr(self, f"_on_{event.get('kind')}", None)
        if fold is not None:
            fold(event, self.branch(solution_of(event)))

    def _attempt(self, branch: Branch, phase: str, label: str) -> Attempt:
        """The open attempt of that name, or a new one."""
        key = (branch.number, phase, label)
        found = self._open.get(key)
        if found is None or found.closed:
            number = 1 + sum(len(b.attempts) for b in self.branches.values())
            found = self._open[key] = Attempt(number, label, phase, branch.number, base=branch.best)
            _home(branch, phase).append(found)
        return found

    def _on_retrieved(self, event: Mapping[str, Any], branch: Branch) -> None:
        cards = [card for card in listed(event, "cards") if isinstance(card, Mapping)]
        branch.cards = [
            {key: str(card.get(key, "")) for key in ("name", "reason")} for card in cards
        ]

    def _on_leakage_checked(self, event: Mapping[str, Any], branch: Branch) -> None:
        self.checked += 1
        if event.get("leaking"):
            key = (branch.number, str(event.get("label", "")))
            reasons = self._leaks.setdefault(key, [])
            reason = str(event.get("reason") or "no reason was given")
            reasons += [] if reason in reasons else [reason]

    def _on_debugged(self, event: Mapping[str, Any], branch: Branch) -> None:
        key = (branch.number, str(event.get("label", "")))
        self._repaired[key] = self._repaired.get(key, 0) + 1

    def _on_script_finished(self, event: Mapping[str, Any], branch: Branch) -> None:
        phase, label = str(event.get("phase", "")), str(event.get("label", ""))
        if phase == "ablate":
            if branch.steps:
                branch.steps[-1].study = str(event.get("trial", ""))
                branch.steps[-1].outcome = str(event.get("outcome", ""))
            return
        if phase in ("submit", "smoke"):
            return
        attempt = self._attempt(branch, phase, label)
        attempt.trial, attempt.outcome = str(event.get("trial", "")), str(event.get("outcome", ""))
        for name in ("score", "error", "audit", "audit_error"):
            setattr(attempt, name, finite(event.get(name)))
        attempt.alarm, attempt.problem = (str(event.get(k) or "") for k in ("alarm", "problem"))
        attempt.seconds = finite(event.get("seconds")) or 0.0
        attempt.at = finite(event.get("elapsed")) or 0.0
        key = (branch.number, label)
        attempt.leaks = self._leaks.get(key, attempt.leaks)
        attempt.repairs = self._repaired.pop(key, 0) + attempt.repairs

    def _on_node_finished(self, event: Mapping[str, Any], branch: Branch) -> None:
        phase = _CLOSING.get(str(event.get("node")))
        if phase is None:
            return
        for (number, _, _), attempt in self._open.items():
            attempt.closed |= number == branch.number and _same_phase(attempt.phase, phase)

    def _on_ablation_written(self, event: Mapping[str, Any], branch: Branch) -> None:
        last = branch.steps[-1] if branch.steps else None
        if last is not None and not (last.attempts or last.summary or last.plan):
            return  # the node was done again
        branch.steps.append(OuterStep(len(branch.steps) + 1, branch.best))

    def _on_ablated(self, event: Mapping[str, Any], branch: Branch) -> None:
        self._step(branch).summary = str(event.get("summary") or "")

    def _on_extracted(self, event: Mapping[str, Any], branch: Branch) -> None:
        self._step(branch).plan = str(event.get("plan") or "")

    def _on_refined(self, event: Mapping[str, Any], branch: Branch) -> None:
        self._step(branch)
        plan = str(event.get("plan") or "")
        attempt = self._attempt(branch, "refine", plan)
        attempt.at = finite(event.get("elapsed")) or 0.0
        if not event.get("written", True):
            attempt.problem = "The plan could not be put into the script."

    def _step(self, branch: Branch) -> OuterStep:
        if not branch.steps:
            branch.steps.append(OuterStep(1, branch.best))
        return branch.steps[-1]

    def _on_ensembled(self, event: Mapping[str, Any], branch: Branch) -> None:
        plan = str(event.get("plan") or "")
        attempt = self._attempt(branch, "ensemble", plan)
        attempt.at = finite(event.get("elapsed")) or 0.0
        if not event.get("written", True):
            attempt.problem = "The plan could not be put into a script."
        labels = [str(label) for label in listed(event, "members")]
        if labels:
            self.blends.append(Blend(plan, [(label, None) for label in labels]))

    def _on_blended(self, event: Mapping[str, Any], branch: Branch) -> None:
        labels = [str(label) for label in listed(event, "members")]
        weights = [finite(weight) for weight in listed(event, "weights")]
        weights += [None] * (len(labels) - len(weights))
        label = f"blend ({event.get('mode', '')}) of {len(labels)} scripts"
        self.blends = [blend for blend in self.blends if blend.label != label]
        factor = finite(event.get("sharpened")) or 1.0
        self.blends.append(Blend(label, list(zip(labels, weights, strict=False)), factor))

    def _on_best(self, event: Mapping[str, Any], branch: Branch) -> None:
        phase = _ANNOUNCING.get(str(event.get("node")))
        if phase is None:
            return
        self._accept(branch, event, [a for a in branch.attempts if _same_phase(a.phase, phase)])

    def _on_accepted(self, event: Mapping[str, Any], branch: Branch) -> None:
        if branch.steps:
            self._accept(branch, event, branch.steps[-1].attempts)
            branch.steps[-1].gain = finite(event.get("gain"))

    def _accept(self, branch: Branch, event: Mapping[str, Any], among: list[Attempt]) -> None:
        label, score = str(event.get("label", "")), finite(event.get("score"))
        found = [a for a in among if a.label == label and a.score is not None and not a.alarm]
        found = [a for a in found if score is None or a.score == score] or found
        if found:
            found[-1].accepted = True
            branch.best = found[-1]

    def _on_turned(self, event: Mapping[str, Any], branch: Branch) -> None:
        label = str(event.get("label", ""))
        if branch.steps:
            branch.steps[-1].turned = label
        found = [a for a in branch.candidates if a.label == label and a.score is not None]
        branch.best = found[-1] if found else branch.best

    def _on_solution_finished(self, event: Mapping[str, Any], branch: Branch) -> None:
        branch.finished = str(event.get("label", ""))


def read_tried(events: Iterable[Mapping[str, Any]]) -> Tried:
    """Fold a journal into the tree of what was tried."""
    tried = Tried()
    for event in events:
        tried.take(event)
    for number in [n for n, branch in tried.branches.items() if not _anything(branch)]:
        del tried.branches[number]
    return tried


def _anything(branch: Branch) -> bool:
    return bool(branch.cards or branch.attempts or branch.steps)


def _home(branch: Branch, phase: str) -> list[Attempt]:
    """The list of a branch that attempts of a phase belong to."""
    if phase in ("blend", "ensemble") or branch.number == WHOLE:
        return branch.ensembles
    if phase == "write":
        return branch.candidates
    if phase == "refine" and branch.steps:
        return branch.steps[-1].attempts
    return branch.grafts


def _same_phase(one: str, other: str) -> bool:
    return one == other or {one, other} == {"blend", "ensemble"}


def listed(event: Mapping[str, Any], name: str) -> list[Any]:
    """A field that should hold a list."""
    value = event.get(name)
    return value if isinstance(value, list) else []
