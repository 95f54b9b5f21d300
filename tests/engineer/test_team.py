"""Who leads a run, who stands in, and what is said about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mle_star.context import Context, Settings, resolve
from mle_star.engineer import choose, make_team
from mle_star.engineer.llm import LLMEngineer
from mle_star.engineer.playbook import PlaybookEngineer
from mle_star.engineer.stand_in import StandIn
from mle_star.engineer.team import model_names
from mle_star.errors import SettingsError, UserError
from mle_star.models.base import ModelUnavailable
from tests.support.engineers import ScriptedEngineer

GEMINI = "google_genai:gemini-2.5-pro"
KEY = {"GOOGLE_API_KEY": "k-1234567"}


def settings(**values: Any) -> Settings:
    return resolve(Context(**values), environ={})


@pytest.mark.parametrize(
    ("values", "environ", "lead", "why"),
    [
        ({}, {}, "playbook", "no language model is named"),
        ({}, KEY, "playbook", f"--model {GEMINI} would use the key"),
        ({"model": GEMINI}, {}, "playbook", "GOOGLE_API_KEY"),
        ({"model": GEMINI}, KEY, "llm", ""),
        ({"models": {"code": GEMINI}}, KEY, "llm", ""),
        ({"models": {"code": "openai:gpt-4.1"}}, KEY, "playbook", "OPENAI_API_KEY"),
        ({"model": GEMINI, "fallback_model": "openai:gpt-4.1"}, {}, "playbook", "GOOGLE_API_KEY"),
        ({"model": GEMINI, "fallback_model": "ollama:a"}, KEY, "llm", ""),
        ({"model": "ollama:qwen3"}, {}, "llm", ""),
        ({"model": "openai:local", "base_url": "http://127.0.0.1:1"}, {}, "llm", ""),
        ({"model": GEMINI, "engineer": "playbook"}, KEY, "playbook", ""),
        ({"engineer": "llm"}, KEY, "llm", ""),
        ({"model": GEMINI, "replay": "traffic.jsonl"}, {}, "llm", ""),
        ({"replay": "traffic.jsonl"}, {}, "llm", ""),
        ({"engineer": "tests.support.engineers:plain"}, KEY, "custom", ""),
    ],
)
def test_who_leads_and_why(
    values: dict[str, Any], environ: dict[str, str], lead: str, why: str
) -> None:
    choice = choose(settings(**values), environ)
    assert choice.lead == lead
    assert why in choice.why
    assert bool(why) == bool(choice.why)
    assert not any(value in choice.why for value in environ.values()), "a key is never shown"


def test_the_playbook_stands_in_only_where_nobody_asked_for_the_model_alone() -> None:
    assert choose(settings(model=GEMINI), KEY).stands_in
    assert not choose(settings(model=GEMINI, engineer="llm"), KEY).stands_in
    assert not choose(settings(engineer="playbook"), KEY).stands_in


def test_a_fallback_without_a_key_is_an_error_for_everybody() -> None:
    """It was named to be there when it is needed, and would not be."""
    given = settings(model=GEMINI, fallback_model="openai:gpt-4.1")
    with pytest.raises(SettingsError, match=r"fallback model can't be asked.*OPENAI_API_KEY"):
        choose(given, KEY)
    assert choose(given, {**KEY, "OPENAI_API_KEY": "x"}).lead == "llm"
    assert choose(given.model_copy(update={"replay": "traffic.jsonl"}), {}).lead == "llm"


def test_the_model_alone_without_a_key_is_an_error() -> None:
    with pytest.raises(SettingsError, match="set the environment variable GOOGLE_API_KEY"):
        choose(settings(engineer="llm"), {})


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"engineer": "gpt"}, "'gpt' is not known: use auto, llm, playbook"),
        ({"engineer": "no_such_module:make"}, "No module named"),
        ({"engineer": "tests.support.engineers:nothing"}, "has no attribute"),
        ({"engineer": "tests.support.tasks:random.Random"}, "is not known"),
        ({"engineer": "collections:OrderedDict"}, "lacks the methods retrieve"),
        ({"model": "gemini-2.5-pro"}, f"write '{GEMINI}'"),
        ({"models": {"code": "nonsense"}}, "provider:name"),
    ],
)
def test_what_can_not_lead_is_one_sentence(values: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        choose(settings(**values), KEY)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_model_is_named_once_the_main_one_first() -> None:
    chosen = settings(
        model=GEMINI, models={"summarise": "ollama:a", "code": "ollama:b"}, fallback_model=GEMINI
    )
    assert model_names(chosen)[0] == GEMINI
    assert sorted(model_names(chosen)) == sorted([GEMINI, "ollama:a", "ollama:b"])


def test_a_main_model_that_no_agent_uses_is_not_asked() -> None:
    everyone = {group: "ollama:a" for group in ("code", "plans", "checks", "reading")}
    assert model_names(settings(model=GEMINI, models=everyone)) == ["ollama:a"]


def test_teams(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert isinstance(make_team(settings()).lead, PlaybookEngineer)
    assert isinstance(
        make_team(settings(engineer="tests.support.engineers:plain")).lead, ScriptedEngineer
    )
    monkeypatch.setenv("GOOGLE_API_KEY", "k-1234567")
    team = make_team(settings(model=GEMINI), tmp_path)
    assert isinstance(team.lead, LLMEngineer)
    assert isinstance(team.stand_in, StandIn)
    assert team.starter is None
    alone = make_team(settings(model=GEMINI, engineer="llm", warm_start="playbook"), tmp_path)
    assert alone.stand_in is None
    assert isinstance(alone.starter, PlaybookEngineer)


def test_a_playbook_has_nobody_to_greet() -> None:
    make_team(settings()).check()


def test_a_model_out_of_reach_ends_the_run_with_a_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    team = make_team(settings(model="ollama:qwen3"), tmp_path)
    assert team.client is not None

    def unavailable() -> None:
        raise ModelUnavailable("ollama:qwen3 does not answer.")

    monkeypatch.setattr(team.client, "check", unavailable)
    with pytest.raises(UserError, match=r"does not answer: start again later.*--engineer playbook"):
        team.check()
