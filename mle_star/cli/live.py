"""Progress on a terminal: finished scripts scroll by, a panel below them shows what goes on."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from mle_star.cli.lines import caged, headline, script_line, who
from mle_star.cli.progress import WHOLE, Branch, Progress
from mle_star.cli.text import clean, count, duration, plus_minus

SCROLLED = ("script_finished", "debugged")
"""Events that leave a line above the panel; the panel itself tells the rest."""


class LiveView:
    """Draws the panel four times a second; it is gone when the run has ended."""

    def __init__(self, console: Console) -> None:
        """Draw on ``console``, which should be a terminal."""
        self.progress = Progress()
        self._live = Live(
            console=console,
            # A terminal echoes ^C after the last character; at the right edge that would open a new
            # line, and the panel could not be wiped whole.
            get_renderable=lambda: panel(self.progress, console.width - 3),
            refresh_per_second=4,
            transient=True,
        )

    def __enter__(self) -> LiveView:
        self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._live.stop()

    def restore(self, events: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> None:
        """Take in the journal of an earlier sitting."""
        self.progress.restore(events, settings)

    def update(self, event: Mapping[str, Any]) -> None:
        """Take one event in; finished scripts get a line above the panel."""
        self.progress.update(event)
        if event.get("kind") not in SCROLLED:
            return
        line = script_line(event)
        if line is not None:
            clock = f"{duration(float(event.get('elapsed', 0.0))):>7}"
            number = int(event.get("solution", WHOLE))
            line = Text.assemble((f"{clock}  {who(number):<10}  ", "dim"), line)
            self._live.console.print(line, overflow="ellipsis", no_wrap=True)


def panel(progress: Progress, width: int | None = None) -> RenderableType:
    """The picture of a run as a panel, ``width`` columns wide."""
    with progress.lock:
        if progress.status == "starting":
            return Text("starting ...", style="dim")
        parts: list[RenderableType] = [head(progress), branches(progress), leader(progress)]
        if progress.budget:
            parts.append(clock(progress))
        parts += [Text(f"note: {note}", style="yellow") for note in progress.notes]
        return Panel(
            Group(*parts),
            title=Text(headline(progress), style="bold"),
            title_align="left",
            box=box.ROUNDED,
            border_style="dim",
            width=width,
        )


def head(progress: Progress) -> Text:
    """Who thinks, how much is to be done, and what cages the scripts."""
    has = progress.settings

    def many(name: str, noun: str) -> str:
        return count(int(has.get(name) or 0), noun)

    plan = (
        f"{clean(has.get('model', ''))}, preset {clean(has.get('preset', ''))}: "
        f"{many('num_solutions', 'solution')} of {many('num_candidates', 'model')} and "
        f"{many('outer_steps', 'block')} with {many('inner_steps', 'plan')}, then "
        f"{many('ensemble_rounds', 'ensemble')}"
    )
    return Text(f"{plan}\n{caged(progress)}\n", style="dim")


def branches(progress: Progress) -> Table:
    """One row per branch: phase, best score, the script that runs."""
    table = Table(box=None, expand=True, padding=(0, 1), header_style="dim", pad_edge=False)
    for name, ratio in (("", None), ("phase", 3), ("best", 3), ("script running", 5)):
        table.add_column(name, ratio=ratio, no_wrap=True, overflow="ellipsis")
    order = sorted(progress.branches, key=lambda number: (number == WHOLE, number))
    for number in order:
        branch = progress.branches[number]
        name = "ensemble" if number == WHOLE else who(number)
        best = plus_minus(branch.best.value, branch.best.error) if branch.best else "–"
        table.add_row(
            Text(name),
            Text(progress.where(branch), style="dim" if branch.phase == "waiting" else ""),
            Text(best, style="cyan"),
            running(progress, branch),
        )
    return table


def running(progress: Progress, branch: Branch) -> Text:
    """The scripts of a branch that run now, oldest first, with their age."""
    scripts = [s for s in progress.running if s.solution == branch.number]
    if not scripts:
        return Text("")
    age = duration(time.monotonic() - scripts[0].since)
    more = f" and {len(scripts) - 1} more" if len(scripts) > 1 else ""
    return Text.assemble((f"{age:>7}  ", "dim"), scripts[0].label, (more, "dim"))


def leader(progress: Progress) -> Text:
    """The best script of the whole run."""
    if progress.best is None:
        return Text("\nno score yet", style="dim")
    score = plus_minus(progress.best.value, progress.best.error)
    return Text.assemble(
        "\nbest so far  ",
        (score, "bold green"),
        f"  {progress.best.label}",
        overflow="ellipsis",
        no_wrap=True,
    )


def clock(progress: Progress) -> Table:
    """Time used and time left, with a bar."""
    elapsed, budget = progress.elapsed(), progress.budget
    left = f"{duration(budget - elapsed)} left" if elapsed < budget else "time is up, ending"
    grid = Table.grid(padding=(0, 1), expand=True)
    grid.add_column()
    grid.add_column(ratio=1)
    grid.add_column(justify="right")
    grid.add_row(
        Text(duration(elapsed)),
        ProgressBar(total=budget, completed=min(elapsed, budget), complete_style="cyan"),
        Text(left, style="dim"),
    )
    return grid
