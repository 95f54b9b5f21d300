"""What people told a run and what it asked them, as its page says it."""

from __future__ import annotations

from pathlib import Path

from mle_star.report.page import render
from mle_star.report.people import read_people
from tests.cli.journal import Journal, finished_run, write_run
from tests.report.pages import rich_run, section


def test_the_page_says_what_became_of_what_was_told_and_asked(tmp_path: Path) -> None:
    said = section(render(rich_run(tmp_path / "run")), "people")
    assert "all solutions no kNN solution 1, solution 2: It is known." in said
    assert "solution 1 refine no kNN solution 1: no kNN is not there." in said
    assert "answered by yes: plans 1." in said
    assert "plan: no kNN no no: no kNN" in said
    assert "plan: no kNN edit changed: no kNN" in said
    assert "plan: no kNN no answer yet" in said


def test_a_run_that_nobody_spoke_with_has_no_such_section(tmp_path: Path) -> None:
    page = render(write_run(tmp_path / "run", finished_run()))
    assert 'id="people"' not in page
    assert "#people" not in page


def test_what_is_told_or_asked_again_counts_once() -> None:
    j = Journal()
    told = {"id": 1, "hint": "a", "card": {"name": "TabM"}, "block": "features"}
    j.add("told", "refine", 0, **told, meant_for=1)
    j.add("told", "select", -1, **told, meant_for=1)
    j.add("asked", "ask_spend", -1, about="spend", label="$1.00")
    j.add("asked", "ask_spend", -1, about="spend", label="$1.00")
    people = read_people(j.events)
    [wish], [question] = people.told, people.asked
    assert (wish.whom, wish.text, wish.became) == ("solution 2", "a; try TabM; refine features", [])
    assert (question.at, question.whom, question.text) == (4.0, "the run", "spend: $1.00")
    assert question.became == ["no answer yet"]
    j.add("answered", "ask_spend", -1, about="spend", label="$1.00", answer="yes", reason="")
    assert read_people(j.events).asked == []
    assert read_people(j.events).agreed == "spending 1"


def test_a_damaged_journal_is_no_trouble() -> None:
    events = [{"kind": "told"}, {"kind": "heeded"}, {"kind": "asked"}, {"kind": "answered"}]
    assert read_people(events)
    assert not read_people([{"kind": "note"}, {}])
