"""What the panel shows of a run, in terminals of every size."""

from __future__ import annotations

import io
import re
import runpy
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from mle_star.observe.live import LiveView, allotted, panel
from mle_star.observe.progress import Progress
from mle_star.observe.sparkline import BLOCKS, sparkline
from tests.cli.journal import SETTINGS, Journal, finished_run, model_run, write_run

NOTES = ("The disk is nearly full.", "A study would take too much of the time that is left.")


def begun(**settings: Any) -> Journal:
    journal = Journal()
    journal.events = finished_run()[:1]
    journal.events[0] = {**journal.events[0], "settings": {**SETTINGS, **settings}}
    return journal


def busy() -> Journal:
    """In the middle of the refinement: candidates are ranked, one plan is scored, one runs."""
    journal = begun()
    for solution in (0, 1):
        for number in range(4):
            journal.script(solution, "write", f"model {number}", 500.0 - 10 * number, 5.0)
        journal.best("rank", solution, "model 3", 470.0)
        journal.step("rank", solution)
        journal.add("node_started", "refine", solution)
        journal.add("refined", "refine", solution, plan="ratios", written=True)
    journal.script(0, "refine", "ratios", 450.0, 4.0)
    journal.script(1, "refine", "ratios", None, outcome="error", problem="KeyError: 'rooms'")
    journal.add("script_started", "execute", 0, label="more trees", phase="refine", limit=600.0)
    for note in NOTES:
        journal.add("note", "ablate", text=note)
    return journal


def progress_of(journal: Journal, late: float = 0.0) -> Progress:
    """The picture ``late`` seconds after the last event."""
    end = journal.events[-1]["elapsed"] + late
    progress = Progress(when=lambda event: time.monotonic() - (end - event["elapsed"]))
    for event in journal.events:
        progress.update(event)
    return progress


def drawn(progress: Progress, width: int = 110, height: int = 40, **options: Any) -> list[str]:
    console = Console(file=io.StringIO(), width=width, color_system=None, markup=False)
    console.print(panel(progress, width, height, **options))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def row(lines: list[str], *words: str) -> str:
    [found] = [line for line in lines if all(word in line for word in words)]
    return found


def test_a_running_script_shows_its_time_and_what_it_is_allowed() -> None:
    assert "0:16 of 10:00  more trees" in row(drawn(progress_of(busy(), 12.0)), "more trees")
    assert "9:04 of 10:00" in row(drawn(progress_of(busy(), 540.0)), "more trees")


def test_a_journal_without_limits_shows_the_time_alone() -> None:
    journal = begun()
    journal.add("script_started", "execute", 0, label="LightGBM", phase="write")
    assert "0:07  LightGBM" in row(drawn(progress_of(journal, 7.5)), "LightGBM")


def test_the_trials_tell_what_changed_the_score_and_the_verdict() -> None:
    lines = drawn(progress_of(busy()))
    assert row(lines, "450.00 ± 4.00", "scored", "ratios")
    assert row(lines, "solution 2", "failed", "ratios: KeyError: 'rooms'")
    assert row(lines, "solution 1", "accepted", "model 3")
    assert row(lines, "solution 1", "not better", "model 2")
    table = lines[next(n for n, line in enumerate(lines) if "what was tried" in line) + 1 :]
    assert "KeyError" in table[0]
    assert "450.00" in table[1]
    assert row(table[-6:], "solution 1", "model 0")


def test_a_verdict_follows_when_it_has_been_decided() -> None:
    journal = busy()
    del journal.events[-3]  # the script that still ran
    journal.best("accept", 0, "ratios", 450.0)
    journal.add("accepted", "accept", 0, label="ratios", gain=20.0)
    journal.step("accept", 0)
    assert row(drawn(progress_of(journal)), "450.00 ± 4.00", "accepted")
    worse = busy()
    worse.step("accept", 0)
    assert row(drawn(progress_of(worse)), "450.00 ± 4.00", "not better")


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ({"outcome": "behind", "problem": "lost on 2 of 5 folds"}, "stopped as behind"),
        ({"outcome": "timeout"}, "out of time"),
        ({"score": 1.0, "alarm": "better than audit"}, "leakage alarm"),
    ],
)
def test_bad_ends_are_named(fields: dict[str, Any], verdict: str) -> None:
    journal = begun()
    journal.script(0, "write", "LightGBM", **{"score": None, **fields})
    assert row(drawn(progress_of(journal)), verdict, "LightGBM")


def test_the_best_score_has_a_curve_where_the_terminal_can_draw_it() -> None:
    progress = progress_of(busy())
    line = row(drawn(progress), "best so far")
    assert "470.00 ± 5.00  from 500.00" in line
    assert set(BLOCKS) & set(line)
    plain = row(drawn(progress, unicode=False), "best so far")
    assert not set(BLOCKS) & set(plain)
    assert not set(BLOCKS) & set("".join(drawn(progress_of(begun()))))


