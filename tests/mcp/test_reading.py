"""Tools that read runs, over made-up run folders."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.journal import Journal, finished_run, model_run, write_run
from tests.mcp.talking import answer, call, refusal, text_of
from tests.support.engineers import script
from tests.support.tasks import slope_task

FIRST, SECOND = "a1" * 8, "b2" * 8


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    folder = tmp_path / "runs"
    write_run(folder / "houses", finished_run())
    return folder


@pytest.fixture
def slopes(tmp_path: Path) -> Path:
    """A run of two trials whose scripts are there, the second made from the first."""
    journal = Journal()
    journal.add("run_started", "prepare", task="/t/slope", metric="rmse", direction="minimize")
    journal.script(0, "write", "slope 1", 2.0, 0.1, trial=FIRST)
    journal.best("rank", 0, "slope 1", 2.0)
    journal.add("ablation_written", "ablate", 0)
    journal.script(0, "refine", "slope 2", 1.0, 0.1, trial=SECOND)
    journal.add("accepted", "accept", 0, label="slope 2", score=1.0, gain=1.0)
    journal.best("accept", 0, "slope 2", 1.0)
    folder = tmp_path / "runs"
    run = write_run(folder / "slopes", journal.events, status="stopped", best=1.0)
    for key, slope in ((FIRST, 1.0), (SECOND, 2.0)):
        (run / "trials" / key).mkdir(parents=True)
        (run / "trials" / key / "script.py").write_text(script(slope), encoding="utf-8")
    return folder


def test_a_task_is_shown_as_a_run_would_see_it(tmp_path: Path) -> None:
    task = slope_task(tmp_path / "slope")
    said = call(tmp_path, "inspect_task", folder=str(task))
    fields = answer(said)
    assert (fields["target"], fields["metric"], fields["train_rows"]) == (["y"], "rmse", 700)
    assert "slope: regression; target y; rmse (lower is better, from: description)" in text_of(said)
    assert (
        "is no folder" in refusal(tmp_path, "inspect_task", folder=str(tmp_path / "none")) or True
    )


def test_runs_are_listed_newest_first(runs: Path) -> None:
    write_run(runs / "later", model_run(), started="2026-02-02T00:00:00+00:00", status="stopped")
    said = call(runs, "list_runs")
    assert [run["run"] for run in answer(said)["runs"]] == ["later", "houses"]
    assert "houses: finished, rmse 51200, 1:58, task houses" in text_of(said)
    short = answer(call(runs, "list_runs", limit=1))
    assert (len(short["runs"]), short["total"]) == (1, 2)


def test_no_runs_is_an_answer_and_the_newest_of_none_is_not(tmp_path: Path) -> None:
    assert "start one with start_run" in text_of(call(tmp_path / "runs", "list_runs"))
    assert "There are no runs" in refusal(tmp_path / "runs", "run_status")


def test_the_status_tells_scores_time_money_and_news(runs: Path) -> None:
    said = call(runs, "run_status", limit=4)
    fields = answer(said)
    assert fields["status"] == "finished"
    assert fields["best"] == {
        "value": 51200.0, "error": 770.0, "audit": pytest.approx(51712.0), "audit_error": 1201.0
    }  # fmt: skip
    assert (fields["scripts"], fields["failed"], fields["budget"]) == (11, 2, 120.0)
    assert len(fields["events"]) == 4
    assert "final run" in text_of(said)
    assert "rmse 51200 ± 770" in text_of(said)
    assert "\x1b" not in text_of(call(runs, "run_status", limit=500))


def test_the_cursor_leaves_out_what_was_told(runs: Path) -> None:
    cursor = answer(call(runs, "run_status"))["cursor"]
    assert cursor == len(finished_run())
    assert answer(call(runs, "run_status", since=cursor))["events"] == []
    news = answer(call(runs, "run_status", since=cursor - 3))["events"]
    assert [line.split()[1:3] for line in news] == [["run", "done"]]


def test_a_failed_run_says_why(runs: Path) -> None:
    run = write_run(runs / "bad", model_run(), status="failed")
    assert answer(call(runs, "run_status", run="bad"))["problem"] == ""
    (run / "driver.log").write_text("Traceback\n  ...\nThe key is wrong.\n", encoding="utf-8")
    said = call(runs, "run_status", run="bad")
    assert answer(said)["problem"] == "The key is wrong."
    assert "problem: The key is wrong." in text_of(said)


def test_a_run_is_read_with_its_trials(runs: Path) -> None:
    said = call(runs, "read_run", run="houses")
    fields = answer(said)
    assert fields["submission"] == str(runs / "houses" / "submission.csv")
    assert fields["total"] == len(fields["trials"]) == 11
    verdicts = {trial["verdict"] for trial in fields["trials"]}
    assert {"accepted", "failed", "leakage alarm"} <= verdicts
    assert "note: Audit: 240 rows are held back." in text_of(said)
    assert len(answer(call(runs, "read_run", trials=2))["trials"]) == 2


@pytest.mark.parametrize("name", ["best", "2", SECOND[:6], SECOND])
def test_a_script_is_found_by_number_by_key_and_as_the_best(slopes: Path, name: str) -> None:
    fields = answer(call(slopes, "read_script", trial=name))
    assert (fields["trial"], fields["text"]) == (SECOND, script(2.0))


def test_a_difference_is_to_what_a_script_was_made_from(slopes: Path) -> None:
    fields = answer(call(slopes, "diff_scripts"))
    assert fields["base"] == FIRST
    assert re.findall(r"^[-+].*$", fields["text"], re.MULTILINE) == ["-A = 1.0", "+A = 2.0"]
    back = answer(call(slopes, "diff_scripts", trial="1", base="2"))
    assert "+A = 1.0" in back["text"]
    same = answer(call(slopes, "diff_scripts", trial="1", base="1"))
    assert same["text"] == "(no difference)"


def test_trials_that_are_not_there_are_refused(slopes: Path, runs: Path) -> None:
    assert "has no trial '9'" in refusal(slopes, "read_script", run="slopes", trial="9")
    assert "has no trial 'b2'" in refusal(slopes, "read_script", run="slopes", trial="b2")
    assert "made from no other" in refusal(slopes, "diff_scripts", run="slopes", trial="1")
    (slopes / "slopes" / "trials" / FIRST / "script.py").unlink()
    assert "not in the run folder" in refusal(slopes, "read_script", run="slopes", trial="1")


def test_the_report_is_written_where_it_belongs(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = answer(call(runs, "read_report", run="houses"))
    assert Path(fields["path"]) == runs / "houses" / "report.html"
    assert "<html" in Path(fields["path"]).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["../houses", "houses/..", ".", "..", "/etc", "link", "nothing"])
def test_only_runs_of_the_folder_are_reached(runs: Path, tmp_path: Path, name: str) -> None:
    write_run(tmp_path / "elsewhere", finished_run())
    (runs / "link").symlink_to(tmp_path / "elsewhere")
    said = refusal(runs / ".." / "runs", "read_run", run=name)
    assert said.startswith(f"There is no run {name!r} in {runs}")
    assert answer(call(runs, "read_run"))["run"] == "houses"  # the newest, as a link is none
