"""Progress on a terminal: finished scripts scroll by, a panel below them shows what goes on."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from mle_star.cli.lines import caged, headline, script_line, who
from mle_star.cli.progress import Branch, Progress
from mle_star.models.bill import Bill
from mle_star.report.attempts import WHOLE
from mle_star.report.money import dollars, money, stand_ins, tokens
from mle_star.report.text import clean, count, duration, plus_minus
from mle_star.report.thinking import fell_back, who_thinks

SCROLLED = ("script_finished", "debugged", "told", "heeded")
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

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave the terminal to somebody else inside the ``with`` block."""
        self._live.stop()
        try:
            yield
        finally:
            self._live.start()

    def restore(
        self,
        events: Sequence[Mapping[str, Any]],
        settings: Mapping[str, Any],
        engineer: Mapping[str, Any] | None = None,
    ) -> None:
        """Take in the journal of an earlier sitting."""
        self.progress.restore(events, settings, engineer)

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
        parts += [meters(progress)] if progress.budget else []
        if progress.calls or progress.stood_in:
            parts.append(Text(spending(progress), style="dim"))
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
        f"preset {clean(has.get('preset', ''))}: "
        f"{many('num_solutions', 'solution')} of {many('num_candidates', 'model')} and "
        f"{many('outer_steps', 'block')} with {many('inner_steps', 'plan')}, then "
        f"{many('ensemble_rounds', 'ensemble')}"
    )
    thinks = who_thinks(progress.engineer, has)
    style = "yellow" if fell_back(progress.engineer, has) else "dim"
    return Text.assemble((thinks, style), (f"\n{plan}\n{caged(progress)}\n", "dim"))


def branches(progress: Progress) -> Table:
    """One row per branch: phase, best score, the script that runs."""
    table = Table(box=None, expand=True, padding=(0, 1), header_style="dim", pad_edge=False)
    for name, ratio in (("", None), ("phase", 3), ("best", 3), ("running now", 5)):
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
    """The script of a branch that runs now and began first, or the question its model ponders."""
    scripts = [s for s in progress.running if s.solution == branch.number]
    if scripts:
        what, since, more = scripts[0].label, scripts[0].since, len(scripts) - 1
    elif branch.asking and progress.engineer.get("lead") == "llm":
        node, since = next(iter(branch.asking.items()))
        what, more = f"asking the model ({node})", 0
    else:
        return Text("")
    age = duration(time.monotonic() - since)
    rest = f" and {more} more" if more else ""
    return Text.assemble((f"{age:>7}  ", "dim"), what, (rest, "dim"))


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


def meters(progress: Progress) -> Table:
    """Time used and left, and what was spent of every cap on the model, each with a bar."""
    grid = Table.grid(padding=(0, 1), expand=True)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(ratio=1)
    grid.add_column(no_wrap=True)
    elapsed, budget = progress.elapsed(), progress.budget
    left = f"{duration(budget - elapsed)} left" if elapsed < budget else "time is up, ending"
    rows = [(duration(elapsed), elapsed, budget, left)]
    bill = Bill.of(progress.calls)
    caps = progress.settings if progress.engineer.get("lead") == "llm" else {}
    if (most := caps.get("max_cost")) is not None:
        known = sum(spent.usd or 0.0 for spent in bill.models.values())
        rows.append((dollars(known), known, most, f"of {dollars(float(most))}"))
    if (most := caps.get("max_tokens")) is not None:
        rows.append(
            (tokens(bill.total.tokens), bill.total.tokens, most, f"of {tokens(most)} tokens")
        )
    if (most := caps.get("max_calls")) is not None:
        rows.append((f"{bill.total.calls:,}", bill.total.calls, most, f"of {count(most, 'call')}"))
    for used, done, total, text in rows:
        style = "cyan" if done < total else "yellow"
        # A cap of nothing is used up from the start.
        share = min(1.0, done / total) if total else 1.0
        bar = ProgressBar(total=1.0, completed=share, complete_style=style, finished_style=style)
        grid.add_row(Text(used), bar, Text(text, style="dim"))
    return grid


def spending(progress: Progress) -> str:
    """Calls, tokens and US dollars so far, and how often the playbook stood in."""
    bill = Bill.of(progress.calls)
    total = bill.total
    failed = f" ({total.failed} failed)" if total.failed else ""
    parts = [
        f"model: {count(total.calls, 'call')}{failed}, {tokens(total.input)} tokens in, "
        f"{tokens(total.output)} out, {money(bill)}"
    ]
    parts += [text] if (text := stand_ins(progress.stood_in)) else []
    return "; ".join(parts)
