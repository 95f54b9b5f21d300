from __future__ import annotations

import contextvars
import threading
import time
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mle_star.errors import NoAnswer, RunStopped, SettingsError
from mle_star.models.base import Call, Usage, WalletEmpty
from mle_star.models.prices import load_prices
from mle_star.models.wallet import LEDGER, Ticket, Wallet, listen, read_bill
from tests.models.purses import DOLLAR, FREE, PRICES, UNKNOWN, ask, in_thread, until_refused, wallet

# Caps


def test_no_cap_lets_everything_through() -> None:
    purse = wallet()
    for _ in range(50):
        ask(purse, estimate=10**9, model=UNKNOWN)
    assert not purse.search_spent


def test_never_more_sends_than_the_cap() -> None:
    purse = wallet(max_calls=3)
    # What was sent and failed counts, and so does what is still under way.
    ask(purse, outcome="rate")
    ask(purse)
    purse.open("refine", "refine", 0, DOLLAR, Usage())
    with pytest.raises(WalletEmpty, match=r"max_calls of 3 is spent: .* larger --max-calls"):
        ask(purse)
    assert purse.spent().total.calls == 3


def test_an_empty_wallet_is_no_answer() -> None:
    with pytest.raises(NoAnswer):
        ask(wallet(max_calls=0), phase="submit")


@pytest.mark.parametrize(
    ("cap", "reserve", "searches"),
    [(20, 0.2, 16), (10, 0.35, 6), (1, 0.9, 1), (2, 0.9, 1), (0, 0.1, 0)],
)
def test_the_search_leaves_the_reserve_to_the_ensemble(
    cap: int, reserve: float, searches: int
) -> None:
    purse = wallet(max_calls=cap, reserve=reserve)
    assert purse.search_spent == (cap == 0)
    assert until_refused(purse) == searches
    assert purse.search_spent
    assert until_refused(purse, "ensemble") + until_refused(purse, "submit") == cap - searches


def test_the_message_speaks_of_the_reserve_in_the_search_alone() -> None:
    purse = wallet(max_calls=1, reserve=0.2)
    ask(purse)
    with pytest.raises(WalletEmpty, match="but for the 20% kept for the ensemble"):
        ask(purse)
    with pytest.raises(WalletEmpty, match=r"max_calls of 1 is spent: resume"):
        ask(purse, phase="ensemble")


def test_tokens_are_input_and_output_together() -> None:
    purse = wallet(max_tokens=100)
    ticket = purse.open("write", "write", 0, UNKNOWN, Usage(40, output=40))
    purse.settle(ticket, Usage(50, cached=50, output=45, thinking=45), 1.0, "answered")
    with pytest.raises(WalletEmpty, match="max_tokens of 100 leaves 5, and the request may take 6"):
        ask(purse, estimate=6)
    ask(purse, estimate=5)
    with pytest.raises(WalletEmpty, match=r"max_tokens of 100 is spent: .* --max-tokens"):
        ask(purse, estimate=0)


def test_the_estimate_is_given_back_when_less_was_used() -> None:
    purse = wallet(max_cost=10)
    for _ in range(9):
        ask(purse, estimate=2, used=1)
    with pytest.raises(
        WalletEmpty, match=r"max_cost of \$10 leaves \$1, .* take \$2: .*--max-cost"
    ):
        ask(purse, estimate=2)
    assert not wallet(max_cost=10).search_spent
    assert purse.search_spent, "a request of the search did not fit"


@pytest.mark.parametrize("cap", ["max_tokens", "max_cost"])
def test_the_reserve_holds_for_tokens_and_money_too(cap: str) -> None:
    purse = wallet(None, **{cap: 100}, reserve=0.25)
    assert until_refused(purse) == 7
    assert until_refused(purse, "ensemble") == 3
    purse = wallet(None, **{cap: 100}, reserve=0.25)
    ask(purse, estimate=74)
    assert not purse.search_spent
    ask(purse, estimate=1)
    assert purse.search_spent


def test_free_models_may_be_asked_without_money() -> None:
    purse = wallet(max_cost=0)
    ask(purse, model=FREE)
    assert not purse.search_spent
    with pytest.raises(WalletEmpty):
        ask(purse, estimate=1)
    ask(purse, model=FREE)


def test_a_cap_on_cost_needs_prices() -> None:
    remedy = "price of 'openai:unknown' is not known: .*--prices.*--max-tokens or --max-calls"
    wallet(max_calls=1).require_prices([UNKNOWN])
    purse = wallet(max_cost=5)
    purse.require_prices([DOLLAR, FREE])
    with pytest.raises(SettingsError, match=remedy):
        purse.require_prices([DOLLAR, UNKNOWN])
    with pytest.raises(SettingsError, match=remedy):
        ask(purse, model=UNKNOWN)
    assert purse.spent().total.calls == 0


# Branches side by side


