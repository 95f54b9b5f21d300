"""The table of options: what reaches the settings, what resume may change, what help shows."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mle_star.cli
from mle_star.cli import options
from mle_star.context import FIXED, Context
from mle_star.errors import SettingsError

Capture = pytest.CaptureFixture[str]


def help_of(command: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Panel -> its text."""
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", 120)
    assert mle_star.cli.call([command, "--help"]) == 0
    panels: dict[str, str] = {}
    title = ""
    for line in capsys.readouterr().out.splitlines():
        if line.startswith("╭─ "):
            title = line[3:].partition(" ─")[0]
        panels[title] = panels.get(title, "") + line + "\n"
    return panels


def test_every_row_fills_a_field_of_the_settings_once() -> None:
    names = [row.field for row in options.TABLE]
    assert set(names) <= set(Context.model_fields)
    assert len(names) == len(set(names))
    flags = [flag for row in options.TABLE for flag in row.names or (row.field,)]
    assert len(flags) == len(set(flags))


def test_what_resume_takes_may_change() -> None:
    assert not set(options.LATER) & set(FIXED)
    assert {"model", "models", "max_cost", "search", "prices"} <= set(options.LATER)


def test_run_shows_its_options_in_panels(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    panels = help_of("run", capsys, monkeypatch)
    assert {"Budget", "Model and search", "Data and scripts", "Output"} <= set(panels)
    for option in (
        "--engineer", "--model", "--model-for", "--temperature", "--fallback-model", "--base-url",
        "--search", "--search-url", "--search-exclude", "--warm-start", "--max-cost",
        "--max-tokens", "--max-calls", "--requests-per-minute", "--prices", "--record", "--replay",
        "--prompt-tokens", "--model-timeout", "--answer-tries",
    ):  # fmt: skip
        assert f"{option} " in panels["Model and search"], option
    assert "google_genai:gemini-2.5-pro" in panels["Model and search"]
    for option in ("--audit", "--no-audit", "--no-racing"):
        assert option in panels["Data and scripts"]
    assert "--quiet" in panels["Output"]


def test_resume_shows_what_may_change(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    panel = help_of("resume", capsys, monkeypatch)["Model and search"]
    for option in ("--model", "--model-for", "--fallback-model", "--max-cost", "--search"):
        assert f"{option} " in panel
    assert "--engineer" not in panel
    assert "--warm-start" not in panel


def test_help_loads_no_model_library() -> None:
    code = (
        "import sys, mle_star.cli; mle_star.cli.call(['run', '--help']); "
        "sys.exit(any(m in sys.modules for m in ('langchain_core', 'mle_star.context', 'pandas')))"
    )
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL).returncode == 0


def test_pairs_are_read_name_by_name() -> None:
    values = {"models": ["code=openai:gpt-4.1", "plan = ollama:qwen3:8b"], "temperatures": []}
    assert options.given(values) == {
        "models": {"code": "openai:gpt-4.1", "plan": "ollama:qwen3:8b"}
    }


@pytest.mark.parametrize("text", ["code", "code=", "=openai:x", ""])
def test_what_is_no_pair_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"--model-for .* is not AGENT=VALUE: write code="):
        options.given({"models": [text]})


def test_flags_fill_their_field_only_when_given() -> None:
    assert options.given({"racing": False, "record": False}) == {}
    assert options.given({"racing": True, "record": True}) == {"racing": False, "record": True}


@pytest.mark.parametrize("said", [True, False])
def test_the_audit_can_be_asked_for_refused_or_left_open(said: bool) -> None:
    assert options.given({"audit": said}) == {"audit": said}
    assert options.given({"audit": None}) == {}


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(
        st.sampled_from([row.field for row in options.TABLE if row.kind in (int, float, str)]),
        st.one_of(st.none(), st.integers(0, 9), st.text(max_size=5)),
    )
)
def test_what_is_left_out_never_arrives(values: dict[str, Any]) -> None:
    assert options.given(values) == {k: v for k, v in values.items() if v is not None}


def test_zero_is_a_value() -> None:
    assert options.chosen(max_cost=0.0, max_calls=0).max_calls == 0
    assert options.chosen(max_cost=0.0).model_fields_set == {"max_cost"}


def test_a_command_takes_what_it_asks_for_in_the_order_of_the_table() -> None:
    @options.taking(("seed", "model", "preset"))
    def command(task: str, *, quiet: bool = False, **settings: Any) -> None: ...

    import inspect

    assert list(inspect.signature(command).parameters) == [
        "task", "preset", "model", "seed", "quiet",
    ]  # fmt: skip
