"""A clock that is set back or forward between the sittings of a run, and while it runs."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.base import id as checkpoint_ids

from mle_star.errors import RunStopped
from mle_star.graph.solving import resume
from tests.faults.outcomes import finished_scripts, outcome, run_again

DAY = 86_400


@pytest.mark.parametrize("days", [-30, 30])
def test_a_clock_that_was_set_does_not_change_what_comes_out(
    stopped: Path, undisturbed: dict[str, Any], monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    now, now_ns = time.time, time.time_ns
    monkeypatch.setattr(time, "time", lambda: now() + days * DAY)
    monkeypatch.setattr(time, "time_ns", lambda: now_ns() + days * DAY * 10**9)
    # Ids of checkpoints hold the time, and never go back within one process: be a new one.
    monkeypatch.setattr(checkpoint_ids, "_last_v6_timestamp", None)
    before = finished_scripts(stopped)

    def stop(event: dict[str, Any]) -> None:
        if event["kind"] == "node_started" and event["node"] == "blend":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):  # in between, the newest state must be found again
        resume(stopped, on_event=stop)
    before |= finished_scripts(stopped)
    result = resume(stopped)
    assert outcome(result) == undisturbed
    assert run_again(before, stopped) == []
    assert result.seconds < DAY, "the budget counts by a clock that nobody can set"


def test_a_clock_that_jumps_all_the_time(
    stopped: Path, undisturbed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    chance, now, now_ns = random.Random(0), time.time, time.time_ns
    monkeypatch.setattr(time, "time", lambda: now() + chance.uniform(-DAY, DAY))
    monkeypatch.setattr(time, "time_ns", lambda: now_ns() + chance.randint(-DAY, DAY) * 10**9)
    before = finished_scripts(stopped)
    try:
        result = resume(stopped)
    except RunStopped:
        pytest.fail("stopped by the clock")
    assert outcome(result) == undisturbed
    assert run_again(before, stopped) == []
    assert 0 < result.seconds < DAY
