"""Tools that start, stop and steer runs: what they refuse, and what they do to a run folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client

import mle_star.cli
from mle_star.mcp import process
from mle_star.mcp.server import make_server
from mle_star.runs import RunFolder
from mle_star.runs.lock import LOCK, driver_of, only_one
from mle_star.runs.steering import read_told
from tests.cli.journal import finished_run, model_run, write_run
from tests.mcp.talking import answer, call, refusal, text_of
from tests.support.tasks import slope_task


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    folder = tmp_path / "runs"
    write_run(folder / "stopped", model_run(), status="stopped")
    return folder


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"settings": {"sandbox": "process"}}, "sandbox is chosen where the server is started"),
        ({"settings": {"base_url": "http://x"}}, "MLE_STAR_BASE_URL"),
        ({"settings": {"engineer": "os:system"}}, "auto, llm, playbook"),
        ({"settings": {"colour": 1}}, "There is no setting 'colour'"),
        ({"settings": {"folds": 0}}, "Setting 'folds' can't be 0"),
        ({"max_cost": 9.0}, "max_cost can be at most 2"),
        ({"settings": {"model": "nobody:x"}}, "nobody"),
        ({"time_budget": -1}, "start_run: time_budget can't be -1"),
        ({"presett": "quick"}, "not 'presett'"),
        ({"preset": "huge"}, "start_run: preset can't be 'huge'"),
    ],
)
def test_what_a_run_can_t_start_with_is_said_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any], said: str
) -> None:
    monkeypatch.setenv("MLE_STAR_MAX_COST", "2")
    monkeypatch.setattr(process, "start", lambda *_: pytest.fail("started"))
    assert said in refusal(tmp_path, "start_run", task=str(tmp_path), **arguments)
    assert refusal(tmp_path, "start_run") == "start_run needs task."


def test_an_order_holds_what_was_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    orders: list[Any] = []
    monkeypatch.setattr(process, "start", lambda *order: orders.append(order))
    monkeypatch.setenv("MLE_STAR_MAX_COST", "2")
    fields = answer(
        call(
            tmp_path / "runs", "start_run", task=str(tmp_path / "houses"), preset="quick",
            max_cost=1.0, settings={"folds": 2, "preset": "paper"},
        )
    )  # fmt: skip
    [(run, task, settings)] = orders
    assert run == tmp_path / "runs" / fields["run"]
    assert run.name.endswith("-houses")
    assert task == str(tmp_path / "houses")
    assert settings == {"folds": 2, "preset": "quick", "max_cost": 1.0}
    assert "may take 120 seconds" in fields["message"]


def test_a_model_without_a_key_is_said_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "start", lambda *_: None)
    said = call(tmp_path, "start_run", task="houses", model="google_genai:gemini-2.5-pro")
    assert "Note: the playbook thinks, not the model that was named" in text_of(said)


def test_a_run_is_told_things_while_it_goes_and_while_it_is_stopped(runs: Path) -> None:
    said = call(runs, "tell_run", hint="ratios help", card={"name": "TabM"}, solution=0)
    assert answer(said)["message"] == "Told stopped (number 1); it heeds it when it is resumed."
    with only_one(runs / "stopped"):
        write_status(runs / "stopped", "running")
        assert "at its next step" in text_of(call(runs, "tell_run", block="load"))
    first, second = read_told(runs / "stopped")
    assert (first["hint"], first["card"]["name"], second["block"]) == (
        "ratios help",
        "TabM",
        "load",
    )
    assert "Nothing was told" in refusal(runs, "tell_run")
    write_run(runs / "done", finished_run())
    assert "is finished" in refusal(runs, "tell_run", run="done", hint="x")


def write_status(run: Path, status: str) -> None:
    RunFolder(run).update(status=status)


def test_only_a_run_of_this_machine_that_goes_on_can_be_stopped(runs: Path) -> None:
    run = runs / "stopped"
    assert "is not running" in refusal(runs, "stop_run")
    assert driver_of(run) is None
    with only_one(run):
        assert driver_of(run) == os.getpid()
        (run / LOCK).write_text("12 elsewhere\n", encoding="utf-8")
        assert driver_of(run) is None
        assert "on another machine" in refusal(runs, "stop_run")
        assert "stopped is running" in refusal(runs, "resume_run")
    assert "sandbox is chosen" in refusal(runs, "resume_run", changes={"sandbox": "process"})


def test_a_run_that_asks_a_person_says_so_and_is_left_to_them(runs: Path) -> None:
    question = "may the script 'LightGBM' of solution 1 be run?"
    RunFolder(runs / "stopped").update(waiting={"a1": question})
    said = call(runs, "run_status")
    assert answer(said)["waits"] == [question]
    assert f"waits for a person: {question}" in text_of(said)
    assert "with mle-star resume" in text_of(said)
    assert f"stopped waits for a person: {question} Tell the user" in refusal(runs, "resume_run")
    RunFolder(runs / "stopped").update(waiting={})
    said = call(runs, "run_status")
    assert answer(said)["waits"] == []
    assert "waits" not in text_of(said)


def test_waiting_tells_how_the_run_stands(runs: Path) -> None:
    told: list[tuple[float, float | None, str | None]] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, total, message))

    async def wait(seconds: float) -> Any:
        async with Client(make_server(runs)) as client:
            return await client.call_tool(
                "wait_for_run", {"seconds": seconds}, progress_callback=hear
            )

    assert answer(anyio.run(wait, 60.0))["status"] == "stopped"  # at once
    assert told == []
    write_status(runs / "stopped", "running")
    with only_one(runs / "stopped"):
        fields = answer(anyio.run(wait, 0.2))
    assert (fields["status"], len(told)) == ("running", 1)
    assert told[0][1] == 120.0
    assert fields["elapsed"] >= told[0][0] > 0


def test_the_extra_is_named_where_it_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert mle_star.cli.call(["mcp"]) == 2
    assert "pip install 'mle-star[mcp]'" in capsys.readouterr().err


def test_a_task_that_can_t_be_read_ends_its_process_with_the_reason(tmp_path: Path) -> None:
    task = slope_task(tmp_path / "slope")
    (task / "train.csv").unlink()
    said = refusal(tmp_path / "runs", "start_run", task=str(task), preset="quick")
    assert "train" in said
    assert not list((tmp_path / "runs").glob("*"))
