"""What was spent on models, added up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from mle_star.models.base import Call


@dataclass
class Spent:
    """Sums over calls. ``input`` includes ``cached``; ``output`` includes ``thinking``."""

    calls: int = 0
    """Requests that were sent."""
    failed: int = 0
    """Of these, the ones that ended without an answer."""
    unsettled: int = 0
    """Of these, the ones without an outcome: under way, or lost when the run was killed."""
    input: int = 0
    cached: int = 0
    output: int = 0
    thinking: int = 0
    seconds: float = 0.0
    usd: float | None = 0.0
    """US dollars; None where the price of any call is not known."""
    unknown_price_calls: int = 0

    @property
    def tokens(self) -> int:
        """Input and output together."""
        return self.input + self.output

    def add(self, call: Call) -> None:
        """Count a call."""
        self.calls += 1
        self.failed += call.outcome not in ("answered", "sent")
        self.unsettled += call.outcome == "sent"
        self.input += call.usage.input
        self.cached += call.usage.cached
        self.output += call.usage.output
        self.thinking += call.usage.thinking
        self.seconds += call.seconds
        self.unknown_price_calls += call.usd is None
        self.usd = None if self.usd is None or call.usd is None else self.usd + call.usd


@dataclass(frozen=True)
class Bill:
    """What was spent, in all and by role, phase and model."""

    total: Spent = field(default_factory=Spent)
    roles: dict[str, Spent] = field(default_factory=dict)
    phases: dict[str, Spent] = field(default_factory=dict)
    models: dict[str, Spent] = field(default_factory=dict)

    @classmethod
    def of(cls, calls: Iterable[Call]) -> Bill:
        """Add calls up."""
        bill = cls()
        for call in calls:
            bill.total.add(call)
            bill.roles.setdefault(call.role, Spent()).add(call)
            bill.phases.setdefault(call.phase, Spent()).add(call)
            bill.models.setdefault(call.model, Spent()).add(call)
        return bill

    def data(self) -> dict[str, Any]:
        """The same as plain data that can be written as JSON."""
        return asdict(self)
