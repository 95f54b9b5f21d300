"""Mending the records of a run: run.json, task.json, profile.json, its scripts and its views."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from mle_star.context import Settings
from mle_star.errors import MleStarError, RunError
from mle_star.runs.checkpoints import open_checkpoints
from mle_star.runs.events import read_events
from mle_star.runs.folder import write_bytes, write_json
from mle_star.runs.mending import Mending
from mle_star.tasks import DataProfile, TaskSpec, build_views, load_task, load_views, profile_task


def mend_record(work: Mending) -> None:
    """Write ``run.json`` again from what the journal says about the run's start."""
    path = work.path / "run.json"
    try:
        if "settings" in work.folder.record():
            return
        problem = "it does not say what the run's settings are"
    except RunError:
        problem = "unreadable" if path.exists() else "missing"
    started = [e for e in read_events(work.path) if e["kind"] == "run_started"]
    if not started:
        work.report(
            path.name, problem, "nothing tells how the run began: start a new one", mended=False
        )
        return
    event = started[-1]
    record: dict[str, Any] = {
        "task": event["task"],
        "status": "stopped",
        "started": event["time"],
        "settings": {**event["settings"], **_checkpoint_values(work).get("settings", {})},
        "engineer": event.get("engineer", {}),
    }

    def act() -> None:
        work.set_aside(path.name)
        write_json(path, record)

    work.report(path.name, problem, "written again from the journal", act)


def mend_task(work: Mending) -> None:
    """Write ``task.json`` and ``profile.json`` again, from the checkpoints and the task folder."""
    if not _begun(work):
        return  # its first node writes them

    def find_spec() -> TaskSpec:
        stored = _checkpoint_values(work).get("spec")
        if stored:
            return TaskSpec.model_validate({**stored, "folder": work.folder.record()["task"]})
        return load_task(work.folder.record()["task"])

    if not _valid(work.path / "task.json", TaskSpec):
        _write_again(work, "task.json", find_spec)
    if not _valid(work.path / "profile.json", DataProfile):
        _write_again(work, "profile.json", lambda: profile_task(_spec(work)))


def _write_again(work: Mending, name: str, find: Callable[[], TaskSpec | DataProfile]) -> None:
    path = work.path / name

    def act() -> None:
        value = find()
        work.set_aside(name)
        write_json(path, value.model_dump(mode="json"))

    problem = "unreadable" if path.exists() else "missing"
    work.report(name, problem, "written again from what else is known of the task", act)


def _spec(work: Mending) -> TaskSpec:
    return TaskSpec.model_validate_json((work.path / "task.json").read_text(encoding="utf-8"))


def _checkpoint_values(work: Mending) -> dict[str, Any]:
    """The newest state; empty where the checkpoints can't be read."""
    if not work.folder.checkpoints.exists():
        return {}
    try:
        with open_checkpoints(work.folder.checkpoints) as saver:
            return saver.newest_values()
    except (MleStarError, sqlite3.Error):
        return {}


def mend_views(work: Mending) -> None:
    """Build the data views again: they follow from the task and the seed alone."""
    if not (work.path / "task.json").exists() or not _begun(work):
        return
    try:
        views = load_views(work.folder.views)
        for view in (views.search, views.smoke, views.full):
            view.fold_of()
            view.real_test()
        return
    except (RunError, OSError, ValueError, LookupError, TypeError) as error:
        problem = f"{type(error).__name__}: {error}"

    def act() -> None:
        work.set_aside("views")
        spec, settings = _spec(work), Settings.model_validate(work.folder.record()["settings"])
        build_views(
            spec,
            None,
            work.folder.views,
            seed=settings.seed,
            search_rows=settings.search_rows,
            folds=settings.folds,
            audit=settings.audit_asked,
        )

    work.report("views", problem, "moved aside and built again from the task folder", act)


def mend_scripts(work: Mending) -> None:
    """Take a damaged script from the folder of a job that ran it."""
    for path in sorted((work.path / "scripts").glob("*.py")):
        if _digest(path).startswith(path.stem):
            continue
        copies = [c for c in work.path.glob("*/*/script.py") if _digest(c).startswith(path.stem)]
        name = str(path.relative_to(work.path))
        if copies:
            act = partial(_take, work, name, copies[0].read_bytes())
            work.report(name, "not what was stored", "taken from a folder where it ran", act)
        else:
            work.report(name, "not what was stored", "no copy was found", mended=False)


def _take(work: Mending, name: str, content: bytes) -> None:
    work.set_aside(name)
    write_bytes(work.path / name, content)


def _begun(work: Mending) -> bool:
    return any(event["kind"] == "run_started" for event in read_events(work.path))


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _valid(path: Path, kind: type[TaskSpec] | type[DataProfile]) -> bool:
    try:
        kind.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return True
