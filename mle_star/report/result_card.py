"""A run in a notebook: one small card."""

from __future__ import annotations

from pathlib import Path

from mle_star.report.headline import headline
from mle_star.report.reading import report_of
from mle_star.report.rendering import fill
from mle_star.report.text import better_is, once_each
from mle_star.report.tried import read_tried
from mle_star.report.writing import PAGE
from mle_star.runs import RunFolder, read_events
from mle_star.runs.listing import status_of

STEPS = 6
"""Steps that are listed, the last ones."""
NOTES = 3


def card(run: Path) -> str:
    """What a run came to as a piece of HTML: escaped, without script and without requests.

    Raises:
        RunError: there is no whole run in the folder.
    """
    record, events = RunFolder.open(run).record(), read_events(run)
    report = report_of(run, record, events)
    steps = report.gains
    return fill(
        "result_card.html",
        report=report,
        head=headline(report, record, read_tried(events).attempts),
        status=status_of(run, record),
        better=better_is(report.direction),
        steps=steps[-STEPS:],
        earlier=max(0, len(steps) - STEPS),
        notes=once_each(report.notes)[-NOTES:],
        page=PAGE if (run / PAGE).is_file() else "",
    )
