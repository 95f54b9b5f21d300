"""``show --follow``: watch a run that another process drives, by reading its journal."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.text import Text

from mle_star.cli.outcome import show_report
from mle_star.cli.output import console, relative
from mle_star.cli.running import progress_view
from mle_star.errors import RunError, RunStopped
from mle_star.report.reading import read_report
from mle_star.runs import Tail
from mle_star.runs.folder import read_record
from mle_star.runs.lock import is_driven

PAUSE = 0.25
"""Seconds between two looks at the journal."""


def watch(run: Path, *, as_json: bool = False, whole_bill: bool = False) -> int:
    """Show what a run does until it ends, then what it came to. The run never notices.

    Args:
        run: its folder.
        as_json: write every event as a line of JSON to stdout, and nothing else.
        whole_bill: print the bill by phase and by model as well.

    Returns:
        0 where the run is finished, 1 where it was stopped, failed, or its process is gone.

    Raises:
        RunStopped: the person who watches has seen enough (Ctrl-C).
        RunError: the run left nothing behind.
    """
    try:
        if as_json:
            for batch in happening(run):
                sys.stdout.writelines(json.dumps(event) + "\n" for event in batch)
                sys.stdout.flush()
        elif not is_over(run):
            _draw(run)
    except KeyboardInterrupt:
        raise RunStopped(
            "Watching has ended; the run goes on. Look again with: "
            f"mle-star show {_quoted(run)} --follow"
        ) from None
    if not (run / "run.json").is_file():
        raise RunError(f"{run.name} ended before it had read its task, and left nothing behind.")
    report = read_report(relative(run))
    finished = report.status == "finished"
    if not as_json:
        screen = console()
        show_report(screen, report, every_script=True, whole_bill=whole_bill)
        if not finished:
            hint = f"\nNobody drives this run now; go on with: mle-star resume {_quoted(run)}"
            screen.print(Text(hint, style="yellow"), soft_wrap=True)
    return 0 if finished else 1


def _quoted(run: Path) -> str:
    """The run as it can be typed."""
    return shlex.quote(str(relative(run)))


def happening(run: Path) -> Iterator[list[dict[str, Any]]]:
    """The events of a run from its first one, in batches as they are written, until it ends."""
    tail = Tail(run / "events.jsonl")
    while True:
        over = is_over(run)  # asked first: what was written before the end is read after it
        yield tail.read()
        if over:
            return
        time.sleep(PAUSE)


def is_over(run: Path) -> bool:
    """Whether nobody drives the run; Studio takes no lock, its runs say so in their record."""
    driven = is_driven(run)
    if driven is not None:
        return not driven
    try:
        return bool(read_record(run).get("status") != "running")
    except RunError:
        return True


def written(event: Mapping[str, Any]) -> float:
    """``time.monotonic()`` when an event was written, by its time of day."""
    try:
        age = datetime.now(UTC) - datetime.fromisoformat(str(event.get("time")))
    except (ValueError, TypeError):
        return time.monotonic()
    return time.monotonic() - max(0.0, age.total_seconds())


def _draw(run: Path) -> None:
    """A panel, or lines where there is no terminal, until the run is over."""
    view = progress_view(console(), "watching; Ctrl-C leaves the run going")
    view.progress.when = written
    batches = happening(run)
    for event in next(batches):
        view.update(event)
    with suppress(RunError):  # a resumed run may be led by somebody else than at its start
        view.progress.engineer = read_record(run).get("engineer") or view.progress.engineer
    with view:
        for batch in batches:
            for event in batch:
                view.update(event)
