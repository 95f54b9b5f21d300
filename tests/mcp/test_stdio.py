"""The command itself: the official client starts it, and runs outlive it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters

from mle_star.runs import list_runs, read_events
from tests.mcp.talking import answer, call, text_of
from tests.support.tasks import slope_task

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "mle_star", "mcp"]
SMALL = {"num_candidates": 2, "num_solutions": 1, "inner_steps": 2, "ensemble_rounds": 0}


def environment(runs: Path) -> dict[str, str]:
    named = {"MLE_STAR_ENGINEER": "tests.support.engineers:plain", "PYTHONPATH": str(ROOT)}
    return {**os.environ, **named, "MLE_STAR_RUNS_DIR": str(runs)}


def test_nothing_but_the_protocol_is_on_stdout_and_no_run_is_needed(tmp_path: Path) -> None:
    hello = {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    }
    asked = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "list_runs"}},
    ]
    with subprocess.Popen(
        COMMAND, env=environment(tmp_path / "runs"), cwd=ROOT, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as server:  # fmt: skip
        assert server.stdin is not None
        assert server.stdout is not None
        for message in asked:
            server.stdin.write(json.dumps(message) + "\n")
        server.stdin.flush()
        answers = [json.loads(server.stdout.readline()) for _ in range(2)]
        rest, err = server.communicate(timeout=30)
    assert (rest, err, server.returncode) == ("", "", 0)
    assert answers[0]["result"]["serverInfo"]["name"] == "mle-star"
    assert answers[1]["result"]["structuredContent"]["runs"] == []


@pytest.mark.slow
def test_a_run_is_started_told_stopped_and_goes_on_without_the_server(tmp_path: Path) -> None:
    runs, task = tmp_path / "runs", slope_task(tmp_path / "slope")
    server = StdioServerParameters(
        command=COMMAND[0], args=COMMAND[1:], env=environment(runs), cwd=ROOT
    )
    heard: list[str] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append(message or "")

    async def talk() -> tuple[str, str]:
        async with Client(server) as client:

            async def ask(tool: str, **arguments: Any) -> dict[str, Any]:
                return answer(await client.call_tool(tool, arguments))

            settings = {**SMALL, "outer_steps": 60, "folds": 2}
            started = await ask("start_run", task=str(task), preset="quick", settings=settings)
            steps: list[int] = []
            while not steps:  # until the first plan is made
                waited = await client.call_tool(
                    "wait_for_run", {"seconds": 0.5}, progress_callback=hear
                )
                assert answer(waited)["status"] == "running", text_of(waited)
                history = await ask("run_history", limit=1000)
                steps = [step["step"] for step in history["steps"] if step["node"] == "extract"]
            told = await ask("tell_run", hint="try a slope near 3")
            assert "at its next step" in told["message"]
            assert (await ask("stop_run"))["status"] == "stopped"
            status = await ask("run_status", since=answer(waited)["cursor"])
            assert (status["run"], status["status"]) == (started["run"], "stopped")
            fork = await ask("fork_run", at=steps[0], changes={"outer_loops": 1}, plan="slope 2.75")
            await ask("resume_run", run=started["run"], changes={"outer_steps": 1})
            return str(started["run"]), str(
                fork["run"]
            )  # and the server ends, while the runs go on

    name, fork = anyio.run(talk)
    assert heard
    deadline = time.monotonic() + 60
    while "running" in {run.status for run in list_runs(runs)} and time.monotonic() < deadline:
        time.sleep(0.1)
    found = answer(call(runs, "read_run", run=name))
    assert found["status"] == "finished"
    assert Path(found["submission"]).is_file()
    tried = answer(call(runs, "read_run", run=fork))
    assert tried["status"] == "finished"
    assert "slope 2.75" in {trial["label"] for trial in tried["trials"]}
    assert "A = 2.75" in answer(call(runs, "read_script", run=fork))["text"]
    kinds = [event["kind"] for event in read_events(runs / name)]
    assert kinds.count("run_stopped") == kinds.count("run_finished") == 1
    assert not (runs / name / "driver.log").exists()
