"""First node: read the task, freeze the settings, build the data views."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import shutil
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from langgraph.config import get_config
from langgraph.errors import GraphDrained
from langgraph.runtime import Runtime
from langgraph.types import Overwrite

from mle_star.context import Context, Settings, resolve
from mle_star.engineer import Lesson, choose, make_team
from mle_star.errors import RunError, RunStopped, SettingsError, TaskError, UserError
from mle_star.nodes.step import Step
from mle_star.nodes.workbench import (
    Workbench,
    driven,
    open_workbench,
    sandbox,
    stop_event,
    store_task,
)
from mle_star.runs import RunFolder
from mle_star.runs.folder import read_record
from mle_star.runs.memory import facets, freeze
from mle_star.state import State
from mle_star.tasks import (
    TaskSpec,
    build_views,
    forget_tables,
    keep_tables,
    load_task,
    profile_task,
)

CHECKPOINTER = "__pregel_checkpointer"
"""Where LangGraph tells a node of its graph's checkpointer."""
PACKAGES = (
    "mle-star",
    "langgraph",
    "langchain-core",
    "numpy",
    "pandas",
    "scikit-learn",
    "xgboost",
    "lightgbm",
    "optuna",
    "catboost",
)


def prepare(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    """Resolve task and settings, make the run folder and its data views.

    Raises:
        TaskError: the task folder can't be used; nothing has been run.
        SettingsError: a setting can't be used.
        ModelRefused: the model's key or name is wrong.
    """
    if not state.get("task"):
        raise TaskError("No task was given: pass {'task': 'path/of/the/task/folder'}.")
    keep_tables()
    try:
        return _prepare(state["task"], runtime)
    finally:
        forget_tables()


def _prepare(task: str, runtime: Runtime[Context]) -> dict[str, Any]:
    started = time.monotonic()
    settings = resolve(runtime.context)
    if settings.approve and not get_config()["configurable"].get(CHECKPOINTER):
        raise SettingsError(
            "approve asks people, and a graph without a checkpointer can't wait for an answer: "
            "compile it with one, use solve() or the command line, or leave approve empty."
        )
    choose(settings)  # an unknown model must fail before anything is built
    if not settings.python_is_there:
        raise SettingsError(
            f"There is no interpreter {settings.python!r}: set python to the path of one."
        )
    sandbox(settings)  # one that can't be had must show before anything is built
    spec = load_task(task)
    if settings.evaluation:
        spec = spec.model_copy(update={"evaluation": settings.evaluation})
    info = runtime.execution_info
    folder = (
        RunFolder.open(Path(driven()))
        if driven()
        else _folder(
            Path(settings.runs_dir),
            spec.name,
            info.thread_id if info else None,
            info.task_id if info else "",
        )
    )
    _greet(folder, settings)
    bench = _furnish(folder, settings, spec, started)
    step = Step(bench, "prepare", -1, runtime.stream_writer)
    with bench.clock.working():
        step.emit(
            "run_started",
            task=spec.folder,
            metric=spec.metric,
            direction=spec.direction,
            rows=bench.profile.rows,
            settings=settings.model_dump(),
            engineer=bench.team.described(),
            isolation=isolation(bench),
        )
        for text in bench.views.notes:
            step.note(text)
        if settings.memory:
            step.note(remembered(bench.brief.lessons))
    return {
        "run": str(folder.path),
        "settings": settings.model_dump(),
        "elapsed": bench.clock.elapsed(),
        "reserve": bench.reserve,
        "spec": spec.model_dump(mode="json"),
        "round": 0,
        "attempts": [],
        "best": None,
        "failure": "",
        "spent": False,
        "over": False,
        "halted": False,
        "told": 0,
        "hints": [],
        "plan": "",
        "planned": [],
        "refusal": "",
        "draft": None,
        "trial": None,
        # A second run on the same thread (Studio) starts with empty hands.
        "solutions": Overwrite([]),
        "trials": Overwrite([]),
    }


def remembered(lessons: Sequence[Lesson]) -> str:
    """What a person should know of the memory."""
    if not lessons:
        return "The memory holds nothing on data like these."
    return f"The memory holds {len(lessons)} lessons from earlier runs on similar data."


def _greet(folder: RunFolder, settings: Settings) -> None:
    """Say hello to the models; one that can't be asked ends the run before anything is built."""
    try:
        make_team(settings, folder.path, stop_event(str(folder.path))).check()
    except RunStopped:
        raise GraphDrained("stopped") from None
    except UserError:
        if not (folder.path / "task.json").exists():
            shutil.rmtree(folder.path, ignore_errors=True)  # nothing but empty folders
        raise


def _furnish(folder: RunFolder, settings: Settings, spec: TaskSpec, started: float) -> Workbench:
    profile = profile_task(spec)
    store_task(folder, spec, profile)
    build_views(
        spec,
        profile,
        folder.views,
        seed=settings.seed,
        search_rows=settings.search_rows,
        folds=settings.folds,
        audit=settings.audit_asked,
    )
    folder.update(
        mle_star=importlib.metadata.version("mle-star"),
        task=spec.folder,
        status="running",
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        settings=settings.model_dump(),
        versions=versions(),
        spec=spec.model_dump(mode="json", exclude={"description"}),
    )
    if settings.memory:
        freeze(folder.path, Path(settings.memory), facets(spec, profile))
    bench = open_workbench(str(folder.path))
    folder.update(engineer=bench.team.described(), isolation=isolation(bench))
    bench.clock.add(time.monotonic() - started)
    return bench


def isolation(bench: Workbench) -> dict[str, Any]:
    """What keeps the scripts in, as plain data for journal and record."""
    level = bench.level
    return {"level": level.name, "gaps": list(level.gaps), "why": level.why}


def _folder(runs: Path, task: str, thread: str | None, task_id: str) -> RunFolder:
    """The run's folder.

    It is named by its thread where there is one, so that a thread finds its files again.

    ``prepare`` may be executed twice for one run (killed before its checkpoint was written):
    LangGraph then gives it the same task id (or ``resume`` clears the recorded one), and the same
    folder is taken. A new run on an old thread gets a folder of its own.
    """
    if thread is None:
        thread = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{_slug(task)}"
    path = runs / _slug(thread)
    number = 1
    while (path / "run.json").exists():
        try:
            if read_record(path).get("prepared_by") in (task_id, ""):
                return RunFolder.open(path)
        except RunError:
            pass  # somebody else's half-written folder: leave it alone
        number += 1
        path = runs / f"{_slug(thread)}-{number}"
    folder = RunFolder.create(path.absolute())
    folder.update(prepared_by=task_id)
    return folder


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "run"


def versions() -> dict[str, str]:
    """Versions of what a result depends on; packages that are not installed are left out."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
