"""A model that answers well drives whole runs, over the protocols of two providers."""

from __future__ import annotations

from pathlib import Path

import pytest

from mle_star.context import Context, resolve
from mle_star.models.estimate import expected_calls
from tests.support.adapters import gemini_brain, openai_brain
from tests.support.brain import Brain
from tests.support.gemini import GeminiServer
from tests.support.openai_server import OpenAIServer
from tests.support.tavily import TavilyServer, result
from tests.wire.running import GEMINI, PHASES, SMALL, agents, asked, events, is_submission, run

PAPER = {"num_candidates": 4, "outer_steps": 4, "inner_steps": 4, "ensemble_rounds": 5, "folds": 5}
"""The paper's counts and the usual folds; time-outs and budget are those of the small runs."""
MOST_CALLS = 165
"""Model calls of a run without leaks and repairs, by the paper's counts."""


@pytest.mark.slow
def test_a_run_of_the_papers_shape_with_gemini_and_tavily(
    task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One test of all that the run shows, as parallel workers would each run it again."""
    found = [result(f"Models {n}", f"https://example.org/{n}", f"Text {n}") for n in range(3)]
    with GeminiServer(gemini_brain(Brain())) as gemini, TavilyServer(found) as tavily:
        gemini.point_here(monkeypatch)
        monkeypatch.setenv("TAVILY_API_KEY", "tvly-0123456789")
        done = run(task, tmp_path, search="tavily", search_url=tavily.url, **PAPER)
    assert {event["kind"] for event in events(done)} >= PHASES
    assert done.source == "full"
    assert is_submission(done, task)
    assert done.engineer == GEMINI
    assert not events(done, "stood_in"), "the model had an answer to everything"
    arrived = agents(gemini)
    assert sum(arrived.values()) <= MOST_CALLS
    assert arrived.pop("queries") == 1
    assert arrived.pop("retrieve") == 1, "one retrieval for both solutions"
    assert tavily.queries
    assert done.bill is not None
    assert done.bill["calls"] == len(gemini.requests)
    assert done.bill["usd"] > 0
    assert done.bill["failed"] == 0
    planned = expected_calls(resolve(Context(**{**SMALL, **PAPER, "search": "tavily"}), {}))
    assert {agent: n for agent, n in asked(done).items() if n > planned[agent]} == {}
    assert arrived["refine"] == planned["refine"] == 2 * 4 * 4
    assert arrived["plan"] == planned["plan"] == 2 * 4 * 3
    check_messages(gemini)


def check_messages(gemini: GeminiServer) -> None:
    """The system message is the same in every request of a run; the temperatures are not."""
    systems = {request.system for request in gemini.requests if request.system}
    assert len(systems) == 1, "prefix caches pay for what stays the same"
    temperatures = {request.temperature for request in gemini.requests}
    assert {0.0, 1.0} <= temperatures


@pytest.mark.slow
def test_a_server_without_json_mode_or_tools_drives_a_run(task: Path, tmp_path: Path) -> None:
    with OpenAIServer(openai_brain(Brain())) as server:
        done = run(
            task,
            tmp_path,
            model="openai:local",
            base_url=server.base_url,
            num_solutions=1,
            inner_steps=1,
        )
    assert {event["kind"] for event in events(done)} >= PHASES
    assert is_submission(done, task)
    assert done.bill is not None
    assert done.bill["calls"] == len(server.requests)
    assert done.bill["failed"] == 0, "no request was turned down"
    assert done.bill["usd"] is None, "nobody knows what this model costs"


@pytest.mark.slow
def test_gemini_searches_the_web_itself(
    task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with GeminiServer(gemini_brain(Brain())) as gemini:
        gemini.point_here(monkeypatch)
        done = run(task, tmp_path, search="google", num_solutions=1, outer_steps=0)
    grounded = [request for request in gemini.requests if "googleSearch" in request.tools]
    assert grounded
    (told,) = [r.prompt for r in gemini.requests if "agent `retrieve`" in r.prompt]
    assert "https://docs.example.org/ridge" in told
    assert done.bill is not None
    assert done.bill["calls"] == len(gemini.requests), "searches by a model are on the bill"


@pytest.mark.slow
def test_leaks_that_the_model_finds_are_fixed(
    task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with GeminiServer(gemini_brain(Brain(leaky=True))) as gemini:
        gemini.point_here(monkeypatch)
        done = run(task, tmp_path, outer_steps=0)
    assert any(event["leaking"] for event in events(done, "leakage_checked"))
    assert agents(gemini)["fix_leakage"]
    assert done.best is not None
    assert done.best["score"] is not None
    assert done.best["score"]["alarm"] == ""


@pytest.mark.slow
def test_each_agent_asks_the_model_that_was_chosen_for_it(
    task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = {"code": "google_genai:gemini-2.5-flash", "debug": "google_genai:gemini-2.0-flash"}
    with GeminiServer(gemini_brain(Brain())) as gemini:
        gemini.point_here(monkeypatch)
        done = run(task, tmp_path, models=models, num_solutions=1, temperatures={"plans": 0.25})
    used = {(e["agent"], e["model"]) for e in events(done, "model_called")}
    assert ("refine", "google_genai:gemini-2.5-flash") in used
    assert ("plan", GEMINI) in used
    hellos = {r.model for r in gemini.requests if "`" not in r.turns[0].text.partition("\n")[0]}
    assert hellos == {"gemini-2.5-pro", "gemini-2.5-flash", "gemini-2.0-flash"}
    plans = [r for r in gemini.requests if "agent `plan`" in r.turns[0].text]
    assert {request.temperature for request in plans} == {0.25}


@pytest.mark.slow
def test_a_warm_start_leaves_the_first_scripts_to_the_playbook(
    task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with GeminiServer(gemini_brain(Brain())) as gemini:
        gemini.point_here(monkeypatch)
        done = run(
            task,
            tmp_path,
            warm_start="playbook",
            num_solutions=1,
            ensemble_rounds=0,
            audit=False,
        )
    arrived = agents(gemini)
    assert not {"queries", "retrieve", "write", "merge", "check_usage"} & set(arrived)
    assert arrived["ablate"] == 1
    assert arrived["refine"] == 2
    first = [trial for trial in done.trials if trial["phase"] == "write"]
    assert len(first) == 2
    assert is_submission(done, task)


@pytest.mark.slow
def test_without_a_key_the_playbook_runs_and_the_run_says_why(task: Path, tmp_path: Path) -> None:
    less = {"num_candidates": 1, "num_solutions": 1, "outer_steps": 0, "ensemble_rounds": 0}
    done = run(task, tmp_path, **less)
    assert done.engineer == "playbook"
    assert done.bill is None
    started = events(done, "run_started")[0]["engineer"]
    assert "GOOGLE_API_KEY" in started["why"]
    assert is_submission(done, task)
