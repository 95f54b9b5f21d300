"""What a run spent on models, read from its events and put into words and tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from mle_star.cli.text import clean, count, duration
from mle_star.models.base import Call, Usage
from mle_star.models.bill import Bill, Spent

UNKNOWN = "price unknown"

Row = tuple[str, Spent]


def call_of(event: Mapping[str, Any]) -> Call:
    """The call that a ``model_called`` event speaks of."""
    tokens = event.get("tokens") or {}
    usd = event.get("usd")
    return Call(
        role=clean(event.get("agent", ""), 40),
        phase=clean(event.get("phase", ""), 40),
        solution=int(event.get("solution", -1)),
        model=clean(event.get("model", ""), 80),
        usage=Usage(
            **{k: int(tokens.get(k) or 0) for k in ("input", "cached", "output", "thinking")}
        ),
        seconds=float(event.get("seconds") or 0.0),
        usd=None if usd is None else float(usd),
        outcome=str(event.get("outcome", "")),
    )


def read_bill(events: Iterable[Mapping[str, Any]]) -> tuple[Bill, dict[str, int]]:
    """The bill of a journal, and how often the playbook stood in for each agent."""
    calls: list[Call] = []
    stood_in: Counter[str] = Counter()
    for event in events:
        if event.get("kind") == "model_called":
            calls.append(call_of(event))
        elif event.get("kind") == "stood_in":
            stood_in[clean(event.get("agent", ""), 40)] += 1
    return Bill.of(calls), dict(stood_in)


def dollars(usd: float) -> str:
    """US dollars: two digits behind the point, more for small change."""
    if 0 < usd < 0.0001:
        return "less than $0.0001"
    return f"${usd:,.2f}" if usd >= 0.1 or usd == 0 else f"${usd:.4f}"


def money(bill: Bill) -> str:
    """What the calls cost in all; calls without a known price are never taken for free ones."""
    if bill.total.usd is not None:
        return dollars(bill.total.usd)
    known = [spent.usd for spent in bill.models.values() if spent.usd is not None]
    if not known:
        return UNKNOWN
    unknown = count(bill.total.unknown_price_calls, "call")
    return f"{dollars(sum(known))} and {unknown} of unknown price"


def tokens(number: int) -> str:
    """A number of tokens, short: 912, 12.3k, 123k, 1.23M, 1,230M."""
    if number < 1_000:
        return str(number)
    if number < 999_500:  # what lies above would be rounded to 1000k
        return f"{number / 1_000:.3g}k"
    millions = number / 1_000_000
    return f"{millions:.3g}M" if millions < 999.5 else f"{millions:,.0f}M"


def stand_ins(stood_in: Mapping[str, int]) -> str:
    """How often the playbook answered in place of the model, and for whom."""
    if not stood_in:
        return ""
    often = sorted(stood_in.items(), key=lambda item: -item[1])
    listed = ", ".join(f"{agent} {times}" for agent, times in often)
    return f"the playbook stood in {count(sum(stood_in.values()), 'time')} ({listed})"


def bill_tables(
    bill: Bill, stood_in: Mapping[str, int], more: int = 0, whole: bool = False
) -> RenderableType:
    """The bill by agent, and with ``whole`` also by phase and by model.

    Args:
        bill: the calls of the journal.
        stood_in: agent -> times that the playbook answered for it.
        more: calls in the run's ledger that the journal does not list.
        whole: show every table.
    """
    groups = [("agent", bill.roles)]
    if whole:
        groups += [("phase", bill.phases), ("model", bill.models)]
    parts: list[RenderableType] = []
    for position, (name, rows) in enumerate(groups):
        parts += [Text("")] if position else []
        total = [] if position else [("in all", bill.total)]
        parts.append(_table(name, _dearest_first(rows), total, bill))
    if bill.total.usd is None:
        parts.append(Text(f"cost: {money(bill)} (--prices FILE gives your own)", style="yellow"))
    if more > 0:
        parts.append(
            Text(
                f"and {count(more, 'call')} more: hello at the start, or lost in a crash",
                style="dim",
            )
        )
    if stood_in:
        parts.append(Text(stand_ins(stood_in), style="yellow"))
    return Group(*parts)


def _dearest_first(rows: Mapping[str, Spent]) -> list[Row]:
    return sorted(rows.items(), key=lambda row: (-(row[1].usd or 0.0), -row[1].tokens, row[0]))


def _table(name: str, rows: list[Row], total: list[Row], bill: Bill) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    width = max(len(row[0]) for row in [*bill.roles.items(), *bill.phases.items(), ("phase", 0)])
    # On a narrow terminal the names are broken, never the numbers.
    table.add_column(name, overflow="fold", min_width=width)
    for column in ("calls", "failed", "input (cached)", "output (thinking)", "time", "USD"):
        table.add_column(column, justify="right", no_wrap=True)
    for label, spent in [*rows, *total]:
        last = (label, spent) in total
        table.add_row(
            Text(label or "–"),
            Text(f"{spent.calls:,}"),
            Text(f"{spent.failed:,}" if spent.failed else "–", style="red" if spent.failed else ""),
            Text(_with_part(spent.input, spent.cached)),
            Text(_with_part(spent.output, spent.thinking)),
            Text(duration(spent.seconds)),
            Text("unknown" if spent.usd is None else f"{spent.usd:,.4f}"),
            style="bold" if last else "",
        )
    return table


def _with_part(whole: int, part: int) -> str:
    return tokens(whole) + (f" ({tokens(part)})" if part else "")
