"""The tree of what was tried as the template draws it: titles, looks, changes of scripts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from mle_star.report.attempts import WHOLE, Attempt, Branch, OuterStep
from mle_star.report.diffs import Line, difference
from mle_star.report.files import script_of
from mle_star.report.plots import branch_name, said
from mle_star.report.text import clean, count, number

_ROOM = 500_000
"""Characters of scripts and changes that the tree shows; beyond, it says where they are."""


@dataclass
class Reader:
    """Reads scripts of a run for its page, as long as there is room."""

    path: Path
    direction: str
    room: int = _ROOM
    _scripts: dict[str, str | None] = field(default_factory=dict)

    def script(self, attempt: Attempt | None) -> str | None:
        """The script of an attempt; None where it can't be had."""
        if attempt is None or not attempt.trial:
            return None
        if attempt.trial not in self._scripts:
            self._scripts[attempt.trial] = script_of(self.path, attempt.trial)
        return self._scripts[attempt.trial]

    def fits(self, size: int) -> bool:
        """Whether there is room for so many characters; takes it if so."""
        if size > self.room:
            return False
        self.room -= size
        return True


@dataclass
class AttemptView:
    """One attempt on the page."""

    attempt: Attempt
    look: str
    """Class of its style."""
    said: str
    gain: str
    change_title: str = ""
    changes: list[Line] | None = None
    """Against the script it was made from; None where there is none to compare with."""
    script: str | None = None
    absent: str = ""


@dataclass
class StepView:
    """One outer step on the page."""

    step: OuterStep
    title: str
    views: list[AttemptView]


@dataclass
class BranchView:
    """One branch on the page."""

    branch: Branch
    title: str
    candidates: list[AttemptView]
    grafts: list[AttemptView]
    steps: list[StepView]
    ensembles: list[AttemptView]


def branch_view(branch: Branch, reader: Reader) -> BranchView:
    """A branch with everything below it."""

    def views(attempts: list[Attempt]) -> list[AttemptView]:
        return [_attempt_view(attempt, reader) for attempt in attempts]

    return BranchView(
        branch,
        _branch_title(branch),
        views(branch.candidates),
        views(branch.grafts),
        [StepView(step, _step_title(step), views(step.attempts)) for step in branch.steps],
        views(branch.ensembles),
    )


def look(attempt: Attempt) -> str:
    """Class of an attempt's style."""
    if attempt.verdict in ("accepted", "not better"):
        return "accepted" if attempt.accepted else "worse"
    names = {"leakage alarm": "alarm", "stopped as behind": "behind", "not run": "none"}
    return names.get(attempt.verdict, "failed")


def _attempt_view(attempt: Attempt, reader: Reader) -> AttemptView:
    view = AttemptView(attempt, look(attempt), said(attempt), _gain(attempt, reader.direction))
    text, before = reader.script(attempt), reader.script(attempt.base)
    if text is None:
        view.absent = "Its script is not in the run folder."
    elif before is not None and attempt.base is not None and attempt.solution != WHOLE:
        lines = difference(before, text)
        if lines is not None and reader.fits(sum(len(line.text) for line in lines)):
            view.changes = lines
            view.change_title = f"What it changed in: {clean(attempt.base.label, 160)}"
    elif reader.fits(len(text)):
        view.script = text
    if text is not None and view.changes is None and view.script is None:
        view.absent = f"Its script: {reader.path / 'trials' / attempt.trial / 'script.py'}"
    return view


def _gain(attempt: Attempt, direction: str) -> str:
    """How much better or worse than the script it was made from."""
    base = attempt.base
    if attempt.score is None or base is None or base.score is None:
        return ""
    better = attempt.score - base.score
    better = better if direction == "maximize" else -better
    if not better:
        return ", as good as what it was made from"
    size = number(abs(better), like=attempt.score)
    return f", {'better' if better > 0 else 'worse'} by {size} than what it was made from"


def _branch_title(branch: Branch) -> str:
    tried = [attempt for attempt in branch.attempts if attempt.outcome]
    accepted = [attempt for attempt in branch.attempts if attempt.accepted and attempt.score]
    name = "Ensembles" if branch.number == WHOLE else branch_name(branch.number).capitalize()
    reached = f", reached {number(accepted[-1].score)}" if accepted else ""
    return f"{name}: {count(len(tried), 'script')}{reached}"


def _step_title(step: OuterStep) -> str:
    base = f", from {clean(step.base.label, 80)}" if step.base else ""
    gained = [attempt for attempt in step.attempts if attempt.accepted]
    if gained:
        came = f"reached {number(gained[-1].score)}"
    elif step.attempts:
        came = f"{count(len(step.attempts), 'plan')}, none better"
    else:
        came = "nothing tried"
    return f"step {step.number}: {came}{base}"
