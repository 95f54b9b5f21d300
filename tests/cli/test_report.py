from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from mle_star.cli.outcome import show_report
from mle_star.cli.running import final_line
from mle_star.errors import RunError
from mle_star.report.reading import gains, read_report
from tests.cli.journal import PRO, SETTINGS, Journal, finished_run, model_run, write_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "runs" / "houses", finished_run())


def shown(run: Path, every_script: bool = False) -> str:
    console = Console(file=io.StringIO(), width=140, markup=False, color_system=None)
    show_report(console, read_report(run), every_script)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_best_single_and_best_ensemble_leave_alarms_out(run: Path) -> None:
    report = read_report(run)
    assert report.single is not None
    assert report.ensemble is not None
    assert report.single.score == 52112.4
    assert report.ensemble.label == report.winner == "blend (mean) of 4 scripts"
    assert len([e for e in report.scripts if e.alarm]) == 2
    assert not [e for e in report.scripts if e.phase in ("ablate", "submit")]


def test_the_gain_of_every_accepted_step(run: Path) -> None:
    steps = [(g.solution, g.step, g.gain) for g in read_report(run).gains]
    assert steps == [
        (0, "first script", None),
        (0, "merge", pytest.approx(400)),
        (0, "refinement", pytest.approx(500)),
        (1, "first script", None),
        (1, "merge", pytest.approx(400)),
        (1, "refinement", pytest.approx(500)),
        (-1, "ensemble", pytest.approx(912.4)),
    ]


def test_a_gain_is_positive_when_a_maximised_metric_rises() -> None:
    journal = Journal()
    journal.best("rank", 0, "a", 0.80)
    journal.best("accept", 0, "b", 0.85)
    journal.best("accept", 0, "b", 0.85)  # done again after an interruption
    assert [g.gain for g in gains(journal.events, "maximize")] == [None, pytest.approx(0.05)]


def test_an_accepted_step_that_changed_nothing_has_no_sign(tmp_path: Path) -> None:
    journal = Journal()
    journal.best("rank", 0, "a", 0.8)
    journal.best("accept", 0, "b", 0.8)
    assert str(gains(journal.events, "minimize")[1].gain) == "0.0"
    assert "-0.0" not in shown(write_run(tmp_path / "r", journal.events))


def test_the_table_names_scores_steps_and_files(run: Path) -> None:
    text = shown(run)
    assert "houses: rmse, lower is better; finished after 1:58, 11 scripts run" in text
    assert "2 without a score" in text
    assert "52112 ± 790" in text
    assert "→  best ensemble  51200 ± 770  51712 ± 1201" in text
    assert "better by" in text
    assert "note: Audit: 240 rows are held back." in text
    assert str(run / "submission.csv") in text
    assert "python run.py" in text
    assert "peeks at the target" not in text


def test_every_script_can_be_listed_and_nothing_is_obeyed(run: Path) -> None:
    text = shown(run, every_script=True)
    assert "peeks at the target: better than audit" in text
    assert "\\x1b[31mno\\x1b[0m [bold]rows" in text
    assert "\x1b" not in text


def test_a_branch_whose_later_scripts_did_not_help_says_so(tmp_path: Path) -> None:
    journal = Journal()
    journal.script(0, "write", "LightGBM", 10.0)
    journal.best("rank", 0, "LightGBM", 10.0)
    journal.script(0, "merge", "LightGBM + kNN", 11.0)
    journal.script(0, "refine", "more trees", 12.0)
    assert "2 later scripts no better" in shown(write_run(tmp_path / "r", journal.events))


def test_a_submission_of_the_search_run_says_so(tmp_path: Path) -> None:
    events = finished_run()
    events[-1]["source"] = "search"
    assert "from the search run" in shown(write_run(tmp_path / "r", events))


def test_a_run_that_goes_on_can_be_looked_at(tmp_path: Path) -> None:
    run = write_run(tmp_path / "r", finished_run()[:14], status="running", seconds=None)
    text = shown(run)
    assert "running after 26.0 s" in text
    assert "→" not in text


def test_a_run_without_any_score(tmp_path: Path) -> None:
    run = write_run(tmp_path / "r", finished_run()[:1])
    assert "No script has a score that may win." in shown(run)
    assert "no script has a score" in final_line(read_report(run))


def test_the_final_line(run: Path) -> None:
    line = final_line(read_report(run))
    assert line == f"houses: rmse 51200 ± 770, audit 51712 ± 1201; {run}"


def test_who_thought_and_the_bill_stand_in_the_report(tmp_path: Path) -> None:
    settings = {**SETTINGS, "engineer": "auto", "model": PRO, "search": "tavily"}
    folder = write_run(tmp_path / "r", model_run(), settings=settings)
    report = read_report(folder)
    assert report.engineer == f"engineer: {PRO}, the playbook stands in; search tavily"
    assert report.bill is not None
    assert report.bill.total.calls == 7
    assert report.unlisted == 0
    text = shown(folder)
    assert "input (cached)" in text
    assert "the playbook stood in 2 times (plan 1, refine 1)" in text


def test_the_record_knows_who_led_last(tmp_path: Path) -> None:
    engineer = {"lead": "playbook", "name": "playbook", "why": "The model needs a key."}
    report = read_report(write_run(tmp_path / "r", model_run(), engineer=engineer))
    assert report.engineer == "engineer: playbook (The model needs a key)"


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="not a run folder"):
        read_report(tmp_path)


def test_of_two_equal_scripts_the_one_the_run_chose_is_shown(tmp_path: Path) -> None:
    events = finished_run()
    first = next(e for e in events if e["kind"] == "script_finished" and e["score"] == 51200.0)
    twin = {**first, "trial": "twin", "label": "an equal blend"}
    events.insert(events.index(first), twin)
    report = read_report(write_run(tmp_path / "run", events))
    assert report.ensemble is not None
    assert report.ensemble.label == "blend (mean) of 4 scripts"


def test_a_run_whose_every_script_rang_the_alarm_shows_what_it_handed_in(tmp_path: Path) -> None:
    events = finished_run()
    for event in events:
        if event["kind"] == "script_finished" and event["score"] is not None:
            event["alarm"] = "better than audit"
    folder = write_run(tmp_path / "run", events)
    assert "leakage alarm: better than audit" in final_line(read_report(folder))
    assert "leakage alarm  51200" in shown(folder)
