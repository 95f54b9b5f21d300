from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from mle_star.cli.bill import bill_tables
from mle_star.report.money import dollars, money, read_bill, stand_ins, tokens
from tests.cli.journal import FLASH, PRO, Journal, model_run


def drawn(
    journal: Journal | None = None, more: int = 0, whole: bool = False, width: int = 120
) -> str:
    events = model_run() if journal is None else journal.events
    bill, stood_in = read_bill(events)
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(bill_tables(bill, stood_in, more, whole))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def rows(text: str) -> dict[str, list[str]]:
    """First word of a line -> its words."""
    return {line.split()[0]: line.split() for line in text.splitlines() if line.split()}


def test_calls_are_added_up_by_agent_phase_and_model() -> None:
    bill, stood_in = read_bill(model_run())
    assert (bill.total.calls, bill.total.failed) == (7, 2)
    assert bill.total.usd == pytest.approx(0.12)
    assert {role: spent.calls for role, spent in bill.roles.items()} == {
        "retrieve": 1, "write": 1, "ablate": 1, "debug": 2, "plan": 2,
    }  # fmt: skip
    assert bill.phases["ablate"].calls == 2
    assert bill.models[FLASH].usd == pytest.approx(0.01)
    assert stood_in == {"plan": 1, "refine": 1}


def test_a_run_without_models_has_an_empty_bill() -> None:
    bill, stood_in = read_bill([{"kind": "note", "text": "x"}])
    assert bill.total.calls == 0
    assert stood_in == {}


def test_the_table_has_a_line_per_agent_and_one_for_all() -> None:
    text = drawn()
    found = rows(text)
    assert found["debug"][1:] == ["2", "–", "8k", "(2k)", "5k", "(3k)", "25.0", "s", "0.0700"]
    assert found["write"][3:5] == ["4k", "2.5k"]  # nothing cached, no thinking
    assert found["plan"][2] == "2"
    assert found["in"][2:4] == ["7", "2"]
    assert found["in"][-1] == "0.1200"
    assert "the playbook stood in 2 times (plan 1, refine 1)" in text
    assert PRO not in text


def test_the_dearest_agent_comes_first() -> None:
    names = [line.split()[0] for line in drawn().splitlines()[1:6]]
    assert names == ["debug", "ablate", "write", "retrieve", "plan"]


def test_the_whole_bill_has_phases_and_models() -> None:
    text = drawn(whole=True)
    assert rows(text)["refine"][1] == "3"
    assert rows(text)[PRO][-1] == "0.1100"
    assert rows(text)[FLASH][-1] == "0.0100"
    assert text.count("in all") == 1


def test_a_narrow_terminal_breaks_names_and_no_numbers() -> None:
    text = drawn(whole=True, width=72)
    assert "…" not in text
    assert "16k (3k)" in text
    assert max(len(line) for line in text.splitlines()) <= 72


def test_an_unknown_price_is_never_nothing() -> None:
    journal = Journal()
    journal.call("write", "write", usd=None, model="openai:mine")
    assert money(read_bill(journal.events)[0]) == "price unknown"
    assert "unknown" in rows(drawn(journal))["write"]
    assert "0.0000" not in drawn(journal)
    journal.call("plan", "refine", usd=0.25)
    assert money(read_bill(journal.events)[0]) == "$0.25 and 1 call of unknown price"
    assert "--prices FILE" in drawn(journal)


def test_calls_that_the_journal_does_not_list_are_told() -> None:
    assert "and 1 call more" in drawn(more=1)
    assert "more" not in drawn()


def test_damaged_events_are_no_error() -> None:
    broken: list[dict[str, Any]] = [{"kind": "model_called"}, {"kind": "stood_in"}]
    bill, _ = read_bill([*broken, {"kind": "model_called", "tokens": {"input": None}}])
    assert bill.total.calls == 2
    assert bill.total.usd is None


def test_nothing_in_an_event_is_obeyed() -> None:
    journal = Journal()
    journal.call("\x1b[31mwrite", "[bold]phase", model="\x1b]0;x\x07")
    assert "\x1b" not in drawn(journal, whole=True)
    assert "[bold]phase" in drawn(journal, whole=True)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"), (912, "912"), (1_000, "1k"), (12_345, "12.3k"), (999_499, "999k"),
        (999_500, "1M"), (1_234_567, "1.23M"), (1_234_000_000, "1,234M"),
    ],
)  # fmt: skip
def test_tokens_are_short(number: int, text: str) -> None:
    assert tokens(number) == text


@given(st.integers(0, 10**10), st.integers(0, 10**10))
def test_short_tokens_keep_their_order_and_are_near(a: int, b: int) -> None:
    def back(text: str) -> float:
        factor = {"k": 1e3, "M": 1e6}.get(text[-1], 1.0)
        return float(text.rstrip("kM").replace(",", "")) * factor

    assert back(tokens(a)) == pytest.approx(a, rel=0.006)
    assert (back(tokens(a)) <= back(tokens(b))) or a > b


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        (0.0, "$0.00"),
        (0.00002, "less than $0.0001"),
        (0.0021, "$0.0021"),
        (0.12, "$0.12"),
        (1234.5, "$1,234.50"),
    ],
)
def test_dollars(usd: float, text: str) -> None:
    assert dollars(usd) == text


def test_stand_ins_name_the_most_frequent_first() -> None:
    assert stand_ins({}) == ""
    assert stand_ins({"plan": 1}) == "the playbook stood in 1 time (plan 1)"
    assert stand_ins({"plan": 1, "debug": 3}) == "the playbook stood in 4 times (debug 3, plan 1)"
