"""A run that was killed or stopped goes on where it was and ends as if nothing had happened."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mle_star.context import Context
from mle_star.errors import RunError, RunStopped, SettingsError
from mle_star.graph.solving import Result, resume, solve
from mle_star.runs import RunFolder, read_events
from tests.support.engineers import ScriptedEngineer, script, use
from tests.support.killable import SETTINGS
from tests.support.runs import SMALL

MOMENTS = 10


@pytest.fixture(scope="module")
def undisturbed(task: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """The run that nothing happens to."""
    runs = str(tmp_path_factory.mktemp("undisturbed"))
    return solve(task, context=Context(**SETTINGS, runs_dir=runs), run="run")


def outcome(result: Result) -> tuple[Any, ...]:
    """What must not depend on interruptions."""
    assert result.best is not None
    assert result.submission is not None
    trials = sorted((t["id"], t["label"], str(t["score"])) for t in result.trials)
    return (result.best["id"], trials, result.submission.read_bytes())


def finished_scripts(folder: Path) -> dict[Path, tuple[int, int]]:
    """Every finished execution, with what would change if it were made again."""
    return {
        path: (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in folder.glob("*/*/execution.json")
    }


@pytest.mark.parametrize("moment", range(MOMENTS))
def test_kill_9_then_resume_gives_the_same_result_and_runs_nothing_twice(
    task: Path,
    undisturbed: Result,
    tmp_path: Path,
    moment: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LANGGRAPH_STRICT_MSGPACK", "true")
    events = len(read_events(undisturbed.run))
    at = 2 + moment * (events - 6) // (MOMENTS - 1)  # the last while the winner runs on all data
    killed = subprocess.run(
        [sys.executable, "-m", "tests.support.killable", str(task), str(tmp_path), str(at)],
        cwd=Path(__file__).parents[2],
        env=dict(os.environ),
        capture_output=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    done_before = finished_scripts(tmp_path / "run")
    result = resume(tmp_path / "run")
    assert outcome(result) == outcome(undisturbed)
    assert result.interrupted
    after = finished_scripts(tmp_path / "run")
    assert {path: after[path] for path in done_before} == done_before


def small(runs: Path, **settings: Any) -> Context:
    values = {**SMALL, "engineer": "tests.support.engineers:chosen", "runs_dir": str(runs)}
    return Context(**{**values, **settings})


def stop_at(kind: str, phase: str) -> Any:
    """An event listener that presses Ctrl-C once, at the first such event."""
    pressed: list[bool] = []

    def listen(event: dict[str, Any]) -> None:
        if not pressed and event["kind"] == kind and event.get("phase", "") == phase:
            pressed.append(True)
            signal.raise_signal(signal.SIGINT)

    return listen


@pytest.mark.parametrize(
    ("kind", "phase"),
    [
        ("script_started", "write"),
        ("script_started", "refine"),
        ("script_finished", "refine"),
        ("script_started", "submit"),
    ],
)
def test_ctrl_c_stops_cleanly_and_resume_goes_on(
    task: Path, tmp_path: Path, kind: str, phase: str
) -> None:
    # Slow on the full view alone, so that the final run is still going when the signal comes.
    slow = "import time\ntime.sleep(6 * (len(train) == 700))\n"
    use(
        ScriptedEngineer(
            write=lambda _, card: script(float(card.name.split()[-1])) + slow,
            merge=lambda _, base, reference: base + "# merged\n",
        )
    )
    with pytest.raises(RunStopped, match="mle-star resume"):
        solve(task, context=small(tmp_path), on_event=stop_at(kind, phase), run="run")
    assert RunFolder.open(tmp_path / "run").record()["status"] == "stopped"
    assert read_events(tmp_path / "run")[-1]["kind"] == "run_stopped"
    result = resume(tmp_path / "run")
    assert result.submission is not None
    assert RunFolder.open(tmp_path / "run").record()["status"] == "finished"
    handler = signal.getsignal(signal.SIGINT)
    assert handler is signal.default_int_handler, "the caller's own handling is restored"


def test_time_goes_on_counting_over_sittings(task: Path, tmp_path: Path) -> None:
    use(ScriptedEngineer())
    with pytest.raises(RunStopped):
        solve(
            task, context=small(tmp_path), on_event=stop_at("script_started", "refine"), run="run"
        )
    before = read_events(tmp_path / "run")[-1]["elapsed"]
    result = resume(tmp_path / "run")
    assert result.seconds > before > 0


def test_a_crash_of_our_own_code_is_marked_and_can_be_resumed(task: Path, tmp_path: Path) -> None:
    def crash(_: dict[str, Any]) -> None:
        if _["kind"] == "ablated":
            raise ZeroDivisionError("a bug in the listener")

    use(ScriptedEngineer())
    with pytest.raises(ZeroDivisionError):
        solve(task, context=small(tmp_path), on_event=crash, run="run")
    assert RunFolder.open(tmp_path / "run").record()["status"] == "failed"
    assert resume(tmp_path / "run").submission is not None


def test_a_finished_run_is_not_resumed(task: Path, tmp_path: Path) -> None:
    use(ScriptedEngineer())
    done = solve(task, context=small(tmp_path, outer_steps=0))
    with pytest.raises(RunError, match="is finished"):
        resume(done.run)


def test_a_folder_without_a_run_is_not_resumed(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="not a run folder"):
        resume(tmp_path)


def stopped_run(task: Path, tmp_path: Path) -> Path:
    use(ScriptedEngineer())
    with pytest.raises(RunStopped):
        solve(
            task, context=small(tmp_path), on_event=stop_at("script_started", "refine"), run="run"
        )
    return tmp_path / "run"


def test_a_budget_may_change_on_resume_and_takes_effect_inside_branches(
    task: Path, tmp_path: Path
) -> None:
    run = stopped_run(task, tmp_path)
    result = resume(run, changes={"inner_steps": 4, "seed": None})
    assert len([t for t in result.trials if t["phase"] == "refine"]) == 4
    assert RunFolder.open(run).record()["settings"]["inner_steps"] == 4
    assert "Resumed with another inner_steps: 4 (was 2)." in result.notes


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"seed": 3}, "seed was 0 when this run began and can't become 3"),
        ({"num_solutions": 7}, "num_solutions was 1"),
        ({"inner_steps": 0}, "greater than or equal to 1"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_what_can_not_change_is_refused_and_the_run_stays_resumable(
    task: Path, tmp_path: Path, changes: dict[str, Any], sentence: str
) -> None:
    run = stopped_run(task, tmp_path)
    with pytest.raises(SettingsError, match=sentence):
        resume(run, changes=changes)
    assert resume(run).submission is not None


def test_two_processes_do_not_drive_one_run(task: Path, tmp_path: Path) -> None:
    use(ScriptedEngineer())
    refusals: list[str] = []

    def meddle(event: dict[str, Any]) -> None:
        if event["kind"] == "ablated":
            with pytest.raises(RunError, match="another process") as caught:
                resume(tmp_path / "run")
            refusals.append(str(caught.value))

    solve(task, context=small(tmp_path), on_event=meddle, run="run")
    assert len(refusals) == 1


def test_a_task_that_can_not_be_read_leaves_no_run_folder(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(Exception, match="empty"):
        solve(tmp_path / "empty", context=small(tmp_path / "runs"))
    assert not list((tmp_path / "runs").glob("*"))
