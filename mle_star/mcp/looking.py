"""What the tools say about runs, read from their folders; nothing here changes anything.

Labels, notes and errors may hold what a script or a web page wrote: each is made one safe line.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from mle_star.errors import RunError, UserError
from mle_star.mcp.answers import (
    RunAnswer,
    RunLine,
    RunsAnswer,
    Score,
    ScriptAnswer,
    StatusAnswer,
    TrialLine,
)
from mle_star.mcp.driver import LOG
from mle_star.observe.lines import LineView, who
from mle_star.observe.progress import Progress
from mle_star.report.attempts import Attempt, finite
from mle_star.report.diffs import difference
from mle_star.report.files import read_some, script_of
from mle_star.report.headline import leading
from mle_star.report.reading import Entry, Report, read_report
from mle_star.report.text import clean
from mle_star.report.tried import Tried, read_tried
from mle_star.runs import RunFolder, list_runs, read_events
from mle_star.runs.listing import status_of, summarise

_LONGEST = 300
"""Characters of a label or a problem."""


def runs_in(folder: Path, limit: int) -> RunsAnswer:
    """The newest runs of a folder."""
    found = list_runs(folder)
    lines = [
        RunLine(
            run=run.name,
            task=clean(Path(run.task).name),
            status=run.status,
            started=run.started,
            seconds=run.seconds,
            best=finite(run.best),
            metric=clean(run.metric),
            direction=run.direction,
        )
        for run in found[:limit]
    ]
    return RunsAnswer(folder=str(folder), runs=lines, total=len(found))


def status_in(run: Path, since: int = 0, limit: int = 20) -> StatusAnswer:
    """How a run stands.

    Args:
        run: its folder.
        since: events that are known already.
        limit: most lines of news; of more, the newest are told.
    """
    record, events = RunFolder.open(run).record(), read_events(run)
    report, picture, status = read_report(run), _picture(events), status_of(run, record)
    best, bill = leading(report), report.bill
    settings = record.get("settings") or {}
    return StatusAnswer(
        run=run.name,
        status=status,
        metric=clean(report.metric),
        direction=report.direction,
        phases={who(b.number): picture.where(b) for b in picture.branches.values()},
        best=_score(best),
        best_script=clean(best.label, _LONGEST) if best else "",
        scripts=len(report.scripts),
        failed=sum(e.score is None and e.outcome != "behind" for e in report.scripts),
        elapsed=round(_elapsed(events, running=status == "running"), 1),
        budget=float(settings.get("time_budget") or 0.0),
        usd=bill.total.usd if bill else 0.0,
        events=_news(events, since)[-limit:] if limit else [],
        cursor=len(events),
        problem=_problem(run) if status in ("failed", "interrupted") else "",
        waits=[clean(question, _LONGEST) for question in report.waits],
    )


def _picture(events: Sequence[Mapping[str, Any]]) -> Progress:
    picture = Progress()
    for event in events:
        picture.update(event)
    return picture


def _elapsed(events: Sequence[Mapping[str, Any]], *, running: bool) -> float:
    """Active seconds: those of the newest event, and what has gone by since."""
    if not events:
        return 0.0
    last = events[-1]
    elapsed = finite(last.get("elapsed")) or 0.0
    try:
        at = datetime.fromisoformat(str(last.get("time")))
        since = (datetime.now(UTC) - at).total_seconds()
    except (ValueError, TypeError):
        since = 0.0
    return elapsed + max(0.0, since) if running else elapsed


def _news(events: Sequence[Mapping[str, Any]], since: int) -> list[str]:
    """What the terminal would print for the events after the first ``since``."""
    stream = io.StringIO()
    console = Console(file=stream, width=200, markup=False, emoji=False, highlight=False)
    view = LineView(console)
    for number, event in enumerate(events):
        if number == since:
            stream.seek(0)
            stream.truncate()
        view.update(event)
    return stream.getvalue().splitlines() if since < len(events) else []


def _problem(run: Path) -> str:
    lines = (read_some(run / LOG) or "").strip().splitlines()
    return clean(lines[-1], _LONGEST) if lines else ""


def outcome_of(run: Path, trials: int) -> RunAnswer:
    """What a run came to.

    Args:
        run: its folder.
        trials: most trials to list; of more, the newest.
    """
    folder, report = RunFolder.open(run), read_report(run)
    best = leading(report)
    tried = [_trial(attempt) for attempt in read_tried(read_events(run)).attempts]
    return RunAnswer(
        run=run.name,
        task=clean(report.task),
        status=status_of(run, folder.record()),
        metric=clean(report.metric),
        direction=report.direction,
        engineer=report.engineer,
        seconds=report.seconds,
        best=_score(best),
        best_script=clean(best.label, _LONGEST) if best else "",
        best_trial=_best_key(report),
        source=report.source,
        submission=str(folder.submission) if folder.submission.is_file() else "",
        solution=str(folder.solution) if folder.solution.is_dir() else "",
        trials=tried[-trials:] if trials else [],
        total=len(tried),
        notes=[clean(note, 2 * _LONGEST) for note in report.notes],
    )


def script_in(run: Path, trial: str) -> ScriptAnswer:
    """The script of a trial.

    Raises:
        UserError: there is no such trial, or it has no script.
    """
    key, label = _named(run, read_tried(read_events(run)), trial)
    return ScriptAnswer(run=run.name, trial=key, label=label, text=_text(run, key))


def difference_in(run: Path, trial: str, base: str) -> ScriptAnswer:
    """How the script of a trial differs from another one.

    Args:
        run: the run folder.
        trial: as in :func:`script_in`.
        base: the other trial; empty: the one that it was made from.

    Raises:
        UserError: there is no such trial, or it was made from none.
    """
    tried = read_tried(read_events(run))
    key, label = _named(run, tried, trial)
    if base:
        before = _named(run, tried, base)[0]
    else:
        attempt = tried.by_trial(key)
        if attempt is None or attempt.base is None or not attempt.base.trial:
            raise UserError(f"Trial {trial!r} was made from no other: name one as base.")
        before = attempt.base.trial
    lines = difference(_text(run, before), _text(run, key))
    if lines is None:
        raise UserError("The scripts are too long to compare: read both with read_script.")
    text = "\n".join(line.text for line in lines) or "(no difference)"
    return ScriptAnswer(run=run.name, trial=key, label=label, base=before, text=text)


def _named(run: Path, tried: Tried, name: str) -> tuple[str, str]:
    """Key and label of the trial that is meant: ``best``, its number, or the start of its key."""
    if name == "best":
        report = read_report(run)
        best = leading(report)
        if best is None or not best.trial:
            raise UserError(f"No script of {run.name} has a score that may win yet.")
        return best.trial, clean(best.label, _LONGEST)
    for attempt in tried.attempts:
        by_number = name.isdecimal() and attempt.number == int(name)
        if attempt.trial and (by_number or (len(name) >= 6 and attempt.trial.startswith(name))):
            return attempt.trial, clean(attempt.label, _LONGEST)
    raise UserError(
        f"{run.name} has no trial {name!r} with a script: read_run lists numbers and keys; "
        "'best' is the leading one."
    )


def _text(run: Path, key: str) -> str:
    text = script_of(run, key)
    if text is None:
        raise RunError(f"The script of trial {key} is not in the run folder any more.")
    return text


def _trial(attempt: Attempt) -> TrialLine:
    score = attempt.score
    return TrialLine(
        number=attempt.number,
        trial=attempt.trial,
        phase=attempt.phase,
        solution=attempt.solution,
        label=clean(attempt.label, _LONGEST),
        score=None
        if score is None
        else Score(
            value=score,
            error=attempt.error,
            audit=attempt.audit,
            audit_error=attempt.audit_error,
        ),
        verdict=attempt.verdict,
        seconds=attempt.seconds,
        problem=clean(attempt.alarm or attempt.problem, _LONGEST),
    )


def _score(entry: Entry | None) -> Score | None:
    if entry is None or entry.score is None:
        return None
    return Score(
        value=entry.score,
        error=entry.error,
        audit=entry.audit,
        audit_error=entry.audit_error,
    )


def _best_key(report: Report) -> str:
    best = leading(report)
    return best.trial if best else ""


def refuse_waiting(run: Path) -> None:
    """Leave it to a person to go on with a run that asks them something.

    Raises:
        RunError: it does.
    """
    waits = read_report(run).waits
    if waits:
        raise RunError(
            f"{run.name} waits for a person: {clean(waits[0], _LONGEST)} Tell the user, who "
            f"answers on a terminal with 'mle-star resume {run}'."
        )


def is_over(run: Path) -> bool:
    """Whether nobody works on the run now."""
    return summarise(run).status != "running"
