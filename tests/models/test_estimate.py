from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mle_star.context import PRESETS, Settings, context_from, resolve
from mle_star.models.estimate import expected_calls
from mle_star.roles import GROUPS, ROLES


def settings(**values: Any) -> Settings:
    values = {"engineer": "llm", "preset": "paper", **values}
    return resolve(context_from(values), {})


def test_the_paper_takes_about_165_calls() -> None:
    calls = expected_calls(settings())
    assert list(calls) == [*ROLES, "check"]
    assert 150 <= sum(calls.values()) <= 165


def test_calls_per_agent_of_the_paper() -> None:
    assert expected_calls(settings()) == {
        "retrieve": 2,
        "write": 8,
        "merge": 6,
        "check_usage": 2,
        "ablate": 8,
        "summarise": 8,
        "extract": 8,
        "plan": 24,
        "refine": 32,
        "plan_ensemble": 5,
        "ensemble": 5,
        "debug": 0,
        "check_leakage": 8 + 6 + 2 + 32 + 5,
        "fix_leakage": 0,
        "check": 1,
    }


@pytest.mark.parametrize(
    ("search", "calls"), [("catalogue", 1), ("none", 1), ("tavily", 2), ("google", 2), ("auto", 2)]
)
def test_retrieval_asks_once_for_the_whole_run(search: str, calls: int) -> None:
    for solutions in (1, 5):
        chosen = settings(search=search, num_solutions=solutions)
        assert expected_calls(chosen)["retrieve"] == calls


def test_a_warm_start_leaves_the_money_to_refinement() -> None:
    cold, warm = expected_calls(settings()), expected_calls(settings(warm_start="playbook"))
    first = ("retrieve", "write", "merge", "check_usage")
    assert all(warm[role] == 0 for role in first)
    # Scripts that the playbook wrote are not checked by the model either.
    assert cold["check_leakage"] - warm["check_leakage"] == 8 + 6 + 2
    rest = set(cold) - {*first, "check_leakage"}
    assert all(warm[role] == cold[role] for role in rest)


def test_a_hello_for_every_distinct_model() -> None:
    models = {"code": "openai:gpt-4.1", "plan": "google_genai:gemini-2.5-pro"}
    assert expected_calls(settings(models=models))["check"] == 2
    assert expected_calls(settings(models=models, fallback_model="ollama:qwen3"))["check"] == 3
    assert expected_calls(settings(models=models, fallback_model="openai:gpt-4.1"))["check"] == 2
    everybody = dict.fromkeys(GROUPS, "openai:gpt-4.1")
    assert expected_calls(settings(models=everybody))["check"] == 1


@pytest.mark.parametrize(
    "values",
    [{"engineer": "playbook"}, {"engineer": "auto"}, {"engineer": "mine:make"}],
)
def test_no_model_no_calls(values: dict[str, Any]) -> None:
    calls = expected_calls(settings(**values))
    assert set(calls) == {*ROLES, "check"}
    assert not any(calls.values())


@pytest.mark.parametrize("named", [{"model": "openai:gpt-4.1"}, {"models": {"plan": "ollama:q"}}])
def test_a_named_model_is_used_by_auto(named: dict[str, Any]) -> None:
    assert expected_calls(settings(engineer="auto", **named))["refine"] == 32


@given(
    candidates=st.integers(1, 8),
    solutions=st.integers(1, 5),
    outer=st.integers(0, 6),
    inner=st.integers(1, 6),
    rounds=st.integers(0, 6),
)
def test_more_work_never_takes_fewer_calls(
    candidates: int, solutions: int, outer: int, inner: int, rounds: int
) -> None:
    sizes = {
        "num_candidates": candidates,
        "num_solutions": solutions,
        "outer_steps": outer,
        "inner_steps": inner,
        "ensemble_rounds": rounds,
    }
    calls = expected_calls(settings(**sizes))
    assert min(calls.values()) >= 0
    for name in sizes:
        more = expected_calls(settings(**{**sizes, name: sizes[name] + 1}))
        assert all(more[role] >= calls[role] for role in calls)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_can_be_estimated(preset: str) -> None:
    assert sum(expected_calls(settings(preset=preset)).values()) > 30
