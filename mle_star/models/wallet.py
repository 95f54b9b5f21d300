"""What a run may spend on models, and the ledger of what it has spent.

Every request is entered, and the entry is on disk, before it is sent; the outcome is added
afterwards. So a run that was killed knows what it sent. Caps come from the settings each time, the
ledger from the file: a resumed run may have other caps.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path

from mle_star.errors import RunStopped, SettingsError
from mle_star.models.base import Call, Usage, WalletEmpty
from mle_star.models.bill import Bill
from mle_star.models.ledger import Ledger
from mle_star.models.prices import Prices, load_prices

FINAL_PHASES = frozenset({"ensemble", "submit"})
"""Phases that may spend all; the others leave the reserve to them."""

_listeners: ContextVar[tuple[Callable[[Call], None], ...]] = ContextVar("listeners", default=())


@contextmanager
def listen(callback: Callable[[Call], None]) -> Iterator[None]:
    """Hear of every call that is settled inside the ``with`` block, in this context.

    Calls of another thread are heard only where that thread was given a copy of the context.
    """
    token = _listeners.set((*_listeners.get(), callback))
    try:
        yield
    finally:
        _listeners.reset(token)


LEDGER = "calls.sqlite"
"""File in the run folder: every request that was sent, and what it cost."""


def read_bill(folder: Path, prices: str = "") -> Bill:
    """What a run has spent on models, from its folder; nothing where it has no ledger.

    Args:
        folder: the run folder.
        prices: price table of the user's own; empty for the built-in one.

    Raises:
        RunError: the ledger is damaged.
    """
    path = folder / LEDGER
    if not path.is_file():
        return Bill.of([])
    return Wallet(path, load_prices(prices)).spent()


@dataclass(frozen=True)
class Ticket:
    """Leave to send one request. Its estimate is set aside until the ticket is settled."""

    number: int
    call: Call
    """The request as it stands in the ledger until then: its usage is the estimate."""


class Wallet:
    """Caps on calls, tokens and US dollars, and the ledger behind them. Threads may share it.

    A request is let through only where its estimate fits beside all that was spent and all that is
    under way, so branches can't overspend together. The cap on calls always holds; those on tokens
    and cost can be passed by one answer that is longer than any before: estimates are never below
    the model's longest answer so far, and its first answer is waited for alone. Phases other than
    ``ensemble`` and ``submit`` may spend ``1 - reserve`` of each cap.
    """

    def __init__(
        self,
        path: Path | None,
        prices: Prices,
        max_calls: int | None = None,
        max_tokens: int | None = None,
        max_cost: float | None = None,
        reserve: float = 0.0,
        *,
        stopping: threading.Event | None = None,
    ) -> None:
        """Open or create the ledger; without a path it lives as long as the object.

        Args:
            path: SQLite file.
            prices: what models cost.
            max_calls: most requests that are sent; None for no cap.
            max_tokens: most tokens, input and output together; None for no cap.
            max_cost: most US dollars; None for no cap.
            reserve: part of each cap that is kept for the last phases.
            stopping: when set, ends the wait for requests under way.

        Raises:
            RunError: the file is not a ledger.
        """
        self.prices = prices
        self.max_calls, self.max_tokens, self.max_cost = max_calls, max_tokens, max_cost
        self.reserve = reserve
        self._ledger = Ledger(path)
        self._stopping = stopping or threading.Event()
        self._settled = threading.Condition()
        self._under_way: set[int] = set()
        self._refused_search = False
        self._calls = self._ledger.read()

    def open(self, role: str, phase: str, solution: int, model: str, estimate: Usage) -> Ticket:
        """Enter a request and set its estimate aside, before it is sent.

        Where only requests under way stand in the way, wait until they are settled.

        Raises:
            WalletEmpty: the request does not fit; nothing was entered.
            SettingsError: cost is capped and the price of the model is not known.
            RunStopped: the run was stopped while waiting.
        """
        call = self._estimated(role, phase, solution, model, estimate)
        with self._settled:
            while problem := self._unknown(call) or self._problem(call, under_way=True):
                self._refuse(call)
                if self._stopping.is_set():
                    raise RunStopped(f"The run was stopped while a request waited: {problem}")
                self._settled.wait(0.2)
            number = self._ledger.insert(call)
            self._calls[number] = call
            self._under_way.add(number)
        return Ticket(number, call)

    def refuse_if_spent(
        self, role: str, phase: str, solution: int, model: str, estimate: Usage
    ) -> None:
        """Raise where :meth:`open` would at once; nothing is entered.

        Raises:
            WalletEmpty: the request does not fit.
            SettingsError: cost is capped and the price of the model is not known.
        """
        call = self._estimated(role, phase, solution, model, estimate)
        with self._settled:
            self._refuse(call)

    def _estimated(self, role: str, phase: str, solution: int, model: str, estimate: Usage) -> Call:
        self.require_prices([model])
        estimate = replace(estimate, output=max(estimate.output, self._longest(model)))
        usd = self.prices.usd(model, estimate)
        return Call(role, phase, solution, model, estimate, 0.0, usd, "sent")

    def _longest(self, model: str) -> int:
        """Tokens of the model's longest answer so far, where tokens or cost are capped."""
        if self.max_tokens is None and self.max_cost is None:
            return 0
        with self._settled:
            return max((c.usage.output for c in self._answers(model)), default=0)

    def _answers(self, model: str) -> list[Call]:
        return [
            call
            for number, call in self._calls.items()
            if call.model == model and number not in self._under_way and call.role != "check"
        ]

    def _unknown(self, call: Call) -> str:
        """Why to wait although there is room: nobody knows yet how long answers get."""
        capped = self.max_tokens is not None or self.max_cost is not None
        under_way = [self._calls[number] for number in self._under_way]
        first = any(other.model == call.model and other.role != "check" for other in under_way)
        if capped and first and call.role != "check" and not self._answers(call.model):
            return "the model's first answer shows how long its answers are"
        return ""

    def _refuse(self, call: Call) -> None:
        if problem := self._problem(call, under_way=False):
            self._refused_search |= call.phase not in FINAL_PHASES
            raise WalletEmpty(problem)

    def settle(self, ticket: Ticket, usage: Usage, seconds: float, outcome: str) -> Call:
        """Enter what came of a request, and tell the listeners.

        Args:
            ticket: what :meth:`open` gave.
            usage: tokens that were billed.
            seconds: wall clock.
            outcome: ``answered``, or the kind of failure.

        Returns:
            The call as the bill lists it.
        """
        usd = self.prices.usd(ticket.call.model, usage)
        call = replace(ticket.call, usage=usage, seconds=seconds, usd=usd, outcome=outcome)
        with self._settled:
            try:
                self._ledger.update(ticket.number, call)
            finally:
                self._calls[ticket.number] = call
                self._under_way.discard(ticket.number)
                self._settled.notify_all()
        for callback in _listeners.get():
            callback(call)
        return call

    def require_prices(self, models: Iterable[str]) -> None:
        """Refuse a cap on cost that can't be kept.

        Raises:
            SettingsError: cost is capped, and the price of one of the models, or of a model that
                this run asked earlier, is not known.
        """
        if self.max_cost is None:
            return
        earlier = {call.model for call in self.calls()}
        for model in (*models, *sorted(earlier)):
            if not self.prices.known(model):
                raise SettingsError(
                    f"max_cost can't be kept because the price of {model!r} is not known: "
                    "give your own price table with --prices, or cap --max-tokens or --max-calls "
                    "instead."
                )

    @property
    def search_spent(self) -> bool:
        """Whether nothing is left for the phases that leave the reserve alone.

        That is so once their share of a cap is spent, or one of their requests did not fit.
        """
        with self._settled:
            # To have spent nothing of no money at all is fine: there are free models.
            return self._refused_search or any(
                left < 0 or (left == 0 and (cap > 0 or name != "max_cost"))
                for name, cap, left in self._left("search", under_way=False)
            )

    def calls(self) -> list[Call]:
        """Every request that was sent, in order.

        One that was lost when a run was killed has its estimate as usage; one that is under way has
        none yet.
        """
        with self._settled:
            return [
                replace(call, usage=Usage(), usd=self.prices.usd(call.model, Usage()))
                if number in self._under_way
                else self._priced(call)
                for number, call in sorted(self._calls.items())
            ]

    def spent(self) -> Bill:
        """What was spent so far, earlier parts of a resumed run included."""
        return Bill.of(self.calls())

    def _priced(self, call: Call) -> Call:
        if call.usd is not None:
            return call
        # The user may have given a price table since the call was made.
        return replace(call, usd=self.prices.usd(call.model, call.usage))

    def _left(self, phase: str, *, under_way: bool) -> Iterator[tuple[str, float, float]]:
        """Every cap: name, size, and what is left of it for a phase.

        Estimates of requests under way count as spent, or not at all.
        """
        share = 1.0 if phase in FINAL_PHASES else 1.0 - self.reserve
        counted = [
            self._priced(call)
            for number, call in self._calls.items()
            if under_way or number not in self._under_way
        ]
        if self.max_calls is not None:
            # The search may ask once where anything may be asked at all. A call is spent when sent.
            limit = max(math.floor(share * self.max_calls + 1e-9), min(self.max_calls, 1))
            yield "max_calls", self.max_calls, limit - len(self._calls)
        if self.max_tokens is not None:
            tokens = sum(call.usage.input + call.usage.output for call in counted)
            yield "max_tokens", self.max_tokens, share * self.max_tokens - tokens
        if self.max_cost is not None:
            usd = math.fsum(call.usd or 0.0 for call in counted)
            yield "max_cost", self.max_cost, share * self.max_cost - usd

    def _problem(self, call: Call, *, under_way: bool) -> str:
        """Why a request can't be sent, in one sentence; empty where it can."""
        takes: dict[str, float] = {
            "max_calls": 1,
            "max_tokens": max(1, call.usage.input + call.usage.output),
            "max_cost": call.usd or 0.0,
        }
        kept = self.reserve > 0 and call.phase not in FINAL_PHASES
        search = f", but for the {self.reserve:.0%} kept for the ensemble" if kept else ""
        for name, cap, left in self._left(call.phase, under_way=under_way):
            if not 0 < takes[name] > left:
                continue
            unit = "$" if name == "max_cost" else ""
            what = f"{name} of {unit}{cap:,.6g} is spent{search}"
            if left > 0:
                what = (
                    f"{name} of {unit}{cap:,.6g} leaves {unit}{left:,.6g}{search}, and the request "
                    f"may take {unit}{takes[name]:,.6g}"
                )
            return f"{what}: resume with a larger --{name.replace('_', '-')}."
        return ""