def test_a_small_terminal_shows_what_matters_most() -> None:
    lines = drawn(progress_of(busy()), 57, 14)
    assert len(lines) == 14
    assert row(lines, "sol. 1", "refining 0/1, plan 1/2", "0:04 of 10:00")
    assert row(lines, "best so far  470.00 ± 5.00")
    assert row(lines, "left")
    assert row(lines, "note: A study would take")
    assert sum("model" in line or "ratios" in line for line in lines) >= 3
    assert not any("sandbox" in line for line in lines)


def test_a_usual_terminal_shows_everything_and_a_large_one_more_trials() -> None:
    usual, large = (drawn(progress_of(busy()), *size) for size in ((97, 29), (197, 70)))
    for lines in (usual, large):
        for words in ("engineer: playbook", "preset quick", "sandbox process", *NOTES):
            assert row(lines, words)
    assert len(usual) <= 29
    assert sum("model" in line for line in large) == 10  # all candidates, the plan, the best


def test_branches_that_do_not_fit_are_counted_and_the_busy_ones_stay() -> None:
    journal = begun(num_solutions=9)
    journal.step("finish", 0)
    journal.step("write", 8)
    lines = drawn(progress_of(journal), 60, 8)
    assert row(lines, "sol. 9", "first scripts")
    assert row(lines, "sol. 2", "waiting")
    assert not any("sol. 1 " in line for line in lines)
    assert row(lines, "and 8 more")
    assert len(drawn(progress_of(journal), 60, 4)) == 4


def test_a_long_note_takes_two_rows_at_most() -> None:
    journal = begun()
    journal.add("note", "ablate", text="word " * 200)
    lines = [line for line in drawn(progress_of(journal), 60) if "word" in line]
    assert len(lines) == 2
    assert "…" in lines[1]


def test_rows_go_to_those_who_come_first() -> None:
    wanted = [("best", 1), ("trials", 4), ("notes", 2), ("trials", 9)]
    assert allotted(wanted, 20) == {"best": 1, "trials": 13, "notes": 2}
    assert allotted(wanted, 6) == {"best": 1, "trials": 4, "notes": 1}
    assert allotted(wanted, 2) == {"best": 1, "trials": 0, "notes": 1}
    assert allotted(wanted, 0) == {"best": 0, "trials": 0, "notes": 0}


def test_a_model_that_is_capped_keeps_its_bars_in_a_small_terminal() -> None:
    journal = Journal()
    journal.events = model_run(max_cost=1.0)
    lines = drawn(progress_of(journal), 77, 20)
    assert row(lines, "$0.12", "of $1.00")
    assert row(lines, "model: 7 calls")


@pytest.mark.parametrize(
    ("points", "end", "curve"),
    [
        ([], 10.0, ""),
        ([(0.0, 5.0)], 10.0, "▅▅▅▅"),
        ([(0.0, 8.0), (5.0, 1.0)], 10.0, "██▁▁"),
        ([(5.0, 1.0), (7.5, 2.0)], 10.0, "  ▁█"),
        ([(10.0, 3.0), (10.0, 4.0)], 10.0, "   █"),
        ([(0.0, 1.0)], 0.0, "   ▅"),
    ],
)
def test_a_curve_holds_each_value_until_the_next(
    points: list[tuple[float, float]], end: float, curve: str
) -> None:
    assert sparkline(points, end, 4) == curve


def test_a_picture_can_be_made_of_any_moment_of_a_run(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", finished_run())
    script = Path(__file__).parents[2] / "benchmarks" / "terminal.py"
    picture = runpy.run_path(str(script))["picture"](run, 60.0, 100, 30)
    text = re.sub(r"<[^>]*>|&#160;", " ", picture)
    assert "mle-star run houses" in text
    assert re.search(r"1:00\b.*60.0 s left", text, re.DOTALL)
    assert "final run" not in text
    assert "url(" not in picture.replace("url(#", "")


def test_the_panel_follows_the_size_of_the_terminal() -> None:
    console = Console(
        file=io.StringIO(), width=90, height=30, force_terminal=True, color_system=None
    )
    view = LiveView(console)
    for event in busy().events:
        view.update(event)
    with view:
        console.size = console.size._replace(width=60, height=15)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "solution 1" in text
    assert "sol. 1" in text


def test_the_view_leaves_alone_what_was_shown_while_it_was_paused() -> None:
    console = Console(
        file=io.StringIO(), width=90, height=30, force_terminal=True, color_system=None
    )
    view = LiveView(console)
    for event in busy().events:
        view.update(event)
    with view:
        with view.paused():
            console.print("May it run? y")
        assert isinstance(console.file, io.StringIO)
        after = console.file.getvalue().partition("May it run? y\n")[2]
    assert "solution 1" in after, "the panel is back"
    assert "\x1b[1A" not in after.partition("solution 1")[0], "below the question"
