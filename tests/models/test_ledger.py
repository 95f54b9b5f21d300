from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from mle_star.errors import RunError, SettingsError
from mle_star.models.base import Usage, WalletEmpty
from mle_star.models.bill import Spent
from mle_star.models.prices import Price, Prices, Rate
from mle_star.models.wallet import Wallet
from tests.models.purses import DOLLAR, FREE, PRICES, UNKNOWN, ask, until_refused, wallet


def test_a_resumed_run_goes_on_with_its_bill_and_its_new_caps(tmp_path: Path) -> None:
    path = tmp_path / "run" / "calls.sqlite"
    assert until_refused(wallet(path, max_calls=3)) == 3
    assert until_refused(wallet(path, max_calls=3)) == 0
    assert until_refused(wallet(path, max_calls=5)) == 2
    assert until_refused(wallet(path, max_cost=60)) == 1
    assert wallet(path, max_calls=4).search_spent
    again = wallet(path)
    assert not again.search_spent
    assert again.spent().total == Spent(calls=6, input=60, seconds=6.0, usd=60.0)
    assert [call.outcome for call in again.calls()] == ["answered"] * 6


def test_prices_given_on_resume_count_for_earlier_calls(tmp_path: Path) -> None:
    path = tmp_path / "calls.sqlite"
    ask(wallet(path), model=UNKNOWN)
    with pytest.raises(SettingsError, match="unknown"):
        wallet(path, max_cost=30).require_prices([DOLLAR])
    known = Prices({**PRICES.models, UNKNOWN: Price(Rate(2e6, 2e6, 2e6))}, "", "mine", {})
    purse = Wallet(path, known, max_cost=30)
    purse.require_prices([DOLLAR])
    assert purse.spent().total.usd == 20.0
    assert until_refused(purse) == 1


CHILD = """
import sys, time
from pathlib import Path
from mle_star.models.base import Usage
from mle_star.models.prices import load_prices
from mle_star.models.wallet import Wallet
wallet = Wallet(Path(sys.argv[1]), load_prices())
model = "google_genai:gemini-2.5-pro"
ticket = wallet.open("write", "write", 0, model, Usage(100, output=50))
wallet.settle(ticket, Usage(80, output=20), 1.0, "answered")
sent = 1
while True:
    wallet.open("refine", "refine", 1, model, Usage(1000, output=500))
    sent += 1
    print(sent, flush=True)
    if sent == int(sys.argv[2]):
        time.sleep(60)
"""


def test_a_killed_run_knows_what_it_sent(tmp_path: Path) -> None:
    path = tmp_path / "calls.sqlite"
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path), "3"], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    with child.stdout:
        # From here on the request is on its way: the child dies between open and settle.
        assert [child.stdout.readline().strip() for _ in range(2)] == ["2", "3"]
        child.send_signal(signal.SIGKILL)
        assert child.wait(30) == -signal.SIGKILL
    total = wallet(path).spent().total
    assert (total.calls, total.failed, total.unsettled) == (3, 0, 2)
    # What was never heard of is billed at its estimate.
    assert (total.input, total.output) == (80 + 2 * 1000, 20 + 2 * 500)
    assert total.usd == pytest.approx((2080 * 1.25 + 1020 * 10) / 1e6)
    assert until_refused(wallet(path, max_calls=5)) == 2
    with pytest.raises(WalletEmpty, match="max_tokens of 3,200 leaves"):
        ask(wallet(path, max_tokens=3_200), model=FREE, estimate=200)


def test_a_file_that_is_no_ledger_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "calls.sqlite"
    path.write_text("not a database, but long enough to be looked at " * 20, encoding="utf-8")
    with pytest.raises(RunError, match=r"ledger of model calls .*calls\.sqlite can't be used"):
        wallet(path)
    other = tmp_path / "other.sqlite"
    database = sqlite3.connect(other)
    with database:
        database.execute("CREATE TABLE calls (name TEXT)")
    database.close()
    with pytest.raises(RunError):
        wallet(other)


def test_a_call_that_cannot_be_entered_is_not_let_through(tmp_path: Path) -> None:
    path = tmp_path / "calls.sqlite"
    purse = wallet(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(RunError):
        purse.open("write", "write", 0, DOLLAR, Usage())
    assert purse.spent().total.calls == 0
