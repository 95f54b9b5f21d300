from __future__ import annotations

import io
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from mle_star.cli.lines import LineView
from mle_star.cli.live import LiveView, panel
from mle_star.cli.progress import WHOLE, Progress
from tests.cli.journal import SETTINGS, Journal, finished_run

EVENTS = finished_run()


def screen(terminal: bool = False, width: int = 110) -> Console:
    return Console(
        file=io.StringIO(),
        width=width,
        force_terminal=terminal,
        markup=False,
        emoji=False,
        highlight=False,
        color_system=None,
    )


def printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def after(events: list[dict[str, Any]]) -> Progress:
    progress = Progress()
    for event in events:
        progress.update(event)
    return progress


def drawn(progress: Progress) -> str:
    console = screen()
    console.print(panel(progress))
    return printed(console)


def upto(kind: str, **fields: Any) -> list[dict[str, Any]]:
    """The events up to and with the first one that has these fields."""
    for position, event in enumerate(EVENTS):
        if event["kind"] == kind and fields.items() <= event.items():
            return EVENTS[: position + 1]
    raise LookupError(kind)


def test_the_header_says_what_is_run_how_and_in_what_cage() -> None:
    text = drawn(after(EVENTS[:1]))
    assert "houses: rmse, lower is better, 2,400 labelled rows" in text
    assert "playbook, preset quick" in text
    assert "2 solutions of 2 models and 1 block with 2 plans" in text
    assert "no file or network isolation" in text
    assert "no score yet" in text
    assert "2:00 left" in text


def test_the_gaps_of_the_sandbox_come_from_the_run_where_it_names_them() -> None:
    event = {**EVENTS[0], "isolation": {"level": "landlock", "gaps": ["signals to the parent"]}}
    assert "sandbox landlock (signals to the parent)" in drawn(after([event]))


def test_a_branch_shows_its_place_in_the_loops() -> None:
    progress = after(upto("script_started", label="peeks at the target"))
    branch = progress.branches[0]
    assert progress.where(branch) == "refining 1/1, plan 2/2"
    assert [s.label for s in progress.running] == ["peeks at the target"]
    assert "peeks at the target" in drawn(progress)


def test_the_best_so_far_has_its_error_and_never_an_alarm() -> None:
    progress = after(upto("script_finished", label="peeks at the target"))
    assert progress.best is not None
    assert (progress.best.label, progress.best.value) == ("LightGBM + kNN", 52612.4)
    assert "52612 ± 801" in drawn(progress)
    end = after(EVENTS)
    assert end.best is not None
    assert end.best.label == "blend (mean) of 4 scripts"
    assert end.branches[WHOLE].best == end.best
    assert not end.running


def test_candidates_lead_before_they_are_ranked() -> None:
    progress = after(upto("script_finished", label="LightGBM"))
    assert progress.best is not None
    assert progress.best.value == 53012.4
    assert progress.branches[0].best == progress.best


def test_maximised_metrics_lead_upwards() -> None:
    journal = Journal()
    journal.add(
        "run_started", "prepare", task="t", metric="auc", direction="maximize", rows=1, settings={}
    )
    for score in (0.7, 0.9, 0.8):
        journal.best("accept", 0, f"scored {score}", score)
    progress = after(journal.events)
    assert progress.best is not None
    assert progress.best.value == 0.9


def test_a_restored_run_counts_from_what_is_finished() -> None:
    cut = upto("script_started", label="peeks at the target")
    progress = Progress()
    progress.restore([*cut, {"kind": "run_stopped", "elapsed": 60.0}], {"time_budget": 500.0})
    assert progress.budget == 500.0
    assert not progress.running
    assert progress.status == "running"
    progress.update({"kind": "node_started", "node": "refine", "solution": 0, "elapsed": 61.0})
    assert progress.where(progress.branches[0]) == "refining 1/1, plan 2/2"


def test_the_clock_runs_between_events_only_while_the_run_does() -> None:
    progress = after(EVENTS[:3])
    assert progress.elapsed() >= EVENTS[2]["elapsed"]
    assert after(EVENTS).elapsed() == EVENTS[-1]["elapsed"]


def test_lines_have_one_for_every_script_and_phase() -> None:
    console = screen()
    view = LineView(console)
    with view:
        for event in EVENTS:
            view.update(event)
    text = printed(console)
    finished = [e for e in EVENTS if e["kind"] == "script_finished"]
    assert sum("  1.5 s  " in line for line in text.splitlines()) == len(finished)
    assert "solution 2  refining 1/1, plan 2/2" in text
    assert "3.0000 leak?" in text
    assert "better than audit" in text
    assert "\x1b" not in text
    assert "\\x1b[31mno\\x1b[0m [bold]rows" in text


def test_lines_go_on_after_a_resume() -> None:
    console = screen()
    view = LineView(console)
    view.restore(EVENTS[:20], {})
    view.update(EVENTS[20])
    lines = printed(console).splitlines()
    assert lines[0].startswith("houses: rmse, lower is better, 2,400 labelled rows; going on after")
    assert len(lines) <= 2


def test_the_live_view_scrolls_scripts_and_leaves_no_panel() -> None:
    console = screen(terminal=True)
    with LiveView(console) as view:
        for event in EVENTS:
            view.update(event)
    text = printed(console)
    assert "ratios of rooms" in text
    assert "error" in text
    assert text.rstrip().endswith("\x1b[?25h") or "\x1b[2K" in text  # the panel was wiped


@settings(max_examples=30)
@given(
    st.sampled_from(EVENTS),
    st.lists(st.sampled_from(EVENTS), max_size=25),
    st.integers(min_value=20, max_value=200),
)
def test_any_order_of_events_can_be_drawn(
    first: dict[str, Any], rest: list[dict[str, Any]], width: int
) -> None:
    console = screen(width=width)
    console.print(panel(after([first, *rest])))
    assert printed(console)


def test_unknown_events_are_no_error() -> None:
    progress = after([EVENTS[0], {"kind": "invented_tomorrow", "elapsed": 9.0}])
    assert progress.elapsed() >= 9.0


def test_a_run_of_many_solutions_has_a_line_for_each() -> None:
    event = {**EVENTS[0], "settings": {**SETTINGS, "num_solutions": 5}}
    assert "solution 5" in drawn(after([event]))
