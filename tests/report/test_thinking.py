from __future__ import annotations

from typing import Any

import pytest

from mle_star.context import Context, Settings, resolve
from mle_star.errors import SettingsError
from mle_star.report.thinking import choice_of, fell_back, searched, who_thinks
from tests.cli.journal import FLASH, LEADER, PRO


def settings(**values: Any) -> Settings:
    return resolve(Context(**values), environ={})


def head(chosen: Settings) -> str:
    return who_thinks(choice_of(chosen), chosen.model_dump())


def test_the_playbook_says_why_no_model_thinks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert head(settings()) == "engineer: playbook (no language model is named)"
    monkeypatch.setenv("GOOGLE_API_KEY", "k")
    assert head(settings()) == (
        "engineer: playbook (no language model is named; --model google_genai:gemini-2.5-pro "
        "would use the key that is there)"
    )
    assert head(settings(engineer="playbook")) == "engineer: playbook"


def test_a_model_leads_with_the_playbook_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", "k")
    monkeypatch.setenv("TAVILY_API_KEY", "t")
    chosen = settings(model=PRO)
    assert head(chosen) == f"engineer: {PRO}, the playbook stands in; search tavily"
    assert fell_back(choice_of(chosen), chosen.model_dump()) == ""
    alone = settings(model=PRO, engineer="llm", search="none")
    assert head(alone) == f"engineer: {PRO}; search none"


def test_everything_that_answers_is_named() -> None:
    values = settings(
        model=PRO, models={"code": FLASH}, fallback_model="ollama:qwen3", warm_start="playbook",
        search="google",
    ).model_dump()  # fmt: skip
    assert who_thinks(LEADER, values) == (
        f"engineer: {PRO} (code: {FLASH}), else ollama:qwen3, the playbook stands in, the playbook "
        "writes the first scripts; search google"
    )
    assert ", replayed from a.jsonl" in who_thinks(LEADER, {**values, "replay": "a.jsonl"})


def test_a_named_model_without_a_key_is_told() -> None:
    chosen = settings(model=PRO)
    told = fell_back(choice_of(chosen), chosen.model_dump())
    assert told.startswith("the playbook thinks, not the model that was named: ")
    assert "GOOGLE_API_KEY" in told
    assert told.endswith(".")
    assert not told.endswith("..")
    assert "GOOGLE_API_KEY" in head(chosen)
    assert fell_back(choice_of(settings()), settings().model_dump()) == ""
    only_code = settings(models={"code": "openai:gpt-4.1"})
    assert fell_back(choice_of(only_code), only_code.model_dump())


def test_the_model_alone_needs_its_key() -> None:
    with pytest.raises(SettingsError, match="GOOGLE_API_KEY"):
        choice_of(settings(engineer="llm"))


def test_an_engineer_of_ones_own_is_not_loaded() -> None:
    chosen = settings(engineer="no.such.module:factory")
    assert choice_of(chosen) == {}
    assert head(chosen) == "engineer: no.such.module:factory"


def test_runs_of_earlier_versions_have_no_choice() -> None:
    assert who_thinks({}, {"engineer": "playbook"}) == "engineer: playbook"
    assert who_thinks({}, {}) == "engineer: playbook"


def test_auto_search_follows_the_key() -> None:
    assert searched({"search": "auto"}, {}) == "catalogue"
    assert searched({}, {"TAVILY_API_KEY": "t"}) == "tavily"
    assert searched({"search": "none"}, {"TAVILY_API_KEY": "t"}) == "none"


def test_nothing_from_outside_is_obeyed() -> None:
    said = who_thinks({"lead": "custom", "name": "\x1b[31mx", "why": "\x1b[1m"}, {})
    assert "\x1b" not in said