def test_branches_cannot_all_squeeze_through_together() -> None:
    purse = Wallet(None, PRICES, max_tokens=100)
    first = purse.open("write", "write", 0, DOLLAR, Usage(60))
    second: list[Ticket] = []
    thread = in_thread(lambda: second.append(purse.open("write", "write", 1, DOLLAR, Usage(60))))
    thread.join(0.3)
    assert not second, "only 40 are left while the first is under way"
    purse.settle(first, Usage(30), 1.0, "answered")
    thread.join(10)
    assert second, "70 are left now"
    assert not purse.search_spent


def test_a_stop_ends_the_wait() -> None:
    stopping = threading.Event()
    purse = Wallet(None, PRICES, max_tokens=100, stopping=stopping)
    purse.open("write", "write", 0, DOLLAR, Usage(60))
    errors: list[BaseException] = []

    def work() -> None:
        try:
            ask(purse, estimate=60)
        except RunStopped as error:
            errors.append(error)

    thread = in_thread(work)
    stopping.set()
    thread.join(10)
    assert errors
    assert purse.spent().total.calls == 1


class Monitor:
    """Counts along; never more than the wallet, as it hears of opens late and of ends early."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.calls = self.tokens = self.peak = 0

    def add(self, tokens: int, calls: int = 0) -> None:
        with self.lock:
            self.calls += calls
            self.tokens += tokens
            self.peak = max(self.peak, self.tokens)


requests = st.tuples(st.integers(0, 40), st.integers(0, 40)).map(
    lambda pair: (max(pair), min(pair))
)


@settings(max_examples=40, deadline=None)
@given(
    branches=st.lists(st.lists(requests, max_size=6), min_size=1, max_size=4),
    phases=st.lists(st.sampled_from(["refine", "ensemble"]), min_size=4, max_size=4),
    max_calls=st.none() | st.integers(0, 12),
    max_tokens=st.none() | st.integers(0, 200),
    max_cost=st.none() | st.integers(0, 200),
    reserve=st.sampled_from([0.0, 0.1, 0.5]),
)
def test_no_interleaving_exceeds_a_cap(
    branches: list[list[tuple[int, int]]],
    phases: list[str],
    max_calls: int | None,
    max_tokens: int | None,
    max_cost: int | None,
    reserve: float,
) -> None:
    purse = Wallet(None, PRICES, max_calls, max_tokens, max_cost, reserve)
    monitor = Monitor()

    def work(branch: list[tuple[int, int]], phase: str) -> None:
        for estimate, used in branch:
            try:
                ticket = purse.open("refine", phase, 0, DOLLAR, Usage(estimate))
            except WalletEmpty:
                continue
            monitor.add(estimate, 1)
            monitor.add(used - estimate)
            purse.settle(ticket, Usage(used), 0.0, "answered")

    paired = zip(branches, phases, strict=False)
    threads = [in_thread(partial(work, branch, phase)) for branch, phase in paired]
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    only_search = "ensemble" not in phases[: len(branches)]
    share = 1.0 - reserve if only_search else 1.0
    for cap in (max_tokens, max_cost):
        assert cap is None or monitor.peak <= share * cap
    if max_calls is not None:
        assert monitor.calls <= max(share * max_calls, min(max_calls, 1))
    total = purse.spent().total
    assert (total.calls, total.input, total.unsettled) == (monitor.calls, monitor.tokens, 0)


# Listening


def test_listeners_hear_of_settled_calls() -> None:
    purse = wallet()
    heard: list[Call] = []
    outer: list[Call] = []
    ask(purse)
    with listen(outer.append), listen(heard.append):
        call = ask(purse, used=7)
        purse.open("refine", "refine", 0, DOLLAR, Usage())
    ask(purse)
    assert heard == outer == [call]
    assert (call.usage.input, call.usd, call.outcome) == (7, 7.0, "answered")


def test_a_branch_hears_of_its_own_calls_alone() -> None:
    purse = wallet()
    heard: list[Call] = []
    with listen(heard.append):
        in_thread(lambda: ask(purse)).join(10)
        assert not heard
        context = contextvars.copy_context()
        in_thread(lambda: context.run(ask, purse)).join(10)
    assert len(heard) == 1


def test_a_first_answer_that_is_long_is_waited_for_alone_where_money_is_capped() -> None:
    """Eight branches, answers of 62,000 tokens at 10 dollars a million, 20 cents to spend."""
    wallet, model = Wallet(None, load_prices(), max_cost=0.2), "google_genai:gemini-2.5-pro"
    outcomes: list[str] = []

    def branch() -> None:
        try:
            ticket = wallet.open("write", "write", 0, model, Usage(100, 0, 99))
        except WalletEmpty:
            outcomes.append("refused")
            return
        time.sleep(0.05)
        wallet.settle(ticket, Usage(100, 0, 62_000), 0.05, "answered")
        outcomes.append("sent")

    threads = [threading.Thread(target=branch) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(outcomes) == ["refused"] * 7 + ["sent"]


def test_the_bill_is_read_from_the_folder_alone(tmp_path: Path) -> None:
    assert read_bill(tmp_path).total.calls == 0
    wallet = Wallet(tmp_path / LEDGER, load_prices())
    wallet.settle(wallet.open("write", "write", 0, "ollama:a", Usage()), Usage(5), 0.1, "answered")
    assert read_bill(tmp_path).total.input == 5
