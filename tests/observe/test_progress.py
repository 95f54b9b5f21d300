from __future__ import annotations

import io
import time
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from mle_star.observe.lines import LineView
from mle_star.observe.live import LiveView, panel
from mle_star.observe.progress import Progress
from mle_star.report.attempts import WHOLE
from tests.cli.journal import LEADER, PRO, SETTINGS, Journal, finished_run, model_run

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
    console.print(panel(progress, 110))
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
    assert "engineer: playbook" in text
    assert "preset quick: 2 solutions of 2 models" in text
    assert "2 solutions of 2 models and 1 block with 2 plans" in text
    assert "no isolation" in text
    assert "no score yet" in text
    assert "2:00 left" in text


def test_the_gaps_of_the_sandbox_come_from_the_run_where_it_names_them() -> None:
    event = {**EVENTS[0], "isolation": {"level": "landlock", "gaps": ["signals to the parent"]}}
    assert "sandbox landlock: files, network" in drawn(after([event]))
    assert "(1 smaller gap: mle-star doctor)" in drawn(after([event]))
    gaps = [f"gap {number}" for number in range(5)]
    event = {**EVENTS[0], "isolation": {"level": "process", "gaps": gaps}}
    assert "sandbox process, no isolation: gap 0; gap 1; gap 2" in drawn(after([event]))


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


def test_the_clock_stands_still_while_a_person_thinks() -> None:
    journal = Journal()
    journal.events = finished_run()[:1]
    journal.add("asked", "execute", 0, about="script", label="LightGBM")
    progress = Progress(when=lambda _: time.monotonic() - 100)
    for event in journal.events:
        progress.update(event)
    assert progress.elapsed() == journal.events[-1]["elapsed"]
    assert "waits for an answer  LightGBM" in drawn(progress)
    journal.add("script_started", "execute", 1, label="XGBoost", phase="write")
    progress.update(journal.events[-1])
    assert progress.elapsed() > 100, "the other solution goes on"
    journal.script(1, "write", "XGBoost", 1.0)
    journal.add("answered", "execute", 0, about="script", label="LightGBM", answer="yes")
    for event in journal.events[-2:]:
        progress.update(event)
    assert progress.elapsed() > 100
    assert "waits for an answer" not in drawn(progress)


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
    assert lines[1] == "engineer: playbook"
    assert lines[2].startswith("sandbox process, no isolation: files and network are open")
    assert len(lines) <= 4


def test_the_live_view_leaves_no_panel() -> None:
    console = screen(terminal=True)
    with LiveView(console) as view:
        for event in EVENTS:
            view.update(event)
    text = printed(console)
    assert "ratios of rooms" in text
    assert "leakage alarm" in text
    assert text.rstrip().endswith("\x1b[?25h") or "\x1b[2K" in text  # the panel was wiped


@settings(max_examples=30)
@given(
    st.sampled_from(EVENTS + model_run(max_cost=1.0)),
    st.lists(st.sampled_from(EVENTS + model_run()), max_size=25),
    st.integers(min_value=20, max_value=200),
    st.integers(min_value=2, max_value=60),
)
def test_any_order_of_events_can_be_drawn_in_any_terminal(
    first: dict[str, Any], rest: list[dict[str, Any]], width: int, height: int
) -> None:
    console = screen(width=width)
    console.print(panel(after([first, *rest]), width, height))
    lines = printed(console).splitlines()
    assert 0 < len(lines) <= height
    assert all(cell_len(line) <= width for line in lines)


def test_the_panel_counts_calls_tokens_and_dollars() -> None:
    text = drawn(after(model_run()))
    assert f"engineer: {PRO}, the playbook stands in; search catalogue" in text
    assert "model: 7 calls (2 failed), 20k tokens in, 12.5k out, $0.12" in text
    assert "the playbook stood in 2 times" in text
    assert " of " not in text.partition("best so far")[2]  # nothing is capped


def test_the_panel_shows_what_is_used_of_every_cap() -> None:
    caps = {"max_cost": 2.0, "max_tokens": 1_000_000, "max_calls": 5}
    text = drawn(after(model_run(**caps)))
    for used, cap in (("$0.12", "$2.00"), ("32.5k", "1M tokens"), ("7", "5 calls")):
        [line] = [line for line in text.splitlines() if f" of {cap}" in line]
        assert line.split()[1] == used
        assert "━" in line


def test_a_cap_of_nothing_and_caps_without_a_model() -> None:
    events = model_run(max_cost=0.0, max_calls=0)[:1]
    assert "of 0 calls" in drawn(after(events))
    playbook = [{**events[0], "engineer": {"lead": "playbook", "name": "playbook", "why": ""}}]
    assert "of 0 calls" not in drawn(after(playbook))


def test_an_unknown_price_is_not_shown_as_nothing() -> None:
    journal = Journal()
    journal.events = model_run()[:1]
    journal.call("write", "write", usd=None)
    text = drawn(after(journal.events))
    assert "price unknown" in text
    assert "$" not in text


def test_stand_ins_without_a_call_are_counted() -> None:
    journal = Journal()
    journal.events = model_run()[:1]
    journal.stood_in("write", "the wallet is empty")
    assert "the playbook stood in 1 time (write 1)" in drawn(after(journal.events))


def test_a_model_that_ponders_is_shown_until_it_has_answered() -> None:
    journal = Journal()
    journal.events = model_run()[:1]
    journal.add("node_started", "refine", 0)
    assert "asking the model (refine)" in drawn(after(journal.events))
    restored = Progress()
    restored.restore(journal.events, {})
    assert "asking the model" not in drawn(restored)
    journal.add("script_started", "execute", 0, label="more trees", phase="refine")
    assert "more trees" in drawn(after(journal.events))
    journal.add("node_finished", "refine", 0, seconds=1.0)
    journal.script(0, "refine", "more trees", 1.0)
    progress = after(journal.events)
    assert not progress.branches[0].asking
    assert "asking the model" not in drawn(after([EVENTS[0], *journal.events[1:2]]))  # playbook


def test_a_note_that_comes_again_takes_no_second_line() -> None:
    journal = Journal()
    journal.events = model_run()[:1]
    for left in ("$0.52", "$0.31", "$0.1"):
        journal.add("note", "write", text=f"{left} is left")
    journal.add("note", "write", text="another")
    assert list(after(journal.events).notes) == ["$0.1 is left", "another"]


def test_lines_tell_who_thinks_and_who_stood_in() -> None:
    console = screen()
    view = LineView(console)
    for event in model_run():
        view.update(event)
    text = printed(console)
    assert text.splitlines()[1].startswith(f"engineer: {PRO}, the playbook stands in")
    assert "the playbook stood in for refine: the wallet is empty" in text
    assert "\\x1b[31mred[/bold]" in text
    assert "\x1b" not in text


def test_a_resumed_view_has_the_leader_of_now_and_the_bill_of_before() -> None:
    progress = Progress()
    progress.restore(model_run(), {"max_calls": 9}, {**LEADER, "stands_in": False})
    text = drawn(progress)
    assert "the playbook stands in" not in text
    assert "of 9 calls" in text
    assert len(progress.calls) == 7


def test_unknown_events_are_no_error() -> None:
    progress = after([EVENTS[0], {"kind": "invented_tomorrow", "elapsed": 9.0}])
    assert progress.elapsed() >= 9.0


def test_a_run_of_many_solutions_has_a_line_for_each() -> None:
    event = {**EVENTS[0], "settings": {**SETTINGS, "num_solutions": 5}}
    assert "solution 5" in drawn(after([event]))
