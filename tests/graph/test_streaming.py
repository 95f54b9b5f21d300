"""A run as a stream: typed events, a clean stop for whoever leaves, no blocked event loop."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from mle_star import Context, Result, Stop, asolve, astream, load, resume, solve, stream
from mle_star.errors import ArgumentError, RunStopped, RunWaits, SettingsError, TaskError
from mle_star.events import RunStarted, ScriptFinished, ScriptStarted
from tests.support.engineers import ScriptedEngineer, script, use
from tests.support.runs import SMALL

SETTINGS: dict[str, Any] = {
    **SMALL, "outer_steps": 0, "ensemble_rounds": 0, "engineer": "tests.support.engineers:chosen",
}  # fmt: skip


def slow_engineer(seconds: float = 20) -> None:
    """Scripts that take longer than a test would wait."""
    text = script(1.0) + f"import time\ntime.sleep({seconds})\n"
    use(ScriptedEngineer(write=lambda _, card: text))


def no_run_goes_on() -> bool:
    return not any(thread.name == "mle-star-run" for thread in threading.enumerate())


def test_a_stream_ends_with_the_result(task: Path) -> None:
    use(ScriptedEngineer())
    items = list(stream(task, context=Context(**SETTINGS), run="run", report=False, seed=3))
    assert isinstance(items[0], RunStarted)
    assert items[0].settings["seed"] == 3
    assert sum(isinstance(item, ScriptFinished) for item in items) >= 2
    last = items[-1]
    assert isinstance(last, Result)
    assert [e.kind for e in items[:-1] if not isinstance(e, Result)] == [
        event.kind for event in last.events
    ]
    assert no_run_goes_on()


def test_whoever_leaves_stops_the_run_which_goes_on_later(task: Path) -> None:
    slow_engineer(1.0)
    for item in stream(task, context=Context(**SETTINGS), run="run"):
        if isinstance(item, ScriptStarted):
            break
    del item
    assert no_run_goes_on()
    found = load("run")
    assert found.status == "stopped"
    use(ScriptedEngineer())
    assert resume(found.run, report=False).score is not None


def test_errors_come_out_of_the_stream(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="missing"):
        next(stream(tmp_path / "missing"))
    with pytest.raises(SettingsError, match="did you mean 'time_budget'"):
        next(stream(tmp_path, time_budged=60))  # type: ignore[call-arg]
    assert no_run_goes_on()


def test_the_event_loop_is_not_blocked(task: Path) -> None:
    use(ScriptedEngineer())
    beats: list[float] = []

    async def beat() -> None:
        while True:
            beats.append(time.monotonic())
            await asyncio.sleep(0.05)

    async def main() -> Result:
        pulse = asyncio.create_task(beat())
        result = await asolve(task, context=Context(**SETTINGS), report=False)
        pulse.cancel()
        return result

    begun = time.monotonic()
    result = asyncio.run(main())
    assert result.score is not None
    assert len(beats) > (time.monotonic() - begun) / 0.05 / 4


def test_leaving_an_async_stream_and_cancelling_stop_the_run(task: Path) -> None:
    slow_engineer()

    async def left() -> None:
        async for item in astream(task, context=Context(**SETTINGS), run="left"):
            if isinstance(item, ScriptStarted):
                break

    async def cancelled() -> None:
        solving = asyncio.create_task(asolve(task, context=Context(**SETTINGS), run="cancelled"))
        await asyncio.sleep(1.5)
        solving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await solving
        assert no_run_goes_on()

    begun = time.monotonic()
    asyncio.run(left())
    assert time.monotonic() - begun < 15
    assert no_run_goes_on()
    assert load("left").status == "stopped"
    asyncio.run(cancelled())


def test_a_stream_asks_or_ends_with_what_waits(task: Path) -> None:
    use(ScriptedEngineer())
    context = Context(**SETTINGS, approve=["scripts"])
    with pytest.raises(RunWaits) as stop:
        list(stream(task, context=context, run="waits", report=False))
    assert stop.value.questions
    assert no_run_goes_on()
    asked: list[str] = []

    def on_ask(question: Any) -> str:
        asked.append(threading.current_thread().name)
        return "yes"

    result = asyncio.run(asolve(task, context=context, on_ask=on_ask, report=False))
    assert result.score is not None
    assert set(asked) == {"mle-star-run"}


def test_another_thread_stops_a_run(task: Path) -> None:
    slow_engineer()
    stop = Stop()

    def press(event: dict[str, Any]) -> None:
        if event["kind"] == "script_started":
            threading.Thread(target=stop).start()

    with pytest.raises(RunStopped):
        solve(task, context=Context(**SETTINGS), on_event=press, run="run", stop=stop)
    assert load("run").status == "stopped"
    with pytest.raises(RunStopped, match="before anything was begun"):  # it stays pressed
        solve(task, context=Context(**SETTINGS), run="other", stop=stop)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"task": 7}, r"solve\(\) takes as 'task' the path of a task folder, not int: write the"),
        ({"context": {"preset": "quick"}}, "takes as 'context' a Context, not dict: .* keywords"),
        ({"on_ask": "yes"}, "calls 'on_ask' with every question, but str can't be called"),
        ({"on_event": 3}, "calls 'on_event' with every event, but int can't be called"),
        ({"run": "a/b"}, "takes as 'run' the name of the new run folder, not 'a/b'"),
        ({"progress": "yes"}, "takes as 'progress' True, False or None, not str"),
    ],
)
def test_a_wrong_argument_is_named(task: Path, arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ArgumentError, match=said) as caught:
        solve(**{"task": task, **arguments})
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, TypeError)


def test_a_wrong_argument_of_resume_is_named() -> None:
    with pytest.raises(ArgumentError, match=r"resume\(\) takes as 'run' a run folder, not list"):
        resume([])  # type: ignore[arg-type]


def test_a_wrong_setting_is_named(task: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="Setting 'preset' can't be 'slow'"):
        solve(task, preset="slow")  # type: ignore[arg-type]
    with pytest.raises(TaskError, match="missing"):
        solve(tmp_path / "missing", preset="quick")
