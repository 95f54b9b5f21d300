"""The settings of a run beside those of its preset, and the command that sets them again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mle_star.context import Context, context_from, resolve
from mle_star.errors import SettingsError

PLACES = ("python", "runs_dir")
"""Settings that name places on a machine: they differ from run to run and mean nothing."""
VARIABLES = ("reserve", "cpus_per_script", "evaluation")
"""Settings without an option: they come from the environment."""
_OPTIONS = {"models": "--model-for", "temperatures": "--temperature"}
_FLAGS = {
    ("audit", True): "--audit",
    ("audit", False): "--no-audit",
    ("racing", False): "--no-racing",
    ("share_lessons", False): "--no-share-lessons",
    ("record", True): "--record",
    ("save_model", True): "--save-model",
}
_THINKING = ("preset", "engineer", "model", "models", "replay")
"""Settings that decide what a preset means."""


def preset_values(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What every setting would be had only the preset been chosen; empty where that is unknown."""
    chosen = {k: settings[k] for k in _THINKING if settings.get(k) not in (None, "", {}, [])}
    try:
        values = resolve(context_from(chosen), environ={}).model_dump()
    except (SettingsError, TypeError):
        return {}
    plain = Context().model_dump()
    return {**values, **{name: plain[name] for name in _THINKING if name != "preset"}}


def differing(settings: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Setting -> its value and that of the preset, where the two differ."""
    usual = preset_values(settings)
    return {
        name: (value, usual[name])
        for name, value in settings.items()
        if name in usual and name not in PLACES and value != usual[name]
    }


def command(task: str, settings: Mapping[str, Any]) -> str:
    """The command line that starts a run with these settings again."""
    chosen = {name: value for name, (value, _) in differing(settings).items()}
    front = [f"MLE_STAR_{name.upper()}={chosen.pop(name)}" for name in VARIABLES if name in chosen]
    words = [*front, "mle-star", "run", task or "TASK"]
    if preset := settings.get("preset"):
        words += ["--preset", str(preset)]
    for name, value in chosen.items():
        words += _option(name, value)
    return shlex.join(words)


def _option(name: str, value: Any) -> Iterator[str]:
    option = _OPTIONS.get(name, f"--{name.replace('_', '-')}")
    if isinstance(value, bool):
        if flag := _FLAGS.get((name, value)):
            yield flag
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from (option, f"{key}={one}")
    elif isinstance(value, list):
        for one in value:
            yield from (option, str(one))
    elif value is not None and value != "":
        yield from (option, f"{value:g}" if isinstance(value, float) else str(value))


def commands(run: Path, record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What to type, and what for: go on, hand in again, run again, fork."""
    task = str(record.get("task", ""))
    folder = shlex.quote(str(run))
    found = []
    if record.get("status") != "finished":
        found.append(("go on where it stopped", f"mle-star resume {folder}"))
    if (run / "solution" / "run.py").is_file():
        words = f"{shlex.quote(str(run / 'solution' / 'run.py'))} {shlex.quote(task or 'TASK')}"
        found.append(("make the submission again, without mle-star", f"python {words}"))
    settings = record.get("settings")
    if isinstance(settings, Mapping):
        found.append(("a new run with the same settings", command(task, settings)))
    if (run / "checkpoints.sqlite").is_file():
        steps = f"mle-star history {folder}\nmle-star fork {folder} --at STEP --set outer_steps=30"
        found.append(("list its steps, and go on from one in a new folder", steps))
    return [*found, ("write this page again", f"mle-star report {folder}")]
