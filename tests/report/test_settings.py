from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main

from mle_star.cli.app import app
from mle_star.cli.options import TABLE, given
from mle_star.context import Context, context_from, resolve
from mle_star.report.settings import PLACES, VARIABLES, command, commands, differing

CHOSEN: dict[str, Any] = {
    "preset": "quick", "model": "openai:gpt-4.1", "models": {"checks": "openai:gpt-4.1-mini"},
    "temperatures": {"plans": 0.9}, "seed": 3, "audit": False, "racing": False, "record": True,
    "share_lessons": False, "approve": ["plans", "spend"], "approve_cost": 2.5,
    "search_exclude": ["kaggle.com", "a b"], "time_budget": 77.5, "max_cost": 2.0, "reserve": 0.3,
}  # fmt: skip


def settings(**chosen: Any) -> dict[str, Any]:
    return resolve(context_from(chosen), environ={}).model_dump()


def test_the_preset_alone_differs_in_nothing() -> None:
    for preset in ("quick", "default", "paper"):
        assert differing(settings(preset=preset)) == {}


def test_what_was_chosen_differs_and_nothing_else() -> None:
    found = differing(settings(**CHOSEN))
    assert {name: value for name, (value, _) in found.items()} == {
        name: value for name, value in CHOSEN.items() if name != "preset"
    }
    assert found["time_budget"][1] == 900.0  # a model is given more time by the preset
    assert found["model"][1] == ""


def test_the_command_sets_the_same_settings_again() -> None:
    words = shlex.split(command("my task", settings(**CHOSEN)))
    assert words[:4] == ["MLE_STAR_RESERVE=0.3", "mle-star", "run", "my task"]
    run = dict(vars(typer.main.get_command(app))["commands"])["run"]
    parsed = dict(run.make_context("run", words[3:]).params)
    fields = {setting.field for setting in TABLE}
    again = given({name: value for name, value in parsed.items() if name in fields})
    assert settings(**again, reserve=0.3) == settings(**CHOSEN)


def test_every_setting_has_an_option_or_a_variable() -> None:
    named = {setting.field for setting in TABLE} | set(VARIABLES) | set(PLACES)
    assert set(Context.model_fields) <= named


@pytest.mark.parametrize("broken", [{"preset": "gone"}, {"preset": 3}, {"models": "x"}, {}])
def test_settings_of_another_version_are_taken_as_they_are(broken: dict[str, Any]) -> None:
    assert isinstance(differing(broken), dict)
    assert command("", broken).startswith("mle-star run TASK")


def test_what_can_be_done_with_a_run(tmp_path: Path) -> None:
    run = tmp_path / "a run"
    stopped = [line for _, line in commands(run, {"status": "stopped", "task": "t"})]
    assert stopped == [f"mle-star resume '{run}'", f"mle-star report '{run}'"]
    (run / "solution").mkdir(parents=True)
    (run / "solution" / "run.py").touch()
    record = {"status": "finished", "task": "t", "settings": settings()}
    done = [line for _, line in commands(run, record)]
    assert done[0] == f"python '{run}/solution/run.py' t"
    assert done[1] == "mle-star run t --preset default"
    assert not any("fork" in line for line in done)  # nothing to fork from
    (run / "checkpoints.sqlite").touch()
    [forks] = [line for _, line in commands(run, record) if "fork" in line]
    assert forks.splitlines() == [
        f"mle-star history '{run}'",
        f"mle-star fork '{run}' --at STEP --set outer_steps=30",
    ]
