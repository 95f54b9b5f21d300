"""What a run spent on models, in tables for a terminal."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from mle_star.models.bill import Bill, Spent
from mle_star.report.money import money, stand_ins, tokens
from mle_star.report.text import count, duration

Row = tuple[str, Spent]


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
