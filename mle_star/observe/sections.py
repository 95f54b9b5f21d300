"""The sections of the live panel. Each takes exactly as many rows as it is told: nothing wraps."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Sequence

from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from mle_star.models.bill import Bill
from mle_star.observe.branches import PHASES, Branch
from mle_star.observe.lines import caged, who
from mle_star.observe.progress import Progress
from mle_star.observe.sparkline import sparkline
from mle_star.report.attempts import WHOLE, Attempt
from mle_star.report.money import dollars, money, stand_ins, tokens
from mle_star.report.text import clean, count, duration, number, plus_minus
from mle_star.report.thinking import fell_back, who_thinks

NARROW = 80
"""Columns below which names are shortened and scores in the table of branches lose their error."""

VERDICTS = {
    "accepted": "green",
    "scored": "cyan",
    "not better": "dim",
    "stopped as behind": "dim",
    "not run": "dim",
}
"""Verdict -> its style; any other one is bad news."""

SHORT = {"stopped as behind": "behind", "leakage alarm": "leak"}
"""Long verdicts -> what a narrow terminal shows."""


def line(*parts: str | tuple[str, str] | Text) -> Text:
    """One row of text that ends in an ellipsis where it is too long."""
    return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")


def thinks(progress: Progress) -> Text:
    """Who thinks."""
    fallen = fell_back(progress.engineer, progress.settings)
    words = who_thinks(progress.engineer, progress.settings)
    return line((words, "yellow" if fallen else "dim"))


def plan(progress: Progress) -> Text:
    """How much is to be done."""
    has = progress.settings

    def many(name: str, noun: str) -> str:
        return count(int(has.get(name) or 0), noun)

    return line(
        (
            f"preset {clean(has.get('preset', ''))}: "
            f"{many('num_solutions', 'solution')} of {many('num_candidates', 'model')} and "
            f"{many('outer_steps', 'block')} with {many('inner_steps', 'plan')}, then "
            f"{many('ensemble_rounds', 'ensemble')}",
            "dim",
        )
    )


def cage(progress: Progress) -> Text:
    """What cages the scripts."""
    return line((caged(progress), "dim"))


def name_of(solution: int, narrow: bool) -> str:
    """Name of a branch."""
    if solution == WHOLE:
        return "ens." if narrow else "ensemble"
    return f"sol. {solution + 1}" if narrow else who(solution)


def headed(names: Sequence[str], narrow: bool) -> Table:
    """A table without rows; its last column takes the width that the others leave."""
    padding = (0, 1 if narrow else 2, 0, 0)
    table = Table(box=None, expand=True, padding=padding, header_style="dim", pad_edge=False)
    for name in names:
        ratio = 1 if name == names[-1] else None
        table.add_column(name, ratio=ratio, no_wrap=True, overflow="ellipsis")
    return table


def branches(progress: Progress, rows: int, narrow: bool) -> Table:
    """A header, then a row per branch: phase, best score, the script that runs."""
    table = headed(("", "phase", "best", "running now"), narrow)
    order = sorted(progress.branches, key=lambda number: (number == WHOLE, number))
    shown = order
    if len(order) >= rows:  # the header takes one
        busy = sorted(order, key=lambda number: _rank(progress.branches[number]))
        shown = [number for number in order if number in busy[: max(1, rows - 2)]]
    for number_ in shown:
        branch = progress.branches[number_]
        best = branch.best
        score = "–" if best is None else plus_minus(best.value, None if narrow else best.error)
        table.add_row(
            Text(name_of(number_, narrow)),
            Text(progress.where(branch), style="dim" if _rank(branch) else ""),
            Text(score, style="cyan"),
            running(progress, branch),
        )
    left = len(order) - len(shown)
    if left and rows > 2:
        table.add_row("", Text(f"and {left} more", style="dim"), "", "")
    return table


def _rank(branch: Branch) -> int:
    """What is under way comes first, then what is to come."""
    return {"waiting": 1, PHASES["finish"]: 2}.get(branch.phase, 0)


def running(progress: Progress, branch: Branch) -> Text:
    """The script of a branch that runs now and began first, or the question its model ponders."""
    scripts = [s for s in progress.running if s.solution == branch.number]
    limit = None
    if scripts:
        what, since, more = scripts[0].label, scripts[0].since, len(scripts) - 1
        limit = scripts[0].limit
    elif branch.asking and progress.engineer.get("lead") == "llm":
        node, since = next(iter(branch.asking.items()))
        what, more = f"asking the model ({node})", 0
    elif branch.questions:
        return line(("waits for an answer  ", "magenta"), branch.questions[0])
    else:
        return Text("")
    age = max(0.0, time.monotonic() - since)
    allowed = "" if limit is None else f" of {whole(limit)}"
    rest = f"+{more} " if more else ""
    late = limit is not None and age > 0.8 * limit
    return line((f"{whole(age)}{allowed}  ", "yellow" if late else "dim"), (rest, "dim"), what)


def whole(seconds: float) -> str:
    """Seconds as 0:04, 2:05 or 1:02:05: a clock that ticks should not change its shape."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def leader(progress: Progress, width: int, unicode: bool = True) -> Text:
    """The best script of the whole run, and how its score came about."""
    if progress.best is None:
        return line(("no score yet", "dim"))
    score = plus_minus(progress.best.value, progress.best.error)
    curve: list[str | tuple[str, str]] = []
    if unicode and len(progress.history) > 1:
        first = number(progress.history[0][1], like=progress.best.value)
        drawn = sparkline(progress.history, progress.elapsed(), min(40, max(8, width // 4)))
        curve = [(f"  from {first} ", "dim"), (drawn, "green")]
    return line("best so far  ", (score, "bold green"), *curve, "  ", progress.best.label)


def trials(progress: Progress, rows: int, narrow: bool) -> Table:
    """A header, then the newest scripts, newest first: score, verdict, what was changed."""
    table = headed(("newest", "score", "verdict", "what was tried"), narrow)
    for attempt in progress.attempts()[::-1][: rows - 1]:
        verdict = progress.verdict(attempt)
        table.add_row(
            Text(name_of(attempt.solution, narrow)),
            Text(plus_minus(attempt.score, attempt.error)),
            Text(SHORT.get(verdict, verdict) if narrow else verdict, VERDICTS.get(verdict, "red")),
            described(attempt, VERDICTS.get(verdict, "red")),
        )
    return table


def described(attempt: Attempt, style: str) -> Text:
    """What an attempt changed; where it came to nothing, why."""
    label = clean(attempt.label)
    if style != "red":
        return line((label, "dim" if style == "dim" else ""))
    why = clean(attempt.alarm or attempt.problem, 160)
    return line(f"{clean(label, 40)}: " if why else label, (why, "red"))


def notes(progress: Progress, rows: int, width: int) -> list[Text]:
    """The newest warnings, oldest first; at most ``rows`` rows, and two of each."""
    lines: list[str] = []
    for note in reversed(progress.notes):
        left = rows - len(lines)
        if left < 1:
            break
        words = f"note: {note}"
        lines = (
            textwrap.wrap(words, max(20, width), max_lines=min(2, left), placeholder=" …") + lines
        )
    return [line((words, "yellow")) for words in lines]


def meters(progress: Progress, rows: int) -> Table:
    """Time used and left, and what was spent of every cap on the model, each with a bar."""
    grid = Table.grid(padding=(0, 1), expand=True)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(ratio=1)
    grid.add_column(no_wrap=True)
    elapsed, budget = progress.elapsed(), progress.budget
    left = f"{duration(budget - elapsed)} left" if elapsed < budget else "time is up, ending"
    bars = [(duration(elapsed), elapsed, budget, left), *caps(progress)]
    for used, done, total, text in bars[:rows]:
        style = "cyan" if done < total else "yellow"
        # A cap of nothing is used up from the start.
        share = min(1.0, done / total) if total else 1.0
        bar = ProgressBar(total=1.0, completed=share, complete_style=style, finished_style=style)
        grid.add_row(Text(used), bar, Text(text, style="dim"))
    return grid


def caps(progress: Progress) -> list[tuple[str, float, float, str]]:
    """(used as text, used, cap, cap as text) of every cap on the model."""
    limits = progress.settings if progress.engineer.get("lead") == "llm" else {}
    rows: list[tuple[str, float, float, str]] = []
    bill = Bill.of(progress.calls)
    if (most := limits.get("max_cost")) is not None:
        known = sum(spent.usd or 0.0 for spent in bill.models.values())
        rows.append((dollars(known), known, most, f"of {dollars(float(most))}"))
    if (most := limits.get("max_tokens")) is not None:
        used = bill.total.tokens
        rows.append((tokens(used), used, most, f"of {tokens(most)} tokens"))
    if (most := limits.get("max_calls")) is not None:
        rows.append((f"{bill.total.calls:,}", bill.total.calls, most, f"of {count(most, 'call')}"))
    return rows


def spending(progress: Progress) -> Text:
    """Calls, tokens and US dollars so far, and how often the playbook stood in."""
    bill = Bill.of(progress.calls)
    total = bill.total
    failed = f" ({total.failed} failed)" if total.failed else ""
    parts = [
        f"model: {count(total.calls, 'call')}{failed}, {tokens(total.input)} tokens in, "
        f"{tokens(total.output)} out, {money(bill)}"
    ]
    parts += [text] if (text := stand_ins(progress.stood_in)) else []
    return line(("; ".join(parts), "dim"))
