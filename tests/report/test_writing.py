"""The page is left behind however a run ends, and by command."""

from __future__ import annotations

import logging
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mle_star.cli import call
from mle_star.context import Context
from mle_star.errors import RunError, RunStopped
from mle_star.graph.solving import resume, solve
from mle_star.report.writing import PAGE, leave_report, write_report
from tests.report.pages import head, rich_run, section
from tests.support.engineers import ScriptedEngineer, use
from tests.support.runs import SMALL
from tests.support.tasks import slope_task


def small(runs: Path) -> Context:
    values = {**SMALL, "outer_steps": 0, "ensemble_rounds": 0, "num_candidates": 1}
    name = "tests.support.engineers:chosen"
    return Context(**{**values, "engineer": name, "runs_dir": str(runs)})


def stop_at(kind: str) -> Any:
    """A listener that presses Ctrl-C once when it hears of an event."""

    def hear(event: dict[str, Any]) -> None:
        if event["kind"] == kind:
            os.kill(os.getpid(), 2)

    return hear


def test_a_run_leaves_its_page(tmp_path: Path) -> None:
    use(ScriptedEngineer())
    result = solve(slope_task(tmp_path / "slope"), context=small(tmp_path / "runs"))
    page = (result.run / PAGE).read_text(encoding="utf-8")
    assert "slope rmse, lower is better finished" in head(page)
    assert result.best is not None
    assert result.best["label"] in section(page, "tried")
    assert "import" in section(page, "scripts")


def test_a_run_that_is_stopped_leaves_its_page_and_a_resumed_one_a_new_one(tmp_path: Path) -> None:
    use(ScriptedEngineer())
    task, context = slope_task(tmp_path / "slope"), small(tmp_path / "runs")
    with pytest.raises(RunStopped):
        solve(task, context=context, run="run", on_event=stop_at("script_started"))
    run = tmp_path / "runs" / "run"
    page = (run / PAGE).read_text(encoding="utf-8")
    assert "stopped" in head(page)
    assert f"mle-star resume {run}" in section(page, "again")
    resume(run)
    assert "finished" in head((run / PAGE).read_text(encoding="utf-8"))


def test_a_run_that_breaks_leaves_its_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hear(event: dict[str, Any]) -> None:
        if event["kind"] == "script_finished":
            raise ZeroDivisionError("the listener is broken")

    use(ScriptedEngineer())
    with pytest.raises(ZeroDivisionError):
        solve(slope_task(tmp_path / "s"), context=small(tmp_path), run="run", on_event=hear)
    assert "The run broke off" in head((tmp_path / "run" / PAGE).read_text(encoding="utf-8"))


def test_who_wants_no_page_gets_none(tmp_path: Path) -> None:
    use(ScriptedEngineer())
    result = solve(slope_task(tmp_path / "s"), context=small(tmp_path), report=False)
    assert not (result.run / PAGE).exists()


@pytest.mark.parametrize("trouble", [OSError("disk full"), KeyboardInterrupt(), ValueError("odd")])
def test_a_page_that_fails_costs_the_run_nothing(
    tmp_path: Path,
    trouble: BaseException,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(path: Path) -> str:
        raise trouble

    run = rich_run(tmp_path / "run")
    monkeypatch.setattr("mle_star.report.page.render", fail)
    with caplog.at_level(logging.WARNING):
        leave_report(run)
    assert "report.html was not written" in caplog.text
    assert not (run / PAGE).exists()


def test_where_no_run_was_begun_nothing_is_left(tmp_path: Path) -> None:
    leave_report(tmp_path)
    leave_report(tmp_path / "gone")
    assert not list(tmp_path.iterdir())


def test_a_place_that_can_not_be_written_is_said(tmp_path: Path) -> None:
    run = rich_run(tmp_path / "run")
    with pytest.raises(RunError, match=r"can't be written .*another place with --output"):
        write_report(run, tmp_path / "gone" / "page.html")


def test_the_commands_print_where_the_page_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLE_STAR_RUNS_DIR", "runs")
    for name in ("one", "two"):
        rich_run(tmp_path / "runs" / name)
    assert call(["report", "one"]) == 0
    assert capsys.readouterr().out == "runs/one/report.html\n"
    assert call(["report", "--output", "page.html"]) == 0
    assert capsys.readouterr().out == "page.html\n"
    assert call(["compare", "one", "runs/two"]) == 0
    assert capsys.readouterr().out == "runs/comparison.html\n"
    assert "2 runs compared" in (tmp_path / "runs" / "comparison.html").read_text(encoding="utf-8")
    assert call(["compare", "one"]) == 2
    assert "2 to 20 runs can be compared" in capsys.readouterr().err
    assert call(["report", "none"]) == 2
    assert "There is no run 'none'" in capsys.readouterr().err
    assert call(["show", "one"]) == 0
    assert "runs/one/report.html" in capsys.readouterr().out


def test_a_page_is_written_at_once(tmp_path: Path) -> None:
    """Processor time, start of the interpreter and all imports included."""
    run = rich_run(tmp_path / "run")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "mle_star", "report", str(run)], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 4.0


def test_drawing_is_not_loaded_before_it_is_needed() -> None:
    code = (
        "import sys, mle_star.graph.solving, mle_star.cli.app\n"
        "sys.exit(repr({'vl_convert', 'mle_star.report.page'} & set(sys.modules) or ''))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.strip() in ("", "''")
