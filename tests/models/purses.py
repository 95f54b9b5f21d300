"""Wallets with prices that are easy to reckon with."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from mle_star.models.base import Call, Usage, WalletEmpty
from mle_star.models.prices import Price, Prices, Rate
from mle_star.models.wallet import Wallet

DOLLAR = "openai:dollar"
"""Costs one US dollar per token."""
FREE = "ollama:free"
UNKNOWN = "openai:unknown"
PRICES = Prices({DOLLAR: Price(Rate(1e6, 1e6, 1e6))}, "2026-01-01", "test", {})


def wallet(path: Path | None = None, **caps: float) -> Wallet:
    """A wallet for one thread: where it would wait for itself, it raises RunStopped."""
    stopping = threading.Event()
    stopping.set()
    return Wallet(path, PRICES, **caps, stopping=stopping)  # type: ignore[arg-type]


def ask(
    purse: Wallet,
    *,
    phase: str = "refine",
    model: str = DOLLAR,
    estimate: int = 10,
    used: int | None = None,
    outcome: str = "answered",
) -> Call:
    ticket = purse.open("refine", phase, 0, model, Usage(estimate))
    return purse.settle(ticket, Usage(estimate if used is None else used), 1.0, outcome)


def until_refused(purse: Wallet, phase: str = "refine") -> int:
    asked = 0
    while True:
        try:
            ask(purse, phase=phase)
        except WalletEmpty:
            return asked
        asked += 1


def in_thread(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread
