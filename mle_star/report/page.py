"""The page of one run: what its folder holds, put in order for the template."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mle_star.models.redaction import without_secrets
from mle_star.report import plots, settings
from mle_star.report.attempts import Attempt
from mle_star.report.data import data_view
from mle_star.report.drawing import drawn
from mle_star.report.files import output_of, read_object, read_some
from mle_star.report.headline import audit_said, headline, leading
from mle_star.report.money import stand_ins
from mle_star.report.people import read_people
from mle_star.report.reading import Report, report_of
from mle_star.report.rendering import fill
from mle_star.report.spending import by_phase
from mle_star.report.studies import read_study
from mle_star.report.text import better_is, clean, count, once_each
from mle_star.report.tried import Tried, read_tried
from mle_star.report.views import Reader, branch_view
from mle_star.runs import RunFolder, read_events
from mle_star.runs.listing import status_of

SECTIONS = (
    ("time", "Score over time"),
    ("tried", "Everything tried"),
    ("ablation", "Ablation studies"),
    ("ensemble", "Ensemble"),
    ("audit", "Validation and audit"),
    ("leakage", "Leakage"),
    ("people", "People"),
    ("data", "Data"),
    ("bill", "Time and money"),
    ("settings", "Settings"),
    ("again", "How to do it again"),
    ("notes", "Notes"),
    ("scripts", "Scripts"),
)
NO_PLOT = "No script has a score yet, so there is nothing to draw."
"""What stands in place of a plot without points."""
NOT_DRAWN = "The plot could not be drawn here; the scores are in the text."
"""What stands in place of a plot where drawing failed."""
_MOST_AUDITED = 60
"""Scripts in the table of audit scores, the last ones."""


@dataclass
class Run:
    """All that is known of a run."""

    path: Path
    record: dict[str, Any]
    events: list[dict[str, Any]]
    report: Report
    status: str
    tried: Tried = field(default_factory=Tried)

    @classmethod
    def read(cls, path: Path) -> Run:
        """Read a run folder, without the secrets that its texts may hold.

        Raises:
            RunError: there is no whole run in it.
        """
        record = without_secrets(RunFolder.open(path).record())
        events = without_secrets(read_events(path))
        report = report_of(path, record, events)
        return cls(path, record, events, report, status_of(path, record), read_tried(events))

    @property
    def settings(self) -> dict[str, Any]:
        """Its settings; empty where they are not recorded."""
        found = self.record.get("settings")
        return found if isinstance(found, dict) else {}

    @property
    def started(self) -> dict[str, Any]:
        """Its first event; empty where it never came to it."""
        return next((e for e in reversed(self.events) if e.get("kind") == "run_started"), {})


def render(path: Path) -> str:
    """The page of a run.

    Args:
        path: the run folder; it may belong to a run that goes on.

    Raises:
        RunError: there is no whole run in it.
    """
    run = Run.read(path)
    report, attempts = run.report, run.tried.attempts
    audited = [a for a in attempts if a.audit is not None and a.score is not None]
    specs = {
        "time": plots.over_time(attempts, report.metric, report.direction, report.seconds),
        "audit": plots.against_audit(audited, report.metric),
    }
    drawings, people = drawn(specs), read_people(run.events)
    reader = Reader(path, report.direction)
    return fill(
        "run.html",
        run=str(path),
        report=report,
        status=run.status,
        better=better_is(report.direction),
        head=headline(report, run.record, attempts),
        notices=list(_notices(run)),
        sections=[one for one in SECTIONS if people or one[0] != "people"],
        people=people,
        over_time=drawings["time"],
        over_time_caption=_caption(attempts),
        no_plot=NOT_DRAWN if specs["time"] else NO_PLOT,
        branches=[branch_view(branch, reader) for branch in _ordered(run.tried)],
        studies=list(_studies(run)),
        blends=run.tried.blends,
        audited=audited[-_MOST_AUDITED:],
        audit_said=audit_said(leading(report)),
        audit_plot=drawings["audit"],
        leaks=[(one, text) for one in attempts for text in one.leaks],
        alarms=[one for one in attempts if one.alarm],
        leakage_said=leakage_said(run.tried),
        profile=data_view(read_object(path / "profile.json")),
        phases=by_phase(run.events, report.bill),
        stood_in=stand_ins(report.stood_in),
        settings=_settings(run.settings),
        sandbox=_sandbox(run),
        versions=_mapping(run.record.get("versions")),
        commands=settings.commands(path, run.record),
        notes=once_each(report.notes),
        solution=str(path / "solution"),
        scripts=_solution(path),
    )


def _ordered(tried: Tried) -> list[Any]:
    """The branches, the ensembles last."""
    return sorted(tried.branches.values(), key=lambda branch: (branch.number < 0, branch.number))


def _notices(run: Run) -> Iterable[str]:
    endings = {
        "running": "The run was still going on when this page was written.",
        "stopped": "The run was stopped before its end; it can go on (see below).",
        "failed": "The run broke off with an error; it can go on (see below).",
        "interrupted": "The run was killed before its end; it can go on (see below).",
    }
    if run.status in endings:
        yield endings[run.status]
        yield from (f"It waits for a person: {question}" for question in run.report.waits)
    elif run.report.source == "search":
        yield "The submission comes from the search run of the winner, not from a run on all data."
    elif run.report.source == "part":
        yield "The submission comes from a run on a part of the data: all of it was too much."
    elif run.report.source == "none":
        yield "The run has no submission."
    winner = run.report.handed_in
    if winner is not None and winner.alarm:
        yield f"The leakage alarm rang for what was handed in: {winner.alarm}"


def _caption(attempts: Sequence[Attempt]) -> str:
    scored = sum(a.score is not None for a in attempts)
    without = sum(a.score is None and bool(a.outcome) for a in attempts)
    text = f"{count(scored, 'script')} with a score; the line is the best so far without an alarm."
    if without:
        text += f" Crosses at the lower edge: {without} without a score, or stopped as behind."
    return f"{text} The worst scores lie on the edge. A point leads to its place in the tree below."


def _studies(run: Run) -> Iterable[dict[str, Any]]:
    for branch in _ordered(run.tried):
        for step in branch.steps:
            if not step.study:
                continue
            output = output_of(run.path, step.study)
            study = read_study(output, run.report.direction)
            changes = [abs(variant.change) for variant in study.variants] if study else []
            base = f": {clean(step.base.label, 100)}" if step.base else ""
            yield {
                "title": f"{plots.branch_name(branch.number)}, step {step.number}{base}",
                "study": study,
                "largest": max(changes, default=0.0) or 1.0,
                "summary": step.summary,
                "output": output,
            }


def leakage_said(tried: Tried) -> str:
    """How often scripts were checked for leakage, and what came of it."""
    alarms = sum(bool(attempt.alarm) for attempt in tried.attempts)
    found = sum(bool(attempt.leaks) for attempt in tried.attempts)
    if not tried.checked:
        return "No script was checked for leakage" + (
            f", and the alarm rang for {count(alarms, 'script')}." if alarms else "."
        )
    said = f"{count(tried.checked, 'check')} of scripts before they were run; "
    said += f"{count(found, 'script')} had a leak" if found else "none found a leak"
    rang = f"rang for {count(alarms, 'script')}" if alarms else "never rang"
    return f"{said}. The alarm for scores too good to be true {rang}."


def _settings(chosen: dict[str, Any]) -> dict[str, Any] | None:
    if not chosen:
        return None
    return {
        "preset": str(chosen.get("preset", "")),
        "differing": settings.differing(chosen),
        "all": chosen,
    }


def _sandbox(run: Run) -> str:
    isolation = _mapping(run.record.get("isolation")) or _mapping(run.started.get("isolation"))
    if not isolation.get("level"):
        return ""
    gaps = isolation.get("gaps")
    named = "; ".join(map(str, gaps)) if isinstance(gaps, list) else ""
    return f"{isolation['level']}" + (f" (what it does not keep out: {named})" if named else "")


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _solution(path: Path) -> list[tuple[str, str]]:
    folder = path / "solution" / "scripts"
    found = [(script.name, read_some(script)) for script in sorted(folder.glob("*.py"))]
    return [(name, text) for name, text in found if text is not None]
