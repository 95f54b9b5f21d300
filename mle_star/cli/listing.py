"""``runs``: the runs there are."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from rich.table import Table
from rich.text import Text

from mle_star.cli.output import console, write_json
from mle_star.cli.text import clean, duration, number
from mle_star.runs import list_runs


def list_them(folder: Path, *, as_json: bool = False) -> None:
    """Print the runs of a folder, newest first."""
    found = list_runs(folder)
    if as_json:
        write_json([asdict(run) for run in found])
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
    for run in found:
        table.add_row(
            Text(clean(run.name)),
            Text(clean(Path(run.task).name)),
            Text(run.status, style="green" if run.status == "finished" else "yellow"),
            Text(clean(run.started[:16].replace("T", " "))),
            Text(duration(run.seconds)),
            Text(number(run.best)),
            Text(clean(run.metric)),
        )
    screen.print(table)
