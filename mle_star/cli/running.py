"""``run`` and ``resume``: start the graph, show its progress, print what came of it."""

from __future__ import annotations

import os
import shlex
import sys
import termios
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from mle_star.cli.asking import Terminal, given_once
from mle_star.cli.outcome import show_report
from mle_star.cli.output import console, relative, write_json
from mle_star.context import Context, Settings, context_from, resolve
from mle_star.errors import RunError
from mle_star.observe.lines import LineView
from mle_star.observe.live import LiveView
from mle_star.report.reading import Report, read_report
from mle_star.report.text import clean, plus_minus
from mle_star.report.thinking import choice_of, fell_back
from mle_star.runs import RunFolder, read_events

if TYPE_CHECKING:
    from mle_star.graph.solving import Result

OnEvent = Callable[[dict[str, Any]], None]
OnAsk = Callable[[Any], Any]


def start_run(task: str, context: Context, *, as_json: bool = False, quiet: bool = False) -> int:
    """Solve a task from the command line; returns the exit code."""
    settings = resolve(context)
    notice = fell_back(choice_of(settings), settings.model_dump())

    def work(on_event: OnEvent | None, on_ask: OnAsk | None) -> Result:
        from mle_star.graph import solving  # takes seconds: only when the view is up

        return solving.solve(
            task, context=context, on_event=on_event, on_ask=on_ask, progress=False
        )

    return drive(work, as_json, quiet, notice)


def go_on(
    run: Path,
    changes: Mapping[str, Any],
    *,
    answer: str = "",
    as_json: bool = False,
    quiet: bool = False,
) -> int:
    """Resume a run from the command line; returns the exit code.

    Args:
        run: the run folder.
        changes: settings that are changed.
        answer: yes or no, to every question that waits; empty: a person is asked.
        as_json: as for :func:`drive`.
        quiet: as for :func:`drive`.
    """
    record = RunFolder.open(run).record()
    if record.get("status") == "finished":  # said before a view of the run goes up
        where = shlex.quote(str(relative(run)))
        raise RunError(f"{run.name} is finished: 'mle-star show {where}' shows its result.")
    before = record.get("settings") or {}
    if changes.get("models"):  # those for other agents stay as they are
        changes = {**changes, "models": {**before.get("models", {}), **changes["models"]}}
    settings = {**before, **changes}
    engineer = choice_of(_checked(settings)) if settings else {}

    once = given_once(answer, set(record.get("waiting") or {})) if answer else None

    def work(on_event: OnEvent | None, on_ask: OnAsk | None) -> Result:
        from mle_star.graph import solving

        asking = once or on_ask
        return solving.resume(
            run, changes=changes, on_event=on_event, on_ask=asking, progress=False
        )

    def restore(view: LiveView | LineView) -> None:
        # Not the changes alone: of a fork, the journal still knows the settings before it.
        view.restore(read_events(run), settings, engineer)

    return drive(work, as_json, quiet, fell_back(engineer, settings), restore)


def _checked(values: Mapping[str, Any]) -> Settings:
    """The settings of a run that goes on; the environment has no say in them."""
    known = {name: value for name, value in values.items() if name in Context.model_fields}
    return resolve(context_from(known), environ={})


def drive(
    work: Callable[[OnEvent | None, OnAsk | None], Result],
    as_json: bool,
    quiet: bool,
    notice: str = "",
    restore: Callable[[LiveView | LineView], None] | None = None,
) -> int:
    """Do the work under a progress view, then print the result in the form that was asked for.

    Args:
        work: solves or resumes; gets what is to be called with every event, and with every
            question (None where no person is at the terminal).
        as_json: one JSON object on stdout, everything else on stderr.
        quiet: one line and no progress.
        notice: what a person should know before anything else.
        restore: fills the view with what happened before.

    Returns:
        0, or 1 where no script had a score.
    """
    screen = console(stderr=as_json)
    if notice:
        above = console(stderr=True) if quiet else screen
        above.print(Text(notice, style="yellow"), soft_wrap=True)
    view = None if quiet else progress_view(screen)
    with view or nullcontext():
        if view is not None and restore is not None:
            restore(view)
        result = work(view.update if view else None, asking_on(screen, view))
    report = read_report(relative(result.run))
    if as_json:
        write_json({**asdict(result), "stood_in": report.stood_in})
        return 0 if result.best else 1
    if quiet:
        screen.print(final_line(report), soft_wrap=True)
    else:
        show_report(screen, report)
    return 0 if result.best else 1


def asking_on(screen: Console, view: LiveView | LineView | None) -> OnAsk | None:
    """Asks in place, the live view paused meanwhile; None where nobody sits there."""
    if not (screen.is_terminal and sys.stdin.isatty()):
        return None
    terminal = Terminal(screen)

    def on_ask(question: Any) -> Any:
        with view.paused() if isinstance(view, LiveView) else nullcontext():
            # What was typed before the question was there is no answer to it.
            termios.tcflush(sys.stdin, termios.TCIFLUSH)
            return terminal(question)

    return on_ask


def progress_view(screen: Console, footer: str = "") -> LiveView | LineView:
    """A live panel on a terminal that can move its cursor, plain lines anywhere else.

    FORCE_COLOR makes a log look like a terminal to rich, and a CI service may give its jobs one:
    neither is a place for a panel that is drawn again and again.
    """
    terminal = screen.is_terminal and screen.file.isatty() and not screen.is_dumb_terminal
    return LiveView(screen, footer) if terminal and not os.environ.get("CI") else LineView(screen)


def final_line(report: Report) -> str:
    """The result in one line."""
    winner = report.handed_in
    if winner is None:
        return f"{clean(report.task)}: no script has a score that may win; see {report.path}"
    audit = (
        "" if winner.audit is None else f", audit {plus_minus(winner.audit, winner.audit_error)}"
    )
    alarm = f", leakage alarm: {clean(winner.alarm)}" if winner.alarm else ""
    return (
        f"{clean(report.task)}: {clean(report.metric)} {plus_minus(winner.score, winner.error)}"
        f"{audit}{alarm}; {report.path}"
    )
