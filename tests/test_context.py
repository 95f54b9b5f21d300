"""Settings: explicit value, else environment, else preset, else default."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from pydantic import ValidationError

from mle_star.context import FIXED, PRESETS, Context, Settings, context_from, resolve
from mle_star.errors import SettingsError

PRESET_FIELDS = sorted(PRESETS["default"])


def other_than(value: Any) -> Any:
    return value + 1 if value >= 1 else value / 2


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_a_preset_decides_every_budget(preset: str) -> None:
    settings = resolve(context_from({"preset": preset}), {})
    for name, value in PRESETS[preset].items():
        assert getattr(settings, name) == value
    assert settings.preset == preset
    assert settings.time_budget > settings.script_timeout


def test_all_presets_decide_the_same_fields() -> None:
    assert {frozenset(values) for values in PRESETS.values()} == {frozenset(PRESET_FIELDS)}
    undecided = {n for n, field in Context.model_fields.items() if field.default is None}
    left_open = {"folds", "evaluation", "memory_limit_mb", "requests_per_minute"}
    left_open |= {"max_cost", "max_tokens", "max_calls", "cpu_limit", "audit"}
    assert undecided == {*PRESET_FIELDS, *left_open}


@pytest.mark.parametrize("name", PRESET_FIELDS)
def test_explicit_beats_environment_beats_preset(name: str) -> None:
    preset = PRESETS["quick"][name]
    environ = {f"MLE_STAR_{name.upper()}": str(other_than(preset)), "MLE_STAR_PRESET": "quick"}
    assert getattr(resolve(Context(), {"MLE_STAR_PRESET": "quick"}), name) == preset
    assert getattr(resolve(Context(), environ), name) == other_than(preset)
    explicit = other_than(other_than(preset))
    assert getattr(resolve(context_from({name: explicit}), environ), name) == explicit
    # Said explicitly, even the value of a preset or a default wins.
    assert getattr(resolve(context_from({name: preset}), environ), name) == preset


def test_defaults_said_explicitly_beat_the_environment() -> None:
    environ = {"MLE_STAR_SEED": "7", "MLE_STAR_PRESET": "paper", "MLE_STAR_RACING": "false"}
    said = Context(seed=0, preset="default", racing=True)
    assert resolve(said, environ) == resolve(Context(), {})
    assert resolve(Context(), environ).seed == 7
    assert resolve(Context(), environ).preset == "paper"
    assert resolve(Context(), environ).racing is False


def test_the_audit_is_open_until_somebody_decides_it() -> None:
    outside = {"MLE_STAR_AUDIT": "false"}
    assert resolve(Context(), {}).audit is None
    assert resolve(Context(), outside).audit is False
    assert resolve(Context(audit=True), outside).audit is True
    assert resolve(Context(audit=None), outside).audit is False, "None is undecided"


@pytest.mark.parametrize(
    ("given", "trusted"),
    [
        ({}, True),
        ({"engineer": "playbook"}, True),
        ({"engineer": "playbook", "model": "ollama:a"}, True),
        ({"model": "ollama:a"}, False),
        ({"models": {"code": "ollama:a"}}, False),
        ({"engineer": "llm"}, False),
        ({"engineer": "my_module:make"}, False),
    ],
)
@pytest.mark.parametrize("audit", [None, True, False])
def test_the_audit_is_asked_for_where_others_than_the_playbook_write(
    given: Any, trusted: bool, audit: bool | None
) -> None:
    settings = resolve(Context(audit=audit, **given), environ={})
    assert settings.trusted == trusted
    left_open = None if trusted else True
    assert settings.audit_asked is (left_open if audit is None else audit)


def test_none_and_empty_mean_undecided() -> None:
    environ = {"MLE_STAR_FOLDS": "3", "MLE_STAR_OUTER_STEPS": "", "MLE_STAR_SEED": ""}
    settings = resolve(Context(folds=None), environ)
    assert settings.folds == 3
    assert settings.outer_steps == PRESETS["default"]["outer_steps"]
    assert settings.seed == 0
    assert context_from({"folds": None, "seed": None}) == Context()


def test_what_stays_open_is_decided_later() -> None:
    settings = resolve(Context(), {})
    assert {settings.folds, settings.evaluation, settings.memory_limit_mb} == {None}
    assert settings.python == sys.executable
    assert resolve(Context(python="/usr/bin/python3"), {}).python == "/usr/bin/python3"


def test_the_environment_is_read_when_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLE_STAR_INNER_STEPS", "9")
    assert resolve().inner_steps == 9


def test_foreign_variables_are_ignored() -> None:
    assert resolve(Context(), {"MLE_STAR_COLOUR": "red", "FOLDS": "2"}) == resolve(Context(), {})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("preset", "fast"),
        ("num_candidates", 0),
        ("num_candidates", 33),
        ("num_solutions", 0),
        ("outer_steps", -1),
        ("inner_steps", 0),
        ("ensemble_rounds", -1),
        ("debug_rounds", 21),
        ("script_timeout", 0),
        ("time_budget", "soon"),
        ("time_budget", "nan"),
        ("reserve", 0.99),
        ("seed", -1),
        ("audit", "perhaps"),
        ("search_rows", 10),
        ("folds", 2.5),
        ("evaluation", "trust"),
        ("cpus_per_script", 0),
        ("memory_limit_mb", 1),
        ("sandbox", "none"),
    ],
)
def test_a_bad_value_is_one_sentence_wherever_it_comes_from(name: str, value: Any) -> None:
    with pytest.raises(SettingsError) as explicit:
        context_from({name: value})
    with pytest.raises(SettingsError) as outside:
        resolve(Context(), {f"MLE_STAR_{name.upper()}": str(value)})
    assert str(explicit.value).startswith(f"Setting {name!r} can't be {value!r}: ")
    assert str(outside.value).startswith(f"MLE_STAR_{name.upper()} can't be {str(value)!r}: ")
    for message in (str(explicit.value), str(outside.value)):
        assert message.endswith(".")
        assert "\n" not in message
        assert "pydantic" not in message


def test_an_unknown_setting_is_named_with_those_there_are() -> None:
    with pytest.raises(SettingsError, match=r"no setting 'candidates'.*num_candidates"):
        context_from({"candidates": 3})


def test_a_bad_variable_does_not_matter_where_the_value_is_explicit() -> None:
    assert resolve(Context(folds=3), {"MLE_STAR_FOLDS": "many"}).folds == 3


def test_settings_are_frozen_whole_and_survive_json() -> None:
    settings = resolve(Context(seed=3), {})
    assert Settings.model_validate_json(settings.model_dump_json()) == settings
    assert set(Settings.model_fields) == set(Context.model_fields)
    assert set(FIXED) <= set(Settings.model_fields)
    with pytest.raises(ValidationError):
        settings.seed = 4


def test_every_setting_is_described_for_a_person() -> None:
    for name, field in Context.model_fields.items():
        assert field.description, name


@pytest.mark.parametrize(
    ("given", "budget"),
    [
        ({}, 120.0),
        ({"model": "ollama:a"}, 900.0),
        ({"models": {"code": "ollama:a"}}, 900.0),
        ({"engineer": "llm"}, 900.0),
        ({"engineer": "playbook", "model": "ollama:a"}, 120.0),
        ({"engineer": "my_module:make"}, 120.0),
        ({"model": "ollama:a", "time_budget": 60.0}, 60.0),
    ],
)
def test_a_preset_gives_a_language_model_time_to_think(given: Any, budget: float) -> None:
    settings = resolve(Context(preset="quick", **given), environ={})
    assert settings.time_budget == budget
    assert settings.inner_steps == PRESETS["quick"]["inner_steps"]


@pytest.mark.parametrize(
    ("preset", "alone", "with_model"), [("quick", 12, 3), ("default", 24, 3), ("paper", 4, 4)]
)
def test_a_language_model_refines_fewer_blocks(preset: str, alone: int, with_model: int) -> None:
    def steps(**given: Any) -> int:
        return resolve(context_from({"preset": preset, **given}), {}).outer_steps

    assert steps() == steps(engineer="playbook") == steps(engineer="my_module:make") == alone
    assert steps(model="ollama:a") == steps(engineer="llm") == with_model
    assert steps(model="ollama:a", outer_steps=9) == 9


def test_what_a_model_changes_in_a_preset_is_decided_by_every_preset() -> None:
    from mle_star.context import WITH_MODEL

    assert set(WITH_MODEL) == set(PRESETS)
    assert all(set(changed) <= set(PRESET_FIELDS) for changed in WITH_MODEL.values())


@pytest.mark.parametrize("name", ["models", "temperatures"])
def test_pairs_may_come_from_one_line_of_the_environment(name: str) -> None:
    values = {"models": "ollama:a", "temperatures": "0.5"}
    line = f"code={values[name]}, summarise = {values[name]}"
    found = getattr(resolve(Context(), {f"MLE_STAR_{name.upper()}": line}), name)
    assert {key: str(value) for key, value in found.items()} == dict.fromkeys(
        ("code", "summarise"), values[name]
    )
    with pytest.raises(SettingsError, match=f"MLE_STAR_{name.upper()}.*name=value"):
        resolve(Context(), {f"MLE_STAR_{name.upper()}": "nonsense"})


def test_a_list_may_come_from_one_line_of_the_environment() -> None:
    settings = resolve(Context(), {"MLE_STAR_SEARCH_EXCLUDE": "kaggle.com, My Contest,"})
    assert settings.search_exclude == ["kaggle.com", "My Contest"]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"models": {"coder": "ollama:a"}}, "no agent 'coder'; the groups are code, plans"),
        ({"temperatures": {"plan": 3.0}}, "between 0 and 2"),
        ({"max_calls": -1}, "greater than or equal to 0"),
        ({"answer_tries": 0}, "greater than or equal to 1"),
        ({"search": "bing"}, "'tavily'"),
        ({"base_url": "http://me:secret@host/v1"}, "leave name and password out"),
    ],
)
def test_what_a_model_can_not_be_told_is_one_sentence(values: Any, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        context_from(values)
    assert says in str(caught.value)
    assert "Value error" not in str(caught.value)
