"""What a run spent on models, read from its events and put into words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from mle_star.models.base import Call, Usage
from mle_star.models.bill import Bill
from mle_star.report.attempts import finite, solution_of
from mle_star.report.text import clean, count

UNKNOWN = "price unknown"


def call_of(event: Mapping[str, Any]) -> Call:
    """The call that a ``model_called`` event speaks of."""
    tokens, usd = event.get("tokens"), finite(event.get("usd"))
    tokens = tokens if isinstance(tokens, Mapping) else {}
    return Call(
        role=clean(event.get("agent", ""), 40),
        phase=clean(event.get("phase", ""), 40),
        solution=solution_of(event),
        model=clean(event.get("model", ""), 80),
        usage=Usage(
            **{
                name: int(finite(tokens.get(name)) or 0)
                for name in ("input", "cached", "output", "thinking")
            }
        ),
        seconds=finite(event.get("seconds")) or 0.0,
        usd=usd,
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
