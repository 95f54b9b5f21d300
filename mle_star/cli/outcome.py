"""The tables a run ends with: result, what each step brought, files."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from mle_star.cli.bill import bill_tables
from mle_star.observe.lines import who
from mle_star.report.attempts import WHOLE
from mle_star.report.reading import Report
from mle_star.report.text import better_is, clean, count, duration, number, once_each, plus_minus
from mle_star.report.writing import PAGE
from mle_star.runs import RunFolder


def show_report(
    console: Console, report: Report, every_script: bool = False, whole_bill: bool = False
) -> None:
    """Print result, steps, bill, notes and files.

    Args:
        console: where to print.
        report: what to print.
        every_script: print a line per script.
        whole_bill: print the bill by phase and by model as well as by agent.
    """
    behind = sum(e.outcome == "behind" for e in report.scripts)
    failed = sum(e.score is None for e in report.scripts) - behind
    head = (
        f"{clean(report.task)}: {clean(report.metric)}, {better_is(report.direction)}; "
        f"{report.status} after {duration(report.seconds)}, "
        f"{count(len(report.scripts), 'script')} run"
        + (f", {behind} stopped as behind" if behind else "")
        + (f", {failed} without a score" if failed else "")
    )
    parts: list[RenderableType] = [Text(""), Text(head, style="bold")]
    parts += [Text(report.engineer, style="dim")] if report.engineer else []
    parts += [Text(""), results(report), Text("")]
    if report.gains:
        parts += [steps_table(report), Text("")]
    if every_script and report.scripts:
        parts += [scripts_table(report), Text("")]
    if report.bill is not None:
        tables = bill_tables(report.bill, report.stood_in, report.unlisted, whole_bill)
        parts += [tables, Text("")]
    for question in report.waits:
        parts.append(Text(f"waits for a person: {clean(question, 200)}", style="magenta"))
    for note in once_each(report.notes):
        parts.append(Text(f"note: {clean(note)}", style="yellow"))
    parts += [Text("")] if report.waits or report.notes else []
    console.print(Group(*parts, files(report)))


def results(report: Report) -> RenderableType:
    """Best single script and best ensemble, with validation and audit score."""
    rows = [("best single", report.single), ("best ensemble", report.ensemble)]
    if not any(entry for _, entry in rows) and report.handed_in is not None:
        rows = [("leakage alarm", report.handed_in)]
    if not any(entry for _, entry in rows):
        return Text("No script has a score that may win.", style="red")
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    audit = audited(report)
    for name in ("", "", "validation", *(["audit"] if audit else [])):
        table.add_column(name, no_wrap=True)
    table.add_column("script", overflow="fold")
    for name, entry in rows:
        if entry is None:
            table.add_row("", Text(name), Text("none", style="dim"))
            continue
        won = bool(report.trial) and entry.trial == report.trial
        table.add_row(
            Text("→" if won else " ", style="green"),
            Text(name, style="bold" if won else ""),
            Text(plus_minus(entry.score, entry.error), style="green" if won else ""),
            *([Text(plus_minus(entry.audit, entry.audit_error))] if audit else []),
            Text(clean(entry.label)),
        )
    legend = "± one standard error"
    if audit:
        legend = "± one standard error; audit: labelled rows that no script saw"
    return Group(table, Text(legend, style="dim"))


def audited(report: Report) -> bool:
    """Whether labelled rows were held back from the scripts."""
    return any(entry.audit is not None for entry in report.scripts)


def steps_table(report: Report) -> Table:
    """What each accepted step brought."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column("step", no_wrap=True)
    table.add_column("better by", justify="right", no_wrap=True)
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("what was done", overflow="fold")
    shown: int | None = None
    for step in report.gains:
        name = "" if step.solution == shown else _branch_name(step.solution)
        shown = step.solution
        gain = "" if step.gain is None else number(step.gain, like=step.score)
        table.add_row(
            Text(name),
            Text(step.step),
            Text(gain, style="green" if step.gain else "dim"),
            Text(number(step.score)),
            Text(clean(step.label)),
        )
        if fruitless := report.fruitless(step):
            more = f"{count(fruitless, 'later script')} no better"
            table.add_row("", "", "", "", Text(more, style="dim"))
    return table


def scripts_table(report: Report) -> Table:
    """Every script that was run, in order."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    audit = audited(report)
    for name in ("", "phase", "validation", *(["audit"] if audit else [])):
        table.add_column(name, no_wrap=True)
    table.add_column("time", justify="right", no_wrap=True)
    table.add_column("script", overflow="fold")
    for entry in report.scripts:
        score = Text(plus_minus(entry.score, entry.error))
        if entry.score is None:
            score = Text(clean(entry.outcome), style="dim" if entry.outcome == "behind" else "red")
        reason = clean(entry.alarm or entry.problem, 200)
        label = Text(clean(entry.label))
        if reason:
            style = "dim" if entry.outcome == "behind" else "red"
            label = Text.assemble(clean(entry.label).rstrip("."), (f": {reason}", style))
        table.add_row(
            Text(_branch_name(entry.solution)),
            Text(clean(entry.phase)),
            score,
            *([Text(number(entry.audit))] if audit else []),
            Text(duration(entry.seconds)),
            label,
        )
    return table


def files(report: Report) -> Table:
    """Where everything is."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False, pad_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column("", overflow="fold")
    folder = RunFolder(report.path)
    origin = {
        "part": " (from a run on a part of the data: all of it was too much)",
        "search": " (from the search run, not a run on all data)",
    }.get(report.source, "")
    if folder.submission.is_file():
        table.add_row("submission", Text(f"{clean(folder.submission)}{origin}"))
    if folder.solution.is_dir():
        table.add_row(
            "solution", Text(f"{clean(folder.solution)} (python run.py TASK_FOLDER makes it again)")
        )
    if (page := report.path / PAGE).is_file():
        table.add_row("report", Text(clean(page)))
    table.add_row("run folder", Text(clean(report.path)))
    return table


def _branch_name(solution: int) -> str:
    return "ensemble" if solution == WHOLE else who(solution)
