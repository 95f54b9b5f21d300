from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mle_star.models.base import Call, Usage
from mle_star.models.bill import Bill, Spent
from tests.models.purses import DOLLAR, FREE, UNKNOWN, ask, wallet


def test_the_bill_says_who_spent_what() -> None:
    purse = wallet()
    one = purse.open("write", "write", 0, DOLLAR, Usage(9))
    purse.settle(one, Usage(10, cached=4, output=5, thinking=2), 1.5, "answered")
    two = purse.open("refine", "refine", 1, FREE, Usage(9))
    purse.settle(two, Usage(), 0.5, "rate")
    bill = purse.spent()
    assert bill.total == Spent(2, 1, 0, 10, 4, 5, 2, 2.0, 15.0, 0)
    assert bill.total.tokens == 15
    assert bill.roles["write"] == bill.phases["write"] == bill.models[DOLLAR]
    assert bill.models[FREE] == Spent(1, 1, 0, 0, 0, 0, 0, 0.5, 0.0, 0)
    assert json.loads(json.dumps(bill.data()))["roles"]["write"]["usd"] == 15.0


def test_an_unknown_price_makes_the_sum_unknown() -> None:
    purse = wallet()
    ask(purse)
    ask(purse, model=UNKNOWN)
    bill = purse.spent()
    assert (bill.total.usd, bill.total.unknown_price_calls) == (None, 1)
    assert bill.models[DOLLAR].usd == 10.0
    assert bill.models[UNKNOWN].usd is None


def test_a_call_under_way_is_not_billed_yet() -> None:
    purse = wallet()
    ticket = purse.open("write", "write", 0, DOLLAR, Usage(9))
    assert purse.spent().total == Spent(calls=1, unsettled=1)
    purse.settle(ticket, Usage(3), 1.0, "answered")
    assert purse.spent().total == Spent(calls=1, input=3, seconds=1.0, usd=3.0)


names = st.sampled_from(["a", "b", "c"])
calls = st.builds(
    Call,
    names,
    names,
    st.integers(-1, 2),
    names,
    st.builds(Usage, *[st.integers(0, 10**7)] * 4),
    st.floats(0, 1e4),
    st.none() | st.floats(0, 1e3),
    st.sampled_from(["answered", "rate", "unavailable", "sent"]),
)


@given(st.lists(calls))
def test_every_breakdown_adds_up_to_the_total(listed: list[Call]) -> None:
    bill = Bill.of(listed)
    for parts in (bill.roles, bill.phases, bill.models):
        for name in ("calls", "failed", "unsettled", "input", "cached", "output", "thinking"):
            assert sum(getattr(p, name) for p in parts.values()) == getattr(bill.total, name)
        assert sum(p.seconds for p in parts.values()) == pytest.approx(bill.total.seconds)
        usd = [p.usd for p in parts.values()]
        if bill.total.usd is None:
            assert None in usd
        else:
            assert sum(u or 0.0 for u in usd) == pytest.approx(bill.total.usd)
        unknown = sum(p.unknown_price_calls for p in parts.values())
        assert unknown == bill.total.unknown_price_calls == sum(c.usd is None for c in listed)
    answered = sum(call.outcome == "answered" for call in listed)
    assert bill.total.calls == answered + bill.total.failed + bill.total.unsettled
