"""``submit``: hand a run's submission in at Kaggle, after a look and a question."""

from __future__ import annotations

import re
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mle_star.cli.kaggle import Kaggle
from mle_star.cli.output import console, relative, write_json
from mle_star.errors import RunError, UserError
from mle_star.report.headline import leading
from mle_star.report.reading import Report, read_report
from mle_star.report.text import better_is, clean, count, plus_minus
from mle_star.runs import EventLog, RunFolder
from mle_star.runs.events import last_elapsed
from mle_star.scoring import check_submission
from mle_star.tasks import TaskSpec

PATIENCE = 600.0
"""Seconds that ``--wait`` waits for a score."""
SHOWN = 4
"""Lines of the file that are shown."""


@dataclass(frozen=True)
class Parcel:
    """What is sent, where to, and what is said with it."""

    run: RunFolder
    report: Report
    file: Path
    rows: int
    competition: str
    message: str


def submit(
    run: Path,
    competition: str,
    *,
    message: str | None = None,
    file: Path | None = None,
    yes: bool = False,
    wait: bool = False,
    as_json: bool = False,
) -> int:
    """Check the submission, show it, ask, send it, and record that; returns the exit code.

    Args:
        run: the run folder.
        competition: its name at Kaggle.
        message: what is said with it; None: what the run's best is and scored.
        file: another file than the run's ``submission.csv``.
        yes: send without a question.
        wait: wait for the public score.
        as_json: one JSON object on stdout, everything else on stderr.

    Raises:
        UserError: there is nothing to send, it is not fit to be sent, or nobody is there to ask.
        MleStarError: Kaggle did not take it.
    """
    parcel = pack(run, competition, message, file)
    kaggle = Kaggle()
    screen = console(stderr=as_json)
    show(screen, parcel)
    if not yes and not _agreed():
        screen.print("Nothing was sent.")
        return 1
    number = kaggle.send(parcel.file, competition, parcel.message)
    record = _sent(parcel, number)
    _remember(parcel.run, record)
    screen.print(f"Sent to {competition}.", style="green")
    if wait and number is not None:
        with screen.status("waiting for the score"):
            grade = kaggle.wait(number, competition, PATIENCE)
        record |= asdict(grade)
        _remember(parcel.run, record)
        screen.print(_said(parcel, record), soft_wrap=True)
    if as_json:
        write_json(record)
    return int(record["status"] == "error")


def pack(run: Path, competition: str, message: str | None, file: Path | None) -> Parcel:
    """Gather what is sent, and check it against the task's own tables.

    Raises:
        UserError: it can't be sent as it is.
    """
    if not re.fullmatch(r"[\w-]+", competition):
        raise UserError(
            f"{competition!r} is no name of a competition: it is the last part of the "
            "competition's address, such as titanic."
        )
    folder = RunFolder.open(run)
    path = file or folder.submission
    if not path.is_file():
        hint = "'mle-star show' says why" if file is None else "name one that is there"
        raise RunError(f"There is no {relative(path)}, so there is nothing to send: {hint}.")
    try:
        spec = TaskSpec.model_validate_json((run / "task.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise RunError(f"{run / 'task.json'} can't be read: the run is not whole.") from None
    if spec.test is not None and spec.evaluation != "printed":
        problem = check_submission(spec, path)
        if problem is not None:
            raise UserError(f"{relative(path)} can't be handed in: {problem}")
    report = read_report(run)
    with path.open(encoding="utf-8", errors="replace") as stream:
        rows = sum(1 for line in stream if line.strip()) - 1
    return Parcel(folder, report, path, rows, competition, message or _message(report))


def show(screen: Console, parcel: Parcel) -> None:
    """Print what is about to be sent."""
    report, best = parcel.report, leading(parcel.report)
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    size = parcel.file.stat().st_size
    facts = [
        ("to", f"kaggle.com/competitions/{parcel.competition}"),
        ("file", f"{relative(parcel.file)}: {count(parcel.rows, 'row')}, {count(size, 'byte')}"),
        ("message", parcel.message),
    ]
    if best is not None:
        facts.append(("what", f"{best.label}"))
        judged = f"{report.metric}, {better_is(report.direction)}"
        facts.append(("validation", f"{plus_minus(best.score, best.error)} ({judged})"))
        audit = plus_minus(best.audit, best.audit_error)
        facts.append(("audit", audit if best.audit is not None else "no rows were held back"))
    for name, value in facts:
        table.add_row(name, Text(clean(value)))
    screen.print(table)
    if best is not None and best.alarm:
        screen.print(f"leakage alarm: {clean(best.alarm)}", style="yellow", soft_wrap=True)
    screen.print(Text("first lines", style="dim"))
    with parcel.file.open(encoding="utf-8", errors="replace") as stream:
        for line in islice(stream, SHOWN):
            screen.print(f"  {clean(line, 100)}", soft_wrap=True)


def _agreed() -> bool:
    """Ask on the terminal; only a clear yes counts.

    Raises:
        UserError: there is no terminal.
    """
    if not sys.stdin.isatty():
        raise UserError(
            "Nothing was sent, as nobody is here to ask: --yes sends without a question."
        )
    sys.stderr.write("Send it? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _message(report: Report) -> str:
    best = leading(report)
    if best is None:
        return clean(f"mle-star: {report.task}", 200)
    score = f"{report.metric} {plus_minus(best.score, best.error)}"
    return clean(f"mle-star: {score}; {best.label}", 200)


def _sent(parcel: Parcel, number: int | None) -> dict[str, Any]:
    return {
        "competition": parcel.competition,
        "file": str(parcel.file),
        "message": parcel.message,
        "sent": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "number": number,
        "status": "pending",
        "public": "",
        "private": "",
        "problem": "",
    }


def _remember(run: RunFolder, record: dict[str, Any]) -> None:
    """Keep what was sent in ``run.json`` (the newest word on each) and in the journal."""
    sent = run.record().get("submissions") or []
    others = [one for one in sent if one.get("sent") != record["sent"]]
    run.update(submissions=[*others, record])
    journal = run.path / "events.jsonl"
    elapsed = last_elapsed(journal)
    EventLog(journal).append("submitted", node="", solution=-1, elapsed=elapsed, **record)


def _said(parcel: Parcel, record: dict[str, Any]) -> str:
    """What Kaggle said, beside what the run said."""
    if record["status"] == "pending":
        return "Kaggle has no score yet: look at the competition's page later."
    if record["status"] == "error":
        return f"Kaggle could not score it: {clean(record['problem']) or 'it does not say why'}."
    best = leading(parcel.report)
    ours = f"; validation {plus_minus(best.score, best.error)}" if best is not None else ""
    private = f", private score {clean(record['private'])}" if record["private"] else ""
    return f"Public score {clean(record['public'])}{private}{ours}."
