"""What people tell a run is written down once, whole, and only where it can still count."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from mle_star.errors import UserError
from mle_star.runs.folder import write_json
from mle_star.runs.steering import TOLD, card_from, read_told, tell


@pytest.fixture
def run(tmp_path: Path) -> Path:
    write_json(tmp_path / "run.json", {"status": "running", "settings": {"num_solutions": 2}})
    return tmp_path


def test_everything_told_is_one_record_in_order(run: Path) -> None:
    card = {"name": "RealMLP", "reason": "a good network", "example": "import pytabkit"}
    first = tell(run, hint=" drop\x1b[31m the ids ")
    tell(run, card=card, block="make_features", solution=1)
    told = read_told(run)
    assert [record["id"] for record in told] == [1, 2]
    assert first == told[0]
    assert told[0]["hint"] == "drop[31m the ids"
    assert told[0]["solution"] is None
    assert (told[1]["card"], told[1]["block"], told[1]["solution"]) == (card, "make_features", 1)


def test_a_number_is_given_once_though_earlier_records_are_gone(run: Path) -> None:
    tell(run, hint="a")
    tell(run, hint="b")
    _, second = (run / TOLD).read_text().splitlines(keepends=True)
    (run / TOLD).write_text(second)  # a fork, after the clock was set back
    assert tell(run, hint="c")["id"] == 3


def test_many_can_tell_at_once(run: Path) -> None:
    threads = [threading.Thread(target=tell, args=(run,), kwargs={"hint": "x"}) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [record["id"] for record in read_told(run)] == list(range(1, 13))


def test_half_a_line_of_a_killed_process_does_no_harm(run: Path) -> None:
    tell(run, hint="one")
    with (run / TOLD).open("a") as stream:
        stream.write('{"id": 2, "hint": "tw')
    assert len(read_told(run)) == 1
    tell(run, hint="three")
    assert [record["hint"] for record in read_told(run)] == ["one", "three"]


@pytest.mark.parametrize(
    ("what", "problem"),
    [
        ({}, "Nothing was told"),
        ({"hint": "  "}, "Nothing was told"),
        ({"hint": "x" * 2001}, "2,001 characters; 2,000 can be told"),
        ({"hint": 3}, "is not text"),
        ({"hint": "x", "solution": 2}, "There is no solution 3: this run has 1 to 2"),
        ({"card": {"reason": "x"}}, "has no name"),
        ({"card": {"name": "a\nb"}}, "one line"),
        ({"card": {"name": "a", "url": "b"}}, "not 'url'"),
    ],
)
def test_what_can_not_be_told_is_said_in_one_sentence(
    run: Path, what: dict[str, Any], problem: str
) -> None:
    with pytest.raises(UserError, match=problem):
        tell(run, **what)
    assert read_told(run) == []


def test_a_run_that_is_finished_or_not_there_is_not_told(run: Path, tmp_path: Path) -> None:
    write_json(run / "run.json", {"status": "finished"})
    with pytest.raises(UserError, match="is finished"):
        tell(run, hint="x")
    with pytest.raises(UserError, match="not a whole run"):
        tell(tmp_path / "nothing", hint="x")


def test_a_card_is_read_from_a_page() -> None:
    page = "# RealMLP\n\nA network.\n\n```python\nimport pytabkit\n```\n\nFast."
    card = card_from(page, "")
    assert card == {
        "name": "RealMLP",
        "reason": "A network.\n\nFast.",
        "example": "import pytabkit\n",
    }
    assert card_from("just words", "TabM")["reason"] == "just words"
    with pytest.raises(UserError, match="has no name"):
        card_from("just words", "")
