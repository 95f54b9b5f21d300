"""``runs``: the runs there are."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from mle_star.cli.output import console, write_json
from mle_star.report.text import clean, duration, number
from mle_star.runs import RunFolder, list_runs


def list_them(folder: Path, *, as_json: bool = False) -> None:
    """Print the runs of a folder, newest first."""
    found = list_runs(folder)
    bills = {run.path: RunFolder(run.path).record().get("bill") for run in found}
    if as_json:
        write_json([{**asdict(run), "bill": bills[run.path]} for run in found])
        return
    screen = console()
    if not found:
        screen.print(f"No runs in {folder} yet: start one with 'mle-star run TASK'.")
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for name in ("run", "task", "status", "started"):
        table.add_column(name, no_wrap=name != "task", overflow="fold")
    for name in ("time", "best", "metric"):
        table.add_column(name, justify="left" if name == "metric" else "right", no_wrap=True)
    billed = any(bill and bill.get("calls") for bill in bills.values())
    if billed:
        table.add_column("USD", justify="right", no_wrap=True)
    for run in found:
        table.add_row(
            Text(clean(run.name)),
            Text(clean(Path(run.task).name)),
            Text(run.status, style="green" if run.status == "finished" else "yellow"),
            Text(clean(run.started[:16].replace("T", " "))),
            Text(duration(run.seconds)),
            Text(number(run.best)),
            Text(clean(run.metric)),
            *([Text(_usd(bills[run.path]))] if billed else []),
        )
    screen.print(table)


def _usd(bill: dict[str, Any] | None) -> str:
    """What a run spent on models; a dash where it asked none."""
    if not bill or not bill.get("calls"):
        return "–"
    return "unknown" if bill.get("usd") is None else f"{bill['usd']:,.4f}"
