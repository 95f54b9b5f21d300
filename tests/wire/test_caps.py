"""The wallet has a bottom, and the run still ends with a submission."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mle_star.context import Context
from mle_star.errors import RunStopped
from mle_star.graph.solving import resume, solve
from mle_star.nodes.workbench import find_workbench, stop_event
from mle_star.runs.folder import read_record
from tests.support.adapters import gemini_brain
from tests.support.brain import Brain
from tests.support.gemini import GeminiAnswer, GeminiRequest, GeminiServer
from tests.support.loopback import Fault
from tests.wire.running import SMALL, events, is_submission, run

NARROW: dict[str, Any] = {
    "num_candidates": 1,
    "num_solutions": 1,
    "inner_steps": 1,
    "audit": False,
}
"""For a run that is left to the playbook early: its scripts take seconds, not tenths."""
WIDE: dict[str, Any] = {"inner_steps": 3}
"""For a run that has more to ask than it may."""


@pytest.mark.slow
@pytest.mark.parametrize("most", [0, 1, 5, 20, 60])
def test_a_run_sends_no_more_than_it_may_and_still_submits(
    task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    with GeminiServer(gemini_brain(Brain())) as gemini:
        gemini.point_here(monkeypatch)
        done = run(task, tmp_path, max_calls=most, **(WIDE if most > 5 else NARROW))
    assert len(gemini.requests) <= most
    if most <= 20:
        assert len(gemini.requests) >= most * 0.6, "what may be spent is spent"
        assert [n for n in done.notes if "max_calls" in n], "and the run says that it is"
        assert events(done, "stood_in"), "the playbook goes on"
    assert is_submission(done, task)
    assert (done.bill or {"calls": 0})["calls"] == len(gemini.requests)


@pytest.mark.slow
def test_the_reserve_is_kept_for_the_ensemble(
    task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with GeminiServer(gemini_brain(Brain())) as gemini:
        gemini.point_here(monkeypatch)
        done = run(task, tmp_path, max_calls=20, reserve=0.3)
    phases = [event["phase"] for event in events(done, "model_called")]
    assert "ensemble" in phases
    assert sum(phase != "ensemble" for phase in phases) <= 14


@pytest.mark.slow
def test_the_model_alone_ends_its_search_when_the_wallet_is_empty(
    task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with GeminiServer(gemini_brain(Brain())) as gemini:
        gemini.point_here(monkeypatch)
        done = run(task, tmp_path, engineer="llm", max_calls=22, outer_steps=50)
    assert len(gemini.requests) <= 22
    assert is_submission(done, task)
    assert not events(done, "stood_in")
    assert len(events(done, "ablation_written")) <= 4, "no loop goes on without an answer"


@pytest.mark.slow
@pytest.mark.parametrize("cap", [{"max_tokens": 60_000}, {"max_cost": 0.25}])
def test_tokens_and_dollars_are_capped_too(
    task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cap: dict[str, float]
) -> None:
    with GeminiServer(gemini_brain(Brain())) as gemini:
        gemini.point_here(monkeypatch)
        done = run(task, tmp_path, **cap)
    assert done.bill is not None
    assert done.bill["calls"] > 3
    if "max_tokens" in cap:
        assert done.bill["input"] + done.bill["output"] <= cap["max_tokens"]
    else:
        assert done.bill["usd"] <= cap["max_cost"]
    assert is_submission(done, task)


def stop_at(kind: str, task: Path, runs: Path) -> None:
    """Begin a run and stop it at the first event of a kind."""

    def stop(event: dict[str, object]) -> None:
        if event["kind"] == kind:
            folder = str(runs / "run")
            stop_event(folder).set()
            bench = find_workbench(folder)
            assert bench is not None
            bench.stop()

    context = Context(**{**SMALL, "inner_steps": 1, "runs_dir": str(runs)})
    with pytest.raises(RunStopped):
        solve(task, context=context, run="run", on_event=stop)


@pytest.mark.slow
def test_a_stopped_run_pays_nothing_twice_on_resume(
    task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped in the middle and resumed: as many requests as an undisturbed run, same scores."""
    with GeminiServer(gemini_brain(Brain())) as gemini:
        gemini.point_here(monkeypatch)
        whole = run(task, tmp_path / "whole", inner_steps=1)
        undisturbed = len(gemini.requests)
        gemini.requests.clear()

        stop_at("extracted", task, tmp_path / "cut")
        assert 0 < len(gemini.requests) < undisturbed
        done = resume(tmp_path / "cut" / "run")
    hello = 1  # said again, as a key may have died in between
    lost = 2  # in flight in the two branches when the stop came
    assert undisturbed + hello <= len(gemini.requests) <= undisturbed + hello + lost
    assert done.bill is not None
    assert done.bill["calls"] == len(gemini.requests)
    assert done.best is not None
    assert whole.best is not None
    assert done.best["score"] == whole.best["score"]
    assert {t["id"] for t in done.trials} == {t["id"] for t in whole.trials}


@pytest.mark.slow
def test_a_run_whose_key_is_gone_on_resume_says_who_leads_now(
    task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with GeminiServer(gemini_brain(Brain())) as gemini:
        gemini.point_here(monkeypatch)
        stop_at("written", task, tmp_path)
        spent = len(gemini.requests)
        folder = tmp_path / "run"
        assert read_record(folder)["engineer"]["lead"] == "llm"
        monkeypatch.delenv("GOOGLE_API_KEY")
        monkeypatch.delenv("GEMINI_API_KEY", raising=False)
        done = resume(folder)
        assert len(gemini.requests) == spent
    assert done.engineer == "playbook"
    assert "GOOGLE_API_KEY" in read_record(folder)["engineer"]["why"]
    assert done.bill is not None
    assert done.bill["calls"] == spent
    assert is_submission(done, task)


@pytest.mark.slow
def test_models_get_no_more_time_than_the_run_has(
    task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that thinks for minutes is not waited for: the playbook answers, the run ends."""
    slow = GeminiAnswer("late", seconds=60.0)
    quick = gemini_brain(Brain())

    def think(request: GeminiRequest) -> GeminiAnswer | Fault:
        return quick(request) if request.number < 3 else slow

    with GeminiServer(think) as gemini:
        gemini.point_here(monkeypatch)
        done = run(task, tmp_path, time_budget=12.0, num_solutions=1)
    assert done.seconds < 40
    assert [e for e in events(done, "stood_in") if "no answer within" in e["reason"]]
    assert is_submission(done, task)
